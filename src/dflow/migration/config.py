"""A migration plan as a file.

In: a TOML file, and the CSV files it names.  Out: a `Setup`: the plan, its requests, and
what is to be rehearsed and run.  Every mistake is told with its place; a plan that
contradicts itself is refused whole, before anything is moved.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from attrs import evolve, field, frozen

from dflow.exchange.settings import TableReader
from dflow.migration.allocation import METHODS, Request, read_requests
from dflow.migration.plan import Plan
from dflow.migration.reverse import Excepted, Move, read_moves
from dflow.migration.tranches import Application, Assigned, assign_tranches
from dflow.migration.volumes import Volumes, read_volumes, rows_of
from dflow.migration.whatif import Change
from dflow.migration.words import Running, Words, number, whole
from dflow.operation import instant_from
from dflow.tomltext import read_toml

__all__ = ["Setup", "load_setup"]

_TABLES = (
    "plan",
    "calendar",
    "industry",
    "network",
    "supplier",
    "sprint",
    "tranches",
    "reverse",
    "what_if",
    "exchange",
    "rehearsal",
)


@frozen(kw_only=True)
class Setup:
    """Everything that the file says.

    Attributes:
        path: the file.
        digest: SHA-256 of the file, for reports.
        plan: the plan.
        requests: what suppliers asked for; empty if volumes are given.
        method: how requests are allocated.
        seed: of a draw.
        tranches: who was assigned to which wave; empty if none were applied for.
        moves: changes of supplier; empty if none were given.
        exceptions: cases without reverse migration.
        changes: what is to be supposed.
        running: how it is enforced; None for a plan on paper.
        zone: where days begin.
        files: how many files a rehearsal makes up.
        surge: how many times a day's limit a rehearsal lets arrive at once.
    """

    path: Path
    digest: str
    plan: Plan
    requests: tuple[Request, ...] = field(default=(), repr=False)
    method: str = "first come first served"
    seed: int = 0
    tranches: tuple[Assigned, ...] = ()
    moves: tuple[Move, ...] = field(default=(), repr=False)
    exceptions: tuple[Excepted, ...] = ()
    changes: tuple[Change, ...] = ()
    running: Running | None = None
    zone: str = "Europe/London"
    files: int = 300
    surge: float = 3.0


def load_setup(path: Path) -> Setup:
    """Read a plan's file.

    Raises:
        SourceError: a file cannot be read.
        RefusedText: with every mistake and its place.
    """
    toml = read_toml(path)
    reader = TableReader(toml, path.parent)
    reader.only((), _TABLES)
    words = Words(reader)
    plan = words.plan()
    reader.refuse()
    head = reader.table("plan")
    requests = _requests(words, plan)
    plan, assigned = _with_tranches(words, plan)
    plan = evolve(plan, volumes=_volumes(words, plan))
    moves = words.path("reverse", "moves")
    rehearsal = reader.table("rehearsal")
    setup = Setup(
        path=path,
        digest=hashlib.sha256(toml.text.encode()).hexdigest(),
        plan=plan,
        requests=requests,
        method=words.method(),
        seed=whole(head.get("seed")) or 0,
        tranches=assigned,
        moves=() if moves is None else read_moves(moves),
        exceptions=words.exceptions(),
        changes=words.changes(),
        running=words.running(),
        zone=str(head.get("zone", "Europe/London")),
        files=whole(rehearsal.get("files")) or 300,
        surge=number(rehearsal.get("surge")) or 3.0,
    )
    _contradictions(reader, setup)
    reader.refuse()
    return setup


def _volumes(words: Words, plan: Plan) -> Volumes | None:
    path = words.path("plan", "volumes")
    return None if path is None else read_volumes(path, start=plan.start, days=len(plan.days))


def _requests(words: Words, plan: Plan) -> tuple[Request, ...]:
    path = words.path("plan", "requests")
    requests = () if path is None else read_requests(path)
    for mpid in sorted({one.supplier for one in requests} - set(plan.suppliers)):
        words.reader.fault(
            ("plan", "requests"),
            f"the plan has no supplier {mpid}",
            near_to=mpid,
            known=plan.suppliers,
        )
    for name in sorted({one.network for one in requests} - set(plan.networks)):
        words.reader.fault(
            ("plan", "requests"),
            f"the plan has no network {name}",
            near_to=name,
            known=plan.networks,
        )
    words.reader.refuse()
    return requests


def _with_tranches(words: Words, plan: Plan) -> tuple[Plan, tuple[Assigned, ...]]:
    """Suppliers that applied for a wave get one."""
    table = words.reader.table("tranches")
    path = words.path("tranches", "applications")
    if path is None:
        return plan, ()
    words.reader.only(("tranches",), ("places", "applications", "method", "seed"))
    places = table.get("places")
    if not isinstance(places, list) or not all(isinstance(one, int) for one in places):
        words.reader.fault(("tranches", "places"), "places is a list of numbers, one a tranche")
        return plan, ()
    method = words.method("tranches", "method")
    words.reader.refuse()
    if METHODS[method].order is None:
        words.reader.fault(("tranches", "method"), f"{method!r} divides days, and orders nobody")
        return plan, ()
    heads = {"received": True, "supplier": True, "prefers": False}
    applied = [
        Application(
            received=instant_from(row["received"]),
            supplier=row["supplier"],
            prefers=int(row["prefers"]) if row.get("prefers", "").isdigit() else None,
            portfolio=(known.portfolio or 0)
            if (known := plan.suppliers.get(row["supplier"]))
            else 0,
        )
        for _, row in rows_of(path, heads)
    ]
    assigned = assign_tranches(applied, places, method=method, seed=whole(table.get("seed")) or 0)
    waves = {one.supplier: one.tranche for one in assigned}
    suppliers = {
        mpid: evolve(one, tranche=waves.get(mpid, one.tranche))
        for mpid, one in plan.suppliers.items()
    }
    return evolve(plan, suppliers=suppliers), assigned


def _contradictions(reader: TableReader, setup: Setup) -> None:
    """What cannot be meant, told before anything is moved."""
    plan = setup.plan
    if plan.volumes is not None and setup.requests:
        reader.fault(("plan", "requests"), "volumes are given too: a plan has one or the other")
    if plan.volumes is not None:
        pairs: tuple[tuple[Literal["supplier", "network"], tuple[str, ...]], ...] = (
            ("supplier", plan.volumes.suppliers),
            ("network", plan.volumes.networks),
        )
        for kind, names in pairs:
            known = plan.suppliers if kind == "supplier" else plan.networks
            for name in names:
                if name not in known:
                    reader.fault(("plan", "volumes"), f"the plan has no {kind} {name}")
        for mpid, one in plan.suppliers.items():
            planned = sum(plan.volumes.by_day(supplier=mpid))
            if one.portfolio is not None and planned > one.portfolio:
                reader.fault(
                    ("supplier", mpid, "portfolio"),
                    f"{planned:,} are planned, and the portfolio is {one.portfolio:,}",
                )
    for mpid, one in plan.suppliers.items():
        if one.qualified is not None and one.qualified >= plan.end:
            reader.fault(("supplier", mpid, "qualified"), "that is after the plan's end")
