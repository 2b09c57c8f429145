"""Making a cut, and refreshing it by what came since.

In: an archive's folder, rules, a time.  Out: a folder of files and its manifest.  This
module does not decide to whom an MPAN should go; `allocation` proves what was decided.

A cut is written beside its place and renamed when it is whole.  A refresh adds whole
files and then replaces the manifest: what no manifest names is not part of the cut.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from attrs import define, evolve, field, frozen

from dflow.catalogue import Catalogue
from dflow.cut.manifest import MANIFEST, CutFile, CutRules, Manifest, Skip, manifest_text
from dflow.cut.manifest import read_manifest as _read_manifest
from dflow.cut.narrowing import mpans_of, narrowed
from dflow.envelope import read_header
from dflow.errors import SourceError, StructureError
from dflow.parse import read
from dflow.transport.durable import try_lock

__all__ = ["cut", "refresh"]

#: Where a cut's folder keeps the files.
_FILES = "files"

#: Held while a cut is refreshed; left in its folder, empty.
_LOCK = ".refresh.lock"

_THIRTEEN = re.compile(rb"(?<![0-9])[0-9]{13}(?![0-9])")


#: Told how many originals were looked at, of how many.
_Progress = Callable[[int, int], None]


def cut(
    archive: Path,
    out: Path,
    rules: CutRules,
    *,
    at: str,
    catalogue: Catalogue | None = None,
    progress: _Progress | None = None,
) -> Manifest:
    """Write every file of the archive that belongs, with a manifest, to a new folder.

    Args:
        archive: the folder of originals, with all folders below; hidden names are left out.
        out: the new folder; it stands there whole, or not at all.
        rules: what belongs.
        at: the time to be told, UTC, ISO 8601.
        catalogue: the definitions to read by; the bundled ones unless given.
        progress: told how many originals were looked at, of how many.

    Raises:
        SourceError: if the archive cannot be listed, or the folder exists or cannot be
            written.
    """
    _apart(archive, out)
    if out.exists() or out.is_symlink():
        raise SourceError(f"{out}: is there already; name a new folder, or refresh it")
    mpans = tuple(sorted(set(rules.mpans)))
    empty = Manifest(
        rules=evolve(rules, mpans=mpans),
        source=str(archive),
        created=at,
        allocated=mpans,
        missing=mpans,
    )
    part = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
    except FileExistsError as error:
        message = f"{part}: is there: this cut is being made, or making it was broken off"
        raise SourceError(f"{message}; if nobody is at it, remove that folder") from error
    except OSError as error:
        raise SourceError(f"{part}: cannot be made: {error.strerror}") from error
    try:
        work = _Work(
            archive=archive,
            folder=part,
            before=empty,
            at=at,
            catalogue=catalogue,
            progress=progress,
        )
        manifest = work.done()
        _written(part / MANIFEST, manifest_text(manifest).encode())
        part.rename(out)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError):
            raise SourceError(f"{out}: cannot be written: {error.strerror}") from error
        raise
    return manifest


def refresh(
    archive: Path,
    out: Path,
    *,
    at: str,
    catalogue: Catalogue | None = None,
    progress: _Progress | None = None,
) -> tuple[Manifest, int]:
    """Add to a cut what came into the archive since, by the cut's own rules.

    An original is known by its hash: one that is in the cut already is not added again,
    and doing it twice changes nothing, the manifest's time included.  Two at once would
    lose what one of them wrote, so the second is refused.

    Returns:
        the manifest, and how many files were added.

    Raises:
        SourceError: if there is no such cut, or it cannot be written or is being
            refreshed, or the archive cannot be listed.
    """
    _apart(archive, out)
    _read_manifest(out)  # what is no cut gets no lock file
    with _alone(out):
        return _refreshed(archive, out, at, catalogue, progress)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Be the only one that refreshes a cut, in any process."""
    try:
        lock = try_lock(out / _LOCK)
    except OSError as error:
        raise SourceError(f"{out}: cannot be written: {error.strerror}") from error
    if lock is None:
        raise SourceError(f"{out}: is being refreshed by another process; try again later")
    try:
        yield
    finally:
        os.close(lock)


def _refreshed(
    archive: Path, out: Path, at: str, catalogue: Catalogue | None, progress: _Progress | None
) -> tuple[Manifest, int]:
    before = _read_manifest(out)
    work = _Work(
        archive=archive,
        folder=out,
        before=before,
        at=at,
        catalogue=catalogue,
        progress=progress,
    )
    try:
        manifest = work.done()
        if manifest != before:
            manifest = evolve(manifest, refreshed=at)
            _written(out / MANIFEST, manifest_text(manifest).encode())
    except BaseException as error:
        for path in work.written:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SourceError(f"{out}: cannot be written: {error.strerror}") from error
        raise
    return manifest, len(manifest.files) - len(before.files)


def _apart(archive: Path, out: Path) -> None:
    if not archive.is_dir():
        raise SourceError(f"{archive}: is no folder")
    one, other = archive.resolve(), out.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise SourceError(f"{out}: a cut and its archive cannot lie in one another")


@frozen(kw_only=True)
class _Kept:
    """What of an original belongs to the cut."""

    data: bytes
    flow: str
    version: str
    told: bool
    subjects: frozenset[str]
    named: frozenset[str]


@define(kw_only=True)
class _Work:
    """One pass over the archive: what it adds to a cut."""

    archive: Path
    folder: Path
    before: Manifest
    at: str
    catalogue: Catalogue | None
    progress: _Progress | None
    written: list[Path] = field(factory=list)
    _skipped: list[Skip] = field(factory=list)

    def done(self) -> Manifest:
        """Write what is new; returns the manifest with it."""
        known = {one.original_sha256 for one in self.before.files}
        names = {one.file for one in self.before.files}
        files = list(self.before.files)
        wanted = frozenset(self.before.rules.mpans)
        subjects: set[str] = set()
        named: set[str] = set()
        originals = list(self._originals())
        for number, name in enumerate(originals):
            if self.progress is not None:
                self.progress(number, len(originals))
            try:
                data = (self.archive / name).read_bytes()
                digest = hashlib.sha256(data).hexdigest()
                if digest in known:
                    continue
                kept = self._kept(data, wanted)
            except OSError as error:
                self._skipped.append(Skip(name, f"cannot be read: {error.strerror}"))
                continue
            except StructureError as error:
                self._skipped.append(Skip(name, str(error)))
                continue
            if kept is None:
                continue
            subjects |= kept.subjects
            named |= kept.named
            known.add(digest)
            to = self._place(name, digest, names)
            names.add(to)
            _written(self.folder / to, kept.data, self.written)
            files.append(
                CutFile(
                    file=to,
                    sha256=hashlib.sha256(kept.data).hexdigest(),
                    original=name,
                    original_sha256=digest,
                    flow=kept.flow,
                    version=kept.version,
                    mpans=len(kept.subjects),
                    told=kept.told,
                    added=self.at,
                )
            )
        return self._manifest(files, subjects, named)

    def _manifest(self, files: list[CutFile], subjects: set[str], named: set[str]) -> Manifest:
        # What is in the cut already was not looked at again: what it brought stays.
        before = self.before
        mine = set(before.allocated) | (set() if before.rules.mpans else subjects)
        others = (set(before.related) | named | subjects) - mine
        return evolve(
            before,
            files=tuple(files),
            skipped=tuple(self._skipped),
            allocated=tuple(sorted(mine)),
            related=tuple(sorted(others)),
            missing=tuple(sorted(set(before.missing) - subjects)),
        )

    def _kept(self, data: bytes, wanted: frozenset[str]) -> _Kept | None:
        rules = self.before.rules
        if wanted and not any(one.decode() in wanted for one in _THIRTEEN.findall(data)):
            return None
        header = read_header(data.partition(b"\n")[0].removesuffix(b"\r"), line=1).header
        if header is None:
            raise StructureError("has no header that names a flow and its parties")
        if rules.mpids and not {header.sender.mpid, header.recipient.mpid} & set(rules.mpids):
            return None
        if rules.flows and header.flow not in rules.flows:
            return None
        flow = read(data, catalogue=self.catalogue)
        if wanted:
            left = narrowed(flow, wanted)
            if left is None:
                return None
            flow = left
        subjects, named = mpans_of(flow)
        return _Kept(
            data=bytes(flow),
            flow=header.flow,
            version=header.version,
            told=flow.definition is not None and flow.definition.structured and not flow.strays,
            subjects=subjects,
            named=named,
        )

    def _place(self, name: str, digest: str, names: set[str]) -> str:
        """Where the file goes: as its original, or beside an earlier one of that name."""
        to = f"{_FILES}/{name}"
        return f"{to}~{digest[:16]}" if to in names else to

    def _originals(self) -> Iterator[str]:
        """Paths below the archive, with forward slashes, in a fixed order."""

        def unlisted(error: OSError) -> None:
            if Path(error.filename) == self.archive:
                raise SourceError(f"{self.archive}: cannot be listed: {error.strerror}") from error
            where = Path(error.filename).relative_to(self.archive).as_posix()
            self._skipped.append(Skip(where, f"cannot be listed: {error.strerror}"))

        for where, folders, names in os.walk(self.archive, onerror=unlisted):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(where, name)
                if name.startswith("."):
                    continue
                below = PurePosixPath(path.relative_to(self.archive)).as_posix()
                if path.is_symlink():
                    self._skipped.append(Skip(below, "is a link, which may lead elsewhere"))
                elif path.is_file():  # a pipe would never end
                    yield below


def _written(path: Path, data: bytes, written: list[Path] | None = None) -> None:
    """Write a file whole: under another name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")  # no original has a hidden name
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if written is not None:
        written.append(path)
