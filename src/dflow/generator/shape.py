"""Files from choices: a flow's plan and some bytes become a valid file.

In: a `FlowPlan` and, record by record, a few bytes of choice.  Out: the bytes of a file
whose structure, values, counts and trailer are right, whatever the choices were.  This
module does not know where choices come from: Hypothesis draws them, a generator
computes them.

**How choices become records.**  Each choice stands for one record.  Its first byte
names a group of the flow; if that group cannot come next, the one after it in catalogue
order that can is taken, where "can" ends with the first group that must come.  The name
does not hang on the records before, so that a choice still means the same record when
others are deleted.  The other bytes become the record's values.  When the choices
run out, the groups that are still owed are added with the simplest values.  So every
list of choices, the empty one too, gives a valid file; deleting a choice deletes a
record, making its bytes small makes its values simple, and counts and trailer follow.

**Groups that come in fixed numbers** (48 half hours) all come from one choice: the bytes
are turned by one place from one to the next, so that they differ.

**Documented conditions** are asked where a group could stand and after a record's values
are made: a group that must be absent is no candidate, a value that is required is made,
one that must be blank is blanked.  Conditions that contradict each other are an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import define, evolve, field, frozen

from dflow.catalogue.conditions import Answer, Condition, demand_of
from dflow.envelope import Header, Trailer, pool_checksum
from dflow.errors import StructureError
from dflow.generator.heads import MadeHeader
from dflow.generator.plan import FlowPlan, GroupPlan
from dflow.generator.reach import Reach

__all__ = ["PlannedRecord", "bounds_within", "make_body", "make_file", "settled"]


@frozen(eq=False)
class PlannedRecord:
    """A record on its way into a file.

    Attributes:
        plan: what it is.
        depth: how deep its group stands; 1 for the flow's own groups.
        text: the record, closing pipe included.
    """

    plan: GroupPlan
    depth: int
    text: str

    def get(self, jcode: str) -> str | None:
        """The value of an item, or None if the group has no such item."""
        place = self.plan.definition.place(jcode)
        return self.text.split("|")[place.position] if place else None


def make_body(plan: FlowPlan, choices: Iterable[bytes], made: MadeHeader) -> list[PlannedRecord]:
    """The records of a body, in file order; every choice is `plan.width` bytes.

    Raises:
        StructureError: if the flow's conditions contradict each other.
    """
    walk = _Walk(plan, made)
    for choice in choices:
        walk.take(choice)
    walk.finish()
    return walk.records


def make_file(
    plan: FlowPlan, header: Header, body: Sequence[PlannedRecord], *, end: str = "\n"
) -> bytes:
    """The bytes of a file: header, body, and the trailer that belongs to them.

    With the header of a pool file, the trailer is a pool file's too, with its checksum.
    """
    lines = [header.encode(), *(record.text.encode("latin-1") for record in body)]
    if header.envelope == "ZHV":
        instance = plan.groups[0]
        trailer = Trailer(
            file_id=header.file_id,
            group_count=len(body),
            flow_count=sum(1 for record in body if record.plan is instance),
            completed=header.created,
        )
    else:
        trailer = Trailer(group_count=len(body) + 2, checksum=pool_checksum(lines), pool=True)
    return end.encode().join([*lines, trailer.encode(), b""])


@define
class _Frame:
    """One level that is open: which of its groups stands, and how often."""

    plans: tuple[GroupPlan, ...]
    above: PlannedRecord | None = None
    at: int = 0
    count: int = 0
    seen: set[str] = field(factory=set)


class _Walk:
    """The making of one body: open levels, and the records so far."""

    def __init__(self, plan: FlowPlan, made: MadeHeader) -> None:
        self.plan = plan
        self.made = made
        self.blank = bytes(plan.width)
        self.records: list[PlannedRecord] = []
        self.frames = [_Frame(plan.groups)]

    def take(self, choice: bytes) -> None:
        """One record more, the one that the choice picks; nothing when the file is full."""
        size, wanted = self.plan.size, choice[0]
        found, nearest = None, size
        for depth, at in self._candidates():
            seq = self.frames[depth].plans[at].definition.seq
            distance = (seq - 1 - wanted) % size
            if distance < nearest:
                found, nearest = (depth, at), distance
        if found is not None:
            self._put(*found, choice)

    def finish(self) -> None:
        """Every group that is still owed, with the simplest values."""
        while True:
            last = None
            for last in self._candidates():  # noqa: B007  only the last can be owed
                pass
            if last is None or not self._owed(*last):
                return
            self._put(*last, self.blank)

    def _owed(self, depth: int, at: int) -> bool:
        frame = self.frames[depth]
        return (frame.count if at == frame.at else 0) < self._bounds(depth, at)[0]

    def _candidates(self) -> Iterator[tuple[int, int]]:
        """The groups that may come next, up to the first that must."""
        for depth in range(len(self.frames) - 1, -1, -1):
            frame = self.frames[depth]
            for at in range(frame.at, len(frame.plans)):
                plan = frame.plans[at]
                count = frame.count if at == frame.at else 0
                least, most = self._bounds(depth, at) if plan.conditions else plan.bounds
                if count < most and not (plan.bulk and count):
                    yield depth, at
                if count < least:
                    return

    def _bounds(self, depth: int, at: int) -> tuple[int, int]:
        """How often a group must and may stand here, conditions included."""
        frame = self.frames[depth]
        plan = frame.plans[at]
        if not plan.conditions:
            return plan.bounds
        passed = {one.definition.code: False for one in frame.plans[:at]}
        passed |= dict.fromkeys(frame.seen, True)
        return bounds_within(plan, self._reach(depth, passed))

    def _reach(self, depth: int, groups: dict[str, bool]) -> Reach:
        above = (frame.above for frame in self.frames[depth:0:-1])
        records = tuple(record for record in above if record is not None)
        return Reach(records, groups, self.made.header, self.plan.known_roles)

    def _put(self, depth: int, at: int, choice: bytes) -> None:
        del self.frames[depth + 1 :]
        frame = self.frames[depth]
        if at != frame.at:
            frame.at, frame.count = at, 0
        plan = frame.plans[at]
        frame.seen.add(plan.definition.code)
        times = plan.bounds[0] if plan.bulk else 1
        for turn in range(times):
            turned = turn % len(choice)
            record = self._record(plan, depth, choice[turned:] + choice[:turned])
            self.records.append(record)
            frame.count += 1
            if plan.groups and turn < times - 1:
                self._fill(plan, depth + 2)
        if plan.groups:
            self.frames.append(_Frame(plan.groups, self.records[-1]))

    def _fill(self, parent: GroupPlan, depth: int) -> None:
        """The groups owed below a record that is closed at once (fixed numbers only)."""
        for plan in parent.groups:
            for _ in range(plan.bounds[0]):
                self.records.append(self._record(plan, depth - 1, self.blank))
                self._fill(plan, depth + 1)

    def _record(self, plan: GroupPlan, depth: int, choice: bytes) -> PlannedRecord:
        record = PlannedRecord(plan, depth + 1, plan.record(choice, self.made.day))
        if not plan.item_conditions:
            return record
        return settled(record, self._reach(depth, {}), self.made.day)


def bounds_within(plan: GroupPlan, reach: Reach) -> tuple[int, int]:
    """How often a group must and may stand where its conditions look."""
    least, most = plan.bounds
    demand = demand_of(plan.conditions, reach, group=plan.definition.code)
    if demand == "absent":
        return 0, 0
    if demand == "optional":
        return 0, most
    return (max(1, least), most) if demand == "required" else (least, most)


def settled(record: PlannedRecord, above: Reach, day: int) -> PlannedRecord:
    """The record with the values that the conditions on its items require or forbid.

    Raises:
        StructureError: if they contradict each other or the catalogue.
    """
    conditions = record.plan.item_conditions
    for _ in range(4):  # one condition's value may be another's clause
        changed = False
        for condition in conditions:
            reach = evolve(above, records=(record, *above.records))
            present = bool(record.get(condition.jcode))
            if condition.judge(reach, present=present) is Answer.FAILS:
                record = _with(record, condition, day, blank=present)
                changed = True
        if not changed:
            return record
    listed = "; ".join(str(condition) for condition in conditions)
    raise StructureError(
        f"the conditions on group {record.plan.definition.code} contradict each other: {listed}"
    )


def _with(record: PlannedRecord, condition: Condition, day: int, *, blank: bool) -> PlannedRecord:
    place = record.plan.definition.place(condition.jcode)
    maker = record.plan.fields[place.position - 1].make if place else None
    if place is None or (blank and place.presence == "mandatory") or not (blank or maker):
        raise StructureError(
            f"the condition {str(condition)!r} contradicts the catalogue, where"
            f" {condition.jcode} is {place.presence if place else 'absent'}"
        )
    fields = record.text.split("|")
    fields[place.position] = "" if blank or maker is None else maker(0, day)
    return PlannedRecord(record.plan, record.depth, "|".join(fields))
