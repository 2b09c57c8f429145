"""A plan while it runs: the exchange with the gate before its destination.

In: a setup, a clock.  Out: what went on which day.  This module is no second router: the
rules decide where files go, the exchange sends them, the gate says when.

Every run is written in a ledger beside the plan: begun, ended, and with which plan.  A
run that was begun and not ended was interrupted, and the next goes on where it stood:
what has gone is in the exchange's journal, not here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from attrs import frozen

from dflow.delivery import State
from dflow.errors import DflowError
from dflow.exchange import Exchange, Wiring, load_wiring
from dflow.exchange.journal import Journal, Query
from dflow.migration.config import Setup
from dflow.migration.gate import MigrationGate
from dflow.migration.parties import PartiesByAddress
from dflow.operation import Clock, Entry, Ledger, interrupted

__all__ = ["Actual", "actual", "actual_of", "ledger_of", "run_plan", "wired"]


def ledger_of(setup: Setup) -> Ledger:
    """The ledger beside the plan."""
    return Ledger(setup.path.with_name(setup.path.name + ".ledger"))


def wired(setup: Setup) -> tuple[Wiring, MigrationGate]:
    """The exchange's wiring with the gate in its place.

    Raises:
        DflowError: the plan is on paper only, or the exchange has no such destination.
        RefusedText: the exchange's configuration holds mistakes.
    """
    running = setup.running
    if running is None:
        raise DflowError(
            f"{setup.path}: the plan has no [exchange], so there is nothing to run; name the"
            " exchange's configuration and the destination whose deliveries are migrations"
        )
    wiring = load_wiring(running.config)
    gate = MigrationGate(
        plan=setup.plan,
        parties=PartiesByAddress(supplier=running.supplier, network=running.network),
        zone=setup.zone,
    )
    return wiring.gated(running.destination, gate), gate


@frozen(kw_only=True)
class Actual:
    """What has gone, by day, by the exchange's journal.

    Attributes:
        days: of each day, how many by limit's name.
        delivered: all of them.
        unknown: how many may have been delivered.
        waiting: how many wait, and why, most first.
        oldest: since when the oldest waits; None if none does.
        dead: how many will not go by themselves.
        retried: how many needed more than one attempt.
    """

    days: Mapping[date, Mapping[str, int]]
    delivered: int
    unknown: int
    waiting: tuple[tuple[str, int], ...]
    oldest: datetime | None
    dead: int
    retried: int = 0

    def over(self, setup: Setup) -> list[tuple[date, str, int, int]]:
        """The days on which more went than a limit allows: day, limit, went, allowed."""
        plan = setup.plan
        limits = {one.name: one for one in plan.networks.values()}
        limits |= {one.name: one for one in map(plan.opens, plan.suppliers)}
        limits[plan.industry.name] = plan.industry
        found = []
        for day, used in sorted(self.days.items()):
            inside = plan.start <= day < plan.end and plan.calendar.works(day)
            for name, number in sorted(used.items()):
                most = limits[name].on(day) if name in limits else None
                allowed = most if inside else 0
                if allowed is not None and number > allowed:
                    found.append((day, name, number, allowed))
        return found


def actual(setup: Setup, journal: Journal) -> Actual:
    """Count what went, and what waits.

    Raises:
        DflowError: the plan is on paper only.
    """
    running = setup.running
    if running is None:
        raise DflowError(f"{setup.path}: the plan has no [exchange]")
    parties = PartiesByAddress(supplier=running.supplier, network=running.network)
    zone = ZoneInfo(setup.zone)
    days: dict[date, Counter[str]] = {}
    numbers: Counter[State] = Counter()
    waits: Counter[str] = Counter()
    oldest: float | None = None
    retried = 0
    for row in journal.deliveries(Query(destination=running.destination)):
        numbers[row.state] += 1
        retried += row.attempts > 1
        if row.state in (State.DELIVERED, State.UNKNOWN):
            who, where = parties(row, journal.payload(row.hash))
            day = datetime.fromtimestamp(row.changed, UTC).astimezone(zone).date()
            counted = days.setdefault(day, Counter())
            counted.update(("industry", f"network {where}", f"supplier {who}"))
        elif row.state in (State.DUE, State.RETRYING, State.HELD):
            waits[row.reason or row.state.value] += 1
            oldest = row.made if oldest is None else min(oldest, row.made)
    return Actual(
        days=days,
        delivered=numbers[State.DELIVERED],
        unknown=numbers[State.UNKNOWN] + numbers[State.SENDING],
        waiting=tuple(waits.most_common()),
        oldest=None if oldest is None else datetime.fromtimestamp(oldest, UTC),
        dead=numbers[State.DEAD],
        retried=retried,
    )


def actual_of(setup: Setup) -> Actual:
    """Count what went by the journal that the plan's exchange is configured with.

    Raises:
        DflowError: the plan is on paper only, or the journal cannot be read.
    """
    wiring, _ = wired(setup)
    journal = wiring.open_journal()
    try:
        return actual(setup, journal)
    finally:
        journal.close()


def run_plan(
    setup: Setup, clock: Clock, *, once: bool, started: Callable[[Exchange], None] | None = None
) -> Actual:
    """Let the exchange run under the gate, until it is stopped or, with `once`, has no more.

    Args:
        setup: the plan.
        clock: what time it is.
        once: take what is there and end.
        started: told the exchange before it runs, to stop it.

    Raises:
        DflowError: the plan's days are over, the clock went back, another process runs
            the plan, or the exchange cannot run.
    """
    wiring, gate = wired(setup)
    now = clock.now()
    if now.astimezone(ZoneInfo(setup.zone)).date() >= setup.plan.end:
        raise DflowError(
            f"{setup.path}: the plan ended before {setup.plan.end}, and now is {now.date()}:"
            " nothing would go; plan again from today"
        )
    with ledger_of(setup) as ledger:
        before = interrupted(ledger)
        why = f"the run of {before.isoformat()} was interrupted" if before else ""
        data = {"plan": setup.digest, "version": setup.plan.version}
        journal = wiring.open_journal()
        try:
            journal.own()
            # A journal by which the gate cannot count is refused before anything is begun.
            gate.begin(journal, setup.running.destination if setup.running else "", now.timestamp())
            ledger.append(Entry(at=now, kind="run begun", why=why, data=data))
            exchange = wiring.exchange(journal)
            exchange.clock = lambda: clock.now().timestamp()
            if started is not None:
                started(exchange)
            if once:
                exchange.run_once()
            else:
                exchange.run_until_signal()
            went = actual(setup, journal)
        finally:
            journal.close()
        ledger.append(Entry(at=clock.now(), kind="run ended", data={"delivered": went.delivered}))
    return went
