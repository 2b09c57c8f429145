"""Opening the SQLite journal: its file, its settings, its tables, its keys.

In: a path and how payloads are kept.  Out: a `SqliteJournal`.  This module reads and
writes no rows.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from dflow.exchange.journal.cipher import Cipher
from dflow.exchange.journal.connection import connect, told
from dflow.exchange.journal.payloads import Payloads
from dflow.exchange.journal.schema import SchemaTooNew, migrate
from dflow.exchange.journal.sqlite import SqliteJournal

__all__ = ["open_journal"]


def open_journal(
    path: Path | None,
    *,
    payloads: Path | None = None,
    payloads_above: int = 256 * 1024,
    cipher: Cipher | None = None,
) -> SqliteJournal:
    """A journal in a file, made if it is missing; in memory if `path` is None.

    Raises:
        JournalError: if the file cannot be used: locked, damaged, read-only, too new, or
            its payloads are sealed with a key that the cipher does not have.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        connection = connect(path)
        if path is not None:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # Room for the inner pages of the indexes of a large journal; 2 MiB by default.
        connection.execute("PRAGMA cache_size = -16384")
        if cipher is not None:
            connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA foreign_keys = OFF")
        migrate(connection, where=str(path or "the journal"))
        connection.execute("PRAGMA foreign_keys = ON")
    except (OSError, sqlite3.Error, UnicodeDecodeError, SchemaTooNew) as error:
        raise told(path, error) from error
    folder = payloads or (path.with_name(path.name + ".payloads") if path else None)
    kept = Payloads(connection, folder, payloads_above, cipher)
    try:
        kept.check_keys()
    except BaseException:
        connection.close()
        raise
    connection.create_function("dflow_holds", 2, kept.holds)
    return SqliteJournal(path, connection, kept)
