"""Where a contingency stands: failures, requests, what was done by hand, what is to be mended.

In: the entries of a ledger, in order.  Out: the same standing for the same entries, always.
This module reads no clock, no file and no configuration: whatever a decision needs stands
in the entry, so that a replay after a crash, or under a newer model, gives what was.
Capabilities 67, 68, 69, 72.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import cast

from attrs import define, field

from dflow.contingency.cases import Alarm, BackFix, ByHand, Failure, Request
from dflow.contingency.model import Kind
from dflow.operation import Entry

__all__ = ["Standing"]


@define(kw_only=True)
class Standing:
    """Everything that the entries say, ready to be asked.

    Attributes:
        unclear: arrivals that cannot be clocked or may not go, by number, with the reason.
        runs: how many rounds were begun; `begun` is the one that has not ended.
        noted: answers that fit no request: when, message, and what they say.
    """

    failures: dict[str, Failure] = field(factory=dict)
    requests: dict[str, Request] = field(factory=dict)
    by_hand: list[ByHand] = field(factory=list)
    back_fixes: dict[str, BackFix] = field(factory=dict)
    unclear: dict[int, str] = field(factory=dict)
    noted: list[tuple[datetime, str, str]] = field(factory=list)
    last_arrival: int = 0
    runs: int = 0
    begun: datetime | None = None
    last: datetime | None = None
    _of_meter: dict[str, list[str]] = field(factory=dict)
    _of_arrival: dict[int, str] = field(factory=dict)
    _of_tx: dict[str, list[str]] = field(factory=dict)
    _hands_of_meter: dict[str, list[int]] = field(factory=dict)
    _fix_of: dict[tuple[str, int, str], str] = field(factory=dict)
    _alarms: list[tuple[datetime, str, int]] = field(factory=list, eq=False, repr=False)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Standing:
        """The standing after entries."""
        standing = cls()
        for entry in entries:
            standing.apply(entry)
        return standing

    # -- asking --------------------------------------------------------------------

    def open_failures(self) -> list[Failure]:
        """Failures that are not closed, oldest first."""
        return [one for one in self.failures.values() if one.closed is None]

    def of_arrival(self, number: int) -> Request | None:
        """The request that came with an arrival."""
        key = self._of_arrival.get(number)
        return None if key is None else self.requests[key]

    def find(self, text: str) -> list[Request]:
        """The requests of a transaction number, with or without its sender, or meter point."""
        if text in self.requests:
            return [self.requests[text]]
        keys = self._of_tx.get(text) or self._of_meter.get(text, [])
        return [self.requests[key] for key in keys]

    def of_meter(self, mprn: str) -> list[Request]:
        """The requests of a meter point, in the order in which they were recorded."""
        return [self.requests[key] for key in self._of_meter.get(mprn, [])]

    def waiting(self) -> Iterator[Request]:
        """Requests that are neither done nor handed over."""
        return (r for r in self.requests.values() if not r.outcome and r.handed is None)

    def unconfirmed(self) -> list[BackFix]:
        """What is still to be corrected."""
        return [one for one in self.back_fixes.values() if one.confirmed is None]

    def next_alarm(self) -> datetime | None:
        """When the next alarm is due; None if none is."""
        self._drop()
        return self._alarms[0][0] if self._alarms else None

    def due_alarms(self, now: datetime) -> Iterator[Alarm]:
        """The alarms that are due, earliest first; each is taken once, and has to be entered."""
        while (due := self.next_alarm()) is not None and due <= now:
            _, key, number = heapq.heappop(self._alarms)
            yield Alarm(self.requests[key], number)

    def _drop(self) -> None:
        """Forget alarms of what is done."""
        while self._alarms:
            _, key, number = self._alarms[0]
            one = self.requests[key]
            if not one.outcome and number == len(one.warned):
                return
            heapq.heappop(self._alarms)

    def superseded(self, mprn: str) -> list[Request]:
        """Disconnections that wait though the meter point was to be reconnected since."""
        mine = self.of_meter(mprn)
        asked = (one for one in mine if one.kind == "reconnect" and one.outcome != "refused")
        later = [one.started for one in asked]
        hands = [self.by_hand[n] for n in self._hands_of_meter.get(mprn, [])]
        later += [one.at for one in hands if one.kind == "reconnect"]
        if not later:
            return []
        return [
            one
            for one in mine
            if one.kind == "disconnect"
            and not one.outcome
            and one.sent is None
            and one.started <= max(later)
        ]

    # -- entries -------------------------------------------------------------------

    def apply(self, entry: Entry) -> None:
        """Take one entry in; kinds that are not known change nothing."""
        self.last = entry.at
        self.last_arrival = max(self.last_arrival, _int(entry.data.get("arrival")))
        match entry.kind:
            case "run begun":
                self.runs, self.begun = self.runs + 1, entry.at
            case "run ended":
                self.begun = None
            case "failure opened":
                self._opened(entry)
            case "failure closed":
                self._closed(entry)
            case "told":
                if (failure := self.failures.get(entry.about)) is not None:
                    failure.told.append(_text(entry.data.get("level")))
            case "request":
                self._requested(entry)
            case "unclear":
                self.unclear[_int(entry.data.get("arrival"))] = entry.why
            case "by hand":
                self._by_hand(entry)
            case "confirmed":
                if (fix := self.back_fixes.get(entry.about)) is not None:
                    fix.confirmed, fix.who = entry.at, entry.who
                    fix.reference = _text(entry.data.get("reference"))
            case _:
                self._about_request(entry)

    def _opened(self, entry: Entry) -> None:
        self.failures[entry.about] = Failure(
            id=entry.about,
            stage=_int(entry.data.get("stage")),
            mprn=_text(entry.data.get("mprn")),
            since=_instant(entry.data.get("since"), entry.at),
            opened=entry.at,
            who=entry.who,
            why=entry.why,
            model=_text(entry.data.get("model")),
        )

    def _closed(self, entry: Entry) -> None:
        failure = self.failures.get(entry.about)
        if failure is None or failure.closed is not None:
            return
        failure.closed, failure.closed_by, failure.closed_why = entry.at, entry.who, entry.why
        failure.ended = _instant(entry.data.get("ended"), entry.at)
        self._to_mend(entry, failure.mprn, failure.id)

    def _requested(self, entry: Entry) -> None:
        data = entry.data
        minutes = data.get("alarms")
        request = Request(
            key=entry.about,
            mprn=_text(data.get("mprn")),
            reason=_text(data.get("reason")),
            kind=cast("Kind", _text(data.get("kind"))),
            started=_instant(data.get("started"), entry.at),
            recorded=entry.at,
            arrival=_int(data.get("arrival")),
            hash=_text(data.get("hash")),
            alarms=tuple(float(one) for one in minutes) if isinstance(minutes, list) else (),
            held=_text(data.get("held")),
        )
        if request.key in self.requests:
            return
        self.requests[request.key] = request
        self._of_meter.setdefault(request.mprn, []).append(request.key)
        self._of_tx.setdefault(request.tx, []).append(request.key)
        if request.arrival:
            self._of_arrival[request.arrival] = request.key
        if request.alarms:
            heapq.heappush(self._alarms, (request.due(0), request.key, 0))
        for number in self._hands_of_meter.get(request.mprn, []):
            if self._same(self.by_hand[number], request):
                self._done_by_hand(request, self.by_hand[number])
                break

    def _by_hand(self, entry: Entry) -> None:
        data = entry.data
        hand = ByHand(
            at=entry.at,
            who=entry.who,
            mprn=_text(data.get("mprn")),
            reason=_text(data.get("reason")),
            kind=cast("Kind", _text(data.get("kind"))),
            channel=_text(data.get("channel")),
            reference=_text(data.get("reference")),
            key=entry.about,
            before=timedelta(minutes=_float(data.get("before"))),
            after=timedelta(minutes=_float(data.get("after"))),
        )
        self._hands_of_meter.setdefault(hand.mprn, []).append(len(self.by_hand))
        self.by_hand.append(hand)
        for request in self.of_meter(hand.mprn):
            if not request.outcome and self._same(hand, request):
                self._done_by_hand(request, hand)
        self._to_mend(entry, hand.mprn, hand.reference)

    def _same(self, hand: ByHand, request: Request) -> bool:
        """Whether what was done by hand is what a request asks for."""
        if hand.key == request.key:
            return True
        if hand.reason != request.reason or hand.mprn != request.mprn:
            return False
        if not hand.at - hand.before <= request.started <= hand.at + hand.after:
            return False
        between = (
            one.kind != request.kind and hand.at < one.started < request.started
            for one in self.of_meter(hand.mprn)
        )
        return not any(between)

    def _done_by_hand(self, request: Request, hand: ByHand) -> None:
        request.outcome, request.resolved = "by hand", max(hand.at, request.started)
        request.channel, request.reference = hand.channel, hand.reference
        request.handed = request.handed or request.resolved

    def _to_mend(self, entry: Entry, mprn: str, because: str) -> None:
        records = entry.data.get("records")
        for pair in records if isinstance(records, list) else ():
            stage, record = _int(pair[0]), _text(pair[1])
            before = self.back_fixes.get(self._fix_of.get((mprn, stage, record), ""))
            if before is not None and before.confirmed is None:
                continue  # it is on the list already
            number = self._fix_of[mprn, stage, record] = f"B{len(self.back_fixes) + 1}"
            self.back_fixes[number] = BackFix(
                id=number, stage=stage, record=record, mprn=mprn, because=because, made=entry.at
            )

    def _about_request(self, entry: Entry) -> None:
        request = self.requests.get(entry.about)
        match entry.kind:
            case "noted":
                words = _text(entry.data.get("message"))
                self.noted.append((entry.at, words, entry.why))
                if request is not None:
                    request.answers.append((entry.at, words))
            case "warned" if request is not None:
                request.warned.append(entry.at)
                if len(request.warned) < len(request.alarms):
                    number = len(request.warned)
                    heapq.heappush(self._alarms, (request.due(number), request.key, number))
            case "sent" if request is not None:
                request.sent = _instant(entry.data.get("at"), entry.at)
                request.handed = request.handed or request.sent
                request.held = ""
            case "answered" | "refused" | "cancelled" if request is not None:
                if words := _text(entry.data.get("message")):
                    request.answers.append((entry.at, words))
                if request.outcome:
                    return
                if entry.kind == "refused" and request.kind == "reconnect":
                    request.held = entry.why  # its clock runs on: nobody was reconnected
                    return
                request.outcome, request.resolved = entry.kind, entry.at
                request.channel = request.channel or ("hub" if request.sent else "")
            case _:
                pass


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _int(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _instant(value: object, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) and value else otherwise
