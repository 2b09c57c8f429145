"""A rehearsal: the plan's days run on a small copy, with real files and a set clock.

In: a setup.  Out: what went on each day, counted at the destination.  Nothing of the real
exchange is touched: journal, inbox and destination are in memory.

The limits are scaled down together, so that some hundred files stand for the plan's
millions.  The worst is let happen: files arrive in a surge of several days' worth, the
destination is down now and then, and the process dies between days.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from attrs import define, evolve, field, frozen

from dflow.catalogue import bundled
from dflow.delivery import Breaker, Retry, Treatment
from dflow.envelope import Party
from dflow.exchange import Exchange, Mount, Source
from dflow.exchange.journal import open_journal
from dflow.generator import GeneratedFile, generate, header_for
from dflow.identifiers import mpan_check_digit
from dflow.migration.config import Setup
from dflow.migration.gate import MigrationGate
from dflow.migration.limits import Limit
from dflow.migration.parties import PartiesByAddress, network_of
from dflow.migration.plan import Plan
from dflow.operation import SetClock
from dflow.routing import Routes
from dflow.transport import Capabilities, MemoryInbox, Parcel, Presence, Receipt, Unavailable

__all__ = ["Rehearsed", "rehearse"]

#: The flow that stands for a migration in a rehearsal; which flow it is plays no part.
_FLOW = ("D0010", "002")


@frozen(kw_only=True)
class Rehearsed:
    """What a rehearsal saw.

    Attributes:
        files: how many files were made up.
        scale: by which part the limits were scaled.
        days: of each day, how many reached the destination, by limit's name.
        limits: of each day, what the scaled limits allow.
        over: every day and limit with more than allowed: day, limit, went, allowed.
        crashes: how often the exchange was begun anew.
        failures: how often the destination was down.
        arrived: how many reached the destination in all, each once.
        left: how many were left when the rehearsal ended.
        last: the last day that was rehearsed.
    """

    files: int
    scale: float
    days: dict[date, dict[str, int]]
    limits: dict[date, dict[str, int | None]]
    over: tuple[tuple[date, str, int, int], ...]
    crashes: int
    failures: int
    arrived: int
    left: int
    last: date


@define
class _Shaky:
    """A destination that is down for some attempts, and notes the day of what it takes."""

    clock: SetClock
    zone: ZoneInfo
    chance: random.Random
    took: dict[str, tuple[date, str, str]] = field(factory=dict)
    failures: int = 0

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(probes=True, idempotent=True)

    async def send(self, parcel: Parcel) -> Receipt:
        if self.chance.random() < 0.05:
            self.failures += 1
            raise Unavailable("down, as destinations are now and then")
        day = self.clock.now().astimezone(self.zone).date()
        who = str(parcel.address.get("sender", ""))
        repeat = parcel.key in self.took
        self.took.setdefault(parcel.key, (day, who, network_of(parcel.content)))
        return Receipt(key=parcel.key, repeat=repeat)

    async def probe(self, key: str) -> Presence:
        return Presence.PRESENT if key in self.took else Presence.ABSENT


def _scaled(plan: Plan, scale: float) -> Plan:
    def less(limit: Limit) -> Limit:
        return evolve(
            limit, daily=None if limit.daily is None else max(1, int(limit.daily * scale))
        )

    return evolve(
        plan,
        industry=less(plan.industry),
        networks={name: less(one) for name, one in plan.networks.items()},
        suppliers={m: evolve(one, limit=less(one.limit)) for m, one in plan.suppliers.items()},
    )


def _files(setup: Setup, chance: random.Random) -> list[bytes]:
    definition = bundled()[_FLOW]
    suppliers, networks = sorted(setup.plan.suppliers), sorted(setup.plan.networks)
    made = []
    for number in range(setup.files):
        twelve = f"{chance.choice(networks)[:2]:0>2}{number:010d}"
        header = header_for(
            definition,
            seed=number,
            sender=Party("X", chance.choice(suppliers)),
            recipient=Party("D", "READ"),
        )
        wanted = GeneratedFile(
            definition=definition,
            header=header,
            seed=number,
            mpans=(twelve + mpan_check_digit(twelve),),
        )
        made.append(b"".join(generate(wanted)))
    return made


def rehearse(setup: Setup, *, days: int = 30, seed: int = 1) -> Rehearsed:
    """Run the first days of the plan on a copy; the same seed gives the same rehearsal."""
    chance = random.Random(seed)  # noqa: S311  a rehearsal that can be repeated
    zone = ZoneInfo(setup.zone)
    full = setup.plan.industry.daily or setup.files
    # A tenth of the files is a full day, so that limits bind for days.
    scale = min(1.0, setup.files / 10 / max(full, 1))
    plan = _scaled(setup.plan, scale)
    first = _first_day(plan)
    clock = SetClock(datetime.combine(first, time(6), zone).astimezone(UTC))
    outbox, inbox = _Shaky(clock, zone, chance), MemoryInbox()
    treatment = Treatment(
        retry=Retry(first=600, jitter=0, give_up=None), breaker=Breaker(after=1000), concurrency=8
    )
    routes = Routes.parse(
        "destination migration\nroute all: flow * deliver migration across test\n"
    )
    journal, files = open_journal(None), _files(setup, chance)
    crashes, day = 0, first
    try:
        for number in range(days):
            day = first + timedelta(days=number)
            if day >= plan.end:
                break
            surge = int((plan.industry.on(day) or len(files)) * setup.surge)
            for _ in range(min(len(files), surge)):
                inbox.put(files.pop(0))
            # A new gate each day, as after a crash: what it knows, it reads in the journal.
            gate = MigrationGate(plan=plan, parties=PartiesByAddress(), zone=setup.zone)
            mount = Mount(name="migration", outbox=outbox, treatment=treatment, gate=gate)
            source = Source(name="in", inbox=inbox)
            for hour in (6, 12, 23):
                clock.set(max(clock.now(), datetime.combine(day, time(hour), zone)))
                crashes += 1
                exchange = Exchange(
                    routes=routes,
                    journal=journal,
                    mounts=[mount],
                    sources=[source],
                    clock=lambda: clock.now().timestamp(),
                )
                asyncio.run(exchange.run(once=True))
            if not files and len(outbox.took) == setup.files:
                break
    finally:
        journal.close()
    return _rehearsed(setup, plan, scale, outbox, crashes=crashes, first=first, last=day)


def _first_day(plan: Plan) -> date:
    ready = [one.qualified for one in plan.suppliers.values() if one.qualified is not None]
    return max(plan.start, min(ready, default=plan.start))


def _rehearsed(
    setup: Setup, plan: Plan, scale: float, outbox: _Shaky, *, crashes: int, first: date, last: date
) -> Rehearsed:
    """Count at the destination, apart from the gate, and compare."""
    days: dict[date, Counter[str]] = {}
    for day, who, where in outbox.took.values():
        counted = days.setdefault(day, Counter())
        counted.update(("industry", f"network {where}", f"supplier {who}"))
    limits: dict[date, dict[str, int | None]] = {}
    over: list[tuple[date, str, int, int]] = []
    every = [plan.industry, *plan.networks.values(), *map(plan.opens, plan.suppliers)]
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        works = plan.calendar.works(day)
        limits[day] = {one.name: one.on(day) if works else 0 for one in every}
        for name, most in limits[day].items():
            went = days.get(day, Counter())[name]
            if most is not None and went > most:
                over.append((day, name, went, most))
    return Rehearsed(
        files=setup.files,
        scale=scale,
        days={day: dict(counted) for day, counted in sorted(days.items())},
        limits=limits,
        over=tuple(over),
        crashes=crashes,
        failures=outbox.failures,
        arrived=len(outbox.took),
        left=setup.files - len(outbox.took),
        last=last,
    )
