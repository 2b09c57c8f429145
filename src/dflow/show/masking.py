"""Records with their sensitive values hidden, at their full width.

In: the bytes of a record and the flow's definition.  Out: printable text of the same
length, in which a sensitive value is a row of asterisks, so that columns keep their
places.  This module does not decide what is sensitive: the catalogue does.

What cannot be told is hidden: every field of a body record whose group the catalogue
does not know may hold somebody's name.
"""

from __future__ import annotations

from attrs import define, field

from dflow.catalogue.model import FlowDef, GroupDef
from dflow.records import Record
from dflow.show.paint import printable

__all__ = ["MASK", "Mask", "masked_value"]

#: Stands for each character that is hidden.
MASK = "*"

#: Records that hold addresses and counts, never persons.
_ENVELOPE = frozenset({"ZHV", "ZHD", "ZHF", "ZPT"})


def masked_value(value: str) -> str:
    """Asterisks of the value's length; blank stays blank."""
    return MASK * len(value) if value.strip() else value


@define
class Mask:
    """Hides the sensitive values of one flow's records.

    Attributes:
        definition: the flow's definition; None hides every field of the body.
        off: shows everything as it is.
    """

    definition: FlowDef | None = None
    off: bool = field(default=False, kw_only=True)
    _hidden: dict[str, frozenset[int]] = field(init=False, repr=False)
    _lengths: dict[str, set[int]] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        hidden: dict[str, set[int]] = {}
        self._lengths = {}
        for group in self.definition.walk() if self.definition else ():
            self._lengths.setdefault(group.code, set()).add(len(group.items))
            hidden.setdefault(group.code, set()).update(
                place.position for place in group.items if place.item.sensitive
            )
        self._hidden = {code: frozenset(places) for code, places in hidden.items()}

    def hides(self, group: GroupDef | None, position: int) -> bool:
        """Whether the field at this position, 1-based after the code, is to be hidden."""
        if self.off:
            return False
        if group is None:
            return True
        return any(place.position == position and place.item.sensitive for place in group.items)

    def text(self, record: Record | bytes) -> str:
        """The record as printable text of the same length, sensitive values hidden."""
        raw = record.raw if isinstance(record, Record) else record
        text = raw.decode("latin-1")
        if not self.off:
            code, *fields = text.split("|")
            if code not in _ENVELOPE:
                fields = self._fields(code, fields)
                # A line without a pipe is all code; a code has at most three characters.
                code = code if len(code) <= 3 else masked_value(code)
            text = "|".join([code, *fields])
        return printable(text)

    def _fields(self, code: str, fields: list[str]) -> list[str]:
        hidden = self._hidden.get(code)
        if hidden is not None and not hidden:
            return fields
        count = len(fields) - (bool(fields) and fields[-1] == "")
        if hidden is None or count < max(self._lengths[code]):
            first = 1  # unknown, or a field is lost: a value may stand anywhere
        elif count not in self._lengths[code]:
            first = min(hidden)  # a surplus field shifts what follows it
        else:
            return [
                masked_value(value) if position in hidden else value
                for position, value in enumerate(fields, 1)
            ]
        return [*fields[: first - 1], *(masked_value(value) for value in fields[first - 1 :])]
