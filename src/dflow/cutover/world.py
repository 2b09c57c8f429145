"""What a cut-over works on: the exchange, its journal, its rules, the parties' areas.

In: a plan.  Out: a `World`, real or a copy.  This module takes no step itself; a step
cannot tell a copy from the real thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from attrs import define

from dflow.cutover.keeping import keep
from dflow.cutover.plan import CutoverPlan
from dflow.errors import DflowError, near_or_known
from dflow.exchange import Exchange, Journal, Wiring, load_wiring, open_journal
from dflow.exchange.contradictions import inspect
from dflow.findings import Severity
from dflow.operation import Clock
from dflow.routing import Routes
from dflow.transport import Outbox

__all__ = ["World", "checked_wiring", "real_world"]


@define(eq=False, kw_only=True)
class World:
    """What steps work on.

    Attributes:
        plan: the plan, with the folders that this world writes to.
        clock: what time it is.
        journal: of the exchange.
        exchange: over that journal; it runs only if it is told to.
        areas: the outboxes of the exchange's mounts, by name.
        put_rules: puts other rules in place.
        rules_path: where they stand.
        refuse_on: of which remarks the exchange refuses rules.
        copy: whether it is a copy, which writes into its own folder only.
    """

    plan: CutoverPlan
    clock: Clock
    journal: Journal
    exchange: Exchange
    areas: Mapping[str, Outbox]
    put_rules: Callable[[Routes], None]
    rules_path: Path
    refuse_on: Severity | None = None
    copy: bool = False

    def use(self, routes: Routes) -> None:
        """Put rules in place, and decide by them from now on.

        Raises:
            DflowError: they cannot be written, or name a destination without a mount.
        """
        seen = inspect(routes, self.rules_path, refuse_on=self.refuse_on)
        if seen.faults:
            raise DflowError(
                f"the exchange would refuse these rules: {seen.faults[0].message}; nothing is"
                " changed"
            )
        try:
            self.exchange.use(routes)
        except ValueError as error:
            raise DflowError(str(error)) from error
        self.put_rules(routes)


def checked_wiring(plan: CutoverPlan) -> Wiring:
    """The exchange's wiring, which has every mount and destination that the plan names.

    Raises:
        RefusedText: the configuration or its rules hold mistakes.
        DflowError: the plan names a mount or a destination that is not there.
    """
    wiring = load_wiring(plan.config)
    mounts = [one.name for one in wiring.mounts]
    named = [(one.area, f"the area of {one.party}") for one in plan.members if one.area]
    named += [(one.deliver, f"the new way of {one.flow}") for one in plan.repoints if one.deliver]
    if plan.reprocessing is not None:
        named.append((plan.reprocessing.destination, "what is to be processed again"))
    for name, what in named:
        if name not in mounts:
            raise DflowError(
                f"{plan.path}: {what} is {name!r}, and {plan.config.name} has no such mount;"
                f" {near_or_known(name, mounts)}"
            )
    return wiring


@contextmanager
def real_world(
    plan: CutoverPlan, clock: Clock, *, own: bool = False, look: bool = False
) -> Iterator[World]:
    """The real exchange; with `own`, as the one process that may let it run.

    With `look`, nothing will be changed: a journal that is not there yet is not made.

    Raises:
        DflowError: the exchange cannot be used.
    """
    wiring = checked_wiring(plan)
    empty = look and not wiring.journal_place.lasting
    journal = open_journal(None) if empty else wiring.open_journal()
    try:
        if own:
            journal.own()
        exchange = wiring.exchange(journal)
        exchange.clock = lambda: clock.now().timestamp()

        def put(routes: Routes) -> None:
            path = wiring.routes_path
            before = path.with_name(path.name + ".before-cutover")
            if not before.exists():
                keep(before, path.read_bytes())
            keep(path, str(routes).encode())

        yield World(
            plan=plan,
            clock=clock,
            journal=journal,
            exchange=exchange,
            areas={one.name: one.outbox for one in wiring.mounts},
            put_rules=put,
            rules_path=wiring.routes_path,
            refuse_on=wiring.refuse_on,
        )
    finally:
        journal.close()
