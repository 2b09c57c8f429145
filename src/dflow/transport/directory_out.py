"""A folder as a destination: whole files under safe names, each key once.

In: parcels.  Out: files.  This module does not know flows, and never writes outside its
folder.

How a key is delivered at most once, whatever moment the process dies at, and although
the recipient takes the files away:

1. the bytes are written to ``.dflow/KEY.part`` and synchronised;
2. an empty ``.dflow/KEY.sent`` is made and the folder synchronised;
3. ``KEY.part`` is renamed to its final name, and that folder synchronised.

Only the rename of step 3 takes ``KEY.part`` away once ``KEY.sent`` exists, and it puts
the file in its place by the same act.  So ``sent`` without ``part`` means delivered,
for certain; anything else means not delivered, for certain.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from attrs import define, field

from dflow.transport.durable import Folder, free_name, sync_folder, write_synced
from dflow.transport.faults import Refused, Unavailable, Uncertain
from dflow.transport.names import fill_template, template_mistakes
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt

__all__ = ["HIDDEN", "DirectoryOutbox"]

#: The folder, within a destination's or a source's, in which dflow keeps its own files.
HIDDEN = ".dflow"

T = TypeVar("T")
R = TypeVar("R")

#: Writes under way at once, whatever the concurrency asked of the exchange.
_THREADS = 8

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,99}")
#: Mistakes that no later attempt can mend without a change to the parcel's name.
_HOPELESS = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.ELOOP})


def _key_file(key: str) -> str:
    return key if _SAFE_KEY.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


def _usable(_: object, __: object, template: str) -> None:
    if mistakes := template_mistakes(template):
        raise ValueError("; ".join(mistakes))


@define(eq=False, kw_only=True)
class DirectoryOutbox:
    """An outbox into a folder, which is made when the first parcel is sent.

    Attributes:
        path: the folder.
        template: the files' names, from `dflow.transport.names.TEMPLATE_WORDS`.
        sidecar: whether a parcel's notes are written beside it, as NAME.provenance.json.
        keep_keys: for how many seconds a delivered key is remembered.
    """

    path: Path
    template: str = field(default="{name}", validator=_usable)
    sidecar: bool = True
    keep_keys: float = 90 * 86400.0
    _guard: threading.Lock = field(factory=threading.Lock, init=False)
    _busy: dict[str, threading.Lock] = field(factory=dict, init=False)
    _hidden: Folder | None = field(default=None, init=False)
    _own: Folder | None = field(default=None, init=False)
    _threads: ThreadPoolExecutor | None = field(default=None, init=False)

    @property
    def capabilities(self) -> Capabilities:
        """It probes, is idempotent, durable and ordered."""
        return Capabilities(probes=True, idempotent=True, durable=True, ordered=True)

    async def send(self, parcel: Parcel) -> Receipt:
        """Write the parcel as a file, once.

        Raises:
            Refused: its name cannot be a file's here.
            Unavailable: the folder cannot be written to now.
            Uncertain: the file is in place, but may not survive a loss of power.
        """
        return await self._apart(self._send, parcel)

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT, also after the recipient took the file away.

        Raises:
            Unavailable: the folder cannot be read now.
        """
        return await self._apart(self._probe, key)

    async def _apart(self, call: Callable[[T], R], value: T) -> R:
        # Threads of its own: a folder that hangs must not take those of other destinations.
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="dflow-folder")
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, value)

    def _lock_of(self, key: str) -> threading.Lock:
        # A call whose waiter gave up may still be writing: the next one on its key waits.
        with self._guard:
            if len(self._busy) > 10_000:
                self._busy = {name: lock for name, lock in self._busy.items() if lock.locked()}
            return self._busy.setdefault(key, threading.Lock())

    def _open(self) -> Folder:
        with self._guard:
            if self._hidden is None:
                path = self.path / HIDDEN
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                _forget(path, time.time() - self.keep_keys)
                self._hidden, self._own = Folder(path), Folder(self.path)
            return self._hidden

    def _reopen(self) -> None:
        """The folder may be gone or be another: look again next time."""
        with self._guard:
            self._hidden = self._own = None

    def _probe(self, key: str) -> Presence:
        with self._lock_of(key):
            try:
                return _look(self._open().path, _key_file(key))
            except OSError as error:
                raise Unavailable(_words(self.path, error)) from error

    def _send(self, parcel: Parcel) -> Receipt:
        with self._lock_of(parcel.key):
            try:
                hidden, final = self._prepare(parcel)
                if final is None:
                    return Receipt(key=parcel.key, repeat=True)
                place = self._put(parcel, hidden, final)
            except OSError as error:
                self._reopen()
                if error.errno in _HOPELESS:
                    raise Refused(_words(self.path, error)) from error
                raise Unavailable(_words(self.path, error)) from error
            try:
                if self._own is not None and place.parent == self.path:
                    self._own.sync()
                else:
                    sync_folder(place.parent)
            except OSError as error:
                raise Uncertain(_words(self.path, error)) from error
            return Receipt(key=parcel.key, place=str(place.relative_to(self.path)))

    def _prepare(self, parcel: Parcel) -> tuple[Folder, Path | None]:
        """Write the part; the final path, or None if the key was delivered before."""
        hidden = self._open()
        key = _key_file(parcel.key)
        if _look(hidden.path, key) is Presence.PRESENT:
            return hidden, None
        write_synced(hidden.path / f"{key}.part", parcel.content)
        relative = fill_template(
            self.template, name=parcel.name, key=parcel.key, address=parcel.address
        )
        final = self.path.joinpath(*relative.parts)
        if len(relative.parts) > 1:
            final.parent.mkdir(parents=True, exist_ok=True)
            if not final.parent.resolve().is_relative_to(self.path.resolve()):
                raise Refused(f"{final.parent}: a link leads out of the destination's folder")
        return hidden, final

    def _put(self, parcel: Parcel, hidden: Folder, final: Path) -> Path:
        """Mark, and rename into place; the path it was given."""
        key = _key_file(parcel.key)
        mark, part = hidden.path / f"{key}.sent", hidden.path / f"{key}.part"
        beside = None
        if parcel.notes and self.sidecar:
            notes = json.dumps(dict(parcel.notes), indent=2, sort_keys=True).encode()
            beside = hidden.path / f"{key}.notes"
            write_synced(beside, notes + b"\n")
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT, 0o600))
        hidden.sync()
        with hidden.locked():  # so that nobody else takes the same free name
            final = free_name(final)
            if beside is not None:
                beside.replace(final.with_name(final.name + ".provenance.json"))
            part.replace(final)
        return final


def _look(hidden: Path, key: str) -> Presence:
    sent = (hidden / f"{key}.sent").exists()
    return Presence.PRESENT if sent and not (hidden / f"{key}.part").exists() else Presence.ABSENT


def _forget(hidden: Path, before: float) -> None:
    """Remove what is too old to be asked for; a mark goes before its part, never after."""
    ages = {entry.name: entry.stat().st_mtime for entry in os.scandir(hidden)}
    for name, age in ages.items():
        key, _, kind = name.rpartition(".")
        if age >= before or kind not in ("sent", "part", "notes"):
            continue
        if kind != "sent" and f"{key}.sent" in ages:
            continue
        (hidden / name).unlink(missing_ok=True)
        if kind == "sent":
            (hidden / f"{key}.part").unlink(missing_ok=True)


def _words(path: Path, error: OSError) -> str:
    return f"{path}: {error.strerror or error}"
