"""Kinds of transport that other packages bring, found by their entry points.

In: what is installed.  Out: kinds, and what is wrong with those that cannot be used.  This
module imports a package's kind only when it is asked for; one that fails is a value with
its reason, and stops nobody else.

A package offers a kind in its ``pyproject.toml``; the name is what a configuration says:

    [project.entry-points."dflow.transports"]
    pigeon = "pigeon_post.kind:KIND"
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from dflow.transport.built_in import BUILT_IN
from dflow.transport.kinds import TransportKind

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "Kinds", "Trouble", "transport_kinds"]

#: The group of entry points.
GROUP = "dflow.transports"


@frozen(kw_only=True)
class Trouble:
    """A kind that was offered and cannot be used.

    Attributes:
        name: as configurations would call it.
        package: who offers it.
        reason: why it cannot be used, and what mends it.
    """

    name: str
    package: str
    reason: str

    def __str__(self) -> str:
        return f"transport {self.name} of {self.package} cannot be used: {self.reason}"


@frozen(kw_only=True)
class Kinds:
    """The kinds of transport that there are.

    Attributes:
        kinds: those that can be used.
        packages: who offers each of them, by name.
        troubles: those that cannot.
        unread: the names of those that were not asked for, and not imported.
    """

    kinds: tuple[TransportKind, ...]
    packages: Mapping[str, str] = field(factory=dict)
    troubles: tuple[Trouble, ...] = ()
    unread: tuple[str, ...] = ()

    def trouble(self, name: str) -> Trouble | None:
        """What is wrong with a kind of this name, if one was offered and cannot be used."""
        return next((one for one in self.troubles if one.name == name), None)


def transport_kinds(
    only: Collection[str] | None = None,
    *,
    built_in: Sequence[TransportKind] = BUILT_IN,
    offered: Iterable[EntryPoint] | None = None,
) -> Kinds:
    """The kinds that come with dflow, and those of other packages.

    Args:
        only: import other packages' kinds of these names only; None imports all.
        built_in: the kinds that come with dflow; nobody else may take their names.
        offered: entry points; those of the installed packages if not given.
    """
    if offered is None:
        from importlib.metadata import entry_points

        offered = entry_points(group=GROUP)
    own = {kind.name for kind in built_in}
    kinds, packages = [*built_in], {kind.name: "dflow" for kind in built_in}
    troubles: list[Trouble] = []
    unread: list[str] = []
    by_name: dict[str, list[EntryPoint]] = {}
    for point in offered:
        by_name.setdefault(point.name, []).append(point)
    for name, points in sorted(by_name.items()):
        if only is not None and name not in only and name not in own:
            unread.append(name)
            continue
        found = _taken(points, own) or _loaded(points[0])
        if isinstance(found, TransportKind):
            kinds.append(found)
            packages[name] = _package(points[0])
        else:
            troubles += [
                Trouble(name=name, package=_package(point), reason=found) for point in points
            ]
    return Kinds(
        kinds=tuple(kinds), packages=packages, troubles=tuple(troubles), unread=tuple(unread)
    )


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value.partition(":")[0]


def _taken(points: list[EntryPoint], own: set[str]) -> str:
    """Why a name cannot be given to one package; empty if it can."""
    name = points[0].name
    if name in own:
        return (
            f"the name is taken by dflow's own transport {name}; its author has to choose another"
        )
    if len(points) > 1:
        packages = " and ".join(sorted(_package(point) for point in points))
        return f"{packages} offer the same name; uninstall all but one"
    return ""


def _loaded(point: EntryPoint) -> TransportKind | str:
    """The kind of an entry point, or why there is none."""
    try:
        found: object = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  another package may raise anything
        words = str(error).partition("\n")[0]
        said = f"{type(error).__name__}: {words}" if words else type(error).__name__
        return f"{point.value} could not be imported ({said}); mend or uninstall the package"
    if not isinstance(found, TransportKind):
        return f"{point.value} is a {type(found).__name__}, and no TransportKind"
    if found.name != point.name:
        return f"{point.value} calls itself {found.name!r}, and its entry point {point.name!r}"
    lame = [
        side
        for side, options, maker in (
            ("out", found.out, found.outbox),
            ("into", found.into, found.inbox),
        )
        if (options is None) != (maker is None)
    ]
    if lame or (found.out is None and found.into is None):
        side = lame[0] if lame else "out"
        return f"{point.value} has options and no maker, or a maker and no options, for {side!r}"
    return found
