"""A cut-over plan as values: steps, outages, restrictions, and what each step works on.

In: names and instants.  Out: frozen values, and what contradicts itself in them.  This
module reads no file, asks no clock and moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from attrs import field, frozen

from dflow.envelope import Party
from dflow.routing import PartyPattern

__all__ = [
    "ACTIONS",
    "Action",
    "Batch",
    "Comparing",
    "CutoverPlan",
    "Member",
    "Outage",
    "Relating",
    "Repoint",
    "Reprocessing",
    "Restriction",
    "Retention",
    "Step",
]

#: What a step does; ``manual`` is done by a person, who says so.
Action = Literal[
    "manual",
    "routes",
    "files",
    "fetched",
    "release early",
    "release late",
    "reprocess",
    "confirm",
    "related",
    "compare",
    "reconcile",
]

#: What a step may do.
ACTIONS: tuple[str, ...] = get_args(Action)


@frozen(kw_only=True)
class Step:
    """One dated step.

    Attributes:
        name: unique in the plan.
        what: what is done, for people.
        owner: who does it.
        start: when it may begin.
        end: when it has to be done.
        after: the steps it waits for.
        do: what dflow does; ``manual`` if a person does it.
        uses: the systems it works on.
        alone: whether no other step may use them at the same time.
        say: said in the status log when it is done; empty says `what`.
    """

    name: str
    what: str
    owner: str
    start: datetime
    end: datetime
    after: tuple[str, ...] = ()
    do: Action = "manual"
    uses: tuple[str, ...] = ()
    alone: bool = False
    say: str = ""


@frozen(kw_only=True)
class Outage:
    """A system that nobody can use while a step lasts.

    Attributes:
        system: the system.
        step: the step for which it is taken away; its begin and end are the outage's.
        limit: the longest it may last.
    """

    system: str
    step: str
    limit: timedelta


@frozen(kw_only=True)
class Restriction:
    """A system of which some functions only can be used.

    Attributes:
        system: the system.
        start: from when.
        end: until when.
        allowed: what can still be used.
        gone: what does not come back afterwards.
    """

    system: str
    start: datetime
    end: datetime
    allowed: tuple[str, ...]
    gone: tuple[str, ...] = ()


@frozen(kw_only=True)
class Repoint:
    """A flow that goes elsewhere from an instant on, and is refused at the old address.

    Attributes:
        flow: such as ``D0312``.
        old: whom it was for.
        new: whom it is for.
        at: from when.
        deliver: the destination for the new address; empty if the rules have a route.
    """

    flow: str
    old: PartyPattern
    new: PartyPattern
    at: datetime
    deliver: str = ""


@frozen(kw_only=True)
class Retention:
    """Reports of a function that is gone, kept readable for a time.

    Attributes:
        name: what they are.
        folder: where they are.
        until: from when they may be removed; dflow lists them, and removes nothing.
    """

    name: str
    folder: Path
    until: datetime


@frozen(kw_only=True)
class Member:
    """A participant of the plan.

    Attributes:
        party: who, in which role.
        area: the mount of the exchange's configuration through which it gets its files and
            confirmations; empty if it gets none.
    """

    party: Party
    area: str = ""


@frozen(kw_only=True)
class Batch:
    """Migration files for one party; exactly one of folder, table and flow says from where.

    Attributes:
        name: unique in the plan.
        party: whose.
        fetch_by: when they have to be fetched.
        folder: ready files, each as it is.
        table: a CSV file, of which the party gets the rows of its meter points.
        prefixes: how the meter points of the party begin.
        key: the column of the meter point.
        flow: a flow of which files are made up, for rehearsals and examples.
        version: its version.
        count: how many files, or how many rows a file of the table holds at most.
    """

    name: str
    party: Party
    fetch_by: datetime
    folder: Path | None = None
    table: Path | None = None
    prefixes: tuple[str, ...] = ()
    key: str = "mpan"
    flow: str = ""
    version: str = ""
    count: int = 1


@frozen(kw_only=True)
class Reprocessing:
    """Files that were delivered once, and are to be delivered again.

    Attributes:
        destination: where they went.
        start: arrived at or after.
        end: arrived before.
        flows: of which flows; empty for all.
    """

    destination: str
    start: datetime
    end: datetime
    flows: tuple[str, ...] = ()


@frozen(kw_only=True)
class Relating:
    """Related meter points: the files that say so, and the table to fill.

    Attributes:
        files: a folder of files of D0386.
        table: the CSV file.
    """

    files: Path
    table: Path


@frozen(kw_only=True)
class Comparing:
    """Two sides of one record, as tables.

    Attributes:
        left: the old side.
        right: the new side.
        key: the column that names a record.
        ignore: columns that need not agree.
        prefer: whose value stands in a merged table, ``left`` or ``right``; empty for none.
    """

    left: Path
    right: Path
    key: str = "mpan"
    ignore: tuple[str, ...] = ()
    prefer: Literal["", "left", "right"] = ""


@frozen(kw_only=True)
class CutoverPlan:
    """Everything that a plan says (capability 37).

    Attributes:
        path: the file.
        digest: SHA-256 of the file.
        name: what is cut over.
        version: of the plan.
        zone: in which local times are told.
        release: the release of the catalogue that goes live.
        closure: the instant at which the gateway closes to the old versions and opens to
            the new.
        config: the exchange's configuration.
        work: where dflow puts what it writes.
        changes: the reviewed change set; it may not be there yet.
        flows: the flow versions that the gate is about.
    """

    path: Path
    digest: str
    name: str
    version: str = ""
    zone: ZoneInfo = field(factory=lambda: ZoneInfo("Europe/London"))
    release: str
    closure: datetime
    config: Path
    work: Path
    changes: Path
    flows: tuple[tuple[str, str], ...]
    members: tuple[Member, ...]
    steps: tuple[Step, ...]
    outages: tuple[Outage, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    repoints: tuple[Repoint, ...] = ()
    retentions: tuple[Retention, ...] = ()
    batches: tuple[Batch, ...] = ()
    reprocessing: Reprocessing | None = None
    relating: Relating | None = None
    comparing: Comparing | None = None
    contact: str = ""

    @property
    def parties(self) -> tuple[Party, ...]:
        """The participants."""
        return tuple(one.party for one in self.members)

    @property
    def start(self) -> datetime:
        """When the first step may begin."""
        return min(one.start for one in self.steps)

    @property
    def end(self) -> datetime:
        """When the last step has to be done."""
        return max(one.end for one in self.steps)

    def step(self, name: str) -> Step:
        """A step by its name.

        Raises:
            KeyError: if there is none.
        """
        for one in self.steps:
            if one.name == name:
                return one
        raise KeyError(name)

    def area(self, party: Party) -> str:
        """The mount of a party's area; empty if it has none."""
        return next((one.area for one in self.members if one.party == party), "")

    def local(self, instant: datetime) -> str:
        """An instant as people of the plan write it."""
        return f"{instant.astimezone(self.zone):%a %d %b %Y %H:%M}"

    def over(self, now: datetime) -> Iterator[str]:
        """What cannot be begun any more at an instant: windows that are over."""
        if self.closure <= now:
            yield f"the gateway's closure, {self.local(self.closure)}, is in the past"
        for one in self.steps:
            if one.end <= now:
                yield f"the window of step {one.name} ended {self.local(one.end)}"
