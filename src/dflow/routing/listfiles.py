"""The lists of a rule set that stand in files: found, kept inside the folder, read.

In: what the rules text gave, and its folder.  Out: the lists' values, and faults.  This
module does not know how a list's file is laid out; `values` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from dflow.errors import TextFault
from dflow.routing.build import Built
from dflow.routing.resolve import file_lists, mpan_lists
from dflow.routing.values import ValueSet, read_values

__all__ = ["load_lists"]


def load_lists(
    built: Built,
    source: str,
    lines: Sequence[str],
    folder: Path | None,
    *,
    have: Mapping[str, ValueSet],
) -> tuple[dict[str, ValueSet], list[TextFault]]:
    """Read the files of the lists, but for those that the caller has read already.

    What is wrong with them, or with their paths, is told.
    """
    mpans = mpan_lists(built.rules)
    values: dict[str, ValueSet] = {}
    faults: list[TextFault] = []
    for one, wanted in file_lists(built.lists):
        if one.name in have:
            values[one.name] = have[one.name]
            continue
        problem = _path_problem(wanted.path, folder)
        if problem or folder is None:
            text = lines[one.line - 1]
            faults.append(
                TextFault(source=source, line=one.line, column=0, message=problem, text=text)
            )
            continue
        reading = read_values(folder / wanted.path, wanted, mpans=one.name in mpans)
        faults += reading.faults
        if reading.values is not None:
            values[one.name] = reading.values
    return values, faults


def _path_problem(path: str, folder: Path | None) -> str:
    """Why the file may not be read, or cannot be found; empty if it may."""
    windows = PureWindowsPath(path)  # knows both kinds of slash, and drives
    if windows.drive or windows.root or PurePosixPath(path).is_absolute() or ".." in windows.parts:
        return f"{path} lies outside the folder of the rules file"
    if folder is None:
        return f"{path} cannot be found: the rules have no folder"
    return ""
