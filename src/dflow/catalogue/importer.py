"""A publication to catalogue files: the one command of a new release.

In: a folder of Word files.  Out: the TOML files of a catalogue, as texts or written to a
folder, and the list of what could not be read.  The files are the same whenever the
publication is the same, so that the version-control diff of a new release is its review.

Files that no publication gives (earlier releases, conditions, roles, sensitive items,
envelope-only entries) are never touched.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from attrs import frozen

from dflow.catalogue.layers import Layer
from dflow.catalogue.publication import (
    Publication,
    PublishedFlow,
    PublishedItem,
    Unread,
    read_publication,
)
from dflow.catalogue.tables import is_code, shelf_of
from dflow.errors import SourceError

__all__ = ["Imported", "catalogue_files", "import_publication", "quoted"]


@frozen(kw_only=True)
class Imported:
    """What an import gave.

    Attributes:
        title: the publication's name, version and date, as far as it says them.
        flows: how many flow numbers.
        versions: how many flow versions.
        groups: how many groups, over all versions.
        places: how many item places, over all groups.
        items: how many items.
        code_lists: how many code lists that survived in the publication.
        unread: what could not be read, table by table.
        written: the files written, relative to the folder; empty if none was asked for.
        untouched: flow versions of the folder that the publication does not hold.
    """

    title: str
    flows: int
    versions: int
    groups: int
    places: int
    items: int
    code_lists: int
    unread: tuple[Unread, ...] = ()
    written: tuple[str, ...] = ()
    untouched: tuple[tuple[str, str], ...] = ()


def import_publication(folder: Path, out: Path, *, source: str = "official") -> Imported:
    """Read the Word files of a folder and write the catalogue's TOML files.

    Args:
        folder: where the Word files (``.docx``) are; their names do not matter.
        out: where to write; made if missing.  Files of the same name are replaced.
        source: the first word of every entry's provenance.

    Raises:
        SourceError: if a file cannot be read, is refused as hostile, or cannot be written,
            or if the Word files hold no flow at all.
    """
    publication = read_publication(folder)
    if not publication.flows:
        raise SourceError(f"{folder}: the Word files describe no flow in the layout of the DTC")
    files = catalogue_files(publication, source=source)
    try:
        for name, text in files.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SourceError(f"{out}: {error.strerror or error}") from error
    present = Layer(out).flow_keys()
    groups = [group for flow in publication.flows.values() for group in flow.groups or ()]
    return Imported(
        title=publication.title,
        flows=len({reference for reference, _ in publication.flows}),
        versions=len(publication.flows),
        groups=len(groups),
        places=sum(len(group.items) for group in groups),
        items=len(publication.items),
        code_lists=sum(item.codes is not None for item in publication.items.values()),
        unread=tuple(publication.unread),
        written=tuple(files),
        untouched=tuple(sorted(present - set(publication.flows))),
    )


def catalogue_files(publication: Publication, *, source: str = "official") -> dict[str, str]:
    """The texts of the catalogue's files, by their path in the folder, sorted."""
    provenance = f"{source}: {publication.title or 'a publication without a title'}"
    files = {
        f"{flow.reference}/{flow.version}.toml": _flow_text(flow, publication.items, provenance)
        for flow in publication.flows.values()
    }
    shelves: dict[str, list[PublishedItem]] = {}
    for reference in sorted(publication.items):
        shelves.setdefault(shelf_of(reference), []).append(publication.items[reference])
    for shelf, items in shelves.items():
        files[f"items/{shelf}.toml"] = "\n".join(_item_text(item, provenance) for item in items)
        if lists := [_codes_text(item) for item in items if item.codes]:
            files[f"codes/{shelf}.toml"] = "\n".join(lists)
    if is_code(_RELEASE, publication.version):
        files[f"releases/{publication.version}.toml"] = _release_text(publication, provenance)
    return dict(sorted(files.items()))


def _release_text(publication: Publication, provenance: str) -> str:
    lines = [f"release = {quoted(publication.version)}"]
    if published := _day(publication.date):
        lines += [
            "# As printed on the publication: it may be the day of its export, and is not the",
            "# day of going live, which is not known.",
            f"published = {published}",
        ]
    lines += [f"provenance = {quoted(provenance)}", "holds = ["]
    lines += [f"    {quoted(str(flow))}," for flow in publication.flows.values()]
    return "\n".join([*lines, "]"]) + "\n"


def _day(text: str) -> str:
    """A day such as ``28 April 2026`` as TOML has it; empty if it is none."""
    found = re.fullmatch(r"(\d{1,2}) ([A-Z][a-z]+) (\d{4})", text, re.ASCII)
    if not found or found[2] not in _MONTHS:
        return ""
    try:
        return date(int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1])).isoformat()
    except ValueError:
        return ""


_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)

#: Names of releases that can be a file's name.
_RELEASE = re.compile(r"[0-9A-Za-z]{1,12}(?:[._-][0-9A-Za-z]{1,12}){0,3}", re.ASCII)


def _flow_text(flow: PublishedFlow, items: dict[str, PublishedItem], provenance: str) -> str:
    lines = [
        f"flow = {quoted(flow.reference)}",
        f"version = {quoted(flow.version)}",
        f"name = {quoted(flow.name)}",
        *([f"status = {quoted(flow.status)}"] if flow.status else []),
        *([f"owner = {quoted(flow.owner)}"] if flow.owner else []),
        f"provenance = {quoted(provenance)}",
    ]
    if flow.groups is None:
        lines.append('structure = "unknown"')
    if flow.routes:
        lines.append("routes = [")
        lines += [f"    {quoted(f'{sender} -> {to}')}," for sender, to in flow.routes]
        lines.append("]")
    for group in flow.groups or ():
        lines += [
            "",
            "[[group]]",
            f"code = {quoted(group.code)}",
            f"level = {group.level}",
            f"range = {quoted(group.range)}",
            *([f"name = {quoted(group.name)}"] if group.name else []),
            "items = [",
            *(
                f"    {quoted(reference + _WORDS[presence])},  # {items[reference].name}"
                for reference, presence in group.items
            ),
            "]",
        ]
    return "\n".join(lines) + "\n"


_WORDS = {"mandatory": "", "optional": " optional", "blank": " blank"}


def _item_text(item: PublishedItem, provenance: str) -> str:
    lines = [
        f"[{item.reference}]",
        f"name = {quoted(item.name)}",
        f"format = {quoted(item.format)}",
    ]
    for key, value in (("domain", item.domain), ("units", item.units), ("owner", item.owner)):
        if value:
            lines.append(f"{key} = {quoted(value)}")
    return "\n".join([*lines, f"provenance = {quoted(provenance)}"]) + "\n"


def _codes_text(item: PublishedItem) -> str:
    assert item.codes is not None  # noqa: S101  the caller chose those that have a list
    lines = [
        f"[{item.reference}]",
        f"complete = {'true' if item.codes.complete else 'false'}",
        f"[{item.reference}.codes]",
        *(f"{quoted(code)} = {quoted(label)}" for code, label in item.codes.codes.items()),
    ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as a TOML string on one line."""
    escapes = {'"': '\\"', "\\": "\\\\"}
    return (
        '"'
        + "".join(
            escapes.get(c, c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 65536 else "?")
            for c in text
        )
        + '"'
    )
