"""What one destination can do now: what is sent, what is asked about, what is diverted.

In: the journal, in one transaction, and what the lane knows of its destination.  Out: a
`Work`.  This module sends nothing and waits for nothing; what it takes is `sending` in the
journal when the transaction ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import evolve, field, frozen

from dflow.delivery import Health, Order, State, Step
from dflow.exchange.attempt import Mount, event_about
from dflow.exchange.diverting import Line, divert, fallback_line
from dflow.exchange.journal import DeliveryRow, Journal, JournalError, Query
from dflow.exchange.sharing import shared_room

__all__ = ["Look", "Work"]

#: So many waiting deliveries are looked at to be diverted in one transaction; and if none of
#: them may be, so many at most.
_AT_ONCE, _MOST = 256, 4096
#: Seconds after which one that waits to be diverted may be taken again, if it was not until then.
_AGAIN = 30.0


@frozen(kw_only=True)
class Work:
    """What one look into the journal found.

    Attributes:
        send: what is to be sent, with its bytes.
        ask: what is to be asked about.
        since: by number, since when each of them is tried.
        passed: how many were looked at and not sent: put back, or dead as their bytes are lost.
        diverted: to which destinations something was diverted.
        more: whether there is more to divert, at once.
        next_due: when there is more; None if nothing waits for a time.
        down_since: since when another worker knows the destination to be down; None if
            it is not, or there is no other.
    """

    send: tuple[tuple[DeliveryRow, bytes], ...] = ()
    ask: tuple[DeliveryRow, ...] = ()
    since: Mapping[int, float] = field(factory=dict)
    passed: int = 0
    diverted: frozenset[str] = frozenset()
    more: bool = False
    next_due: float | None = None
    down_since: float | None = None


@frozen
class _Diverted:
    """To which destinations, and whether there is more."""

    to: frozenset[str] = frozenset()
    more: bool = False


@frozen(kw_only=True)
class Look:
    """One look into the journal, to be called in a transaction.

    Attributes:
        mount: the destination, and how it is treated.
        now: POSIX seconds.
        number: for how many there is room.
        health: of the destination.
        shared: whether other workers send from the same journal.
        asking: the deliveries that are being asked about.
        orders: every destination's order, for what is diverted there.
    """

    mount: Mount
    now: float
    number: int
    health: Health
    shared: bool = False
    asking: Collection[int] = ()
    orders: Mapping[str, Order] = field(factory=dict)

    def __call__(self, journal: Journal) -> Work:
        """What a person said, what to divert, what to send and ask."""
        name, now, treatment = self.mount.name, self.now, self.mount.treatment
        lane = journal.lane(name)
        gone = _Diverted()
        if lane.diverted:
            gone = self._divert(journal, why="a person said so")
        elif treatment.diverts(self.health, now):
            # One that may go now is left, to be the trial: else nobody would see it is back.
            trial = self.number > 0 and not lane.paused
            gone = self._divert(journal, why=f"{name} is down", trial=trial)
        found = Work(
            diverted=gone.to, more=gone.more, down_since=lane.down_since if self.shared else None
        )
        if lane.paused or self.number <= 0:
            return found
        spent, room, again = shared_room(journal, name, treatment.quota, now)
        number = self.number if room is None else min(self.number, room)
        if number <= 0:
            return evolve(found, next_due=again)
        unknown = journal.unknown(name, now=now, limit=number + len(self.asking))
        ask = [row for row in unknown if row.id not in self.asking][:number]
        send, passed = self._take(journal, number - len(ask), diverted=lane.diverted)
        if spent is not None and (send or ask):
            journal.spend(name, treatment.quota.used(spent, now, len(send) + len(ask)))
        return evolve(
            found,
            send=tuple(send),
            ask=tuple(ask),
            since={row.id: self._since(journal, row) for row in (*ask, *(row for row, _ in send))},
            passed=passed,
            next_due=journal.next_due(name, after=now),
        )

    def _since(self, journal: Journal, row: DeliveryRow) -> float:
        """Since when a delivery is tried: to be paused or held for long is not to fail for long."""
        give_up = self.mount.treatment.retry.give_up
        if give_up is None or self.now - row.made < give_up:
            return row.made  # too young for the difference to matter
        return min((one.started for one in journal.attempts(row.id)), default=self.now)

    def _take(
        self, journal: Journal, number: int, *, diverted: bool
    ) -> tuple[list[tuple[DeliveryRow, bytes]], int]:
        """What is to be sent, with its bytes, and how many were looked at and are not."""
        send: list[tuple[DeliveryRow, bytes]] = []
        passed = 0
        if number <= 0:
            return send, passed
        for row in journal.claim(self.mount.name, now=self.now, limit=number):
            try:
                content = journal.payload(row.hash)
            except JournalError as error:
                # One damaged payload must not stop the lane; nothing was attempted with it.
                journal.step(row.id, Step.REFUSED, at=self.now, detail=str(error))
                journal.note(event_about(row, self.now, "dead", str(error)))
                passed += 1
                continue
            if diverted and row.fallback:
                # A person said that it does not go here: it is diverted by a later look.
                later = self.now + _AGAIN
                journal.step(row.id, Step.DEFER, at=self.now, due=later, detail="to be diverted")
                passed += 1
            elif self._deferred(journal, row, content):
                passed += 1
            else:
                send.append((row, content))
        return send, passed

    def _deferred(self, journal: Journal, row: DeliveryRow, content: bytes) -> bool:
        """Ask the gate, and put back what it does not let through, unsent."""
        if self.mount.gate is None:
            return False
        later = self.mount.gate.admit(row, content, self.now)
        if later is None:
            return False
        journal.step(row.id, Step.DEFER, at=self.now, due=later.until, detail=later.why)
        return True

    def _divert(self, journal: Journal, *, why: str, trial: bool = False) -> _Diverted:
        """Send what waits to where its rule says instead; with `trial`, one is left."""
        barred, limit = self._barred(journal), _AT_ONCE
        while True:
            rows = journal.waiting(self.mount.name, limit=limit)
            left = next((row for row in rows if trial and row.due <= self.now), None)
            if left is not None:
                self._bar(barred, left)
            # Lines at a fallback keep their order: none goes before one that may yet follow it.
            free = [
                row
                for row in rows
                if row is not left and row.id < barred.get(self._line(row), row.id + 1)
            ]
            if free or len(rows) < limit or limit >= _MOST:
                break
            limit *= 4
        gone = {
            row.fallback
            for row in free
            if divert(journal, row, self.orders, at=self.now, reason=why)
        }
        return _Diverted(frozenset(gone), more=bool(gone) and len(rows) == limit)

    def _line(self, row: DeliveryRow) -> Line:
        return fallback_line(row, self.orders)

    def _barred(self, journal: Journal) -> dict[Line, int]:
        """Of lines at fallbacks, the first delivery that may yet be diverted into them."""
        barred: dict[Line, int] = {}
        if set(self.orders.values()) <= {"none"}:
            return barred
        for state in (State.SENDING, State.UNKNOWN):
            for row in journal.deliveries(Query(destination=self.mount.name, state=state)):
                self._bar(barred, row)
        return barred

    def _bar(self, barred: dict[Line, int], row: DeliveryRow) -> None:
        line = self._line(row)
        if all(line):
            barred[line] = min(row.id, barred.get(line, row.id))
