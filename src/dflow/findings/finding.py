"""A finding: one fault or remark about a file, as a value.

In: a kind from the table, and a place.  Out: a frozen value with place, reason and
remedy.  This module does not read files and raises nothing about them.
"""

from __future__ import annotations

import enum

from attrs import evolve, frozen

__all__ = ["Finding", "Place", "Severity", "finding_at", "value_place"]


@enum.unique
class Severity(enum.Enum):
    """How much a finding matters.  They compare: ``Severity.ERROR > Severity.WARNING``.

    ERROR breaks the format or the catalogue; WARNING is probably wrong, or cannot be
    relied on; ADVICE is worth knowing; INFO is neither good nor bad.
    """

    INFO = "info"
    ADVICE = "advice"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """0 for INFO up to 3 for ERROR."""
        return _RANKS[self]

    def __lt__(self, other: Severity) -> bool:
        return self.rank < other.rank

    def __le__(self, other: Severity) -> bool:
        return self.rank <= other.rank

    def __gt__(self, other: Severity) -> bool:
        return self.rank > other.rank

    def __ge__(self, other: Severity) -> bool:
        return self.rank >= other.rank


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


@frozen(kw_only=True)
class Place:
    """Where in a file: all of it optional, because a missing trailer has no column.

    Attributes:
        line: 1-based line number; 0 for the file as a whole.
        column: 1-based byte column; 0 for the record as a whole.
        width: bytes to underline, from `column`; 0 for just the place.
        path: the group's place in the tree, such as ``026[3]/028[1]/030[2]``.
        jcode: the item's J-code, such as ``J0040``.
        item: the item's name in the catalogue.
    """

    line: int = 0
    column: int = 0
    width: int = 0
    path: str = ""
    jcode: str = ""
    item: str = ""


@frozen(kw_only=True)
class Finding:
    """One fault or remark, with its place, what was expected, and what to do.

    Attributes:
        code: stable name of the kind of finding, a key of `dflow.findings.KINDS`.
        severity: as the kind has it, or as a profile changed it.
        place: where.
        message: one sentence for a person; holds no value of a sensitive item.
        value: what stands in the file; masked if the item is sensitive.
        expected: what could have stood there; empty if nothing can be named.
        remedy: what the reader can do about it.
    """

    code: str
    severity: Severity
    place: Place
    message: str
    value: str = ""
    expected: str = ""
    remedy: str = ""

    @property
    def line(self) -> int:
        """Line of the place, 1-based; 0 for the file as a whole."""
        return self.place.line

    @property
    def column(self) -> int:
        """Column of the place, 1-based; 0 for the record as a whole."""
        return self.place.column

    def with_severity(self, severity: Severity) -> Finding:
        """The same finding at another severity."""
        return evolve(self, severity=severity)

    def as_json(self) -> dict[str, str | int]:
        """The finding as the JSON object that every `--json` prints."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "line": self.place.line,
            "column": self.place.column,
            "path": self.place.path,
            "jcode": self.place.jcode,
            "item": self.place.item,
            "value": self.value,
            "expected": self.expected,
            "message": self.message,
            "remedy": self.remedy,
        }


# A slot can be set by its descriptor in a fraction of the time that a frozen `__init__`
# takes; a file full of faults spends its time in making these two.
_NEW = object.__new__
_SET_LINE, _SET_COLUMN, _SET_WIDTH, _SET_PATH, _SET_JCODE, _SET_ITEM = (
    vars(Place)[name].__set__ for name in ("line", "column", "width", "path", "jcode", "item")
)
_SET_CODE, _SET_SEVERITY, _SET_PLACE, _SET_MESSAGE, _SET_VALUE, _SET_EXPECTED, _SET_REMEDY = (
    vars(Finding)[name].__set__
    for name in ("code", "severity", "place", "message", "value", "expected", "remedy")
)


def value_place(
    *, line: int, column: int, width: int = 0, path: str, jcode: str = "", item: str = ""
) -> Place:
    """A place within a record, as ``Place(...)`` makes it, in half the time."""
    place = _NEW(Place)
    _SET_LINE(place, line)
    _SET_COLUMN(place, column)
    _SET_WIDTH(place, width)
    _SET_PATH(place, path)
    _SET_JCODE(place, jcode)
    _SET_ITEM(place, item)
    return place


def finding_at(
    place: Place,
    code: str,
    severity: Severity,
    *,
    message: str,
    value: str,
    expected: str,
    remedy: str,
) -> Finding:
    """A finding, as ``Finding(...)`` makes it, in half the time."""
    found = _NEW(Finding)
    _SET_CODE(found, code)
    _SET_SEVERITY(found, severity)
    _SET_PLACE(found, place)
    _SET_MESSAGE(found, message)
    _SET_VALUE(found, value)
    _SET_EXPECTED(found, expected)
    _SET_REMEDY(found, remedy)
    return found
