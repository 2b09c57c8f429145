"""A file as an immutable tree: header, groups, trailer, and whatever fits nowhere.

In: records that a parser has put in their places.  Out: `Flow` and `Group`, from which
every byte of the file can be had again in its order.  This module does not parse and
does not judge; a group that could not be placed carries the reason it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from attrs import field, frozen

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.envelope import Header, Trailer
from dflow.records import Record

__all__ = ["Flow", "Group", "ReadGroup", "StrayReason", "Unread", "placed_group", "unread_group"]

#: Why a record is a stray, empty for a group in its place.  The words are the codes of
#: the findings that tell of it.
StrayReason = str


#: Reads a group's bytes, whose first line is given: its record, and the groups below it.
ReadGroup = Callable[[bytes, int], "tuple[Record, tuple[Group, ...]]"]

#: What has been put off: the bytes, their first line, and how to read them.
Unread = tuple[bytes, int, ReadGroup]


@frozen(kw_only=True)
class Group:
    """A record and the groups below it.

    Attributes:
        record: the record itself, the raw truth.
        definition: what the catalogue says of it; None for a stray, and for every group
            of a flow whose structure is not known.
        groups: the groups below, in file order, strays included.
        stray: the finding code that says why the record does not fit here; empty if it fits.
    """

    record: Record
    definition: GroupDef | None = field(default=None, repr=False)
    groups: tuple[Group, ...] = ()
    stray: StrayReason = ""
    _unread: Unread | None = field(default=None, init=False, eq=False, repr=False)

    if not TYPE_CHECKING:  # to a type checker, `record` and `groups` are simply there

        def __getattr__(self, name):
            """Read what was put off: the record and the groups below it."""
            unread = self._unread if name in ("record", "groups") else None
            if unread is None:
                raise AttributeError(f"a Group has no attribute {name!r}")
            data, line, read = unread
            record, groups = read(data, line)
            _SET_RECORD(self, record)
            _SET_GROUPS(self, groups)
            _SET_UNREAD(self, None)
            return record if name == "record" else groups

    @property
    def code(self) -> str:
        """The group code as it stands in the record."""
        return self.record.code

    @property
    def values(self) -> tuple[str, ...]:
        """The fields after the group code, as text."""
        return self.record.values

    @property
    def reason(self) -> StrayReason:
        """Why the record is not as it should be, as a finding code; empty if it is.

        That is `stray`, or ``too-few-fields`` or ``too-many-fields`` for a record that stands
        in its place with another number of fields than its group.  Fields are counted as
        in a user file, whose records are closed by a pipe.
        """
        if self.stray or self.definition is None:
            return self.stray
        number, wanted = len(self.values), len(self.definition.items)
        if number == wanted:
            return ""
        return "too-few-fields" if number < wanted else "too-many-fields"

    def get(self, jcode: str) -> str | None:
        """The value of an item of this group; None if the group or the record has no such field."""
        place = self.definition.place(jcode) if self.definition else None
        if place is None:
            return None
        values = self.values
        return values[place.position - 1] if place.position <= len(values) else None

    def __getitem__(self, jcode: str) -> str:
        """The value of an item of this group, by J-code.

        Raises:
            KeyError: if the group has no such item, or the record no such field; it says
                which items there are.
        """
        value = self.get(jcode)
        if value is None:
            raise KeyError(self._miss(jcode))
        return value

    def _miss(self, jcode: str) -> str:
        """Why there is no such value, without the record's own words."""
        if self.definition is None:
            return f"the layout of line {self.record.line} is not known, so nor is {jcode}"
        if self.definition.place(jcode) is not None:
            return f"the record of group {self.definition.code} has no field for {jcode}"
        lacks = f"group {self.definition.code} has no item {jcode}"
        for place in self.definition.items:
            if place.name == jcode:
                return f"{lacks}; ask for it by its J-code, {place.jcode}"
        known = ", ".join(f"{place.jcode} {place.name}" for place in self.definition.items)
        return f"{lacks}; known: {known or 'none'}"

    def walk(self) -> Iterator[Group]:
        """This group and all below it, in file order."""
        stack = [self]
        while stack:  # not recursive: a hostile file nests as deep as its catalogue allows
            group = stack.pop()
            yield group
            stack.extend(reversed(group.groups))

    def find(self, code: str) -> Iterator[Group]:
        """The groups of this code, this one included, in file order."""
        return (group for group in self.walk() if group.code == code)


# A slot can be set by its descriptor in a fifth of the time that a frozen `__init__` takes,
# and one that is not set yet asks `__getattr__`: so a scan makes a group a microsecond.
_NEW = object.__new__
_SET_RECORD = vars(Group)["record"].__set__
_SET_DEFINITION = vars(Group)["definition"].__set__
_SET_GROUPS = vars(Group)["groups"].__set__
_SET_STRAY = vars(Group)["stray"].__set__
_SET_UNREAD = vars(Group)["_unread"].__set__


def unread_group(definition: GroupDef, data: bytes, line: int, read: ReadGroup) -> Group:
    """A group that is read when it is first looked at, and is then like any other.

    Args:
        definition: what the catalogue says of it.
        data: its bytes, in the form that `read` knows.
        line: the line of its record.
        read: gives its record and the groups below it.
    """
    group = _NEW(Group)
    _SET_DEFINITION(group, definition)
    _SET_STRAY(group, "")
    _SET_UNREAD(group, (data, line, read))
    return group


def placed_group(record: Record, definition: GroupDef, groups: tuple[Group, ...]) -> Group:
    """A group in its place, as ``Group(...)`` makes it, in half the time.

    Args:
        record: its record.
        definition: what the catalogue says of it.
        groups: the groups below it.
    """
    group = _NEW(Group)
    _SET_RECORD(group, record)
    _SET_DEFINITION(group, definition)
    _SET_GROUPS(group, groups)
    _SET_STRAY(group, "")
    _SET_UNREAD(group, None)
    return group


@frozen(kw_only=True)
class Flow:
    """A whole file.

    Attributes:
        header: the address, or None if the first record is no header.
        definition: the catalogue's entry, or None if the catalogue has none.
        groups: the level-1 groups and strays between them, in file order.
        trailer: the counts, or None if there is no trailer.
        header_record: the record of the header; None if there is none.
        trailer_record: the record of the trailer; None if there is none.
        after: records after the trailer.
        mark: the byte-order mark before the first record; empty as a rule.
    """

    header: Header | None
    definition: FlowDef | None = field(default=None, repr=str)  # its key, not its groups
    groups: tuple[Group, ...] = ()
    trailer: Trailer | None = None
    header_record: Record | None = field(default=None, repr=False)
    trailer_record: Record | None = field(default=None, repr=False)
    after: tuple[Group, ...] = ()
    mark: bytes = b""

    def walk(self) -> Iterator[Group]:
        """Every group of the body, in file order."""
        for group in self.groups:
            yield from group.walk()

    def find(self, code: str) -> Iterator[Group]:
        """The groups of this code, in file order."""
        return (group for group in self.walk() if group.code == code)

    def records(self) -> Iterator[Record]:
        """Every record of the file, header and trailer included, in file order."""
        if self.header_record is not None:
            yield self.header_record
        for group in self.walk():
            yield group.record
        if self.trailer_record is not None:
            yield self.trailer_record
        for group in self.after:
            yield group.record

    @property
    def strays(self) -> tuple[Group, ...]:
        """The records that fit nowhere, in file order."""
        return tuple(group for group in (*self.walk(), *self.after) if group.stray)

    def __bytes__(self) -> bytes:
        """The file, byte for byte as it was read."""
        parts = [self.mark]
        for record in self.records():
            parts += (record.raw, record.end)
        return b"".join(parts)
