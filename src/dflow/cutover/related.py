"""Related meter points: files of D0386 checked, and a table filled from them.

In: files of D0386 v001.  Out: relationships, and what is wrong with them.  This module
shows no meter point: a note names the file and the instruction.

The structure and the formats are the catalogue's.  What follows from the words primary
and secondary is derived, and each such note says so; the codes of the actions and of the
answers are not known, so every relationship is taken as it is stated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import define, field, frozen

from dflow.errors import DflowError, SourceError
from dflow.flows import d0386_001
from dflow.identifiers import is_mpan
from dflow.typed import Faulty

__all__ = ["Fault", "Related", "Relation", "relate", "relate_folder"]

_DERIVED = "derived from the words primary and secondary; no published rule"
_FORMAT = "the catalogue: INT(13), and the check digit of a meter point"


@frozen(kw_only=True)
class Relation:
    """One secondary meter point under its primary.

    Attributes:
        primary: the primary meter point; personal data, not shown in reports.
        secondary: the secondary one, likewise.
        action: the relationship's action code, as stated.
        mpan_action: the secondary's action code, as stated.
        instruction: the instruction number.
        responses: the answer codes, as stated.
        file: the file's name.
    """

    primary: str = field(repr=False)
    secondary: str = field(repr=False)
    action: str
    mpan_action: str
    instruction: str
    responses: tuple[str, ...]
    file: str

    @property
    def place(self) -> str:
        """Where it stands, without a meter point."""
        return f"{self.file}, instruction {self.instruction}"


@frozen(kw_only=True)
class Fault:
    """Something wrong with a relationship.

    Attributes:
        what: what is so, without a meter point.
        where: the file and the instruction.
        why: the rule, and whether it is derived.
        error: whether the relationship is left out of the table.
    """

    what: str
    where: str
    why: str
    error: bool = True


@frozen(kw_only=True)
class Related:
    """What files of D0386 say.

    Attributes:
        files: how many were read.
        relations: those that stand, in the order of the files.
        faults: what is wrong with the others.
    """

    files: int
    relations: tuple[Relation, ...] = field(repr=False)
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        """Whether every relationship stands."""
        return not any(one.error for one in self.faults)

    def table(self) -> bytes:
        """A CSV file with one line a meter point and its indicator (capability 43).

        The indicator is ``primary`` or ``secondary``: the market's own codes for it are not
        known.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("mpan", "indicator", "primary", "instruction", "action", "file"))
        told: set[str] = set()
        for one in self.relations:
            if one.primary not in told:
                told.add(one.primary)
                head = (one.primary, "primary", "", one.instruction, one.action, one.file)
                writer.writerow(head)
            tail = (one.instruction, one.mpan_action, one.file)
            writer.writerow((one.secondary, "secondary", one.primary, *tail))
        return text.getvalue().encode()


def relate_folder(folder: Path) -> Related:
    """Read every file of a folder; hidden ones are left out.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        found = [
            (path.name, path.read_bytes())
            for path in sorted(folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        ]
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror or error}") from error
    return relate(found)


def relate(files: Iterable[tuple[str, bytes]]) -> Related:
    """Check files of D0386 together, and keep the relationships that stand (capability 13)."""
    reading = _Reading()
    for name, content in files:
        reading.file(name, content)
    kept = reading.across()
    return Related(files=reading.number, relations=tuple(kept), faults=tuple(reading.faults))


@define
class _Reading:
    number: int = 0
    found: list[Relation] = field(factory=list)
    faults: list[Fault] = field(factory=list)

    def file(self, name: str, content: bytes) -> None:
        """The relationships of one file, and what its own records have wrong."""
        self.number += 1

        def faulty(one: Faulty) -> None:
            first = one.findings[0]
            self._fault(first.message, f"{name}, line {first.line}", "the catalogue: D0386 v001")

        try:
            for action in d0386_001.read(content, faulty=faulty):
                self.found += self._relations(name, action)
        except DflowError as error:
            self._fault(f"it cannot be read as D0386 v001: {error}", name, "the catalogue")

    def _fault(self, what: str, where: str, why: str, *, error: bool = True) -> None:
        self.faults.append(Fault(what=what, where=where, why=why, error=error))

    def _relations(self, name: str, action: d0386_001.RelationshipAction) -> Iterator[Relation]:
        where = f"{name}, instruction {action.instruction_number}"
        if not is_mpan(action.primary_mpan):
            self._fault("the primary is no meter point", where, _FORMAT)
            return
        if not action.secondary_mpans:
            self._fault("a primary without a secondary", where, "the catalogue: 19M, 1-*")
        seen: set[str] = set()
        for number, second in enumerate(action.secondary_mpans, start=1):
            which = f"secondary {number}"
            if not is_mpan(second.secondary_mpan):
                self._fault(f"{which} is no meter point", where, _FORMAT)
            elif second.secondary_mpan == action.primary_mpan:
                self._fault(f"{which} is its own primary", where, _DERIVED)
            elif second.secondary_mpan in seen:
                self._fault(f"{which} is named twice", where, _DERIVED, error=False)
            else:
                seen.add(second.secondary_mpan)
                yield Relation(
                    primary=action.primary_mpan,
                    secondary=second.secondary_mpan,
                    action=action.relationship_action,
                    mpan_action=second.mpan_action,
                    instruction=action.instruction_number,
                    responses=tuple(r.related_mpan_response_code for r in action.mpas_response),
                    file=name,
                )

    def across(self) -> Iterator[Relation]:
        """What stands in all files together; faults between files are noted."""
        primaries: dict[str, Relation] = {}
        owners: dict[str, Relation] = {}
        for one in self.found:
            primaries.setdefault(one.primary, one)
        for one in self.found:
            before = owners.get(one.secondary)
            if one.secondary in primaries:
                other = primaries[one.secondary].place
                self._fault(f"a secondary is a primary too, in {other}", one.place, _DERIVED)
            elif before is None:
                owners[one.secondary] = one
                yield one
            elif before.primary != one.primary:
                self._fault(
                    f"a secondary of two primaries, the other in {before.place}",
                    one.place,
                    _DERIVED,
                )
            else:
                self._fault(f"said before, in {before.place}", one.place, _DERIVED, error=False)
