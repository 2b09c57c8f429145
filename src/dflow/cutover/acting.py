"""What each step does, when it is its turn.

In: a world and a step.  Out: whether it is done, what was seen, and entries to keep.
This module knows no order of steps.  Every act may be interrupted anywhere and done
again: what was done stays done once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import field, frozen

from dflow.cutover.comparing import compare, merge
from dflow.cutover.confirming import confirmations
from dflow.cutover.contradictions import counted
from dflow.cutover.files import Placed, is_taken, made_files, place
from dflow.cutover.gate import coverage_of, has_gate
from dflow.cutover.keeping import keep
from dflow.cutover.plan import Step
from dflow.cutover.reconcile import reconcile
from dflow.cutover.related import relate_folder
from dflow.cutover.releasing import Freed, affected, release_side, reprocess
from dflow.cutover.standing import Standing
from dflow.cutover.world import World
from dflow.errors import DflowError
from dflow.routing.changeset import NotApplicable, parse_change_set
from dflow.transport import Closing, Parcel

__all__ = ["Acted", "act", "undo_routes"]

#: Keeps entries in the ledger at once, before the next thing is done.
_Keep = Callable[..., None]


@frozen(kw_only=True)
class Acted:
    """What a step did.

    Attributes:
        done: whether nothing is left of it to do.
        words: what was seen, one sentence.
        data: numbers for the ledger.
    """

    done: bool = True
    words: str = ""
    data: Mapping[str, object] = field(factory=dict)


def act(world: World, step: Step, standing: Standing, keeping: _Keep) -> Acted:
    """Do what a step does.

    Raises:
        DflowError: it cannot be done as things stand; the message says what mends it.
    """
    acts: dict[str, Callable[[], Acted]] = {
        "routes": lambda: _routes(world),
        "files": lambda: _files(world, standing, keeping),
        "fetched": lambda: _fetched(world, standing, keeping),
        "release early": lambda: _freed(world, step, "early"),
        "release late": lambda: _freed(world, step, "late"),
        "reprocess": lambda: _freed(world, step, "again"),
        "confirm": lambda: _confirm(world),
        "related": lambda: _related(world),
        "compare": lambda: _compare(world),
        "reconcile": lambda: _reconcile(world),
    }
    return acts[step.do]()


def _routes(world: World) -> Acted:
    """Put the change set in place, if it is not."""
    plan, routes = world.plan, world.exchange.routes
    if has_gate(routes):
        return Acted(words="the rules have the gate already")
    try:
        text = plan.changes.read_text("utf-8")
    except FileNotFoundError:
        missing = coverage_of(plan, routes).missing_flows
        raise DflowError(
            f"there is no change set {plan.changes.name}, and the rules have no gate and lack"
            f" {len(missing)} flows of release {plan.release}: write one with"
            f" dflow cutover plan {plan.path.name} --draft, and have it reviewed"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DflowError(f"{plan.changes}: {error}") from error
    changes = parse_change_set(text, routes, str(plan.changes))
    try:
        made = changes.apply(routes)
    except NotApplicable as error:
        raise DflowError(f"{error}; draft it again, and have it reviewed again") from error
    world.use(made)
    return Acted(
        words=f"{counted(len(changes.additions), 'rule')} put in place",
        data={"rules": len(changes.additions), "of": changes.of, "gives": made.rules_hash},
    )


def undo_routes(world: World) -> Acted:
    """Take the change set out again.

    Raises:
        DflowError: the rules are not those that it made.
    """
    plan, routes = world.plan, world.exchange.routes
    try:
        text = plan.changes.read_text("utf-8")
    except OSError as error:
        raise DflowError(f"{plan.changes}: {error.strerror or error}") from error
    # Its rules use the names of the rules that it was made for, which stand there still.
    changes = parse_change_set(text, routes, str(plan.changes))
    world.use(changes.reverse(routes))
    return Acted(words=f"{counted(len(changes.additions), 'rule')} taken out")


def _files(world: World, standing: Standing, keeping: _Keep) -> Acted:
    """Make and place every party's migration files."""
    plan = world.plan
    known = {(one.placed.batch, one.placed.name, one.placed.sha256) for one in standing.files}

    async def all_of_them() -> int:
        number = 0
        try:
            for batch in plan.batches:
                for name, content in made_files(batch):
                    number += 1
                    if (batch.name, name, hashlib.sha256(content).hexdigest()) in known:
                        continue
                    placed = await place(plan, batch, name, content, world.areas)
                    keeping(kind="file placed", about=batch.name, data=_as_data(placed))
        finally:
            await _close(world)
        return number

    number = asyncio.run(all_of_them())
    parties = len({batch.party for batch in plan.batches})
    return Acted(
        words=f"{counted(number, 'file')} placed in the areas of {parties} parties",
        data={"files": number},
    )


def _as_data(placed: Placed) -> dict[str, object]:
    return {
        "party": placed.party,
        "mount": placed.mount,
        "name": placed.name,
        "place": placed.place,
        "sha256": placed.sha256,
        "size": placed.size,
    }


async def _close(world: World) -> None:
    for outbox in world.areas.values():
        if isinstance(outbox, Closing):
            await outbox.close()


def _fetched(world: World, standing: Standing, keeping: _Keep) -> Acted:
    """Look which files their parties have taken."""

    async def look() -> tuple[int, int]:
        left = blind = 0
        try:
            for one in standing.unfetched:
                taken = await is_taken(one.placed, world.areas)
                if taken:
                    keeping(
                        kind="file fetched",
                        about=one.placed.batch,
                        data=_as_data(one.placed),
                    )
                blind += taken is None
                left += taken is False
        finally:
            await _close(world)
        return left, blind

    left, blind = asyncio.run(look())
    every = len(standing.files)
    late = [one for one in standing.unfetched if one.by < world.clock.now()]
    words = f"{every - left - blind} of {every} files fetched"
    if left:
        who = sorted({one.placed.party for one in standing.unfetched})
        words += f"; {', '.join(who)} {'is late' if late else 'has not all'}"
    if blind:
        words += f"; {blind} lie where it cannot be seen whether they are taken"
    return Acted(done=not left, words=words, data={"fetched": every - left - blind, "left": left})


def _freed(world: World, step: Step, what: str) -> Acted:
    plan, intake = world.plan, world.exchange.intake

    def clock() -> float:
        return world.clock.now().timestamp()

    who, why = step.owner, f"step {step.name}: {step.what}"
    freed: Freed
    if what == "again":
        freed = reprocess(
            world.journal,
            intake,
            since=plan.start,
            again=plan.reprocessing,
            who=who,
            why=why,
            clock=clock,
        )
    else:
        freed = release_side(
            world.journal,
            intake,
            "early" if what == "early" else "late",
            who=who,
            why=why,
            clock=clock,
        )
    words = counted(len(freed.arrivals), "file")
    words += " processed again" if what == "again" else " released, in order of arrival"
    if freed.still:
        words += f"; {len(freed.still)} wait still: {freed.still[0][1]}"
    data = {"files": len(freed.arrivals), "still": len(freed.still)}
    return Acted(words=words, data=data)


def _confirm(world: World) -> Acted:
    """Tell each affected party which of its files were processed again."""
    plan = world.plan
    told = confirmations(plan, affected(world.journal))
    for one in told:
        keep(plan.work / f"{one.name}.csv", one.csv)
        keep(plan.work / f"{one.name}.json", one.json)

    async def send() -> int:
        number = 0
        try:
            for one in told:
                outbox = world.areas.get(plan.area(one.party))
                if outbox is None:
                    continue
                for ending, content in (("csv", one.csv), ("json", one.json)):
                    name = f"{one.name}.{ending}"
                    await outbox.send(Parcel(key=_key(name, content), name=name, content=content))
                number += 1
        finally:
            await _close(world)
        return number

    number = asyncio.run(send())
    words = f"confirmations lie in {counted(number, 'area')}"
    if number < len(told):
        words += f"; {len(told) - number} have no area: theirs are in {plan.work.name}"
    return Acted(words=words, data={"parties": len(told), "files": sum(o.files for o in told)})


def _key(name: str, content: bytes) -> str:
    return hashlib.sha256(name.encode() + b"\0" + content).hexdigest()[:32]


def _related(world: World) -> Acted:
    """Check related meter points and fill the table."""
    given = world.plan.relating
    if given is None:
        raise DflowError("the plan has no [related]: name the files of D0386 and the table")
    found = relate_folder(given.files)
    keep(_in(world, given.table), found.table())
    errors = sum(one.error for one in found.faults)
    stand = counted(len(found.relations), "relationship")
    words = f"{stand} of {counted(found.files, 'file')} in {given.table.name}"
    if errors:
        words += f"; {errors} left out"
    data = {"relations": len(found.relations), "files": found.files, "errors": errors}
    return Acted(words=words, data=data)


def _in(world: World, path: Path) -> Path:
    """Where a world writes: a copy writes what the plan puts elsewhere into its own folder."""
    if not world.copy or path.is_relative_to(world.plan.work):
        return path
    return world.plan.work / path.name


def _compare(world: World) -> Acted:
    """Compare both sides, and list what differs."""
    given = world.plan.comparing
    if given is None:
        raise DflowError("the plan has no [compare]: name the tables left and right")
    found = compare(given.left, given.right, key=given.key, ignore=given.ignore)
    keep(world.plan.work / "differences.csv", found.listing())
    words = f"{found.same} records agree, {len(found.differences)} differences"
    data = {"left": found.left, "right": found.right, "same": found.same, **found.kinds}
    if given.prefer:
        both = merge(given.left, given.right, key=given.key, prefer=given.prefer)
        keep(world.plan.work / "merged.csv", both)
        words += f"; merged, {given.prefer} stands where they differ"
    return Acted(words=words, data=data)


def _reconcile(world: World) -> Acted:
    """Count what became of everything."""
    plan = world.plan
    found = reconcile(plan, world.journal, since=plan.start, until=world.clock.now())
    waiting = sum(found.total(one) for one in ("under way", "held early", "held late"))
    words = (
        f"{found.came} came, {found.total('delivered')} went, {found.total('rejected')} rejected"
    )
    words += f", {waiting} wait" if waiting else ""
    if not found.adds_up:
        raise DflowError(f"the totals do not add up: {words}")
    data = {"came": found.came, "delivered": found.total("delivered")}
    return Acted(words=words, data=data)
