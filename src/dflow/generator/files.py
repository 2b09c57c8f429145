"""Files made fast: many instances, the same bytes for the same seed.

In: a flow version, a count, a seed, and what is to be the same throughout.  Out: the
bytes of one valid file, in chunks.  This module does not use Hypothesis, nor any random
numbers but those a seed gives: the same call gives the same bytes on every machine.

The values are those of the strategies (`dflow.generator.values`).  A file has a pool of a
thousand instances, each made when it is first wanted, conditions and all; which one comes
next is told by the bits of a number that is multiplied from the instance's own number.  So
an instance costs a look-up, and its meter point is put into it.  The records of instances
come from pools of their own.

What repeats is the first group, from the top, that may stand without limit: in most
flows the instances, in a flow of one instance (D0217) the meter points below it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import define, evolve, field, frozen

from dflow.catalogue import Catalogue, FlowDef, bundled
from dflow.envelope import Header, Party, Trailer
from dflow.errors import StructureError
from dflow.generator import calendar
from dflow.generator.plan import FlowPlan, GroupPlan, plan_flow
from dflow.generator.reach import Reach
from dflow.generator.shape import PlannedRecord, bounds_within, settled
from dflow.generator.values import Make, mpan
from dflow.generator.words import PARTICIPANTS

__all__ = ["GeneratedFile", "generate", "header_for"]

#: Texts are handed on in chunks of about so many records.
_CHUNK = 4096

#: How many records a group's pool holds; a power of two.
_POOL = 2048

#: How many instances a file's pool holds, a power of two; and the most characters of one
#: that is kept, so that the pool stays within some megabytes.
_INSTANCES, _MOST_KEPT = 1024, 1 << 14

#: A place in an instance of the pool for what one instance does not share with the next.
_SLOT = re.compile("\0([^\0]*)\0")

#: Knuth's multiplier: the high bits of a multiple of it look like chance.
_MIX, _MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1

#: What `plan_flow` says for no limit.
_UNLIMITED = 1_000_000

#: The item that every record of an instance shares.
_MPAN = "J0003"


@frozen(kw_only=True)
class GeneratedFile:
    """What is to be made.

    Attributes:
        definition: the flow version.
        header: the header of the file; its time is the day that dates are told from.
        count: how often the first group that repeats without limit stands.
        seed: which of the many possible files.
        mpans: the meter points, one an instance, again from the first when they run
            out; made up if empty.
        fixed: values that are the same wherever their item stands, by J-code.
        each: values that are the same throughout an instance, by J-code: one an instance,
            again from the first when they run out.
        catalogue: where roles are looked up; the bundled one unless given.
        end: the line terminator.
    """

    definition: FlowDef
    header: Header
    count: int = 1
    seed: int = 0
    mpans: Sequence[str] = ()
    fixed: Mapping[str, str] = field(factory=dict)
    each: Mapping[str, Sequence[str]] = field(factory=dict)
    catalogue: Catalogue = field(factory=bundled)
    end: str = "\n"


def header_for(
    definition: FlowDef,
    *,
    seed: int = 0,
    sender: Party | None = None,
    recipient: Party | None = None,
    day: int = calendar.EPOCH,
    test_flag: str = "TR01",
    catalogue: Catalogue | None = None,
) -> Header:
    """A header for a made-up file: marked as a test unless asked otherwise.

    The roles left open are those of the flow's first known route.
    """
    roles = (catalogue or bundled()).roles
    first, second = plan_flow(definition, roles).roles[0]
    return Header(
        flow=definition.flow,
        version=definition.version,
        sender=sender or Party(first, PARTICIPANTS[0]),
        recipient=recipient or Party(second, PARTICIPANTS[1]),
        file_id=f"{seed % 10**10:010d}",
        created=calendar.day_text(day) + "060000",
        test_flag=test_flag,
    )


def generate(wanted: GeneratedFile) -> Iterator[bytes]:
    """The bytes of a file, in chunks of some thousand records.

    Raises:
        StructureError: if the flow's structure is not known, an item can have no value,
            or the flow holds one instance a file and more are wanted.
    """
    plan = _with_fixed(plan_flow(wanted.definition, wanted.catalogue.roles), wanted.fixed)
    spine = _spine(plan.groups)
    if not spine and wanted.count > 1:
        raise StructureError(
            f"a file of {wanted.definition} holds one instance, so not {wanted.count}"
        )
    return _Maker(wanted, plan).chunks(spine)


def _spine(groups: Sequence[GroupPlan]) -> tuple[GroupPlan, ...]:
    """The first group in catalogue order that repeats without limit, below its ancestors."""
    for plan in groups:
        if plan.bounds[1] >= _UNLIMITED:
            return (plan,)
        if plan.bounds[0] and (below := _spine(plan.groups)):
            return (plan, *below)
    return ()


@define(eq=False)
class _Kind:
    """A group, ready for fast making."""

    plan: GroupPlan
    slots: tuple[tuple[int, str], ...]
    least: int
    spread: int
    below: tuple[_Kind, ...]
    pool: list[str] = field(factory=lambda: [""] * _POOL)


@frozen(eq=False)
class _Instance:
    """An instance of the pool: its text with a ``%s`` for every slot, and whose they are."""

    text: str
    slots: tuple[str, ...]
    records: int


@define(eq=False)
class _Maker:
    """The making of one file, record by record."""

    wanted: GeneratedFile
    plan: FlowPlan
    day: int = field(init=False)
    start: int = field(init=False)
    number: int = field(default=0, init=False)
    lines: list[str] = field(factory=list, init=False)
    current: dict[str, str] = field(factory=dict, init=False)
    above: list[PlannedRecord] = field(factory=list, init=False)
    asks: bool = field(init=False)
    pool: list[_Instance | None] = field(factory=list, init=False)

    @day.default
    def _from_header(self) -> int:
        created = self.wanted.header.created_at
        return created.date().toordinal() if created else calendar.EPOCH

    @start.default
    def _from_seed(self) -> int:
        return int.from_bytes(
            hashlib.blake2b(f"{self.wanted.seed}".encode(), digest_size=8).digest(), "big"
        )

    @asks.default
    def _has_conditions(self) -> bool:
        return _has_conditions(self.plan.groups)

    def chunks(self, spine: tuple[GroupPlan, ...]) -> Iterator[bytes]:
        """The file: header, instances, the groups around them, trailer."""
        header, end, lines = self.wanted.header, self.wanted.end, self.lines
        lines.append(header.encode().decode("latin-1"))
        instances = 0
        self._turn_to(0)
        for plan in self.plan.groups:
            kind = self._kind(plan)
            for turns in self._repeat(kind, spine):
                instances += turns * (plan is self.plan.groups[0])
                if lines:
                    yield (end.join(lines) + end).encode("latin-1")
                    lines.clear()
        first = self.plan.groups[0]
        trailer = Trailer(
            file_id=header.file_id,
            group_count=self.number,
            flow_count=instances if first in spine[-1:] else first.bounds[0],
            completed=header.created,
        )
        yield end.join([*lines, trailer.encode().decode("latin-1"), ""]).encode("latin-1")

    def _repeat(self, kind: _Kind, spine: tuple[GroupPlan, ...]) -> Iterator[int]:
        """A group as often as it is wanted; yields, now and then, how many turns were made."""
        if not spine or kind.plan is not spine[-1]:
            for _ in range(kind.least):
                yield from self._ancestor(kind, spine)
            return
        self.pool = [None] * _INSTANCES  # what conditions ask of the records above may differ
        pooled = not _asks_for(kind.plan, self.current)
        since, before = self.number, 0
        for at in range(self.wanted.count):
            if pooled:
                self._from_pool(kind, at)
            else:
                self._turn_to(at)
                self._instance(kind)
            if self.number - since >= _CHUNK:
                yield at + 1 - before
                since, before = self.number, at + 1
        yield self.wanted.count - before

    def _from_pool(self, kind: _Kind, at: int) -> None:
        """An instance of the pool, with its own meter point."""
        slot = (((self.start + at) * _MIX) & _MASK) >> 54
        found = self.pool[slot]
        if found is None:
            found = self._made(kind, slot)
            if len(found.text) <= _MOST_KEPT:
                self.pool[slot] = found
        text = found.text
        if found.slots:
            self._turn_to(at)
            text %= tuple([self.current[jcode] for jcode in found.slots])
        self.lines.append(text)
        self.number += found.records

    def _made(self, kind: _Kind, slot: int) -> _Instance:
        """An instance for the pool; what is asked of it is asked now."""
        lines, number, current = self.lines, self.number, self.current
        self.lines, self.number = [], slot << 20
        self.current = {jcode: f"\0{jcode}\0" for jcode in current}
        self._instance(kind)
        text = self.wanted.end.join(self.lines)
        records = len(self.lines)
        self.lines, self.number, self.current = lines, number, current
        slots = tuple(_SLOT.findall(text))
        if slots:
            text = _SLOT.sub("%s", text.replace("%", "%%"))
        return _Instance(text, slots, records)

    def _ancestor(self, kind: _Kind, spine: tuple[GroupPlan, ...]) -> Iterator[int]:
        if kind.plan not in spine:
            self._instance(kind)
            yield 1
            return
        self._record(kind)
        for below in kind.below:
            yield from self._repeat(below, spine)
        if self.asks:
            self.above.pop()

    def _turn_to(self, at: int) -> None:
        """What the records of instance `at` share."""
        current = self.current
        for jcode, values in self.wanted.each.items():
            current[jcode] = values[at % len(values)]
        mpans = self.wanted.mpans
        current[_MPAN] = mpans[at % len(mpans)] if mpans else mpan((self.start >> 30) + at)

    def _record(self, kind: _Kind) -> int:
        """One record, and the number whose bits chose it."""
        self.number += 1
        mixed = ((self.start + self.number) * _MIX) & _MASK
        text = kind.pool[mixed >> 53] or self._pooled(kind, mixed >> 53)
        if kind.slots:
            text %= tuple([self.current[jcode] for _, jcode in kind.slots])
        if self.asks:
            record = PlannedRecord(kind.plan, len(self.above) + 1, text)
            if kind.plan.item_conditions:
                record = settled(record, self._reach({}), self.day)
            self.above.append(record)
            text = record.text
        self.lines.append(text)
        return mixed

    def _pooled(self, kind: _Kind, slot: int) -> str:
        """A record of a pool, with a ``%s`` where a value of its instance stands."""
        seed = f"{self.wanted.seed}/{kind.plan.definition.seq}/{slot}".encode()
        choice = hashlib.blake2b(seed, digest_size=self.plan.width).digest()
        text = kind.plan.record(choice, self.day)
        if kind.slots:
            fields = text.replace("%", "%%").split("|")
            for position, _ in kind.slots:
                fields[position] = "%s"
            text = "|".join(fields)
        kind.pool[slot] = text
        return text

    def _instance(self, kind: _Kind) -> None:
        """One record and all below it."""
        mixed = self._record(kind)
        there: dict[str, bool] = {}
        for at, below in enumerate(kind.below):
            least, spread = below.least, below.spread
            if below.plan.conditions:
                least, most = bounds_within(below.plan, self._reach(there))
                spread = min(most - least, 2)
            times = least + ((mixed >> (9 + 3 * at) & 15) % (spread + 1) if spread else 0)
            there[below.plan.definition.code] = times > 0
            for _ in range(times):
                self._instance(below)
        if self.asks:
            self.above.pop()

    def _reach(self, there: dict[str, bool]) -> Reach:
        records = tuple(reversed(self.above))
        return Reach(records, there, self.wanted.header, self.plan.known_roles)

    def _kind(self, plan: GroupPlan) -> _Kind:
        least, most = plan.bounds
        shared = {_MPAN, *self.wanted.each} - set(self.wanted.fixed)
        slots = tuple(
            (place.position, place.jcode)
            for place, known in zip(plan.definition.items, plan.fields, strict=True)
            if place.jcode in shared and known.make is not None
        )
        return _Kind(
            plan=plan,
            slots=slots,
            least=least,
            spread=min(most - least, 2),
            below=tuple(self._kind(below) for below in plan.groups),
        )


def _has_conditions(groups: Sequence[GroupPlan]) -> bool:
    return any(
        group.conditions or group.item_conditions or _has_conditions(group.groups)
        for group in groups
    )


def _asks_for(plan: GroupPlan, jcodes: Iterable[str]) -> bool:
    """Whether a condition in a group or below asks for the value of one of these items."""
    asked = " ".join(str(one.when) for one in (*plan.conditions, *plan.item_conditions))
    return any(jcode in asked for jcode in jcodes) or any(
        _asks_for(below, jcodes) for below in plan.groups
    )


def _with_fixed(plan: FlowPlan, fixed: Mapping[str, str]) -> FlowPlan:
    """The plan with values that are the same wherever their item stands."""

    def always(value: str) -> Make:
        return lambda _number, _day: value

    def group(one: GroupPlan) -> GroupPlan:
        fields = tuple(
            evolve(known, make=always(fixed[place.jcode]), blank_below=0)
            if place.jcode in fixed and known.make is not None
            else known
            for place, known in zip(one.definition.items, one.fields, strict=True)
        )
        return evolve(one, fields=fields, groups=tuple(map(group, one.groups)))

    return evolve(plan, groups=tuple(map(group, plan.groups))) if fixed else plan
