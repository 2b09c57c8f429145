"""Pseudonyms of values: by what the catalogue says an item is sensitive for.

In: an item's place and a value.  Out: another value of the same shape, about which
`dflow.check` says the same.  This module does not know files.

A meter point keeps its first two digits, its distributor, and its check digit is as
right or as wrong as before.  Meter and equipment numbers that differ only by spaces
stay one.  Reserved words stay.  A date becomes another date.  Whatever else is
sensitive, free text too, becomes letters for letters and digits for digits.
"""

from __future__ import annotations

import re
from datetime import date

from attrs import define, field

from dflow.catalogue import ItemDef, ItemPlace
from dflow.identifiers import MPAN_ITEMS, has_check_digit, mpan_check_digit
from dflow.pseudonym.permute import Permutation
from dflow.validate.values import check_value

__all__ = ["RESERVED", "ValuePseudonyms"]

#: Words that stand in the place of names and are read by programs (facts, market
#: section 4).
RESERVED = ("vacant",)

_THIRTEEN = re.compile(r"[0-9]{13}", re.ASCII)
_FIRST_DAY, _LAST_DAY = date(1950, 1, 1).toordinal(), date(2199, 12, 31).toordinal()

#: Long values without so many letters and digits are replaced by letters: what stays of
#: a text is what is neither, and here that is nearly all.
_LONG, _FEW = 8, 4

#: Walks are given up after so many steps, and the value is made of one letter.
_MOST_STEPS = 4096


@define(eq=False)
class ValuePseudonyms:
    """The pseudonyms of values under one key.

    Attributes:
        keyed: the permutations.
        reserved: words that stay, in small letters.
    """

    keyed: Permutation
    reserved: frozenset[str] = frozenset(RESERVED)
    _known: dict[tuple[str, str], str] = field(factory=dict, init=False)

    def of(self, place: ItemPlace, value: str) -> str:
        """The pseudonym of a value; a blank one stays blank."""
        found = self._known.get((place.jcode, value))
        if found is None:
            found = self._known[place.jcode, value] = self._made(place, value)
            if len(self._known) > 100_000:  # a saving only: memory stays bounded
                self._known.clear()
        return found

    def meter_point(self, value: str) -> str:
        """The pseudonym of thirteen digits."""
        body = self.keyed.number(f"meter point/{value[:2]}", int(value[2:12]), 10**10)
        twelve = f"{value[:2]}{body:010d}"
        if not has_check_digit(value):
            return twelve + self.keyed.text(f"last digit/{value[:12]}", value[12])
        off = int(value[12]) - int(mpan_check_digit(value[:12]))
        return twelve + str((int(mpan_check_digit(twelve)) + off) % 10)

    def anything(self, value: str) -> str:
        """The pseudonym of a value of which nothing is known."""
        kept, made = self._kept(value), value
        for _ in range(_MOST_STEPS):
            made = self.keyed.text("anything", made, kept)
            if self._kept(made) == kept:
                return made
        return self._letters("anything", value)

    def _made(self, place: ItemPlace, value: str) -> str:
        item = place.item
        if not value:
            return value
        if _THIRTEEN.fullmatch(value) and _is_point(item):
            return self.meter_point(value)
        codes = item.codes
        if codes is not None and value in codes:
            listed = [code for code in codes.codes if code]
            return listed[
                self.keyed.number(f"{item.jcode}/codes", listed.index(value), len(listed))
            ]
        kind = item.format.kind
        if kind in ("DATE", "DATETIME", "TIMESTAMP") and item.format.admits(value):
            return self._other_day(item.jcode, value)
        return self._walked(place, value)

    def _other_day(self, jcode: str, value: str) -> str:
        day = date(int(value[:4]), int(value[4:6]), int(value[6:8])).toordinal()
        size = _LAST_DAY - _FIRST_DAY + 1
        other = self.keyed.number(f"{jcode}/day", day - _FIRST_DAY, size)
        return date.fromordinal(_FIRST_DAY + other).strftime("%Y%m%d") + value[8:]

    def _walked(self, place: ItemPlace, value: str) -> str:
        """Permuted until the check says of it what it says of the value.

        A walk along a cycle that stops at the first value of the same verdict, with the
        reserved words of the value and no other, is itself a permutation of the values that
        are alike in this, so no two become one.
        """
        verdict = _verdict(place, value)
        domain = _domain(place.item)
        spaced = [at for at, character in enumerate(value) if character == " "]
        text = value.replace(" ", "") if domain == "equipment" else value
        kept = self._kept(text)
        if len(value) >= _LONG and sum(map(str.isalnum, value)) < _FEW:
            return self._letters(domain, value)
        made = text
        for _ in range(_MOST_STEPS):
            made = self.keyed.text(domain, made, kept)
            whole = _spaced(made, spaced) if text != value else made
            if self._kept(made) == kept and _verdict(place, whole) == verdict:
                return whole
        return value if len(value) < _LONG else self._letters(domain, value)

    def _letters(self, domain: str, value: str) -> str:
        """As many letters: of eight or more, two values have the same by a chance of 26**-8."""
        return self.keyed.text(f"{domain}/{value}", "A" * len(value))

    def _kept(self, value: str) -> frozenset[int]:
        """The positions of reserved words."""
        found: set[int] = set()
        for word in re.finditer(r"[^\W\d_]+", value):
            if word[0].lower() in self.reserved:
                found.update(range(*word.span()))
        return frozenset(found)


def _spaced(text: str, spaces: list[int]) -> str:
    made = list(text)
    for at in spaces:
        made.insert(at, " ")
    return "".join(made)


def _is_point(item: ItemDef) -> bool:
    return item.jcode in MPAN_ITEMS or item.sensitive == "meter point identifier"


def _domain(item: ItemDef) -> str:
    """Items in one domain share their pseudonyms, so that joins between them are kept."""
    if item.sensitive == "meter point identifier":
        return "meter point"
    if item.sensitive == "meter or equipment identifier":
        return "equipment"
    return item.sensitive or "anything"


def _verdict(place: ItemPlace, value: str) -> str:
    found = check_value(place, value)
    return found[0] if found else ""
