"""A gate before a destination: what it puts back was never sent, and goes when it may."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from attrs import define, evolve, field

from dflow.delivery import Retry, State, Treatment
from dflow.errors import DflowError
from dflow.exchange import Exchange, Mount, Source, Wiring, open_journal
from dflow.exchange.gate import Later
from dflow.exchange.journal import DeliveryRow, Journal, Query
from dflow.exchange.places import JournalPlace
from dflow.routing import Routes
from dflow.transport import MemoryInbox, MemoryOutbox
from support_exchange import RULES, file


@define
class _Two:
    """Two a day, a day being a hundred seconds."""

    begun: list[str] = field(factory=list)
    counted: dict[int, set[int]] = field(factory=dict)

    def begin(self, journal: Journal, destination: str, now: float) -> None:
        self.begun.append(destination)

    def admit(self, row: DeliveryRow, content: bytes, now: float) -> Later | None:
        assert content.startswith(b"ZHV|")
        day = int(now // 100)
        today = self.counted.setdefault(day, set())
        if row.id not in today and len(today) == 2:
            return Later(until=(day + 1) * 100, why="two a day")
        today.add(row.id)
        return None

    def give_back(self, row: DeliveryRow) -> None:
        for day in self.counted.values():
            day.discard(row.id)


def test_a_wiring_is_gated_at_one_destination_only() -> None:
    mounts = tuple(Mount(name=name, outbox=MemoryOutbox()) for name in ("old", "new"))
    wiring = Wiring(
        path=Path("dflow.toml"),
        routes_path=Path("x.routes"),
        routes=Routes.parse(RULES),
        journal_place=JournalPlace(),
        mounts=mounts,
        sources=(),
    )
    gate = _Two()
    assert wiring.gated("new", gate).mounts == (mounts[0], evolve(mounts[1], gate=gate))
    assert wiring.mounts == mounts
    with pytest.raises(DflowError, match="no destination 'odl'; did you mean old"):
        wiring.gated("odl", gate)


def test_what_a_gate_puts_back_goes_later_and_was_no_attempt() -> None:
    inbox, old, new, gate, now = MemoryInbox(), MemoryOutbox(), MemoryOutbox(), _Two(), [1000.0]
    for number in range(5):
        inbox.put(file(number))
    # One attempt is all there is: a delivery that was put back has not used it up.
    one = Treatment(retry=Retry(attempts=1), concurrency=2)
    with_gate = Mount(name="old", outbox=old, treatment=one, gate=gate)
    mounts = [with_gate, Mount(name="new", outbox=new), Mount(name="spare", outbox=MemoryOutbox())]
    journal = open_journal(None)
    exchange = Exchange(
        routes=Routes.parse(RULES),
        journal=journal,
        mounts=mounts,
        sources=[Source(name="in", inbox=inbox)],
        clock=lambda: now[0],
    )
    for sent in (2, 4, 5):
        asyncio.run(exchange.run(once=True))
        assert len(old.parcels) == sent
        assert len(new.parcels) == 5  # a copy is not the gate's business
        waiting = list(journal.deliveries(Query(destination="old", state=State.RETRYING)))
        assert len(waiting) == 5 - sent
        assert {(row.attempts, row.reason) for row in waiting} <= {(0, "two a day")}
        now[0] += 100
    assert gate.begun == ["old"] * 3
    assert [row.attempts for row in journal.deliveries(Query(destination="old"))] == [1] * 5
    journal.close()
