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

Parcels that wait at the same moment take each step together: their bytes go to the disk
at once, one synchronisation of the hidden folder serves all their marks, and one of the
final folder all their names.  For each key the steps keep their order.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import cast

from attrs import define, field, frozen

from dflow.transport.clerk import Clerk
from dflow.transport.durable import (
    Folder,
    begin_write,
    finish_write,
    free_name,
    make_folder,
    sync_folder,
)
from dflow.transport.faults import Refused, Unavailable, Uncertain
from dflow.transport.folders import writable_folder
from dflow.transport.names import fill_template, template_mistakes
from dflow.transport.notes import BESIDE, LONGEST_NOTES, are_notes, notes_of
from dflow.transport.parcel import Capabilities, Parcel, Presence, Receipt

__all__ = ["HIDDEN", "DirectoryOutbox"]

#: The folder, within a destination's or a source's, in which dflow keeps its own files.
HIDDEN = ".dflow"

#: What became of each parcel of a batch, by its place in it.
_Results = dict[int, Receipt | Presence | Exception]

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,99}")
#: For so many seconds marks are further names of one empty file.
_ONE_FILE = 3600.0

#: Mistakes that no later attempt can mend without a change to the parcel's name.
_HOPELESS = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.ELOOP})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def _key_file(key: str) -> str:
    return key if _SAFE_KEY.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()


@frozen
class _Written:
    """A parcel whose bytes are in the hidden folder, on the way to its name."""

    part: Path
    beside: Path | None
    mark: Path
    final: Path
    handles: tuple[int, ...]


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
    _hidden: Folder | None = field(default=None, init=False)
    _own: Folder | None = field(default=None, init=False)
    _dated: int = field(default=0, init=False)
    _last_mark: tuple[Path, float] | None = field(default=None, init=False)
    # A thread of its own: a folder that hangs must not take those of other destinations.
    _clerk: Clerk[Parcel | str, Receipt | Presence] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._clerk = Clerk(self._work, name="dflow-folder")

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
        # A parcel's answer is a receipt, a key's is a presence.
        return cast("Receipt", await self._clerk.ask(parcel))

    async def probe(self, key: str) -> Presence:
        """PRESENT or ABSENT, also after the recipient took the file away.

        Raises:
            Unavailable: the folder cannot be read now.
        """
        return cast("Presence", await self._clerk.ask(key))

    async def taken(self, place: str) -> bool:
        """Whether the recipient has taken the file away that a receipt named.

        Raises:
            Unavailable: the folder cannot be read now.
        """
        return await asyncio.to_thread(self._taken, place)

    def _taken(self, place: str) -> bool:
        try:
            self.path.stat()  # a folder that is away is not a file that was fetched
            return not os.path.lexists(self.path / place)
        except OSError as error:
            raise Unavailable(_words(self.path, error)) from error

    async def check(self) -> str:
        """Whether the folder is there, or can be made, and may be written to.

        Raises:
            Unavailable: it is neither, and why.
        """
        return await asyncio.to_thread(writable_folder, self.path)

    # The rest runs in the clerk's thread, one batch at a time.

    def _work(self, batch: Sequence[Parcel | str]) -> Sequence[Receipt | Presence | Exception]:
        results: _Results = {}
        left = {at: one for at, one in enumerate(batch) if isinstance(one, Parcel)}
        while left:
            # Of one key one at a time, so that the next one finds it delivered.
            firsts = {parcel.key: at for at, parcel in reversed(left.items())}
            self._send({at: left.pop(at) for at in sorted(firsts.values())}, results)
        for at, one in enumerate(batch):
            if isinstance(one, str):
                # Asked after all that was sent: also what a waiter has given up.
                with self._told(results, [at]):
                    results[at] = _look(self._open().path, _key_file(one))
        return [results[at] for at in range(len(batch))]

    def _send(self, parcels: Mapping[int, Parcel], results: _Results) -> None:
        """Send parcels of different keys, each step together."""
        written: dict[int, _Written] = {}
        with self._told(results, parcels):
            hidden = self._open()
            for at, parcel in parcels.items():
                with self._told(results, [at]):
                    if (one := self._write(hidden.path, parcel)) is None:
                        results[at] = Receipt(key=parcel.key, repeat=True)
                    else:
                        written[at] = one
            if not written:
                return
            marked: dict[int, _Written] = {}
            for at, one in written.items():
                with self._told(results, [at]):
                    _finish(one)
                    self._mark(one.mark)
                    marked[at] = one
            placed: dict[int, Path] = {}
            with self._told(results, marked):
                hidden.sync()
                with hidden.locked():  # so that nobody else takes the same free name
                    for at, one in marked.items():
                        with self._told(results, [at]):
                            self._date(one.part)
                            placed[at] = _put(one)
            self._sync(parcels, placed, results)

    def _sync(
        self, parcels: Mapping[int, Parcel], placed: Mapping[int, Path], results: _Results
    ) -> None:
        """Synchronise the folders of what was put in place, each once."""
        faults: dict[Path, Uncertain] = {}
        for folder in {place.parent for place in placed.values()}:
            try:
                if self._own is not None and folder == self.path:
                    self._own.sync()
                else:
                    sync_folder(folder)
            except OSError as error:
                faults[folder] = Uncertain(_words(self.path, error))
        for at, place in placed.items():
            results[at] = faults.get(place.parent) or Receipt(
                key=parcels[at].key, place=str(place.relative_to(self.path))
            )

    @contextmanager
    def _told(self, results: _Results, places: Iterable[int]) -> Iterator[None]:
        """What goes wrong in the block is the answer to those of `places` that have none."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  one parcel's fault must not be its batch's
            fault = error
            if isinstance(error, OSError):
                # The folder may be gone or be another: look again next time.
                self._hidden = self._own = None
                kind = Refused if error.errno in _HOPELESS else Unavailable
                fault = kind(_words(self.path, error))
                fault.__cause__ = error
            for at in places:
                results.setdefault(at, fault)

    def _mark(self, mark: Path) -> None:
        """Make a mark: another name of an earlier one, since a name costs less than a file."""
        now = time.monotonic()
        if self._last_mark is not None and now < self._last_mark[1]:
            try:
                os.link(self._last_mark[0], mark)
            except FileExistsError:  # of an attempt before
                return
            except OSError:
                # It is gone, or has as many names as it may, or there are no links here.
                self._last_mark = None
            else:
                return
        os.close(os.open(mark, os.O_WRONLY | os.O_CREAT, 0o600))
        self._last_mark = (mark, now + _ONE_FILE)

    def _date(self, part: Path) -> None:
        """Give a part a time after that of any file put before it: readers go by it.

        The times that a file system gives by itself are the same for some milliseconds.
        """
        self._dated = max(time.time_ns(), self._dated + 1000)
        os.utime(part, ns=(self._dated, self._dated))

    def _open(self) -> Folder:
        if self._hidden is None:
            path = self.path / HIDDEN
            make_folder(self.path)
            path.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self.path)
            # A mark may be as much older than its key's delivery as marks share a file.
            _forget(path, time.time() - self.keep_keys - _ONE_FILE)
            self._hidden, self._own = Folder(path), Folder(self.path)
        return self._hidden

    def _write(self, hidden: Path, parcel: Parcel) -> _Written | None:
        """Begin to write the part and its notes; None if the key was delivered before."""
        key = _key_file(parcel.key)
        if _look(hidden, key) is Presence.PRESENT:
            return None
        relative = fill_template(
            self.template, name=parcel.name, key=parcel.key, address=parcel.address
        )
        final = self.path.joinpath(*relative.parts)
        if len(relative.parts) > 1:
            if not final.parent.resolve().is_relative_to(self.path.resolve()):
                raise Refused(f"{final.parent}: a link leads out of the destination's folder")
            make_folder(final.parent)
        part, beside = hidden / f"{key}.part", None
        handles = [begin_write(part, parcel.content)]
        if parcel.notes and self.sidecar:
            beside = hidden / f"{key}.notes"
            try:
                handles.append(begin_write(beside, notes_of(parcel)))
            except OSError:
                os.close(handles[0])
                raise
        return _Written(part, beside, hidden / f"{key}.sent", final, tuple(handles))


def _finish(one: _Written) -> None:
    """Wait until its bytes are on the disk."""
    with ExitStack() as stack:
        for handle in one.handles:
            stack.callback(finish_write, handle)


def _put(one: _Written) -> Path:
    """Rename into place, under the first free name; the path it was given."""
    beside = one.beside
    if beside is None:
        final = free_name(one.final)
    else:
        ours = beside.read_bytes()
        final = free_name(one.final, lambda path: os.path.lexists(path) or _noted(path, ours))
        beside.replace(_notes_of(final))
    one.part.replace(final)
    return final


def _notes_of(final: Path) -> Path:
    return final.with_name(final.name + BESIDE)


def _noted(final: Path, ours: bytes) -> bool:
    """Whether something else than notes stands where the notes go.

    Notes may stand there: of an attempt before this one, or of a file that was taken away.
    """
    notes = _notes_of(final)
    if not os.path.lexists(notes):
        return False
    if notes.is_symlink() or not notes.is_file() or notes.stat().st_size > LONGEST_NOTES:
        return True
    return not are_notes(notes.read_bytes(), ours)


def _look(hidden: Path, key: str) -> Presence:
    sent = (hidden / f"{key}.sent").exists()
    return Presence.PRESENT if sent and not (hidden / f"{key}.part").exists() else Presence.ABSENT


def _forget(hidden: Path, before: float) -> None:
    """Remove what is too old to be asked for; a mark goes before its part, never after."""
    ages: dict[str, float] = {}
    with os.scandir(hidden) as entries:
        for entry in entries:
            # Another outbox of the same folder may be renaming it at this moment.
            with suppress(FileNotFoundError):
                ages[entry.name] = entry.stat().st_mtime
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
    """What went wrong, and what mends it where that can be seen."""
    told = f"{path}: {error.strerror or error}"
    if error.errno in _NO_ROOM:
        return f"{told}; make room there"
    try:
        writable_folder(path)
    except Unavailable as seen:
        return str(seen)
    except OSError:
        pass
    return told
