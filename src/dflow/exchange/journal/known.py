"""Which contents a journal knows, by their hashes: an index that is kept by hand.

In: a connection, inside the journal's transaction, hashes and numbers of payloads.  Out: the
number of a hash.  This module does not know what is kept.

A hash is anywhere in its index.  In a large journal each of a database's own entries costs a
page of its own, to be read and written, when it comes and again when it goes.  Here an entry
is the first 64 bits of a hash and a number, so that the index of a million is a few megabytes
and stays in memory; and an entry of what has been forgotten leads nowhere and hurts nobody, so
it is removed in passing, with all of its neighbours that are as old.
"""

from __future__ import annotations

from collections.abc import Sequence

from dflow.exchange.journal.database import Database

__all__ = ["BEGINNING", "FIND", "asked", "beginning", "digest_of", "find", "learn", "unlearn"]

#: The number of the payload that is `asked` for; a digest alone proves nothing.
FIND = (
    "SELECT p.id FROM known k JOIN payload p ON p.id = k.payload WHERE k.digest = ? AND p.hash = ?"
)

#: The numbers of the payloads whose hash has a `beginning`.
BEGINNING = (
    "SELECT p.id FROM known k JOIN payload p ON p.id = k.payload"
    " WHERE k.digest BETWEEN ? AND ? AND substr(p.hash, 1, ?) = ?"
)

#: So many entries are looked at for each that has come to lead nowhere.  In a journal that has
#: been pruned for long, one entry in so many leads nowhere.
_LOOKED_AT = 4

_LEAST, _MOST = -(2**63), 2**63 - 1


def digest_of(hash_: str) -> int:
    """The first 64 bits of a hash, with a sign, as databases have it; 0 of what is none."""
    try:
        return int.from_bytes(bytes.fromhex(hash_[:16]).ljust(8, b"\0"), "big", signed=True)
    except ValueError:
        return 0


def asked(hash_: str) -> tuple[int, str]:
    """The values of `FIND`."""
    return digest_of(hash_), hash_


def beginning(characters: str) -> tuple[int, int, int, str]:
    """The values of `BEGINNING`: a range of digests, and what is compared."""
    ends = [digest_of(characters[:16].ljust(16, fill)) for fill in "0f"]
    return min(ends), max(ends), len(characters), characters


def find(database: Database, hash_: str) -> int | None:
    """The number of the payload with this hash; None if it is not there."""
    row = database.execute(FIND, asked(hash_)).fetchone()
    return None if row is None else int(row["id"])


def learn(database: Database, payload: int, hash_: str) -> None:
    """Take in a new payload."""
    database.execute(
        "INSERT INTO known (digest, payload) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (digest_of(hash_), payload),
    )


def unlearn(database: Database, gone: Sequence[tuple[int, str]]) -> None:
    """Remove some entries that lead nowhere, now that some payloads are gone.

    Args:
        database: within a transaction.
        gone: numbers and hashes of the payloads that have just been removed.
    """
    if not gone:
        return
    # Hashes are evenly spread, and so is where one begins to look.
    start, left = digest_of(gone[-1][1]), _LOOKED_AT * len(gone)
    # What came later was not looked at by who prunes the oldest; it is there.
    newest = max(number for number, _ in gone)
    end = _nth(database, start, left)
    stretches = [(start, end)]
    if end is None and start > _LEAST:
        left -= _count(database, start)
        stretches.append((_LEAST, min(start - 1, _or_most(_nth(database, _LEAST, left)))))
    for low, high in stretches:
        database.execute(
            "DELETE FROM known WHERE digest BETWEEN ? AND ? AND payload <= ?"
            " AND NOT EXISTS (SELECT 1 FROM payload p WHERE p.id = known.payload)",
            (low, _or_most(high), newest),
        )


def _nth(database: Database, start: int, number: int) -> int | None:
    """The digest so many entries on; None after the last."""
    row = database.execute(
        "SELECT digest FROM known WHERE digest >= ? ORDER BY digest LIMIT 1 OFFSET ?",
        (start, number),
    ).fetchone()
    return None if row is None else int(row["digest"])


def _count(database: Database, start: int) -> int:
    row = database.execute(
        "SELECT COUNT(*) AS number FROM known WHERE digest >= ?", (start,)
    ).fetchone()
    return int(row["number"])


def _or_most(digest: int | None) -> int:
    return _MOST if digest is None else digest
