"""Faults of values and identifiers: a field that does not hold what its item says.

In: a `Draft`.  Out: ways to spoil one value of it.  This module does not change records
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from dflow.catalogue import ItemPlace
from dflow.identifiers import MPAN_ITEMS, has_check_digit, is_mpan, mpan_check_digit
from dflow.testing.draft import Draft, Site
from dflow.testing.faulty import FaultMaker, Way

__all__ = ["MAKERS"]

#: What may be wrong in the shape of a value, tried in this order.
_MISSHAPEN = ("X", "?", "20201301", "20210229", "256161", "20200101250000", "1.2.3", "123")


def _listed(place: ItemPlace) -> bool:
    """Whether the item's values come from a list that is known whole."""
    return place.item.codes is not None and place.item.codes.complete


def _with_value(draft: Draft, site: Site, value: str) -> Way:
    at = site.line.at
    return Way(partial(draft.replaced, at, site.spoiled(value)), at + 1, site.column)


def _each(wrong: Callable[[Site], str | None]) -> FaultMaker:
    """A maker from a function that gives the wrong value of a site, if it can have one."""

    def maker(draft: Draft) -> Iterator[Way]:
        for site in draft.sites():
            value = wrong(site)
            if value is not None:
                yield _with_value(draft, site, value)

    return maker


def _missing(site: Site) -> str | None:
    return "" if site.place.presence == "mandatory" and site.value else None


def _not_blank(site: Site) -> str | None:
    return "X" if site.place.presence == "blank" else None


def _misshapen(site: Site) -> str | None:
    place = site.place
    if place.presence == "blank" or _listed(place):
        return None
    if place.jcode in MPAN_ITEMS:
        return "123456789012"
    form = place.item.format
    longest = form.longest
    for value in _MISSHAPEN:
        if not form.admits(value) and (longest is None or len(value) <= longest):
            return value
    return None


def _too_long(site: Site) -> str | None:
    place = site.place
    if place.presence == "blank" or _listed(place):
        return None
    longest = 13 if place.jcode in MPAN_ITEMS else place.item.format.longest
    if longest is None:
        return None
    return ("1" if place.item.format.kind != "CHAR" else "A") * (longest + 1)


def _unlisted(site: Site) -> str | None:
    codes = site.place.item.codes
    if site.place.presence == "blank" or codes is None or not codes.complete:
        return None
    return next(value for value in ("~", "~~", "Z9", "") if value not in codes)


def _leading_zero(site: Site) -> str | None:
    place = site.place
    form = place.item.format
    if place.presence == "blank" or _listed(place) or place.jcode in MPAN_ITEMS:
        return None
    if form.kind not in ("NUM", "INT") or (form.length or 0) < 2:
        return None
    return "07"


def _wrong_digit(site: Site) -> str | None:
    value = site.value
    if site.place.jcode in MPAN_ITEMS and is_mpan(value) and has_check_digit(value):
        return value[:12] + str((int(value[12]) + 1) % 10)
    return None


def _nowhere(site: Site) -> str | None:
    if site.place.jcode in MPAN_ITEMS and is_mpan(site.value):
        twelve = "99" + site.value[2:12]
        return twelve + mpan_check_digit(twelve)
    return None


#: The makers of these faults, by code.
MAKERS: dict[str, FaultMaker] = {
    "missing-value": _each(_missing),
    "blank-expected": _each(_not_blank),
    "format": _each(_misshapen),
    "too-long": _each(_too_long),
    "not-in-code-list": _each(_unlisted),
    "leading-zero": _each(_leading_zero),
    "mpan-check-digit": _each(_wrong_digit),
    "unknown-distributor": _each(_nowhere),
}
