"""A folder as a source: whole files, claimed by rename, kept until they are done.

In: a folder that others write into.  Out: arrivals.  This module does not know flows,
follows no links, and opens nothing but regular files.

A file is claimed by renaming it into ``.dflow/claims/CLAIMANT``, so that of several
readers one gets it.  A claimant holds a lock file for as long as it lives; the claims of
a dead one are adopted by the next reader, so nothing is lost when a process dies.

When is a file whole?  It cannot be known from outside, so the writer's habit is said:

- ``stable``: its size and time have not changed between two looks, `settle` seconds apart;
- ``age``: its time is at least `settle` seconds ago; one dated in the future, as ``stable``;
- ``done-file``: an empty file of the same name and `done_suffix` stands beside it;
- ``named``: writers rename whole files into place, so a name is enough.

Names that start with a dot, or end as half-written files do, are never taken.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from dflow.transport.durable import free_name, try_lock
from dflow.transport.faults import Unavailable
from dflow.transport.folders import readable_folder
from dflow.transport.moving import move_into
from dflow.transport.names import HALF_WRITTEN
from dflow.transport.parcel import Arrival

__all__ = ["HALF_WRITTEN", "DirectoryInbox", "Ready"]

#: How a whole file is told from one that is being written.
Ready = Literal["stable", "age", "done-file", "named"]


#: What stands in the way of claiming one file, while others can be: it is a mount, another's...
_THIS_ONE = frozenset(
    {errno.EACCES, errno.EBUSY, errno.EISDIR, errno.ENAMETOOLONG, errno.EPERM, errno.EXDEV}
)

#: A file's inode, size and time: another of the same name, or one that has grown, has others.
_State = tuple[int, int, int]

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
    _seen: dict[str, tuple[_State, float]] = field(factory=dict, init=False)
    _adopted: list[Path] = field(factory=list, init=False)
    _found: deque[tuple[str, _State]] = field(factory=deque, init=False)
    _stuck: dict[str, _State] = field(factory=dict, init=False)
    _own: str = field(default="", init=False)
    _ahead: deque[Arrival] = field(factory=deque, init=False)
    _guard: threading.RLock = field(factory=threading.RLock, init=False)
    _closings: int = field(default=0, init=False)
    _clerk: Clerk[Arrival, None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._clerk = Clerk(self._all_done, name="dflow-inbox")
        if self.archive is not None:
            inside = os.path.relpath(self.archive, self.path)
            if inside == os.curdir:
                raise ValueError(f"{self.archive}: files that are done would arrive again there")
            # Its own archive is no arrival.
            self._own = Path(inside).parts[0]

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
            self._forget()

    def _read_ahead(self, closings: int) -> bool:
        """Claim and read the next arrivals; whether others are there that are not whole yet.

        They are kept here, not returned: a reader that was cancelled meanwhile, or gave up
        its iterator, finds them when it asks again.
        """
        with self._guard:
            if closings != self._closings:
                return False  # closed since it was asked for
            if self._claims is not None and self.path.is_dir() and not self._claims.is_dir():
                # The source was taken away and made anew: what was known of it is over.
                self._forget()
            taken: list[Path] = []
            try:
                waiting = self._claimed(self._open(), taken)
            except OSError as error:
                # What was claimed before it is ours, and is read; the trouble comes again.
                waiting = True
                if not taken and not self._ahead:
                    raise Unavailable(f"{self.path}: {error.strerror or error}") from error
            self._ahead.extend(self._read(path) for path in taken)
            return waiting

    def _claimed(self, claims: Path, taken: list[Path]) -> bool:
        """Claim the next files into `taken`; whether there are others."""
        size = 0
        while self._adopted and len(taken) < _BATCH_FILES and size < _BATCH_BYTES:
            path = self._adopted.pop(0)
            size += self._take(path, claims, taken)
            if self.ready == "done-file" and not os.path.lexists(self.path / path.name):
                # Its reader may have left it: it would speak for the next file of that name.
                (self.path / (path.name + self.done_suffix)).unlink(missing_ok=True)
        if taken:
            return True
        waiting = False
        if not self._found:
            # One look serves many batches: a folder of 100,000 files is listed once.
            found, waiting = self._whole()
            self._found.extend(found)
        while self._found and len(taken) < _BATCH_FILES and size < _BATCH_BYTES:
            name, state = self._found.popleft()
            if not self._still_whole(name, state):
                waiting = True  # begun anew since that look: the next one judges it
                continue
            before = len(taken)
            size += self._take(self.path / name, claims, taken)
            self._seen.pop(name, None)
            if self.ready == "done-file" and len(taken) > before:
                (self.path / (name + self.done_suffix)).unlink(missing_ok=True)
        return waiting or bool(self._found)

    def _still_whole(self, name: str, state: _State) -> bool:
        """Whether a file is as it was when it was seen to be whole, which may be long ago."""
        if self.ready == "done-file":
            return os.path.lexists(self.path / (name + self.done_suffix))
        if self.ready != "named":
            with contextlib.suppress(OSError):  # to be told by who takes it
                look = (self.path / name).lstat()
                return not stat.S_ISREG(look.st_mode) or _state(look) == state
        return True

    def _take(self, path: Path, claims: Path, taken: list[Path]) -> int:
        """Claim a file by rename; its size, or 0 if it is not there any more, or cannot be."""
        claim = free_name(claims / path.name)
        try:
            path.rename(claim)
        except FileNotFoundError:
            return 0  # another reader was faster
        except OSError as error:
            if error.errno not in _THIS_ONE or not _may_claim(self.path, claims):
                raise
            self._tell_stuck(path, error)
            return 0
        taken.append(claim)
        with contextlib.suppress(FileNotFoundError):
            return claim.lstat().st_size
        return 0

    def _tell_stuck(self, path: Path, error: OSError) -> None:
        """A file that cannot be claimed arrives once, by its name, and holds up no other."""
        with contextlib.suppress(FileNotFoundError):
            look = path.lstat()
            self._stuck[path.name] = _state(look)
            words = f"cannot be moved out of its folder: {error.strerror or error}"
            self._ahead.append(Arrival(name=path.name, content=b"", problem=words))

    def _whole(self) -> tuple[list[tuple[str, _State]], bool]:
        """The whole files and their states, oldest first; whether others are not whole yet."""
        found: list[tuple[int, str, _State]] = []
        waiting = False
        with os.scandir(self.path) as entries:
            names = {entry.name: entry for entry in entries}
        self._seen = {name: look for name, look in self._seen.items() if name in names}
        self._stuck = {name: look for name, look in self._stuck.items() if name in names}
        for name, entry in names.items():
            if not self._wanted(name):
                continue
            try:
                look = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if self._stuck.get(name) == _state(look):
                continue
            if not self._is_whole(name, look, names.keys()):
                waiting = waiting or self.ready != "done-file"
                continue
            found.append((look.st_mtime_ns, name, _state(look)))
        return [(name, state) for _, name, state in sorted(found)], waiting

    def _wanted(self, name: str) -> bool:
        if name.startswith(".") or name.endswith(HALF_WRITTEN) or name == self._own:
            return False
        if self.ready == "done-file" and name.endswith(self.done_suffix):
            return False
        return fnmatch.fnmatchcase(name, self.pattern)

    def _is_whole(self, name: str, look: os.stat_result, names: KeysView[str]) -> bool:
        if not stat.S_ISREG(look.st_mode) or self.ready == "named":
            # A folder or a link is never written to: it is taken, and named as a problem.
            return True
        if self.ready == "done-file":
            return name + self.done_suffix in names
        if self.ready == "age" and (age := time.time() - look.st_mtime) >= 0:
            return age >= self.settle  # of one that is dated in the future it says nothing
        # The wall clock may be set between two looks.
        now, state = time.monotonic(), _state(look)
        before, since = self._seen.get(name, (None, now))
        if before != state:
            self._seen[name] = (state, now)
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
        if not arrival.token:
            return None  # it could not be claimed, and lies where it lay
        try:
            claim = self._open() / arrival.token
            if not arrival.problem and self.after == "remove":
                claim.unlink(missing_ok=True)
                return None
            problems = self.path / HIDDEN / "problems"
            done = self.archive or self.path / HIDDEN / "done"
            target = problems if arrival.problem else done
            self.path.stat()  # a source that was taken away is not made by its own archive
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            move_into(target, claim)
        except OSError as error:
            return error
        return None

    def _back(self, arrival: Arrival) -> None:
        if not arrival.token:
            self._stuck.pop(arrival.name, None)
            return
        back = move_into(self.path, self._open() / arrival.token)
        if back is not None and self.ready == "done-file":
            # Its done-file went when it was claimed; without one it would never be taken.
            (self.path / (back.name + self.done_suffix)).touch()

    def _open(self) -> Path:
        """The folder of this claimant, made when first needed; adopts the dead ones' claims."""
        claims = self._claims
        if claims is not None:
            return claims
        with self._guard:
            return self._claims or self._claim()

    def _forget(self) -> None:
        """Let go of this claimant's lock, and of what was seen."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = self._claims = None
        self._found.clear()
        self._seen.clear()
        self._stuck.clear()

    def _claim(self) -> Path:
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "no such folder")
        home = self.path / HIDDEN / "claims"
        home.parent.mkdir(mode=0o700, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
        self._adopted = _adopt(home)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lock = try_lock(home / f"{name}.lock")
        self._claims = home / name
        self._claims.mkdir(mode=0o700)
        return self._claims


def _state(look: os.stat_result) -> _State:
    return look.st_ino, look.st_size, look.st_mtime_ns


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


def _may_claim(folder: Path, claims: Path) -> bool:
    """Whether files can be claimed in general."""
    try:
        readable_folder(folder)
    except Unavailable:
        return False
    return os.access(claims, os.W_OK | os.X_OK)
