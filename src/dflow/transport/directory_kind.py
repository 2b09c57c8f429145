"""What a configuration may say of a folder.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
touches no folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dflow.transport.directory_in import DirectoryInbox, Ready
from dflow.transport.directory_out import DirectoryOutbox
from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.ports import Inbox, Outbox

__all__ = ["KIND"]

_READY: tuple[Ready, ...] = ("stable", "age", "done-file", "named")

_DIRECTORY_OUT = (
    Option(name="path", kind="path", required=True, meaning="The folder; made if missing."),
    Option(
        name="name",
        kind="template",
        default="{name}",
        meaning="The files' names, with words of the header in braces; `/` makes folders.",
    ),
    Option(
        name="sidecar",
        kind="flag",
        default=True,
        meaning="Whether a copy's provenance is written beside it, as NAME.provenance.json.",
    ),
    Option(
        name="keep_keys",
        kind="seconds",
        default=90 * 86400.0,
        meaning="For how long a delivered key is remembered.",
    ),
)

_DIRECTORY_IN = (
    Option(name="path", kind="path", required=True, meaning="The folder, which must exist."),
    Option(name="pattern", kind="text", default="*", meaning="Which names to take."),
    Option(
        name="ready",
        kind="text",
        default="stable",
        choices=_READY,
        meaning="How a whole file is told from one that is being written.",
    ),
    Option(name="settle", kind="seconds", default=1.0, meaning="For `stable` and `age`: how long."),
    Option(name="done_suffix", kind="text", default=".done", meaning="For `done-file`."),
    Option(
        name="after",
        kind="text",
        default="archive",
        choices=("archive", "remove"),
        meaning="What becomes of a file once the journal has it.",
    ),
    Option(
        name="archive", kind="path", meaning="Where archived files go; `.dflow/done` if left out."
    ),
    Option(
        name="largest",
        kind="count",
        default=1 << 30,
        meaning="Bytes; a larger file is set aside as unreadable.",
    ),
    Option(name="poll", kind="seconds", default=1.0, meaning="Between two looks."),
)


def _path(value: Setting) -> Path:
    return value if isinstance(value, Path) else Path(str(value))


def _number(value: Setting) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _directory_outbox(settings: Mapping[str, Setting]) -> Outbox:
    return DirectoryOutbox(
        path=_path(settings["path"]),
        template=str(settings["name"]),
        sidecar=bool(settings["sidecar"]),
        keep_keys=_number(settings["keep_keys"]),
    )


def _directory_inbox(settings: Mapping[str, Setting]) -> Inbox:
    ready = next(one for one in _READY if one == settings["ready"])
    return DirectoryInbox(
        path=_path(settings["path"]),
        pattern=str(settings["pattern"]),
        ready=ready,
        settle=_number(settings["settle"]),
        done_suffix=str(settings["done_suffix"]),
        after="remove" if settings["after"] == "remove" else "archive",
        archive=None if settings["archive"] is None else _path(settings["archive"]),
        largest=int(_number(settings["largest"])),
        poll=_number(settings["poll"]),
    )


#: A folder.
KIND = TransportKind(
    name="directory",
    out=_DIRECTORY_OUT,
    into=_DIRECTORY_IN,
    outbox=_directory_outbox,
    inbox=_directory_inbox,
)
