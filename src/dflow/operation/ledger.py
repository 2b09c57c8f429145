"""The ledger of an operation: what was done, by whom and when, so that it can go on.

In: entries.  Out: the same entries, after any crash.  This module does not know what an
operation is: campaign, cut-over, contingency and migration each give entries a meaning;
only how a run begins and ends is said alike.

A file of JSON lines that only grows.  An entry is on the disk before `append` returns.
A crash can leave a last line cut short: it never counted, and it is set aside, not
guessed at.  One process at a time holds a ledger for writing; anyone may read.  Time
never runs backwards in a ledger: an entry that is earlier than the last is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from attrs import define, field, frozen

from dflow.errors import DflowError
from dflow.transport.durable import sync_folder, try_lock

__all__ = ["ClockWentBack", "Entry", "Ledger", "LedgerBusy", "LedgerError", "interrupted"]


class LedgerError(DflowError):
    """The ledger cannot be read or written."""


class LedgerBusy(LedgerError):
    """Another process runs this operation."""


class ClockWentBack(LedgerError):
    """The clock shows an instant before the last entry: nothing is done until it is right."""


@frozen(kw_only=True)
class Entry:
    """Something that happened in an operation.

    Attributes:
        at: when, with an offset.
        kind: what kind of thing, in the operation's own words, such as ``step begun``.
        about: the step, meter point, party or file it is about.
        who: who did it.
        why: the reason, or what was seen.
        data: more, as JSON can hold it.
    """

    at: datetime
    kind: str
    about: str = ""
    who: str = "dflow"
    why: str = ""
    data: Mapping[str, object] = field(factory=dict)

    def as_json(self) -> dict[str, object]:
        """As a JSON object; what is empty is left out."""
        words: dict[str, object] = {"at": self.at.isoformat(), "kind": self.kind}
        for name in ("about", "who", "why"):
            if value := getattr(self, name):
                words[name] = value
        if self.data:
            words["data"] = dict(self.data)
        return words


@define(eq=False)
class Ledger:
    """A ledger; use it as a context to write, or `read` it.

    Attributes:
        path: the file, made when it is first written.
    """

    path: Path
    _lock: int | None = field(default=None, init=False)
    _handle: int | None = field(default=None, init=False)
    _last: datetime | None = field(default=None, init=False)

    def read(self) -> Iterator[Entry]:
        """Every entry, oldest first; a last line cut short is not one.

        Raises:
            LedgerError: a line that is not the last cannot be read, with its number.
        """
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror or error}") from error
        lines = raw.split(b"\n")
        lines.pop()  # empty, or cut short
        for number, line in enumerate(lines, start=1):
            yield self._entry(line, number)

    def _entry(self, line: bytes, number: int) -> Entry:
        try:
            words = json.loads(line)
            return Entry(
                at=datetime.fromisoformat(words["at"]),
                kind=str(words["kind"]),
                about=str(words.get("about", "")),
                who=str(words.get("who", "dflow")),
                why=str(words.get("why", "")),
                data=dict(words.get("data", {})),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise LedgerError(
                f"{self.path}:{number}: this is no entry of a ledger; put the file back as it was"
            ) from None

    def __enter__(self) -> Self:
        """Hold the ledger for writing.

        Raises:
            LedgerBusy: another process holds it.
            LedgerError: it cannot be read or written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = try_lock(self.path.with_name(self.path.name + ".lock"))
            if self._lock is None:
                raise LedgerBusy(f"{self.path}: another process runs this operation")
            self._last = max((entry.at for entry in self.read()), default=None)
            self._set_aside()
            new = not self.path.exists()
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            self._release()
            raise LedgerError(f"{self.path}: {error.strerror or error}") from error
        except DflowError:
            self._release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()

    def _release(self) -> None:
        for handle in (self._handle, self._lock):
            if handle is not None:
                os.close(handle)
        self._handle = self._lock = None

    def _set_aside(self) -> None:
        """A line that a crash cut short goes to NAME.torn, where a person can see it."""
        if not self.path.exists():
            return
        raw = self.path.read_bytes()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            with self.path.with_name(self.path.name + ".torn").open("ab") as torn:
                torn.write(raw[whole:] + b"\n")
            os.truncate(self.path, whole)

    def append(self, *entries: Entry) -> None:
        """Keep entries together: all are on the disk when this returns.

        Raises:
            ClockWentBack: one is earlier than the entry before it.
            LedgerError: the ledger is not held, or cannot be written.
        """
        if self._handle is None:
            raise LedgerError(f"{self.path}: not open for writing")
        last = self._last
        for entry in entries:
            if last is not None and entry.at < last:
                raise ClockWentBack(
                    f"{self.path}: the clock shows {entry.at.isoformat()}, but the last entry is of"
                    f" {last.isoformat()}; set the clock right, then go on"
                )
            last = entry.at
        lines = b"".join(
            json.dumps(entry.as_json(), ensure_ascii=False, sort_keys=True).encode(
                "utf-8", "backslashreplace"
            )
            + b"\n"
            for entry in entries
        )
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError as error:
            raise LedgerError(f"{self.path}: {error.strerror or error}") from error
        self._last = last


def interrupted(ledger: Ledger) -> datetime | None:
    """When the last run began, if it never ended; None if it did.

    A run's two entries are ``run begun`` and ``run ended``, whatever the operation.

    Raises:
        LedgerError: a line that is not the last cannot be read, with its number.
    """
    begun: datetime | None = None
    for entry in ledger.read():
        begun = {"run begun": entry.at, "run ended": None}.get(entry.kind, begun)
    return begun
