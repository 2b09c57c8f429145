"""Destinations that fail as real ones do, and files to send them."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from attrs import define, field

from dflow.delivery import State
from dflow.exchange import Exchange, Mount, Source, SqliteJournal, open_journal
from dflow.exchange.journal import Query
from dflow.exchange.lane import Lane
from dflow.routing import Routes
from dflow.transport import (
    Capabilities,
    MemoryInbox,
    Outbox,
    Parcel,
    Presence,
    Receipt,
    Refused,
    Unavailable,
    Uncertain,
)

RULES = """
destination old "the old agent"
destination new "the new agent"
destination spare "the spare"
route all: flow D0010 to M/OLDM deliver old else spare
clone migration: flow D0010 to M/OLDM copy new
hold early: flow D0150
refuse retired: flow D0312
discard noise: flow D0019
"""


def file(number: int, *, flow: str = "D0010", sender: str = "WEST", size: int = 0) -> bytes:
    head = f"ZHV|{number:010}|{flow}002|M|{sender}|M|OLDM|20260601120000||||OPER|\n"
    return head.encode() + b"026|x|V|\n" * (size // 9) + f"ZPT|{number:010}|0||0||\n".encode()


class Crash(BaseException):
    """The process dies here, as far as one can die within a test."""


@define(eq=False)
class Moody:
    """An outbox of which each send does what its mood says; it counts what it keeps."""

    mood: str = "well"
    moods: list[str] = field(factory=list)
    probes: bool = True
    kept: dict[str, Parcel] = field(factory=dict)
    order: list[str] = field(factory=list)
    times: Counter[str] = field(factory=Counter)
    now: int = 0
    most: int = 0
    asked: int = 0
    pause: float = 0.0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(probes=self.probes)

    def _keep(self, parcel: Parcel) -> None:
        self.kept[parcel.key] = parcel
        self.times[parcel.key] += 1
        self.order.append(parcel.name)

    async def send(self, parcel: Parcel) -> Receipt:
        mood = self.moods.pop(0) if self.moods else self.mood
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.pause)
            if mood == "down":
                raise Unavailable("nobody answers")
            if mood == "refuses":
                raise Refused("not for us")
            if mood == "hangs":
                await asyncio.sleep(3600)
            if mood == "crash before":
                raise Crash
            if mood == "breaks":
                raise RuntimeError("a mistake of the transport")
            self._keep(parcel)
            if mood == "crash after":
                raise Crash
            if mood == "lies":
                raise Uncertain("the line went dead after the last byte")
            return Receipt(key=parcel.key, place=parcel.name)
        finally:
            self.now -= 1

    async def probe(self, key: str) -> Presence:
        self.asked += 1
        if not self.probes:
            return Presence.UNKNOWN
        if self.mood in {"down", "hangs"}:
            raise Unavailable("nobody answers")
        return Presence.PRESENT if key in self.kept else Presence.ABSENT


@define(eq=False)
class Clock:
    """A clock that tests move."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@define(eq=False, kw_only=True)
class World:
    """An exchange in memory, or over a journal's file, with moody destinations."""

    mounts: tuple[Mount, ...]
    path: Path | None = None
    rules: str = RULES
    clock: Clock = field(factory=Clock)
    inbox: MemoryInbox = field(factory=MemoryInbox, init=False)
    journal: SqliteJournal = field(init=False)

    @journal.default
    def _open(self) -> SqliteJournal:
        return open_journal(self.path)

    def exchange(self) -> Exchange:
        return Exchange(
            routes=Routes.parse(self.rules),
            journal=self.journal,
            mounts=self.mounts,
            sources=[Source(name="gateway", inbox=self.inbox)],
            clock=self.clock,
            chance=lambda: 0.5,
            grace=0.2,
        )

    def put(self, *contents: bytes) -> None:
        for number, content in enumerate(contents):
            self.inbox.put(content, name=f"{number}.usr")

    def run(self) -> None:
        self.exchange().run_once()


async def work_of(lane: Lane) -> None:
    """Let a lane that has begun do all it can do now, without its waits."""
    while True:
        wait = await lane._turn()
        if lane._tasks:
            await asyncio.wait(lane._tasks)
            await asyncio.sleep(0)  # the lane is told of their end
        elif wait > 0 and not lane._unkept:
            return


def waits_in_the_journal(outbox: Outbox) -> str:
    """Through an exchange: the delivery waits, with the reason."""
    rules = 'destination out "x"\nroute all: flow D0010 to M/OLDM deliver out\n'
    world = World(mounts=(Mount(name="out", outbox=outbox),), rules=rules)
    world.put(file(1))
    world.run()
    (row,) = world.journal.deliveries(Query())
    world.journal.close()
    assert row.state is State.RETRYING
    return row.reason
