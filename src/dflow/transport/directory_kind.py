"""What a configuration may say of a folder.

In: options as plain values, already checked.  Out: an outbox or an inbox.  This module
touches no folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dflow.transport.directory_in import DirectoryInbox
from dflow.transport.directory_out import DirectoryOutbox
from dflow.transport.folder_options import NAME, SIDECAR, WHOLE, ready_of
from dflow.transport.kinds import Option, Setting, TransportKind
from dflow.transport.options import PATTERN, after, count_of, keep_keys, largest, number_of, poll
from dflow.transport.ports import Inbox, Outbox

__all__ = ["KIND"]

_DIRECTORY_OUT = (
    Option(name="path", kind="path", required=True, meaning="The folder; made if missing."),
    NAME,
    SIDECAR,
    keep_keys(90),
)

_DIRECTORY_IN = (
    Option(name="path", kind="path", required=True, meaning="The folder, which must exist."),
    PATTERN,
    *WHOLE,
    after("a file"),
    Option(
        name="archive", kind="path", meaning="Where archived files go; `.dflow/done` if left out."
    ),
    largest("file"),
    poll(1.0),
)


def _path(value: Setting) -> Path:
    return value if isinstance(value, Path) else Path(str(value))


def _directory_outbox(settings: Mapping[str, Setting]) -> Outbox:
    return DirectoryOutbox(
        path=_path(settings["path"]),
        template=str(settings["name"]),
        sidecar=bool(settings["sidecar"]),
        keep_keys=number_of(settings["keep_keys"]),
    )


def _directory_inbox(settings: Mapping[str, Setting]) -> Inbox:
    return DirectoryInbox(
        path=_path(settings["path"]),
        pattern=str(settings["pattern"]),
        ready=ready_of(settings),
        settle=number_of(settings["settle"]),
        done_suffix=str(settings["done_suffix"]),
        after="remove" if settings["after"] == "remove" else "archive",
        archive=None if settings["archive"] is None else _path(settings["archive"]),
        largest=count_of(settings["largest"]),
        poll=number_of(settings["poll"]),
    )


#: A folder.
KIND = TransportKind(
    name="directory",
    out=_DIRECTORY_OUT,
    into=_DIRECTORY_IN,
    outbox=_directory_outbox,
    inbox=_directory_inbox,
)
