"""The closed selectors of a rule: which flows, parties, words and items it is about.

In: patterns as a person writes them.  Out: frozen values that say whether a header fits.
This module does not know rules, files or times, and looks at one value at a time; the
same values are compiled for the index and for the algebra of lint.

Sets, prefixes, ranges and subtraction only: over these, overlap and cover are decidable.
"""

from __future__ import annotations

import re
from typing import Literal

from attrs import Attribute, field, frozen

from dflow.envelope import Party

__all__ = [
    "CODE",
    "MPID",
    "NAME",
    "RESERVED",
    "ROLE",
    "VERSION",
    "FlowChoice",
    "FlowPattern",
    "ItemIn",
    "ListRef",
    "Operator",
    "PartyChoice",
    "PartyPattern",
    "VersionRange",
    "WordChoice",
    "WordPattern",
    "fits",
    "is_name",
    "is_printable",
    "quoted",
    "version_key",
]

#: Words that begin or join clauses; none of them can be a name.
RESERVED = (
    "across",
    "application",
    "because",
    "clone",
    "column",
    "copy",
    "deliver",
    "destination",
    "discard",
    "during",
    "else",
    "except",
    "file",
    "flow",
    "from",
    "hold",
    "in",
    "instances",
    "list",
    "matching",
    "none",
    "only",
    "owner",
    "readdressed",
    "receiving",
    "refuse",
    "route",
    "sending",
    "test",
    "timezone",
    "to",
    "when",
    "where",
)

#: A name: lower case, so that it is never taken for a flow, a flag or a participant.
NAME = rf"(?!(?:{'|'.join(RESERVED)})(?![a-z0-9_-]))(?!v[<>0-9])[a-z][a-z0-9_-]*"
#: A flow, a flag or an application id, a prefix of such with a star, or a star.
CODE = r"(?:\*|[A-Z0-9][A-Z0-9_-]*\*?)"
#: A version, without its ``v``.
VERSION = r"[0-9][0-9A-Za-z.]*"
#: A role code, a prefix with a star, a star, or nothing.
ROLE = r"(?:\*|[A-Z0-9]+\*?)?"
#: A participant id, a prefix with a star, or a star.
MPID = r"(?:\*|[A-Z0-9][A-Z0-9._-]*\*?)"

_NAME = re.compile(NAME)
_BARE = re.compile(r"[A-Z0-9][A-Z0-9_-]*")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]*")

#: How a header's version must stand to a rule's.
Operator = Literal["=", ">=", "<=", ">", "<"]


def is_name(text: str) -> bool:
    """Whether `text` can name a rule, a destination or a list."""
    return _NAME.fullmatch(text) is not None


def is_printable(text: str) -> bool:
    """Whether `text` can stand between quotation marks in a rules file."""
    return _PRINTABLE.fullmatch(text) is not None


def _must_fit(pattern: str, what: str):  # type: ignore[no-untyped-def]  # attrs' validator type
    compiled = re.compile(pattern)

    def check(_: object, attribute: Attribute[str], value: str) -> None:
        if not compiled.fullmatch(value):
            raise ValueError(f"{value!r} is not {what} ({attribute.name})")

    return check


def fits(pattern: str, value: str) -> bool:
    """Whether a value is the pattern's text, or starts with it where it ends with a star."""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    return value == pattern


def version_key(version: str) -> tuple[tuple[int, str, str], ...]:
    """A total order of versions: digits by number, other text by letter; none comes first.

    >>> sorted(["10", "9", "", "002"], key=version_key)
    ['', '002', '9', '10']
    """
    key = []
    for part in re.findall(r"[0-9]+|[^0-9]+", version):
        if part.isdecimal() and part.isascii():
            digits = part.lstrip("0")
            key.append((len(digits) + 1, digits, part))
        else:
            key.append((0, part, part))
    return tuple(key)


@frozen
class ListRef:
    """The values of a list, by the list's name."""

    name: str = field(validator=_must_fit(NAME, "a name"))

    def __str__(self) -> str:
        return self.name


@frozen
class VersionRange:
    """Some versions of a flow: ``v002``, ``v>=002``, ``v<003``.

    Attributes:
        operator: how a header's version must stand to `version`.
        version: without the ``v``.
    """

    operator: Operator
    version: str = field(validator=_must_fit(VERSION, "a version"))

    def matches(self, version: str) -> bool:
        """Whether the version lies in the range; a header without one is below all."""
        if self.operator == "=":
            return version == self.version
        mine, theirs = version_key(self.version), version_key(version)
        if self.operator == ">=":
            return theirs >= mine
        if self.operator == "<=":
            return theirs <= mine
        return theirs > mine if self.operator == ">" else theirs < mine

    def __str__(self) -> str:
        return f"v{'' if self.operator == '=' else self.operator}{self.version}"


@frozen
class FlowPattern:
    """A flow, a prefix of flows, or a list of them, and which of their versions.

    Attributes:
        flow: such as ``D0010``, ``D02*`` or ``*``; or a list of such.
        versions: None for all.
    """

    flow: str | ListRef = field()
    versions: VersionRange | None = None

    @flow.validator
    def _check(self, _: object, value: str | ListRef) -> None:
        if isinstance(value, str) and not re.fullmatch(CODE, value):
            raise ValueError(f"{value!r} is not a flow, such as D0010, D02* or *")

    def __str__(self) -> str:
        return f"{self.flow} {self.versions}" if self.versions else str(self.flow)


@frozen
class FlowChoice:
    """The flows of a rule: the patterns of `include` without those of `exclude`."""

    include: tuple[FlowPattern, ...]
    exclude: tuple[FlowPattern, ...] = ()

    def __str__(self) -> str:
        return _choice(self.include, self.exclude)


@frozen
class PartyPattern:
    """Participants in roles: ``X/UDMS``, ``P/*``, ``*/UDMS``, ``*``.

    Attributes:
        role: role code, a prefix with a star, or a star; empty for addresses without roles.
        mpid: participant id, a prefix with a star, or a star.
    """

    role: str = field(validator=_must_fit(ROLE, "a role, such as X or *"))
    mpid: str = field(validator=_must_fit(MPID, "a participant, such as UDMS, U* or *"))

    @classmethod
    def parse(cls, text: str) -> PartyPattern:
        """A participant or a pattern of them, such as ``X/UDMS``, ``P/*`` or ``*``.

        Raises:
            ValueError: if the text is none.
        """
        if text == "*":
            return cls("*", "*")
        role, slash, mpid = text.partition("/")
        if not slash:
            raise ValueError(f"{text!r} is not a participant, such as X/UDMS")
        return cls(role, mpid)

    def matches(self, party: Party) -> bool:
        """Whether the participant, in its role, is one of them."""
        return fits(self.role, party.role) and fits(self.mpid, party.mpid)

    def __str__(self) -> str:
        return "*" if self.role == self.mpid == "*" else f"{self.role}/{self.mpid}"


@frozen
class PartyChoice:
    """The senders or recipients of a rule: `include` without `exclude`."""

    include: tuple[PartyPattern | ListRef, ...]
    exclude: tuple[PartyPattern | ListRef, ...] = ()

    def __str__(self) -> str:
        return _choice(self.include, self.exclude)


@frozen
class WordPattern:
    """A test flag or application id: exact, a prefix, or none.

    Attributes:
        text: the word or its first letters; empty for `none`.
        kind: ``none`` is a blank field; of a test flag it is live data, blank or OPER.
    """

    text: str
    kind: Literal["exact", "prefix", "none"] = "exact"

    def __attrs_post_init__(self) -> None:
        bare = _BARE.fullmatch(self.text) or not self.text
        right = {
            "exact": bool(self.text) and is_printable(self.text),
            "prefix": bare,
            "none": not self.text,
        }
        if not right[self.kind]:
            raise ValueError(f"{self.text!r} cannot be a word of kind {self.kind}")

    def __str__(self) -> str:
        if self.kind == "none":
            return "none"
        if self.kind == "prefix":
            return self.text + "*"
        return self.text if _BARE.fullmatch(self.text) else quoted(self.text)


@frozen
class WordChoice:
    """The test flags or application ids of a rule."""

    include: tuple[WordPattern, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.include))


@frozen
class ItemIn:
    """A condition on the body: an instance holds this item with a value of this list.

    Attributes:
        jcode: the item, such as ``J0003``.
        values: the list's name.
    """

    jcode: str = field(validator=_must_fit(r"J[0-9]{4}", "an item, such as J0003"))
    values: ListRef

    def __str__(self) -> str:
        return f"{self.jcode} in {self.values}"


def quoted(text: str) -> str:
    """A text between quotation marks, as a rules file writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _choice(include: tuple[object, ...], exclude: tuple[object, ...]) -> str:
    text = ", ".join(map(str, include))
    return f"{text} except {', '.join(map(str, exclude))}" if exclude else text
