"""What one destination can do now: what is sent, what is asked about, what is diverted.

In: the journal, in one transaction, and what the lane knows of its destination.  Out: a
`Work`.  This module sends nothing and waits for nothing; what it takes is `sending` in the
journal when the transaction ends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import field, frozen

from dflow.delivery import Health, Order, Step
from dflow.exchange.attempt import Mount, event_about
from dflow.exchange.intake import delivery_key, line_of
from dflow.exchange.journal import DeliveryRow, Journal, JournalError, NewDelivery, Query
from dflow.exchange.sharing import shared_room

__all__ = ["Look", "Work"]

#: So many waiting deliveries are diverted in one transaction.
_AT_ONCE = 256


@frozen(kw_only=True)
class Work:
    """What one look into the journal found.

    Attributes:
        send: what is to be sent, with its bytes.
        ask: what is to be asked about.
        passed: how many were looked at and not sent: put back, or dead as their bytes are lost.
        next_due: when there is more; None if nothing waits for a time.
        down_since: since when another worker knows the destination to be down; None if
            it is not, or there is no other.
    """

    send: tuple[tuple[DeliveryRow, bytes], ...] = ()
    ask: tuple[DeliveryRow, ...] = ()
    passed: int = 0
    next_due: float | None = None
    down_since: float | None = None


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
        if lane.diverted:
            self._divert(journal)
        elif treatment.diverts(self.health, now):
            # One that may go now is left, to be the trial: else nobody would see it is back.
            self._divert(journal, trial=self.number > 0 and not lane.paused)
        down_since = lane.down_since if self.shared else None
        if lane.paused or self.number <= 0:
            return Work(down_since=down_since)
        spent, room, again = shared_room(journal, name, treatment.quota, now)
        number = self.number if room is None else min(self.number, room)
        if number <= 0:
            return Work(next_due=again, down_since=down_since)
        unknown = journal.unknown(name, now=now, limit=number + len(self.asking))
        ask = [row for row in unknown if row.id not in self.asking][:number]
        send, passed = self._take(journal, number - len(ask))
        if spent is not None and (send or ask):
            journal.spend(name, treatment.quota.used(spent, now, len(send) + len(ask)))
        return Work(
            send=tuple(send),
            ask=tuple(ask),
            passed=passed,
            down_since=down_since,
            next_due=journal.next_due(name, after=now),
        )

    def _take(self, journal: Journal, number: int) -> tuple[list[tuple[DeliveryRow, bytes]], int]:
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
            if self._deferred(journal, row, content):
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

    def _divert(self, journal: Journal, *, trial: bool = False) -> None:
        """Send what waits to where its rule says instead; with `trial`, one is left."""
        name, now = self.mount.name, self.now
        for row in journal.waiting(name, limit=_AT_ONCE):
            if trial and row.due <= now:
                trial = False
                continue
            try:
                content = _own_bytes(journal, row)
            except JournalError:
                continue  # damaged: it is dead once it is claimed
            why = f"diverted to {row.fallback}: {name} is down"
            journal.step(row.id, Step.DIVERT, at=now, detail=why)
            journal.add(
                row.arrival,
                NewDelivery(
                    destination=row.fallback,
                    kind=row.kind,
                    key=delivery_key(row.key, "fallback", row.fallback),
                    rule=row.rule,
                    line=line_of(self.orders.get(row.fallback, "none"), row.address),
                    address=row.address,
                    notes={**row.notes, "diverted_from": name},
                    content=content,
                ),
                at=now,
            )
            journal.note(event_about(row, now, "diverted", why))


def _own_bytes(journal: Journal, row: DeliveryRow) -> bytes | None:
    """A delivery's bytes where they are not its arrival's: a copy that was cut, or an edit."""
    arrival = next(iter(journal.arrivals(Query(arrival=row.arrival))), None)
    same = arrival is not None and arrival.hash == row.hash
    return None if same else journal.payload(row.hash)
