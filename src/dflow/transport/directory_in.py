"""A folder as a source: whole files, claimed by rename, kept until they are done.

In: a folder that others write into.  Out: arrivals.  This module does not know flows,
follows no links, and opens nothing but regular files.

A file is claimed by renaming it into ``.dflow/claims/CLAIMANT``, so that of several
readers one gets it.  A claimant holds a lock file for as long as it lives; the claims of
a dead one are adopted by the next reader, so nothing is lost when a process dies.

When is a file whole?  It cannot be known from outside, so the writer's habit is said:

- ``stable``: its size and time have not changed between two looks, `settle` seconds apart;
- ``age``: its time is at least `settle` seconds ago;
- ``done-file``: an empty file of the same name and `done_suffix` stands beside it;
- ``named``: writers rename whole files into place, so a name is enough.

Names that start with a dot, or end as half-written files do, are never taken.
"""

from __future__ import annotations

import asyncio
import errno
import fnmatch
import os
import secrets
import stat
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, KeysView, Sequence
from pathlib import Path
from typing import Literal

from attrs import define, field

from dflow.transport.clerk import Clerk
from dflow.transport.directory_out import HIDDEN
from dflow.transport.durable import free_name, sync_folder, try_lock, write_synced
from dflow.transport.faults import Unavailable
from dflow.transport.folders import readable_folder
from dflow.transport.names import HALF_WRITTEN
from dflow.transport.parcel import Arrival

__all__ = ["HALF_WRITTEN", "DirectoryInbox", "Ready"]

#: How a whole file is told from one that is being written.
Ready = Literal["stable", "age", "done-file", "named"]


#: As much is read ahead of the reader, and no more: files, and bytes.
_BATCH_FILES, _BATCH_BYTES = 64, 8 << 20


@define(eq=False, kw_only=True)
class DirectoryInbox:
    """An inbox over a folder; its subfolders are not looked into.

    Attributes:
        path: the folder, which must exist.
        pattern: shell pattern of the names to take.
        ready: how a whole file is told from one that is being written.
        settle: seconds, for ``stable`` and ``age``.
        done_suffix: for ``done-file``.
        after: what becomes of a file that is done.
        archive: where archived files go; ``.dflow/done`` in the folder if not given.
        largest: bytes; a larger file is an arrival with a problem, and is set aside.
        poll: seconds between two looks while waiting for more.
    """

    path: Path
    pattern: str = "*"
    ready: Ready = "stable"
    settle: float = 1.0
    done_suffix: str = ".done"
    after: Literal["archive", "remove"] = "archive"
    archive: Path | None = None
    largest: int = 1 << 30
    poll: float = 1.0
    _claims: Path | None = field(default=None, init=False)
    _lock: int | None = field(default=None, init=False)
    _seen: dict[str, tuple[int, int, float]] = field(factory=dict, init=False)
    _adopted: list[Path] = field(factory=list, init=False)
    _found: deque[str] = field(factory=deque, init=False)
    _ahead: deque[Arrival] = field(factory=deque, init=False)
    _guard: threading.RLock = field(factory=threading.RLock, init=False)
    _closings: int = field(default=0, init=False)
    _clerk: Clerk[Arrival, None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._clerk = Clerk(self._all_done, name="dflow-inbox")

    async def receive(self, *, once: bool = False) -> AsyncIterator[Arrival]:
        """The files, oldest first, and then, without `once`, those that come later.

        Raises:
            Unavailable: the folder is missing or cannot be read.
        """
        while True:
            while self._ahead:
                yield self._ahead.popleft()
            waiting = await asyncio.to_thread(self._read_ahead, self._closings)
            if self._ahead:
                continue
            if waiting:
                await asyncio.sleep(min(self.settle, self.poll) or 0.01)
            elif once:
                return
            else:
                await asyncio.sleep(self.poll)

    async def done(self, arrival: Arrival) -> None:
        """Archive or remove the file; one that could not be read is set aside instead."""
        await self._clerk.ask(arrival)

    async def failed(self, arrival: Arrival, reason: str) -> None:  # noqa: ARG002  the Protocol's
        """Put the file back under its name, or the next free one like it."""
        await asyncio.to_thread(self._back, arrival)

    async def close(self) -> None:
        """Give up the claims: what was received and is not done can be adopted."""
        await asyncio.to_thread(self._close)

    async def check(self) -> str:
        """Whether the folder is there, can be listed, and files can be claimed in it.

        Raises:
            Unavailable: it is not, and why.
        """
        return await asyncio.to_thread(readable_folder, self.path)

    # The rest runs in threads.

    def _close(self) -> None:
        with self._guard:
            self._closings += 1
            self._ahead.clear()
            if self._lock is not None:
                os.close(self._lock)
            self._lock = self._claims = None

    def _read_ahead(self, closings: int) -> bool:
        """Claim and read the next arrivals; whether others are there that are not whole yet.

        They are kept here, not returned: a reader that was cancelled meanwhile, or gave up
        its iterator, finds them when it asks again.
        """
        with self._guard:
            if closings != self._closings:
                return False  # closed since it was asked for
            try:
                paths, waiting = self._claimed(self._open())
            except OSError as error:
                raise Unavailable(f"{self.path}: {error.strerror or error}") from error
            self._ahead.extend(self._read(path) for path in paths)
            return waiting

    def _claimed(self, claims: Path) -> tuple[list[Path], bool]:
        taken: list[Path] = []
        size = 0
        while self._adopted and len(taken) < _BATCH_FILES and size < _BATCH_BYTES:
            path = self._adopted.pop(0)
            size += self._take(path, claims, taken)
        if taken:
            return taken, True
        waiting = False
        if not self._found:
            # One look serves many batches: a folder of 100,000 files is listed once.
            names, waiting = self._whole()
            self._found.extend(names)
        while self._found and len(taken) < _BATCH_FILES and size < _BATCH_BYTES:
            name = self._found.popleft()
            size += self._take(self.path / name, claims, taken)
            self._seen.pop(name, None)
            if self.ready == "done-file":
                (self.path / (name + self.done_suffix)).unlink(missing_ok=True)
        return taken, waiting or bool(self._found)

    @staticmethod
    def _take(path: Path, claims: Path, taken: list[Path]) -> int:
        """Claim a file by rename; its size, or 0 if another reader was faster."""
        claim = free_name(claims / path.name)
        try:
            path.rename(claim)
        except FileNotFoundError:
            return 0
        taken.append(claim)
        return claim.lstat().st_size

    def _whole(self) -> tuple[list[str], bool]:
        """The names of the whole files, oldest first; whether others are not whole yet."""
        found: list[tuple[int, str]] = []
        waiting = False
        now = time.time()
        with os.scandir(self.path) as entries:
            names = {entry.name: entry for entry in entries}
        self._seen = {name: look for name, look in self._seen.items() if name in names}
        for name, entry in names.items():
            if not self._wanted(name):
                continue
            try:
                look = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not self._is_whole(name, look, names.keys(), now):
                waiting = waiting or self.ready != "done-file"
                continue
            found.append((look.st_mtime_ns, name))
        return [name for _, name in sorted(found)], waiting

    def _wanted(self, name: str) -> bool:
        if name.startswith(".") or name.endswith(HALF_WRITTEN):
            return False
        if self.ready == "done-file" and name.endswith(self.done_suffix):
            return False
        return fnmatch.fnmatchcase(name, self.pattern)

    def _is_whole(self, name: str, look: os.stat_result, names: KeysView[str], now: float) -> bool:
        if not stat.S_ISREG(look.st_mode) or self.ready == "named":
            # A folder or a link is never written to: it is taken, and named as a problem.
            return True
        if self.ready == "done-file":
            return name + self.done_suffix in names
        if self.ready == "age":
            return now - look.st_mtime >= self.settle
        size, changed, since = self._seen.get(name, (-1, -1, now))
        if (size, changed) != (look.st_size, look.st_mtime_ns):
            self._seen[name] = (look.st_size, look.st_mtime_ns, now)
            return self.settle <= 0
        return now - since >= self.settle

    def _read(self, claim: Path) -> Arrival:
        token = claim.name
        try:
            look = claim.lstat()
            if not stat.S_ISREG(look.st_mode):
                return Arrival(name=token, content=b"", token=token, problem="not a regular file")
            if look.st_size > self.largest:
                words = f"{look.st_size} bytes, more than the {self.largest} allowed"
                return Arrival(name=token, content=b"", token=token, problem=words)
            handle = os.open(claim, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            with os.fdopen(handle, "rb") as file:
                return Arrival(name=token, content=file.read(), token=token)
        except OSError as error:
            words = error.strerror or str(error)
            return Arrival(name=token, content=b"", token=token, problem=words)

    def _all_done(self, arrivals: Sequence[Arrival]) -> list[Exception | None]:
        return [self._done(arrival) for arrival in arrivals]

    def _done(self, arrival: Arrival) -> OSError | None:
        """Archive, remove or set aside; what stood in the way, which is this file's alone."""
        try:
            claim = self._open() / arrival.token
            if not arrival.problem and self.after == "remove":
                claim.unlink(missing_ok=True)
                return None
            problems = self.path / HIDDEN / "problems"
            done = self.archive or self.path / HIDDEN / "done"
            target = problems if arrival.problem else done
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            _move(claim, target)
        except OSError as error:
            return error
        return None

    def _back(self, arrival: Arrival) -> None:
        _move(self._open() / arrival.token, self.path)

    def _open(self) -> Path:
        """The folder of this claimant, made when first needed; adopts the dead ones' claims."""
        claims = self._claims
        if claims is not None:
            return claims
        with self._guard:
            return self._claims or self._claim()

    def _claim(self) -> Path:
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such folder")
        home = self.path / HIDDEN / "claims"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._adopted = _adopt(home)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = try_lock(home / f"{name}.lock")
        self._claims = home / name
        self._claims.mkdir(mode=0o700)
        return self._claims


def _adopt(home: Path) -> list[Path]:
    """The files claimed by claimants that are dead, oldest first."""
    found: list[tuple[int, Path]] = []
    for folder in list(home.iterdir()):
        if not folder.is_dir():
            continue
        lock = home / f"{folder.name}.lock"
        handle = try_lock(lock)
        if handle is None:
            continue
        try:
            files = [(path.lstat().st_mtime_ns, path) for path in folder.iterdir()]
            if not files:
                folder.rmdir()
                lock.unlink(missing_ok=True)
            found += files
        finally:
            os.close(handle)
    return [path for _, path in sorted(found)]


def _move(claim: Path, folder: Path) -> None:
    """Into a folder under its name or the next free one; over file systems if need be."""
    target = free_name(folder / claim.name)
    try:
        claim.rename(target)
    except FileNotFoundError:
        return  # done twice
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_away(claim, target)


def _copy_away(claim: Path, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    write_synced(part, claim.read_bytes())
    part.rename(target)
    sync_folder(target.parent)
    claim.unlink()
