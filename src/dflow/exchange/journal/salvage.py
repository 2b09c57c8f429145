"""A damaged SQLite journal made anew from what can still be read of it.

In: the file, and how its payloads are kept.  Out: a whole journal in its place, the damaged
one beside it, and an account of what is missing.  This module does not know an exchange.

What was read is trusted as far as it can be proved: bytes by their hash, rows by their form.
What was on its way is unknown now, so that destinations are asked before anything is sent:
the damaged file may have forgotten what it knew.  What is known of an arrival only by its
deliveries or its bytes gets a row that says so.  Bytes that are lost come back by themselves
when the file arrives again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from attrs import evolve, frozen

from dflow.exchange.journal.cipher import Cipher
from dflow.exchange.journal.connection import Connection, connect, is_damage, told
from dflow.exchange.journal.copying import Copying
from dflow.exchange.journal.damaged import Seen, Unread, reading
from dflow.exchange.journal.mending import Mender
from dflow.exchange.journal.payloads import Payloads
from dflow.exchange.journal.rows import EventRow
from dflow.exchange.journal.schema import migrate
from dflow.exchange.journal.site import Site
from dflow.exchange.journal.writing import insert_event

__all__ = ["Salvaged", "is_whole", "salvage_journal"]

#: So many spans that could not be read are named in the event.
_TOLD = 20


@frozen(kw_only=True)
class Salvaged:
    """What became of a damaged journal.

    Attributes:
        path: of the journal, which is whole now.
        damaged: where the damaged file is; nothing needs it, and nothing removes it.
        read: how many rows of each table were read.
        unread: what could not be read.
        made: arrivals that have a row again, made of their deliveries or their bytes.
        held: arrivals that wait for a person, as none of their deliveries could be read.
        without_bytes: arrivals whose bytes, or those of an edited copy, are lost.
        asked: how many deliveries are unknown now, and will be asked about.
    """

    path: Path
    damaged: Path
    read: Mapping[str, int]
    unread: tuple[Unread, ...]
    made: tuple[int, ...]
    held: tuple[int, ...]
    without_bytes: tuple[int, ...]
    asked: int

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not (self.unread or self.made or self.held or self.without_bytes)


def _unseen(_table: str, _number: int, _last: int, /) -> None:
    """Nobody looks on."""


def salvage_journal(
    path: Path,
    *,
    at: float,
    who: str,
    why: str,
    payloads: Path | None = None,
    payloads_above: int = 256 * 1024,
    cipher: Cipher | None = None,
    seen: Seen = _unseen,
) -> Salvaged:
    """Put a whole journal in the place of a damaged one.

    Until the very end nothing of the damaged one is touched, and then it gets another name.

    Args:
        path: of the damaged file.
        at: now, in POSIX seconds.
        who: does it, for the event that stays.
        why: for the event.
        payloads: the folder of large payloads; None for the one beside the journal.
        payloads_above: bytes above which payloads go there.
        cipher: opens sealed payloads, to prove them.
        seen: told now and then which table is read, up to which number, and the last.

    Raises:
        JournalError: if nothing can be read, the journal is in use or too new, a key is
            missing, or there is no room.
    """
    beside = payloads or path.with_name(path.name + ".payloads")
    site = Site(path)
    try:
        with site.alone() as folder:
            source = site.source()
            with reading(source, folder) as old:
                copying = Copying(old, seen)
                copying.copy(folder / "new.db")
            with closing(connect(folder / "new.db")) as new:
                migrate(new)
                kept = Payloads(new, beside, payloads_above, cipher)
                kept.check_keys()
                event = EventRow(at=at, kind="salvaged", who=who, why=why)
                mender = _mended(new, kept, old.unread, event)
            damaged = site.replace(folder / "new.db", source)
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        raise told(path, error) from error
    return Salvaged(
        path=path,
        damaged=damaged,
        read=copying.counts,
        unread=old.unread,
        made=(*copying.made, *mender.made),
        held=tuple(mender.held),
        without_bytes=tuple(mender.without_bytes),
        asked=mender.asked,
    )


def _mended(new: Connection, kept: Payloads, unread: tuple[Unread, ...], event: EventRow) -> Mender:
    """Put what was copied right, and leave the event with what could not be read."""
    mender = Mender(new, kept, event.at)
    new.execute("BEGIN IMMEDIATE")
    mender.mend(deliveries_lost=any(one.table == "delivery" for one in unread))
    # An audit has to know of arrivals that are lost: they come first.
    order = sorted(unread, key=lambda one: one.table != "arrival")
    detail = ", ".join(map(str, order[:_TOLD])) or "every row was read"
    insert_event(new, evolve(event, detail=detail))
    new.execute("COMMIT")
    return mender


def is_whole(path: Path) -> bool:
    """Whether SQLite finds nothing wrong with a file, page by page.

    Raises:
        JournalError: if it cannot be looked at, such as one that is locked.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if is_damage(error):
            return False
        raise told(path, error) from error
