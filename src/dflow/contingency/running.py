"""A contingency while it runs: rounds of taking in, warning, ordering and releasing.

In: a setup, an exchange, a desk.  Out: requests clocked, warned of, and sent in their
order.  This module is no second router and no second queue: the rules decide where
messages go, the journal is the queue, the exchange sends.

A round runs the exchange twice.  First it takes in what has come; the gate lets nothing
through that is not entered.  Then what came is entered, warnings are given, what was done
by hand is settled, what waits is put in order; and the exchange runs again and sends what
may go.  Capabilities 68, 70, 71.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from attrs import define, field, frozen

from dflow.contingency.cases import Failure, Request
from dflow.contingency.config import Setup
from dflow.contingency.desk import Desk
from dflow.contingency.gate import LATER, WAITS, ContingencyGate, bars, closed, waiting_rows
from dflow.contingency.message import MarketMessage, read_message, reason_of
from dflow.delivery import State, Step
from dflow.envelope import Header, read_address
from dflow.exchange import Exchange
from dflow.exchange.gate import Gate
from dflow.exchange.journal import ArrivalRow, DeliveryRow, EventRow, Journal, Outcome, Query

__all__ = ["Exchanges", "Round", "Rounds", "held_for_life", "read_any"]

#: Makes the exchange over the open journal: with this gate before the hub, and with its
#: sources or without.
Exchanges = Callable[[Gate, bool], Exchange]

_BY_HAND = "contingency: done by hand"
_ORDER = {"reconnect": 0, "other": 1, "disconnect": 2}


def read_any(content: bytes) -> tuple[Header | None, str]:
    """The address of a message of any known kind, or why it has none: for an exchange."""
    reading = read_address(content)
    if reading.header is not None:
        return reading.header, ""
    return None, reading.findings[0].message if reading.findings else "it has no address"


def held_for_life(
    setup: Setup, other: Callable[[bytes], str] | None = None
) -> Callable[[bytes], str]:
    """Why a message is held before it is sent: a disconnection of a life-support customer.

    Networks reject such a request automatically; held, a person sees it at once.

    Args:
        setup: the list of meter points, and what reasons mean.
        other: another check, for what is no market message.
    """
    meaning = setup.meaning

    def reason(content: bytes) -> str:
        if content.lstrip()[:1] != b"<":
            return other(content) if other is not None else ""
        message, _ = read_message(content, setup.model.zone)
        if message is None or message.header.flow != meaning.request:
            return ""
        code = reason_of(message, (*meaning.reconnect, *meaning.disconnect), meaning.attribute)
        if meaning.kind(code) == "disconnect" and message.mprn in setup.life_support:
            return "the customer is on life support: a disconnection would be rejected"
        return ""

    return reason


@frozen(kw_only=True)
class Round:
    """What one round did.

    Attributes:
        entered: how many requests came.
        warned: how many warnings and levels of escalation were given.
        sent: how many requests the hub took.
        waiting: how many still wait.
    """

    entered: int
    warned: int
    sent: int
    waiting: int


@define(eq=False, kw_only=True)
class Rounds:
    """Rounds over one open journal.

    Attributes:
        setup: the working model.
        desk: with the journal and the ledger.
        exchanges: makes the exchange.
        destination: where requests go.
    """

    setup: Setup
    desk: Desk
    exchanges: Exchanges
    destination: str
    _after: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)

    @property
    def _journal(self) -> Journal:
        if self.desk.journal is None:
            raise ValueError("a round needs a desk with a journal")
        return self.desk.journal

    def round(self) -> Round:
        """One round.

        Raises:
            JournalError: the journal cannot be used.
            LedgerError: the ledger cannot be written, or the clock went back.
        """
        desk, standing = self.desk, self.desk.standing
        before = len(standing.requests)
        desk.keep()
        gate = ContingencyGate(setup=self.setup, standing=standing, taking=True)
        self.exchanges(gate, True).run_once()  # noqa: FBT003  a callable has no names
        sent = self._enter_sent()
        self._enter_arrivals()
        warned = desk.tell()
        desk.keep()
        desk.settle()
        if warned:
            self._note(warned)
        if not closed(self.setup, standing):
            self._put_in_order()
            gate = ContingencyGate(setup=self.setup, standing=standing)
            self.exchanges(gate, False).run_once()  # noqa: FBT003  a callable has no names
            sent += self._enter_sent()
            desk.keep()
        return Round(
            entered=len(standing.requests) - before,
            warned=warned,
            sent=sent,
            waiting=sum(1 for _ in standing.waiting()),
        )

    def _note(self, number: int) -> None:
        """Those who watch the exchange see that there are warnings."""
        why = f"{number:,} warnings: dflow contingency status {self.setup.path.name}"
        at = self.desk.clock.now().timestamp()
        self._journal.note(
            EventRow(at=at, kind="contingency warning", why=why, destination=self.destination)
        )

    # -- what came -----------------------------------------------------------------

    def _enter_arrivals(self) -> None:
        meaning = self.setup.meaning
        after = max(self._after, self.desk.standing.last_arrival)
        for row in self._journal.arrivals_in_pages(Query(after=after)):
            self._after = row.id
            flow = row.address.get("flow", "")
            if flow == meaning.request:
                self._request(row)
            elif flow in meaning.answers:
                self._answer(row, flow)

    def _request(self, row: ArrivalRow) -> None:
        desk, meaning, standing = self.desk, self.setup.meaning, self.desk.standing
        if row.outcome is Outcome.REPEAT:
            first = standing.of_arrival(row.repeat_of or 0)
            why = "it came again with the same number and content, and is not sent twice"
            desk.enter("noted", first.key if first else "", why=why, arrival=row.id, message="017")
            return
        message, why = self._read(row)
        if message is None:
            desk.enter("unclear", why=why, arrival=row.id)
            return
        reason = reason_of(message, (*meaning.reconnect, *meaning.disconnect), meaning.attribute)
        lacks = [
            name
            for name, value in (
                ("transaction number", message.header.file_id),
                ("meter point", message.mprn),
                ("reason that is known", reason),
            )
            if not value
        ]
        key = f"{message.header.sender.mpid}/{message.header.file_id}"
        if lacks:
            desk.enter("unclear", key, why=f"it has no {' and no '.join(lacks)}", arrival=row.id)
        elif key in standing.requests:
            why = "its transaction number was used before, with other content"
            desk.enter("unclear", key, why=why, arrival=row.id)
        else:
            self._clock(row, message, key, reason)

    def _read(self, row: ArrivalRow) -> tuple[MarketMessage | None, str]:
        return read_message(self._journal.payload(row.hash), self.setup.model.zone)

    def _clock(self, row: ArrivalRow, message: MarketMessage, key: str, reason: str) -> None:
        """Start the clock: at the message's own time, or when it came if that is later."""
        desk, model = self.desk, self.setup.model
        kind = self.setup.meaning.kind(reason)
        arrived = datetime.fromtimestamp(row.at, UTC)
        started = message.at if message.at is not None and message.at < arrived else arrived
        stopped = row.outcome in (Outcome.HELD, Outcome.UNROUTED, Outcome.REFUSED)
        desk.enter(
            "request",
            key,
            mprn=message.mprn,
            reason=reason,
            kind=kind,
            started=started.isoformat(),
            arrival=row.id,
            hash=row.hash[:16],
            alarms=list(model.backstop.alarms) if kind == "reconnect" else [],
            held=(row.reason or row.outcome.value) if stopped else "",
        )
        if desk.standing.requests[key].outcome:
            desk.touch(key)
        desk.supersede(message.mprn)

    def _answer(self, row: ArrivalRow, flow: str) -> None:
        meaning, desk = self.setup.meaning, self.desk
        message, why = self._read(row)
        if message is None:
            desk.enter("noted", why=why, arrival=row.id, message=flow)
            return
        kind = {**dict.fromkeys(meaning.reconnected, "reconnect")}
        kind |= dict.fromkeys(meaning.disconnected, "disconnect")
        request = self._asked(message, kind.get(flow, ""))
        if request is None:
            why = "it answers no request that is known"
            desk.enter("noted", why=why, arrival=row.id, message=flow)
        elif flow in meaning.refused:
            why = f"it was refused: {flow}"
            desk.enter("refused", request.key, why=why, arrival=row.id, message=flow)
        elif flow in kind:
            desk.enter("answered", request.key, arrival=row.id, message=flow)
        else:
            why = "what follows from it is not known"
            desk.enter("noted", request.key, why=why, arrival=row.id, message=flow)

    def _asked(self, message: MarketMessage, kind: str) -> Request | None:
        """The request that an answer is about: by a transaction number, or the meter point.

        How an answer names its request is not published.  An attribute that holds a
        transaction number of ours names it; otherwise it is the oldest request of the
        meter point that fits and is open: derived.
        """
        standing = self.desk.standing
        for text in message.values.values():
            if text != message.mprn and (found := standing.find(text.strip())):
                return found[0]
        mine = [one for one in standing.of_meter(message.mprn) if kind in ("", one.kind)]
        handed = [one for one in mine if one.handed is not None]
        still = [one for one in handed if not one.outcome] or handed[-1:]
        return still[0] if still else None

    # -- what goes -----------------------------------------------------------------

    def _enter_sent(self) -> int:
        """Enter what the hub has taken since the last look."""
        asked = Query(
            destination=self.destination, state=State.DELIVERED, changed_since=self._since
        )
        self._since = self.desk.clock.now().timestamp() - 1.0
        number = 0
        for row in list(self._journal.deliveries(asked)):
            request = self.desk.standing.of_arrival(row.arrival)
            if request is None or request.sent is not None or row.reason.startswith(_BY_HAND):
                continue
            at = datetime.fromtimestamp(row.changed, UTC).isoformat()
            self.desk.enter("sent", request.key, at=at)
            number += 1
        return number

    def _put_in_order(self) -> None:
        """Reconnections first, the oldest backstop first; disconnections last."""
        now = self.desk.clock.now().timestamp()
        ended = [one.closed.timestamp() for one in self._ended() if one.closed is not None]
        waiting = waiting_rows(
            self._journal,
            self.destination,
            self.setup.meaning.request,
            failed_before=max(ended, default=0.0),
        )
        rows, barred = [], []
        for row in waiting:
            request = self.desk.standing.of_arrival(row.arrival)
            if request is None:
                continue
            why = bars(self.setup, self.desk.standing, request)
            if not why:
                rows.append((row, request))
            elif row.reason != WAITS + why:
                barred.append((row, WAITS + why))
        self._say_why(barred, now)
        wanted = [row for row, _ in sorted(rows, key=_turn)]
        standing = sorted((row for row, _ in rows), key=lambda row: (row.due, row.id))
        if wanted == standing and all(row.due <= now for row in wanted):
            return
        self._move(wanted, now)

    def _say_why(self, rows: Iterable[tuple[DeliveryRow, str]], now: float) -> None:
        """Who looks into the journal sees why a request waits."""
        with self._journal.transaction():
            for row, why in rows:
                self._journal.step(row.id, Step.HOLD, at=now, detail=why)
                self._journal.step(row.id, Step.RELEASE, at=now, detail=why, due=now + LATER)

    def _ended(self) -> list[Failure]:
        """Failures that had closed the destination."""
        stages = {one.number for one in self.setup.model.stages if one.destination}
        return [one for one in self.desk.standing.failures.values() if one.stage in stages]

    def _move(self, rows: Iterable[DeliveryRow], now: float) -> None:
        wanted = list(rows)
        why = WAITS + "reconnections first, the oldest backstop first"
        with self._journal.transaction():
            for place, row in enumerate(wanted):
                self._journal.step(row.id, Step.HOLD, at=now, detail=why)
                due = now - (len(wanted) - place) * 0.001
                self._journal.step(row.id, Step.RELEASE, at=now, detail=why, due=due)


def _turn(pair: tuple[DeliveryRow, Request]) -> tuple[int, datetime, int]:
    row, request = pair
    return _ORDER[request.kind], request.backstop or request.started, row.id
