"""Test doubles: a clock that is moved by hand, destinations that record, an exchange of them.

In: rules, files, moods.  Out: what arrived where.  The exchange, its journal and its
rules are the real ones; only time, chance and the far ends are doubled.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from attrs import define, field

from dflow.exchange import Exchange, Mount, Source, SqliteJournal, Totals, open_journal
from dflow.flow import Flow
from dflow.parse import read
from dflow.routing import Routes
from dflow.transport import (
    Arrival,
    Capabilities,
    Parcel,
    Presence,
    Receipt,
    Refused,
    Unavailable,
    Uncertain,
)

__all__ = ["Bench", "Crash", "FakeClock", "Mood", "RecordingDestination"]

#: How a destination behaves: it takes parcels; nobody answers; it refuses them; it takes
#: them, and then the line goes dead before it can say so; the process that sends ends
#: before it has taken the parcel, or after.
Mood = Literal["well", "down", "refuses", "uncertain", "crash before", "crash after"]


class Crash(BaseException):
    """The process ends here, as far as it can end within a test."""


@define(eq=False)
class FakeClock:
    """A clock that stands still until it is moved.

    >>> clock = FakeClock(1000.0)
    >>> clock.advance(5)
    >>> clock()
    1005.0

    Attributes:
        now: POSIX seconds.
    """

    now: float = 1_600_000_000.0

    def __call__(self) -> float:
        """The instant at which it stands."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.now += seconds

    def set(self, instant: datetime) -> None:
        """Move it to an instant that carries its offset.

        Raises:
            ValueError: if the instant has no offset, so that it names no instant.
        """
        if instant.tzinfo is None:
            raise ValueError(f"{instant} has no offset; say which instant is meant")
        self.now = instant.timestamp()


@define(eq=False)
class RecordingDestination:
    """A destination that keeps what it is sent, and behaves as it is told.

    Attributes:
        mood: how it behaves from now on.
        parcels: what it has, in order.
        attempts: how often it was asked to take something.
    """

    mood: Mood = "well"
    parcels: list[Parcel] = field(factory=list, init=False)
    attempts: int = field(default=0, init=False)

    @property
    def capabilities(self) -> Capabilities:
        """It can say what it has, and keeps each key once."""
        return Capabilities(probes=True, idempotent=True, ordered=True)

    @property
    def contents(self) -> list[bytes]:
        """The bytes of what it has, in order."""
        return [parcel.content for parcel in self.parcels]

    @property
    def flows(self) -> list[Flow]:
        """What it has, read."""
        return [read(content) for content in self.contents]

    async def send(self, parcel: Parcel) -> Receipt:
        """Take a parcel, or fail as the mood says."""
        self.attempts += 1
        if self.mood == "down":
            raise Unavailable("nobody answers")
        if self.mood == "refuses":
            raise Refused("not for us")
        if self.mood == "crash before":
            raise Crash
        repeat = any(known.key == parcel.key for known in self.parcels)
        if not repeat:
            self.parcels.append(parcel)
        if self.mood == "crash after":
            raise Crash
        if self.mood == "uncertain":
            raise Uncertain("the line went dead after the last byte")
        return Receipt(key=parcel.key, place=str(len(self.parcels)), repeat=repeat)

    async def probe(self, key: str) -> Presence:
        """Whether it has a parcel of this key; nobody answers while it is down."""
        if self.mood == "down":
            raise Unavailable("nobody answers")
        known = any(parcel.key == key for parcel in self.parcels)
        return Presence.PRESENT if known else Presence.ABSENT


@define(eq=False)
class _Gateway:
    """Files by name; each is handed out in every run until it is done, as a folder's are."""

    files: dict[str, bytes] = field(factory=dict)

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:  # noqa: ARG002  all there is
        for name, content in tuple(self.files.items()):
            yield Arrival(name=name, content=content, token=name)

    async def done(self, arrival: Arrival) -> None:
        self.files.pop(arrival.token, None)

    async def failed(self, arrival: Arrival, reason: str) -> None:
        """It stays."""


@define(eq=False)
class Bench:
    """A real exchange whose far ends record: put files in, run, look at what came out.

    Attributes:
        rules: the text of its rules; `change_rules` changes them.
        path: the journal's file; in memory if None.
        clock: its clock.
        destinations: one for each destination of the rules, by name; one that the rules no
            longer name stays, for what waits for it.
    """

    rules: str
    path: Path | None = None
    clock: FakeClock = field(factory=FakeClock)
    destinations: dict[str, RecordingDestination] = field(init=False)
    journal: SqliteJournal = field(init=False)
    _routes: Routes = field(init=False)
    _inbox: _Gateway = field(factory=_Gateway, init=False)
    _count: int = field(default=0, init=False)

    @_routes.default
    def _parse(self) -> Routes:
        return Routes.parse(self.rules)

    @destinations.default
    def _record(self) -> dict[str, RecordingDestination]:
        named = Routes.parse(self.rules).destinations
        return {one.name: RecordingDestination() for one in named}

    @journal.default
    def _open(self) -> SqliteJournal:
        return open_journal(self.path)

    def put(self, *files: bytes | Flow) -> None:
        """Let files arrive; they wait for `run`."""
        for file in files:
            self._count += 1
            self._inbox.files[f"{self._count:06d}.usr"] = bytes(file)

    def change_rules(self, rules: str) -> None:
        """Decide by other rules from now on; what waits goes where it was to go.

        Raises:
            RulesError: if the text has a mistake; nothing is changed.
        """
        self._routes = Routes.parse(rules)
        self.rules = rules
        for one in self._routes.destinations:
            self.destinations.setdefault(one.name, RecordingDestination())

    def run(self) -> Totals:
        """Take what has arrived, deliver what is due at the clock's time, and return.

        Raises:
            Crash: if a destination is in the mood for it; `reopen` comes next.
        """
        return self._exchange().run_once()

    def run_cut_short(self, seconds: float) -> bool:
        """Run, and be cancelled after so many real seconds; whether it came to that.

        The run is cut wherever it waits just then: reading, recording, sending, asking.
        `reopen` comes next.
        """

        async def cut() -> bool:
            run = asyncio.ensure_future(self._exchange().run(once=True))
            await asyncio.wait([run], timeout=seconds)
            short = run.cancel()
            await asyncio.wait([run])
            if not run.cancelled():
                run.result()
            return short

        return asyncio.run(cut())

    def _exchange(self) -> Exchange:
        return Exchange(
            routes=self._routes,
            journal=self.journal,
            mounts=[Mount(name=name, outbox=one) for name, one in self.destinations.items()],
            sources=[Source(name="gateway", inbox=self._inbox)],
            read_flow=read,
            clock=self.clock,
            chance=lambda: 0.5,
        )

    def reopen(self) -> None:
        """End the process, so to speak, and open the journal's file again.

        Raises:
            ValueError: if the journal is in memory, so that nothing would be left of it.
        """
        if self.path is None:
            raise ValueError("a journal in memory cannot be opened again; give the bench a path")
        self.journal.close()
        self.journal = open_journal(self.path)

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()
