"""Files from choices: a flow's definition and some bytes become a valid file.

In: a `FlowDef` and, record by record, a few bytes of choice.  Out: the bytes of a file
whose structure, values, counts and trailer are right, whatever the choices were.  This
module does not know where choices come from: Hypothesis draws them, a generator
computes them.

**How choices become records.**  Each `choice` stands for one record.  Its first byte
picks among the groups that may come next, in catalogue order, up to and including the
first one that must come; the other bytes become the record's values.  When the choices
run out, the groups that are still owed are added with the simplest values.  So every
list of choices, the empty one too, gives a valid file; deleting a choice deletes a
record, making its bytes small makes its values simple, and counts and trailer follow.

**Groups that come in fixed numbers** (48 half hours) all come from one choice: the bytes
are turned by one place from one to the next, so that they differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from attrs import define, frozen

from dflow.catalogue import FlowDef, GroupDef, ItemPlace
from dflow.envelope import Header, Party, Trailer
from dflow.errors import StructureError
from dflow.testing import calendar
from dflow.testing.roles import role_pairs
from dflow.testing.values import Make, value_maker
from dflow.testing.words import PARTICIPANTS

__all__ = [
    "HEADER_WIDTH",
    "FlowPlan",
    "GroupPlan",
    "MadeHeader",
    "PlannedRecord",
    "RolePairs",
    "header_from",
    "plan_flow",
]

#: Pairs of role codes, sender's and recipient's.
RolePairs = tuple[tuple[str, str], ...]

#: Bytes of choice that a header takes.
HEADER_WIDTH = 10

#: At most so many bytes of choice a record: wide groups share bytes between values.
_MOST_WIDTH = 48

#: A group owed at least so often comes whole from one choice.
_BULK = 8

#: Over how many days made-up files spread.
_DAYS = calendar.LAST_DAY - calendar.EPOCH + 1


@frozen
class _Field:
    """Where a value's choice stands, and what it means."""

    start: int
    stop: int
    blank_below: int
    make: Make | None


@frozen(eq=False)
class GroupPlan:
    """A group, ready for making: its fields compiled, its counts resolved.

    Attributes:
        definition: the catalogue's entry.
        least: how often it must come under one parent.
        most: how often it may.
        bulk: whether its occurrences all come from one choice.
        groups: the groups below.
    """

    definition: GroupDef
    least: int
    most: int
    bulk: bool
    groups: tuple[GroupPlan, ...]
    _fields: tuple[_Field, ...]

    def record(self, choice: bytes, day: int) -> str:
        """The record, closing pipe included, that a choice means on a day."""
        values = [self.definition.code]
        for one in self._fields:
            if one.make is None:
                values.append("")
                continue
            number = int.from_bytes(choice[one.start : one.stop], "big")
            if number < one.blank_below:
                values.append("")
            else:
                values.append(one.make(number - one.blank_below, day))
        values.append("")
        return "|".join(values)


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


@frozen
class MadeHeader:
    """A header, and what the rest of its file goes by.

    Attributes:
        header: the header.
        day: its day, as an ordinal; the dates of the body are told from it.
        end: the line terminator of the file.
    """

    header: Header
    day: int
    end: str


@define
class _Frame:
    """One level that is open: which of its groups stands, and how often."""

    plans: tuple[GroupPlan, ...]
    at: int = 0
    count: int = 0


@frozen(eq=False)
class FlowPlan:
    """A flow version, ready for making files.

    Attributes:
        definition: the catalogue's entry.
        groups: its level-1 groups.
        width: how many bytes of choice each record takes.
        roles: the pairs of role codes its header may have.
    """

    definition: FlowDef
    groups: tuple[GroupPlan, ...]
    width: int
    roles: RolePairs

    def body(self, choices: Iterable[bytes], day: int) -> list[PlannedRecord]:
        """The records of a body, in file order; `choices` are `width` bytes each."""
        walk = _Walk(self, day)
        for choice in choices:
            walk.take(choice)
        walk.finish()
        return walk.records

    def file(self, header: Header, body: Sequence[PlannedRecord], *, end: str = "\n") -> bytes:
        """The bytes of a file: header, body, and the trailer that belongs to them."""
        instance = self.groups[0]
        flows = sum(1 for record in body if record.plan is instance)
        trailer = Trailer(
            file_id=header.file_id,
            group_count=len(body),
            flow_count=flows,
            completed=header.created,
        )
        lines = [record.text for record in body]
        lines.insert(0, header.encode().decode("latin-1"))
        lines += [trailer.encode().decode("latin-1"), ""]
        return end.join(lines).encode("latin-1")


class _Walk:
    """The making of one body: open levels, and the records so far."""

    def __init__(self, plan: FlowPlan, day: int) -> None:
        self.day = day
        self.blank = bytes(plan.width)
        self.records: list[PlannedRecord] = []
        self.frames = [_Frame(plan.groups)]

    def take(self, choice: bytes) -> None:
        """One record more, the one that the choice picks; nothing when the file is full."""
        candidates = list(self._candidates())
        if candidates:
            depth, at = candidates[choice[0] % len(candidates)]
            self._put(depth, at, choice)

    def finish(self) -> None:
        """Every group that is still owed, with the simplest values."""
        while True:
            owed = next(self._owed(), None)
            if owed is None:
                return
            self._put(*owed, self.blank)

    def _owed(self) -> Iterator[tuple[int, int]]:
        for depth, at in self._candidates():
            frame = self.frames[depth]
            count = frame.count if at == frame.at else 0
            if count < frame.plans[at].least:
                yield depth, at

    def _candidates(self) -> Iterator[tuple[int, int]]:
        """The groups that may come next, up to the first that must."""
        for depth in range(len(self.frames) - 1, -1, -1):
            frame = self.frames[depth]
            for at in range(frame.at, len(frame.plans)):
                plan = frame.plans[at]
                count = frame.count if at == frame.at else 0
                if count < plan.most and not (plan.bulk and count):
                    yield depth, at
                if count < plan.least:
                    return

    def _put(self, depth: int, at: int, choice: bytes) -> None:
        del self.frames[depth + 1 :]
        frame = self.frames[depth]
        if at != frame.at:
            frame.at, frame.count = at, 0
        plan = frame.plans[at]
        times = plan.least if plan.bulk else 1
        for turn in range(times):
            turned = turn % len(choice)
            text = plan.record(choice[turned:] + choice[:turned], self.day)
            self.records.append(PlannedRecord(plan, depth + 1, text))
            frame.count += 1
            if plan.groups and turn < times - 1:
                self._fill(plan, depth + 2)
        if plan.groups:
            self.frames.append(_Frame(plan.groups))

    def _fill(self, parent: GroupPlan, depth: int) -> None:
        """The groups owed below a record that is closed at once (fixed numbers only)."""
        for plan in parent.groups:
            for _ in range(plan.least):
                self.records.append(PlannedRecord(plan, depth, plan.record(self.blank, self.day)))
                self._fill(plan, depth + 1)


@lru_cache(maxsize=512)
def plan_flow(flow: FlowDef) -> FlowPlan:
    """The plan of a flow version.

    Raises:
        StructureError: if the flow's structure is not known, or an item of it can have
            no value.
    """
    if not flow.structured:
        raise StructureError(
            f"{flow} has no known structure, so no file of it can be made up;"
            " its envelope alone can: see headers()"
        )
    needs = (1 + sum(_width(place) for place in group.items) for group in flow.walk())
    width = min(max(needs), _MOST_WIDTH)
    return FlowPlan(
        definition=flow,
        groups=tuple(_plan_group(group, width) for group in flow.groups),
        width=width,
        roles=role_pairs(flow),
    )


def _width(place: ItemPlace) -> int:
    return 0 if place.presence == "blank" else value_maker(place.item).width


def _plan_group(group: GroupDef, width: int) -> GroupPlan:
    owed = group.range.least
    if group.range.counts:  # 46, 48 or 50 half hours: the day without a change of clocks
        owed = group.range.counts[len(group.range.counts) // 2]
    fields: list[_Field] = []
    at = 1
    for place in group.items:
        if place.presence == "blank":
            fields.append(_Field(0, 0, 0, None))
            continue
        maker = value_maker(place.item)
        if at + maker.width > width:  # no room left: share bytes, from the first on
            at = 1
        # An optional value is blank for three eighths of the choices, the simplest ones.
        blank = 96 * 256 ** (maker.width - 1) if place.presence == "optional" else 0
        fields.append(_Field(at, at + maker.width, blank, maker.make))
        at += maker.width
    most = group.range.most
    return GroupPlan(
        definition=group,
        least=owed,
        most=owed if group.range.counts else (1_000_000 if most is None else most),
        bulk=owed >= _BULK,
        groups=tuple(_plan_group(below, width) for below in group.groups),
        fields=tuple(fields),
    )


def header_from(choice: bytes, flow: str, version: str, roles: RolePairs) -> MadeHeader:
    """The header that `HEADER_WIDTH` bytes of choice mean, with the day and line ends."""
    day = calendar.EPOCH + int.from_bytes(choice[0:2], "big") % _DAYS
    time = calendar.time_text(int.from_bytes(choice[2:4], "big"))
    sender_role, recipient_role = roles[choice[4] % len(roles)]
    sender = choice[5] % len(PARTICIPANTS)
    # Counted on from the sender, so that the two always differ.
    recipient = (sender + 1 + choice[6] % (len(PARTICIPANTS) - 1)) % len(PARTICIPANTS)
    number = int.from_bytes(choice[7:9], "big")
    flags = choice[9]
    header = Header(
        flow=flow,
        version=version,
        sender=Party(sender_role, PARTICIPANTS[sender]),
        recipient=Party(recipient_role, PARTICIPANTS[recipient]),
        file_id=f"DS{number:08X}" if flags & 64 else f"{number:010d}",
        created=calendar.day_text(day) + time,
        sending_application="BILLS" if flags & 48 == 48 else "",
        receiving_application="HOST1" if flags & 40 == 40 else "",
        test_flag=("", "OPER", "TR01", "TEST")[flags >> 1 & 3],
    )
    return MadeHeader(header, day, "\r\n" if flags & 1 else "\n")
