"""A dress rehearsal: the same plan on a copy, with a clock that runs the future.

In: a plan.  Out: what became of every file and step.  Nothing of the real exchange is
touched: its journal is copied, its destinations are folders of the copy, its rules are
changed in memory.

Made-up files of every flow of the release arrive on both sides of the closure; people do
their steps by the end of their windows, and parties fetch their files.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from attrs import evolve, frozen

from dflow.catalogue import Catalogue, bundled
from dflow.cutover.gate import coverage_of
from dflow.cutover.plan import CutoverPlan
from dflow.cutover.reconcile import Reconciliation, reconcile
from dflow.cutover.running import Hand, Run, by_hand, run_due
from dflow.cutover.standing import Standing
from dflow.cutover.traffic import Sample, traffic
from dflow.cutover.world import World, checked_wiring
from dflow.delivery import State
from dflow.exchange import Exchange, Mount, Source, Wiring
from dflow.exchange.journal import Journal, Outcome, Query, open_journal
from dflow.operation import Ledger, SetClock
from dflow.transport import DirectoryOutbox, MemoryInbox

__all__ = ["Failed", "Rehearsed", "rehearse"]


@frozen(kw_only=True)
class Failed:
    """A made-up file that did not become what it had to.

    Attributes:
        sample: the file.
        saw: what became of it.
    """

    sample: Sample
    saw: str


@frozen(kw_only=True)
class Rehearsed:
    """What a rehearsal saw.

    Attributes:
        standing: where every step stood at the end.
        reconciliation: what became of every file.
        samples: how many files were made up.
        failed: those that did not become what they had to.
        copied: how many arrivals the copied journal had.
        routes_hash: of the rules at the end.
    """

    standing: Standing
    reconciliation: Reconciliation
    samples: int
    failed: tuple[Failed, ...]
    copied: int
    routes_hash: str = ""

    @property
    def failed_flows(self) -> tuple[str, ...]:
        """The flow versions of the release that were not delivered, in order."""
        return tuple(
            sorted({one.sample.flow for one in self.failed if one.sample.wish == "delivered"})
        )

    @property
    def passed(self) -> bool:
        """Whether every file became what it had to, and every step was done in time."""
        return (
            not self.failed
            and self.standing.done
            and not self.reconciliation.overtaken
            and self.reconciliation.adds_up
            and not any(late for *_, late in self.standing.outages)
        )


def rehearse(plan: CutoverPlan, *, catalogue: Catalogue | None = None) -> Rehearsed:
    """Run the whole plan on a copy (capability 36).

    Raises:
        DflowError: the exchange's configuration or its journal cannot be used.
    """
    catalogue = catalogue or bundled()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dflow-rehearsal-")))
        wiring = checked_wiring(plan)
        lines = coverage_of(plan, wiring.routes, catalogue=catalogue).lines
        samples = traffic(plan, lines, catalogue)
        first = min([plan.start, *(one.at for one in samples)])
        clock = SetClock(first)
        copy = evolve(plan, work=folder / "work")
        world, inbox, copied = stack.enter_context(_copied(copy, wiring, clock, folder))
        ledger = Ledger(folder / "ledger")
        with Run.of(world, ledger) as run:
            for at in _instants(plan, samples):
                clock.set(at)
                for one in samples:
                    if one.at == at:
                        inbox.put(one.content, name=f"{one.file_id}.usr")
                # What waited goes before what comes: the order of arrival is kept.
                run_due(run)
                world.exchange.run_once()
                _people(run, folder)
                run_due(run)
                world.exchange.run_once()
        standing = run.standing()
        until = clock.now() + timedelta(seconds=1)
        return Rehearsed(
            standing=standing,
            reconciliation=reconcile(
                plan, world.journal, since=first, until=until, catalogue=catalogue
            ),
            samples=len(samples),
            failed=tuple(_failed(world.journal, samples)),
            copied=copied,
            routes_hash=world.exchange.routes.rules_hash,
        )


@contextmanager
def _copied(
    plan: CutoverPlan, wiring: Wiring, clock: SetClock, folder: Path
) -> Iterator[tuple[World, MemoryInbox, int]]:
    """The exchange's copy: the same rules and treatments, folders for destinations."""
    path = wiring.journal_place.path
    there = path is not None and path.exists()
    if path is not None and there:
        _copy_journal(path, wiring.journal_place.payloads, folder / "journal.db")
    cipher = wiring.journal_place.cipher
    journal = open_journal(folder / "journal.db" if there else None, cipher=cipher)
    try:
        copied = sum(journal.outcomes().values())
        outboxes = {
            one.name: DirectoryOutbox(path=folder / "mounts" / one.name) for one in wiring.mounts
        }
        mounts = [
            Mount(name=one.name, outbox=outboxes[one.name], treatment=one.treatment)
            for one in wiring.mounts
        ]
        inbox = MemoryInbox()
        exchange = Exchange(
            routes=wiring.routes,
            journal=journal,
            mounts=mounts,
            sources=[Source(name="rehearsal", inbox=inbox)],
            read_flow=wiring.exchange(journal).read_flow,
            clock=lambda: clock.now().timestamp(),
        )
        world = World(
            plan=plan,
            clock=clock,
            journal=journal,
            exchange=exchange,
            areas=outboxes,
            put_rules=lambda _: None,
            rules_path=wiring.routes_path,
            refuse_on=wiring.refuse_on,
            copy=True,
        )
        yield world, inbox, copied
    finally:
        journal.close()


def _copy_journal(path: Path, payloads: Path | None, to: Path) -> None:
    """A whole copy of a journal, also while an exchange writes to it."""
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        with sqlite3.connect(to) as target:
            source.backup(target)
        target.close()
    finally:
        source.close()
    payloads = payloads or path.with_name(path.name + ".payloads")
    if payloads.is_dir():
        shutil.copytree(payloads, to.with_name(to.name + ".payloads"))


def _instants(plan: CutoverPlan, samples: Sequence[Sample]) -> list[datetime]:
    """When something happens: steps begin and end, the gateway closes, files arrive."""
    found = {plan.closure, *(one.at for one in samples)}
    for step in plan.steps:
        length = step.end - step.start
        found |= {step.start, step.start + length / 2, step.end - length / 100, step.end}
    return sorted(found)


def _people(run: Run, folder: Path) -> None:
    """People do their steps before the windows end, and parties fetch their files."""
    now = run.world.clock.now()
    standing = run.standing()
    if any(one.step.do == "fetched" and one.state == "begun" for one in standing.steps):
        for file in standing.unfetched:
            with suppress(FileNotFoundError):
                (folder / "mounts" / file.placed.mount / file.placed.place).unlink()
    for doing in standing.steps:
        step = doing.step
        if step.do != "manual" or now < step.start:
            continue
        if doing.state == "open":
            by_hand(run, Hand(who=step.owner, why="rehearsed", begin=step.name))
        if run.standing().of(step.name).state == "begun" and now >= (
            step.end - (step.end - step.start) / 100
        ):
            by_hand(run, Hand(who=step.owner, why="rehearsed", done=step.name))


def _failed(journal: Journal, samples: Sequence[Sample]) -> Iterator[Failed]:
    """Each made-up file that did not become what it had to."""
    rows = {row.address.get("file_id", ""): row for row in journal.arrivals(Query())}
    delivered: set[int] = set()
    for one in journal.deliveries(Query(state=State.DELIVERED)):
        if one.kind not in ("copy", "backfill"):
            delivered.add(one.arrival)
    for sample in samples:
        row = rows.get(sample.file_id)
        if row is None:
            yield Failed(sample=sample, saw="it never arrived")
            continue
        went = row.id in delivered
        right = {
            "delivered": went,
            "as before": went,
            "refused": row.outcome is Outcome.REFUSED,
            "unknown": row.outcome is not Outcome.ROUTED,
            "kept": True,
        }[sample.wish]
        if not right:
            saw = "delivered" if went else row.outcome.value
            yield Failed(sample=sample, saw=f"{saw}: {row.reason}" if row.reason else saw)
