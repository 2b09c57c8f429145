"""Migration files: made for each party, placed in its area, and watched until fetched.

In: a batch of the plan, and outboxes.  Out: what was placed where, and whether it is
gone.  This module does not know steps or ledgers.

Placing is done through the exchange's own transports, so that a folder and an SFTP server
are the same to it, and a file is placed once, whatever crashes.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

from dflow.catalogue import Catalogue, bundled
from dflow.cutover.plan import Batch, CutoverPlan
from dflow.envelope import Party
from dflow.errors import DflowError, SourceError
from dflow.generator import GeneratedFile, generate, header_for
from dflow.transport import Outbox, Parcel, Tracking

__all__ = ["Placed", "is_taken", "made_files", "place", "rows_of"]


@frozen(kw_only=True)
class Placed:
    """A file in a party's area.

    Attributes:
        batch: of the plan.
        party: whose area.
        mount: the area's mount.
        name: the file's.
        place: where the transport put it.
        sha256: of the content.
        size: in bytes.
    """

    batch: str
    party: str
    mount: str
    name: str
    place: str
    sha256: str
    size: int


def made_files(batch: Batch, *, catalogue: Catalogue | None = None) -> Iterator[tuple[str, bytes]]:
    """The files of a batch, each with its name (capability 34).

    Raises:
        SourceError: the folder or the table cannot be read.
        DflowError: the table has no such column, or there is not a single file.
    """
    if batch.folder is not None:
        found = _from_folder(batch.folder)
    elif batch.table is not None:
        found = _from_table(batch)
    else:
        found = _made_up(batch, catalogue or bundled())
    empty = True
    for one in found:
        empty = False
        yield one
    if empty:
        raise DflowError(f"files {batch.name}: there is nothing to give {batch.party}")


def _from_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                yield path.name, path.read_bytes()
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror or error}") from error


def rows_of(path: Path, key: str) -> tuple[list[str], list[dict[str, str]]]:
    """The heads and the rows of a CSV file that has a column `key`.

    Raises:
        SourceError: it cannot be read.
        DflowError: it has no such column, or a row has too many or too few fields.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            heads = next(reader, [])
            if key not in heads:
                raise DflowError(f"{path}:1: there is no column {key!r}; it has {', '.join(heads)}")
            rows = []
            for row in reader:
                if len(row) != len(heads):
                    raise DflowError(
                        f"{path}:{reader.line_num}: {len(row)} fields under {len(heads)} heads"
                    )
                rows.append(dict(zip(heads, row, strict=True)))
            return heads, rows
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DflowError(f"{path}: no CSV file in UTF-8: {error}") from error


def _from_table(batch: Batch) -> Iterator[tuple[str, bytes]]:
    """The party's rows, at most `count` of them a file."""
    if batch.table is None:
        return
    heads, rows = rows_of(batch.table, batch.key)
    mine = [row for row in rows if row[batch.key].startswith(batch.prefixes)]
    parts = [mine[at : at + batch.count] for at in range(0, len(mine), batch.count)]
    for number, part in enumerate(parts, start=1):
        text = io.StringIO()
        writer = csv.DictWriter(text, heads, lineterminator="\n")
        writer.writeheader()
        writer.writerows(part)
        suffix = f"-{number:04d}" if len(parts) > 1 else ""
        yield f"{batch.name}{suffix}.csv", text.getvalue().encode()


def _made_up(batch: Batch, catalogue: Catalogue) -> Iterator[tuple[str, bytes]]:
    definition = catalogue[batch.flow, batch.version]
    for number in range(1, batch.count + 1):
        seed = int(hashlib.sha256(f"{batch.name} {number}".encode()).hexdigest()[:8], 16)
        header = header_for(
            definition, seed=seed, recipient=Party(batch.party.role, batch.party.mpid)
        )
        wanted = GeneratedFile(definition=definition, header=header, seed=seed, catalogue=catalogue)
        yield f"{batch.name}-{number:04d}.usr", b"".join(generate(wanted))


async def place(
    plan: CutoverPlan, batch: Batch, name: str, content: bytes, outboxes: Mapping[str, Outbox]
) -> Placed:
    """Put one file of a batch into its party's area, once.

    Raises:
        DflowError: the party has no area.
        TransportError: it could not be placed.
    """
    mount = plan.area(batch.party)
    if mount not in outboxes:
        raise DflowError(
            f'files {batch.name}: {batch.party} has no area; name a mount: area = "..."'
        )
    sha256 = hashlib.sha256(content).hexdigest()
    key = hashlib.sha256(f"{plan.name}\0{batch.name}\0{name}\0{sha256}".encode()).hexdigest()[:32]
    receipt = await outboxes[mount].send(Parcel(key=key, name=name, content=content))
    return Placed(
        batch=batch.name,
        party=str(batch.party),
        mount=mount,
        name=name,
        place=receipt.place,
        sha256=sha256,
        size=len(content),
    )


async def is_taken(placed: Placed, outboxes: Mapping[str, Outbox]) -> bool | None:
    """Whether a party has fetched its file; None if its area cannot tell (capability 35).

    Raises:
        TransportError: the area cannot be asked now.
    """
    outbox: object = outboxes.get(placed.mount)
    if not isinstance(outbox, Tracking) or not placed.place:
        return None
    return await outbox.taken(placed.place)
