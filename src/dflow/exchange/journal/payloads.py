"""Payloads by the hash of their content: small ones in the database, large ones beside it.

In: bytes.  Out: their SHA-256, and the bytes again.  This module does not know what they
are.  The folder is private to its owner; a payload is in it, synchronised, before the
database says so.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from pathlib import Path

from attrs import define

from dflow.exchange.journal.port import JournalError
from dflow.transport.durable import sync_folder, write_synced

__all__ = ["Payloads", "content_hash"]


def content_hash(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


@define
class Payloads:
    """The payloads of one journal.

    Attributes:
        connection: of the journal's database.
        folder: for large payloads; None keeps all in the database.
        above: bytes above which a payload goes to the folder.
    """

    connection: sqlite3.Connection
    folder: Path | None
    above: int

    def keep(self, content: bytes) -> str:
        """Keep some bytes, once; their hash.  Part of the journal's transaction."""
        hash_ = content_hash(content)
        row = self.connection.execute("SELECT 1 FROM payload WHERE hash = ?", (hash_,)).fetchone()
        if row is None:
            inside = self.folder is None or len(content) <= self.above
            if not inside:
                self._write(hash_, content)
            self.connection.execute(
                "INSERT INTO payload (hash, size, body) VALUES (?, ?, ?)",
                (hash_, len(content), content if inside else None),
            )
        return hash_

    def get(self, hash_: str) -> bytes:
        """The bytes of a hash, proved to be so.

        Raises:
            JournalError: if they are not there, or are others.
        """
        row = self.connection.execute(
            "SELECT body FROM payload WHERE hash = ?", (hash_,)
        ).fetchone()
        if row is None:
            raise JournalError(f"the journal has no payload {hash_[:12]}")
        if row["body"] is not None:
            content = bytes(row["body"])
        else:
            try:
                content = self._path(hash_).read_bytes()
            except OSError as error:
                raise JournalError(f"payload {hash_[:12]}: {error.strerror or error}") from error
        if content_hash(content) != hash_:
            raise JournalError(f"payload {hash_[:12]} is damaged: its bytes have another hash")
        return content

    def sweep(self) -> int:
        """Remove the payloads that no arrival and no delivery names; how many."""
        rows = self.connection.execute(
            "SELECT hash, body IS NULL AS outside FROM payload p WHERE NOT EXISTS"
            " (SELECT 1 FROM arrival a WHERE a.hash = p.hash) AND NOT EXISTS"
            " (SELECT 1 FROM delivery d WHERE d.hash = p.hash)"
        ).fetchall()
        for row in rows:
            self.connection.execute("DELETE FROM payload WHERE hash = ?", (row["hash"],))
            if row["outside"]:
                # A loss of power from here to the commit leaves a row without its file;
                # no arrival names it, and a later sweep removes it.
                self._path(row["hash"]).unlink(missing_ok=True)
        return len(rows)

    def _path(self, hash_: str) -> Path:
        if self.folder is None:
            raise JournalError(f"payload {hash_[:12]} lies in a folder, and none is given")
        return self.folder / hash_[:2] / hash_

    def _write(self, hash_: str, content: bytes) -> None:
        path = self._path(hash_)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f".{hash_}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            write_synced(part, content, mode=0o600)
            part.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise JournalError(f"{path.parent}: {error.strerror or error}") from error
