"""Whole files under pseudonyms: only the values of sensitive items change.

In: the bytes of a file.  Out: the bytes of one that says the same of other people, and
counts of what was replaced.  This module opens no file.

Records that fit nowhere hold who knows what: every value of them is replaced, as are
fields beyond those that a group has.  A file of a flow whose structure is not known
cannot be made safe, and is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date

from attrs import define, evolve, field

from dflow.catalogue import Catalogue, FlowDef, GroupDef, ItemPlace, bundled
from dflow.envelope import pool_checksum
from dflow.errors import StructureError
from dflow.flow import Flow, Group
from dflow.identifiers import is_mpan
from dflow.parse import read
from dflow.pseudonym.permute import Permutation
from dflow.pseudonym.values import RESERVED, ValuePseudonyms

__all__ = ["Pseudonymiser", "Replaced"]

#: Dates are shifted by at most so many days, forward or back.
_MOST_SHIFT = 180

#: Values of so many characters are looked for in names.
_LONG = 8

_FIRST_DAY, _LAST_DAY = date(1950, 1, 1).toordinal(), date(2199, 12, 31).toordinal()

#: What was replaced: how many values of each item, by J-code; ``?`` where no item is known.
Replaced = Counter[str]


@define(eq=False)
class Pseudonymiser:
    """Files under pseudonyms, under one key and one choice of what is kept.

    Attributes:
        key: the secret; the same key gives the same pseudonyms in every file.
        catalogue: which items are sensitive, and why.
        reserved: words that stay wherever they stand, in small letters.
        shift_dates: whether the dates of a meter point are moved by days of its own.
        replaced: how many values were replaced so far, by J-code.
        files: how many files were made.
    """

    key: bytes
    catalogue: Catalogue = field(factory=bundled)
    reserved: frozenset[str] = frozenset(RESERVED)
    shift_dates: bool = False
    replaced: Replaced = field(factory=Counter, init=False)
    files: int = field(default=0, init=False)
    _long: dict[str, str] = field(factory=dict, init=False, repr=False)
    _values: ValuePseudonyms = field(init=False)

    @_values.default
    def _of_values(self) -> ValuePseudonyms:
        return ValuePseudonyms(Permutation(self.key), self.reserved)

    def file(self, data: bytes) -> bytes:
        """The file under pseudonyms.

        Raises:
            StructureError: if it has no header, or the flow's structure is not known.
        """
        flow = read(data, catalogue=self.catalogue)
        if flow.definition is None or not flow.definition.structured:
            what = f"{flow.header.flow} v{flow.header.version}" if flow.header else "no header"
            raise StructureError(f"what it holds is not known ({what}), so it cannot be made safe")
        self._long.clear()
        groups = tuple(self._group(group, flow.definition, "") for group in flow.groups)
        after = tuple(self._group(group, flow.definition, "") for group in flow.after)
        self.files += 1
        return bytes(_summed(flow, evolve(flow, groups=groups, after=after)))

    def name(self, name: str) -> str:
        """The name of a file or folder, in which meter points are replaced.

        So are, wherever they stand, the sensitive values of eight characters or more of the
        file that was made last.
        """
        for value in sorted(self._long, key=len, reverse=True):
            name = name.replace(value, self._long[value])
        return re.sub(r"(?<![0-9])[0-9]{13}(?![0-9])", self._point_in_name, name)

    def _point_in_name(self, found: re.Match[str]) -> str:
        point = found[0]
        if point in self._long.values() or not is_mpan(point):
            return point
        return self._values.meter_point(point)

    def _group(self, group: Group, flow: FlowDef, point: str) -> Group:
        definition = group.definition or _by_code(flow, group.code)
        point = (definition and _point(group, definition)) or point
        raw = self._raw(group, definition, point)
        below = tuple(self._group(one, flow, point) for one in group.groups)
        return evolve(group, record=evolve(group.record, raw=raw), groups=below)

    def _raw(self, group: Group, definition: GroupDef | None, point: str) -> bytes:
        raw = group.record.raw
        if raw[:3] in (b"ZHV", b"ZHD", b"ZHF", b"ZPT") or not raw:
            return raw  # an envelope in the wrong place holds no more than one in the right
        code, *fields = raw.decode("latin-1").split("|")
        places = definition.items if definition else ()
        known = zip(places, fields, strict=False)
        made = [self._field(place, value, point) for place, value in known]
        for value in fields[len(places) :]:
            made.append(self._values.anything(value))
            self.replaced["?"] += bool(value)
        # A code that the flow does not have may be a value that lost its place.
        if definition is None:
            code = self._values.anything(code) if len(code) > 3 else code
        return "|".join([code, *made]).encode("latin-1")

    def _field(self, place: ItemPlace, value: str, point: str) -> str:
        if not value:
            return value
        if place.item.sensitive:
            self.replaced[place.jcode] += 1
            made = self._values.of(place, value)
            if len(value) >= _LONG:
                self._long[value] = made
            return made
        if self.shift_dates and point:
            return self._shifted(place, value, point)
        return value

    def _shifted(self, place: ItemPlace, value: str, point: str) -> str:
        form = place.item.format
        dated = form.kind in ("DATE", "DATETIME", "TIMESTAMP") and form.admits(value)
        if not dated:
            return value
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8])).toordinal()
        digest = hmac.new(self.key, f"shift/{point}".encode(), hashlib.sha256).digest()
        other = day + int.from_bytes(digest, "big") % (2 * _MOST_SHIFT + 1) - _MOST_SHIFT
        if not _FIRST_DAY <= other <= _LAST_DAY:
            return value  # the edges of the format's years stay where they are
        self.replaced[place.jcode] += 1
        return date.fromordinal(other).strftime("%Y%m%d") + value[8:]


def _by_code(flow: FlowDef, code: str) -> GroupDef | None:
    """What a stray's items are, if its code says so."""
    return next((group for group in flow.walk() if group.code == code), None)


def _point(group: Group, definition: GroupDef) -> str:
    place = definition.place("J0003")
    values = group.values
    return values[place.position - 1] if place and place.position <= len(values) else ""


def _raws(flow: Flow) -> Iterator[bytes]:
    records = list(flow.records())
    for record in records:
        if record is not flow.trailer_record:
            yield record.raw
        else:
            return


def _summed(before: Flow, after: Flow) -> Flow:
    """The file with a checksum that is as right, or as wrong, as it was."""
    trailer, record = before.trailer, before.trailer_record
    if trailer is None or record is None or trailer.checksum is None:
        return after
    off = trailer.checksum ^ pool_checksum(_raws(before))
    right = pool_checksum(_raws(after))
    fields = record.raw.split(b"|")
    fields[2 if trailer.pool else 3] = str(right ^ off).encode()
    return evolve(after, trailer_record=evolve(record, raw=b"|".join(fields)))
