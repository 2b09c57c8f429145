"""What a configuration may say of a folder, here or on a server.

In: nothing.  Out: options, and of checked settings how whole files are told.  This module
touches no folder, and does not know where it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from dflow.transport.directory_in import Ready
from dflow.transport.kinds import Option, Setting

__all__ = ["NAME", "SIDECAR", "WHOLE", "ready_of"]

_READY: tuple[Ready, ...] = ("stable", "age", "done-file", "named")

#: What files are called that are written.
NAME = Option(
    name="name",
    kind="template",
    default="{name}",
    meaning="The files' names, with words of the header in braces; `/` makes folders.",
)

#: Whether a copy says where it comes from.
SIDECAR = Option(
    name="sidecar",
    kind="flag",
    default=True,
    meaning="Whether a copy's provenance is written beside it, as NAME.provenance.json.",
)

#: When a file that lies there is whole: the writer's habit, and its numbers and names.
WHOLE = (
    Option(
        name="ready",
        kind="text",
        default="stable",
        choices=_READY,
        meaning="How a whole file is told from one that is being written.",
    ),
    Option(name="settle", kind="seconds", default=1.0, meaning="For `stable` and `age`: how long."),
    Option(name="done_suffix", kind="text", default=".done", meaning="For `done-file`."),
)


def ready_of(settings: Mapping[str, Setting]) -> Ready:
    """How whole files are told."""
    return next(one for one in _READY if one == settings["ready"])
