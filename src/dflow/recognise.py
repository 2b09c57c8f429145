"""A flow's definition as one regular expression, which accepts a clean body at the speed of C.

In: a `FlowDef`.  Out: patterns over bytes.  This module does not explain: what an
expression refuses goes to the grammar and the layers of `dflow.validate` for the reasons.

The expression says: every record closed by a pipe and ended by LF or CRLF, as many
fields as its group has items, each value in its format or, where the published code list
is complete, in the list; every group under its parent, in catalogue order, at most as
often as the catalogue allows.  It is linear: every repetition is possessive, and where
alternatives are left open they exclude each other, so nothing once matched can be
matched another way.

What it cannot say is counted beside it (`dflow.validate.fast`): check digits, and what
header and trailer claim.

A code that stands more than once (D0030, D0209, D0401) is taken by the walk of the
grammar for the first group in catalogue order that is not full.  The expression must not
be more generous, so behind such a group stands a guard: if its code follows and it is
not full, nothing behind it may take the record.
"""

from __future__ import annotations

import re
from functools import cache

from attrs import frozen

from dflow.catalogue.formats import Format
from dflow.catalogue.model import FlowDef, GroupDef, ItemPlace
from dflow.identifiers import MPAN_ITEMS

__all__ = [
    "Asked",
    "expression",
    "record_pattern",
    "records_pattern",
    "root_pattern",
    "screen_pattern",
    "shape_pattern",
]


@frozen(kw_only=True)
class Asked:
    """What an expression asks for, or may take for granted, beside what every clean body has.

    Advice is told once a file, so a file is watched for what has not been told yet; and a
    caller that has looked at the bytes can spare the expression work.

    Attributes:
        missing: groups, by place in the catalogue, that must stand as often as the
            catalogue's range says at least.
        zeros: J-codes of numbers that must not be written with leading zeros.
        ascii: no byte above 126.
        lf: no record ends with CRLF.
    """

    missing: frozenset[int] = frozenset()
    zeros: frozenset[str] = frozenset()
    ascii: bool = False
    lf: bool = False

    @property
    def text(self) -> str:
        """The bytes that a value may hold; two ranges are faster than a set of exceptions."""
        return r"[\x20-{}~]" if self.ascii else r"[^|\x00-\x1f\x7f]"


_NOTHING = Asked()

# Dates, days 1 to 28 of this century first: nearly every date is one, and alternatives
# that exclude each other leave nothing to be tried twice.
_EARLY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|1[0-9]|2[0-8])"
_LATE = r"(?:(?:0[13-9]|1[0-2])(?:29|30)|(?:0[13578]|1[02])31)"
_LEAP = (
    r"(?:19(?:[68][048]|[579][26])|20(?:[02468][048]|[13579][26])"
    r"|21(?:0[48]|[2468][048]|[13579][26]))0229"
)
_TIME = r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"


def _date(rest: str) -> str:
    return (
        rf"(?:20[0-9][0-9]{_EARLY}{rest}|(?:19[5-9]|21[0-9])[0-9]{_EARLY}{rest}"
        rf"|(?:19[5-9]|2[01][0-9])[0-9]{_LATE}{rest}|{_LEAP}{rest})"
    )


_FIXED = {
    "DATE": _date(""),
    "TIME": rf"(?:{_TIME})",
    "DATETIME": _date(_TIME),
    "TIMESTAMP": _date(_TIME + r"\.[0-9]{6}"),
    "BOOLEAN": "[TF]",
}


@cache
def _number(form: Format, *, optional: bool, zeros: bool) -> str:
    """A number's field without its pipe; `zeros` refuses leading zeros."""
    ahead = "(?!0[0-9])" if zeros else ""
    most = form.length or 1
    if form.signed:
        # "+" alone is no number: what follows a sign is asked for in full.
        whole = rf"{ahead}[0-9]{{1,{most}}}+"
        value = whole
        if form.decimals:
            decimals = rf"\.[0-9]{{1,{form.decimals}}}+"
            value = rf"(?>{whole}(?:{decimals})?+|{decimals})"
        return rf"(?:[+-]?+{value}){'?+' if optional else ''}"
    if not form.decimals:
        return rf"{ahead}[0-9]{{{0 if optional else 1},{most}}}+"
    blank = "" if optional else r"(?!\|)"
    return rf"{blank}{ahead}[0-9]{{0,{most}}}+(?:\.[0-9]{{1,{form.decimals}}}+)?+"


def _codes(codes: list[str]) -> str:
    """Alternatives of a code list; the longest first, so that none hides behind a shorter."""
    if all(len(code) == 1 for code in codes):
        return "[" + "".join(re.escape(code) for code in codes) + "]"
    ordered = sorted(codes, key=len, reverse=True)
    return "(?>" + "|".join(re.escape(code) for code in ordered) + ")"


def _text(form: Format, asked: Asked, *, optional: bool) -> str:
    least = 0 if optional else 1
    most = "" if form.length is None else str(form.length)
    if form.signed:
        return rf"(?>[+-]?{asked.text}{{1,{most}}}){'?+' if optional else ''}"
    return rf"{asked.text}{{{least},{most}}}+"


def _field(at: ItemPlace, asked: Asked) -> str:
    """A field and the pipe that closes it."""
    if at.presence == "blank":
        return r"\|"
    optional = at.presence == "optional"
    codes, form = at.item.codes, at.item.format
    if codes is not None and codes.complete:
        value = _codes([code for code in codes.codes if code])
    elif at.jcode in MPAN_ITEMS:
        value = "[0-9]{13}"
    elif form.kind in ("NUM", "INT"):
        return _number(form, optional=optional, zeros=at.jcode in asked.zeros) + r"\|"
    elif form.kind in ("CHAR", "UNSTATED"):
        return _text(form, asked, optional=optional) + r"\|"
    else:
        value = _FIXED[form.kind]
        # A blank first: an alternative that starts with a literal costs next to nothing.
        return rf"(?:\||{value}\|)" if optional else rf"{value}\|"
    return rf"(?:{value})?+\|" if optional else rf"{value}\|"


def _record(group: GroupDef, asked: Asked) -> str:
    fields = "".join(_field(at, asked) for at in group.items)
    return rf"{re.escape(group.code)}\|{fields}"


def record_pattern(group: GroupDef, asked: Asked = _NOTHING) -> re.Pattern[bytes]:
    """The expression for one record of a group, without its terminator."""
    return re.compile(_record(group, asked).encode("latin-1"))


def records_pattern(flow_def: FlowDef, asked: Asked = _NOTHING) -> re.Pattern[bytes]:
    """The expression for any number of records of a flow, wherever each of them stands."""
    end = r"\n" if asked.lf else r"\r?+\n"
    records = "|".join(_record(group, asked) + end for group in flow_def.walk())
    return re.compile(f"(?>{records})*+".encode("latin-1"))


def screen_pattern(group: GroupDef, asked: Asked = _NOTHING) -> re.Pattern[bytes]:
    """The expression that holds the doubtful fields of a record; use ``match``.

    It has a capturing group for each item, empty-handed where the field is clean.  MPANs
    are always doubtful, because an expression cannot count.  A record of too few fields
    has no match, one of too many has a match that ends before it does.
    """
    doubtful = r"([^|]*+)\|"
    fields = "".join(
        doubtful if at.jcode in MPAN_ITEMS else f"(?>{_field(at, asked)}|{doubtful})"
        for at in group.items
    )
    return re.compile(rf"{re.escape(group.code)}\|{fields}".encode("latin-1"))


def _group(group: GroupDef, behind: frozenset[str], asked: Asked, *, shape: bool = False) -> str:
    """One occurrence of a group; `behind` holds the codes that may follow it by other ways."""
    if shape:
        record = rf"{re.escape(group.code)}\|[^\n]*+\n"
    else:
        record = _record(group, asked) + (r"\n" if asked.lf else r"\r?+\n")
    return record + _siblings(group.groups, behind, asked, shape=shape)


def _siblings(
    groups: tuple[GroupDef, ...], behind: frozenset[str], asked: Asked, *, shape: bool = False
) -> str:
    parts: list[str] = []
    for index, group in enumerate(groups):
        later = behind | {sibling.code for sibling in groups[index + 1 :]}
        one = _group(group, later | {group.code}, asked, shape=shape)
        parts.append(_times(group, one, guarded=group.code in later, asked=asked))
    return "".join(parts)


def _times(group: GroupDef, one: str, *, guarded: bool, asked: Asked) -> str:
    occurs = group.range
    guard = rf"(?!{re.escape(group.code)}\|)" if guarded else ""
    least = occurs.least if group.seq in asked.missing else 0
    if group.seq in asked.missing and occurs.counts:
        nested = ""
        for few, more in zip(occurs.counts[-2::-1], occurs.counts[:0:-1], strict=True):
            nested = f"(?:(?:{one}){{{more - few}}}{nested})?+"
        return f"(?>(?:{one}){{{occurs.counts[0]}}}{nested}){guard}"
    if occurs.most is None:
        return f"(?:{one}){{{least},}}+{guard}"
    if not guarded:
        return f"(?:{one}){{{least},{occurs.most}}}+"
    # Guarded and bounded: full, or not followed by its own code.
    full = f"(?:{one}){{{occurs.most}}}"
    if least == occurs.most:
        return f"(?>{full})"
    return f"(?>{full}|(?:{one}){{{least},{occurs.most - 1}}}+{guard})"


def root_pattern(flow_def: FlowDef, root: GroupDef, asked: Asked = _NOTHING) -> str:
    """One occurrence of a level-1 group with all below it, as a pattern over bytes."""
    return _group(root, frozenset(group.code for group in flow_def.groups), asked)


def shape_pattern(flow_def: FlowDef, root: GroupDef, asked: Asked = _NOTHING) -> str:
    """One occurrence of a level-1 group by the codes of its records alone.

    What it accepts has no fault of structure; what its fields hold is not looked at.
    """
    return _group(root, frozenset(group.code for group in flow_def.groups), asked, shape=True)


def expression(flow_def: FlowDef, asked: Asked = _NOTHING) -> re.Pattern[bytes]:
    """The expression for a whole body, from behind the header to before the trailer.

    Use it with ``fullmatch``.  It accepts exactly the bodies in which the layers of a
    check find nothing of severity warning or worse, check digits apart.

    Args:
        flow_def: the flow version.
        asked: what is asked for beyond that; nothing unless given.

    Raises:
        ValueError: if the catalogue knows no structure for the flow version.
    """
    if not flow_def.groups:
        raise ValueError(f"{flow_def} has no known structure, so it has no expression")
    return re.compile(_siblings(flow_def.groups, frozenset(), asked).encode("latin-1"))
