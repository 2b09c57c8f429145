"""Payloads by the hash of their content: small ones in the database, large ones beside it.

In: bytes.  Out: their SHA-256, and the bytes again.  This module does not know what they
are.  The folder is private to its owner; a payload is in it, synchronised, before the
database says so.

With a cipher, what is kept is sealed, and a file's name is made from the hash by the key,
so that nobody without it can ask the folder whether a certain file was here.  The hash in
the database stays that of the plain bytes: repeats and audits go by it.  What was kept
before the cipher was given stays as it was until it is sealed anew.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from attrs import define, field, frozen

from dflow.exchange.journal.cipher import Cipher
from dflow.exchange.journal.database import Database, inserted
from dflow.exchange.journal.known import FIND, asked, find, learn, unlearn
from dflow.exchange.journal.port import JournalError
from dflow.transport.durable import sync_folder, write_synced

__all__ = ["Kept", "Payloads", "Sealed", "content_hash"]


#: A file is hashed at several points of its way; those of late, if small, are remembered.
_SMALL, _OF_LATE = 1 << 16, 64


def content_hash(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return _small_hash(content) if len(content) <= _SMALL else _hash(content)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


_small_hash = lru_cache(maxsize=_OF_LATE)(_hash)


@frozen
class Kept:
    """What became of some bytes.

    Attributes:
        number: of the payload, by which the rows of the journal name it.
        hash: the SHA-256 of the bytes.
        fresh: whether they are new to the journal.
    """

    number: int
    hash: str
    fresh: bool


@frozen(kw_only=True)
class Sealed:
    """What became of some payloads that were to be sealed.

    Attributes:
        mark: where to go on; empty at the end.
        number: how many are sealed.
        left: the hash of each that cannot be read, and why; they are as they were.
    """

    mark: str
    number: int
    left: tuple[tuple[str, str], ...] = ()


@define
class Payloads:
    """The payloads of one journal.

    Attributes:
        connection: of the journal's database.
        folder: for large payloads; None keeps all in the database.
        above: bytes above which a payload goes to the folder.
        cipher: seals what is kept; None keeps it plain.
    """

    connection: Database
    folder: Path | None
    above: int
    cipher: Cipher | None = None
    _forgotten: list[tuple[str, str]] = field(factory=list, init=False)

    def check_keys(self) -> None:
        """See that everything sealed can be opened.

        Raises:
            JournalError: if a key is missing; nothing has been touched.
        """
        rows = self.connection.execute("SELECT DISTINCT sealed FROM payload WHERE sealed > ''")
        lost = [row["sealed"] for row in rows if not self._knows(row["sealed"])]
        if not lost:
            return
        keys = ("key " if len(lost) == 1 else "keys ") + ", ".join(lost)
        if self.cipher is None:
            given = "no key is given: name it in [journal] encrypt_with"
        else:
            given = (
                f"the newest key given is {self.cipher.key_id}: give older keys after it,"
                " with commas, in what [journal] encrypt_with names"
            )
        raise JournalError(f"payloads are encrypted with {keys}, and {given}")

    def _knows(self, key_id: str) -> bool:
        return self.cipher is not None and self.cipher.knows(key_id)

    def keep(self, content: bytes) -> Kept:
        """Keep some bytes, once.

        Part of the journal's transaction.
        """
        hash_ = content_hash(content)
        known = find(self.connection, hash_)
        if known is not None:
            self._restore(known, hash_, content)
            return Kept(known, hash_, fresh=False)
        body, sealed = self._put(hash_, content)
        made = self.connection.execute(
            "INSERT INTO payload (hash, size, body, sealed) VALUES (?, ?, ?, ?)",
            (hash_, len(content), body, sealed),
        )
        number = inserted(made)
        learn(self.connection, number, hash_)
        return Kept(number, hash_, fresh=True)

    def _restore(self, number: int, hash_: str, content: bytes) -> None:
        """Where the bytes were lost or damaged, keep them again, now that they are here."""
        try:
            self.get(hash_)
        except JournalError:
            body, sealed = self._put(hash_, content)
            self.connection.execute(
                "UPDATE payload SET size = ?, body = ?, sealed = ? WHERE id = ?",
                (len(content), body, sealed, number),
            )

    def _put(self, hash_: str, content: bytes) -> tuple[bytes | None, str]:
        """Where some bytes are kept, None for the folder, and by which key they are sealed."""
        sealed = "" if self.cipher is None else self.cipher.key_id
        kept = content if self.cipher is None else self.cipher.seal(content)
        if self.folder is None or len(content) <= self.above:
            return kept, sealed
        self._write(self._path(hash_, sealed), kept)
        return None, sealed

    def get(self, hash_: str) -> bytes:
        """The bytes of a hash, proved to be so.

        Raises:
            JournalError: if they are not there, are others, or cannot be opened.
        """
        row = self.connection.execute(
            f"SELECT body, sealed FROM payload WHERE id = ({FIND})", asked(hash_)
        ).fetchone()
        if row is None:
            raise JournalError(f"the journal has no payload {hash_[:12]}")
        if row["body"] is not None:
            content = bytes(row["body"])
        else:
            try:
                content = self._path(hash_, row["sealed"]).read_bytes()
            except OSError as error:
                raise JournalError(f"payload {hash_[:12]}: {error.strerror or error}") from error
        if row["sealed"]:
            content = self._opened(hash_, row["sealed"], content)
        if content_hash(content) != hash_:
            raise JournalError(f"payload {hash_[:12]} is damaged: its bytes have another hash")
        return content

    def _opened(self, hash_: str, key_id: str, sealed: bytes) -> bytes:
        if self.cipher is None or not self.cipher.knows(key_id):
            raise JournalError(
                f"payload {hash_[:12]} is encrypted with key {key_id}, which is not given"
            )
        try:
            return self.cipher.open(sealed)
        except JournalError as error:
            raise JournalError(f"payload {hash_[:12]}: {error}") from None

    def holds(self, hash_: str, text: bytes) -> bool:
        """Whether a text is in a payload, wherever that lies; unreadable ones do not hold it."""
        try:
            return text in self.get(hash_)
        except JournalError:
            return False

    def seal_more(self, *, after: str, limit: int) -> tuple[Sealed, tuple[Path, ...]]:
        """Seal payloads anew that are plain, or sealed by an older key.

        Returns:
            What was done, and the files to remove once that is durable.
        """
        if self.cipher is None:
            raise JournalError("no key is given: name one in [journal] encrypt_with")
        rows = self.connection.execute(
            "SELECT id, hash, sealed, body IS NULL AS outside FROM payload"
            " WHERE id > ? AND sealed <> ? ORDER BY id LIMIT ?",
            (int(after or 0), self.cipher.key_id, limit),
        ).fetchall()
        old: list[Path] = []
        left: list[tuple[str, str]] = []
        for row in rows:
            try:
                content = self.get(row["hash"])
            except JournalError as error:
                # What is damaged must not keep the others plain.
                left.append((row["hash"], str(error)))
                continue
            body, sealed = self._put(row["hash"], content)
            self.connection.execute(
                "UPDATE payload SET body = ?, sealed = ? WHERE id = ?",
                (body, sealed, row["id"]),
            )
            if row["outside"]:
                old.append(self._path(row["hash"], row["sealed"]))
        mark = str(rows[-1]["id"]) if rows else ""
        done = Sealed(mark=mark, number=len(rows) - len(left), left=tuple(left))
        return done, tuple(old) if rows else self._left()

    def _left(self) -> tuple[Path, ...]:
        """At the end: plain files of payloads that are sealed, left behind by a crash."""
        if self.folder is None or not self.folder.is_dir():
            return ()
        found = self.connection.execute("SELECT hash FROM payload WHERE sealed > ''")
        plain = (self._path(row["hash"], "") for row in found)
        return tuple(path for path in plain if path.exists())

    def sweep(self, numbers: Iterable[int]) -> list[int]:
        """Forget those of some payloads that nothing names any more; their sizes.

        Part of the journal's transaction.  Files go by `discard`, once that is durable: if it
        is undone, the rows still have their bytes.
        """
        gone: list[tuple[int, str]] = []
        sizes: list[int] = []
        for number in sorted(numbers):
            row = self.connection.execute(
                "SELECT hash, size, sealed, body IS NULL AS outside FROM payload p WHERE id = ?"
                " AND NOT EXISTS (SELECT 1 FROM arrival a WHERE a.payload = p.id)"
                " AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.payload = p.id)",
                (number,),
            ).fetchone()
            if row is None:
                continue
            gone.append((number, row["hash"]))
            sizes.append(row["size"])
            self.connection.execute("DELETE FROM payload WHERE id = ?", (number,))
            if row["outside"]:
                self._forgotten.append((row["hash"], row["sealed"]))
        unlearn(self.connection, gone)
        return sizes

    @property
    def forgotten(self) -> bool:
        """Whether there are files for `discard`."""
        return bool(self._forgotten)

    def undone(self) -> None:
        """What was forgotten is known again: its transaction was undone."""
        self._forgotten.clear()

    def discard(self) -> None:
        """Remove the files of what is forgotten for good, but for what was kept again since.

        Part of a transaction in which nobody else keeps payloads.  A crash before it leaves
        files that nothing names.

        Raises:
            JournalError: one cannot be removed; the others are.
        """
        left: list[str] = []
        while self._forgotten:
            hash_, sealed = self._forgotten.pop()
            if find(self.connection, hash_) is None:
                path = self._path(hash_, sealed)
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    left.append(f"{path}: {error.strerror or error}")
        if left:
            more = f", and {len(left) - 1} more" if len(left) > 1 else ""
            raise JournalError(f"what was pruned still has its file: {left[0]}{more}")

    def _path(self, hash_: str, sealed: str) -> Path:
        if self.folder is None:
            raise JournalError(f"payload {hash_[:12]} lies in a folder, and none is given")
        name = hash_
        if sealed:
            if self.cipher is None:
                raise JournalError(
                    f"payload {hash_[:12]} is encrypted with key {sealed}, which is not given"
                )
            name = self.cipher.name(hash_, sealed)
        return self.folder / name[:2] / name

    def _write(self, path: Path, content: bytes) -> None:
        # One by one: the parents that `mkdir` makes are not private.
        path.parent.parent.mkdir(mode=0o700, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
        try:
            write_synced(part, content, mode=0o600)
            part.replace(path)
            sync_folder(path.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise JournalError(f"{path.parent}: {error.strerror or error}") from error
