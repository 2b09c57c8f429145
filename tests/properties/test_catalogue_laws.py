"""Laws of the catalogue: differences tell the truth about files, overlays about values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from dflow.catalogue import (
    Answer,
    Catalogue,
    FlowDef,
    GroupDef,
    ItemDef,
    ItemPlace,
    Presence,
    Provenance,
    bundled,
    diff,
    parse_format,
    parse_range,
)
from dflow.catalogue.importer import catalogue_files
from dflow.catalogue.publication import Publication, PublishedFlow, PublishedItem
from dflow.catalogue.published_structure import PublishedGroup
from dflow.recognise import expression
from dflow.testing import strategies

MADE = Provenance(source="made")
FORMATS = st.sampled_from(["INT(2)", "INT(3)", "CHAR(1)", "CHAR(3)", "NUM(3,1)", "BOOLEAN"])
RANGES = st.sampled_from(["1", "0-1", "1-*", "0-*", "2"])
PRESENCES: st.SearchStrategy[Presence] = st.sampled_from(["mandatory", "optional", "blank"])


@st.composite
def items(draw: st.DrawFn) -> tuple[ItemPlace, ...]:
    chosen = draw(st.lists(st.sampled_from(["J9001", "J9002", "J9003"]), max_size=3, unique=True))
    places: list[ItemPlace] = []
    for position, jcode in enumerate(chosen, start=1):
        fmt = parse_format(draw(FORMATS))
        item = ItemDef(jcode=jcode, name=f"Item {jcode}", format=fmt, provenance=MADE)
        presence: Presence = draw(PRESENCES)
        places.append(ItemPlace(item=item, position=position, presence=presence))
    return tuple(places)


@st.composite
def flow_definitions(draw: st.DrawFn) -> FlowDef:
    """A small flow: one top group and up to two below it."""
    below = tuple(
        GroupDef(
            seq=seq, code=code, name=code, range=parse_range(draw(RANGES)), items=draw(items())
        )
        for seq, code in enumerate(draw(st.sampled_from([(), ("BBB",), ("BBB", "CCC")])), start=2)
    )
    top = GroupDef(
        seq=1, code="AAA", name="AAA", range=parse_range("1-*"), items=draw(items()), groups=below
    )
    return FlowDef(flow="X9001", version="001", name="Made up", groups=(top,), provenance=MADE)


@st.composite
def edited(draw: st.DrawFn, group: GroupDef) -> GroupDef:
    """The group with some of its range, formats and presences drawn again."""
    places: list[ItemPlace] = []
    for place in group.items:
        item = place.item
        if draw(st.booleans()):
            item = evolve(item, format=parse_format(draw(FORMATS)))
        presence = draw(PRESENCES) if draw(st.booleans()) else place.presence
        places.append(evolve(place, item=item, presence=presence))
    again = group.range.text == "1-*" or not draw(st.booleans())
    return evolve(
        group,
        range=group.range if again else parse_range(draw(RANGES)),
        items=tuple(places),
        groups=tuple(draw(edited(below)) for below in group.groups),
    )


@pytest.mark.untraced
@given(st.data())
def test_where_old_files_still_parse_the_new_expression_takes_them(data: st.DataObject) -> None:
    """`FlowDiff.parses` holds: every file of the old version is accepted under the new."""
    old = data.draw(flow_definitions())
    new = evolve(old, groups=(data.draw(edited(old.groups[0])),))
    found = diff(old, new)
    assume(found.parses is Answer.HOLDS)
    flow = data.draw(strategies.flows(old))
    body = b"".join(bytes(record) for record in list(flow.records())[1:-1])
    assert expression(new).fullmatch(body), found.changes


@given(flow_definitions(), flow_definitions())
def test_a_difference_is_seen_from_both_sides(one: FlowDef, other: FlowDef) -> None:
    there, back = diff(one, other), diff(other, one)
    assert bool(there) == bool(back)
    added = {(change.group, change.jcode) for change in there.of("group added", "item added")}
    gone = {(change.group, change.jcode) for change in back.of("group removed", "item removed")}
    assert added == gone
    assert bool(there) == (one.groups != other.groups)


@given(flow_definitions())
def test_what_an_import_writes_reads_back(flow: FlowDef) -> None:
    """The writer of catalogue files and their reader agree."""
    publication = Publication(name="OURS", version="1", date="1 May 2031")
    publication.flows[flow.key] = PublishedFlow(
        reference=flow.flow, version=flow.version, name=flow.name, groups=_published(flow.groups, 1)
    )
    for group in flow.walk():
        for place in group.items:
            first = publication.items.get(place.jcode)
            assume(first is None or first.format == str(place.item.format))
            publication.items[place.jcode] = PublishedItem(
                reference=place.jcode, name=place.name, format=str(place.item.format)
            )
    with TemporaryDirectory() as folder:
        for name, text in catalogue_files(publication).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        read = Catalogue(Path(folder))[flow.key]
    assert not diff(flow, read)
    assert [group.seq for group in read.walk()] == [group.seq for group in flow.walk()]


def _published(groups: Sequence[GroupDef], level: int) -> tuple[PublishedGroup, ...]:
    found: list[PublishedGroup] = []
    for group in groups:
        listed = tuple((place.jcode, place.presence) for place in group.items)
        found.append(
            PublishedGroup(
                code=group.code,
                name=group.name,
                level=level,
                range=group.range.text,
                items=listed,
            )
        )
        found += _published(group.groups, level + 1)
    return tuple(found)


@given(st.sampled_from(bundled().keys), st.data())
def test_a_file_fits_the_version_it_was_made_for(key: tuple[str, str], data: st.DataObject) -> None:
    """`Catalogue.detect` never loses the version that a valid file names."""
    definition = bundled()[key]
    assume(definition.structured)
    assume(sum(1 for _ in definition.walk()) <= 12)  # large flows cost, and prove no more
    flow = data.draw(strategies.flows(definition))
    (candidate,) = [one for one in bundled().detect(bytes(flow)).candidates if one.key == key]
    # A file without a body (D0280 may have none) gives nothing to look at.
    assert candidate.fits is (Answer.HOLDS if flow.groups else Answer.CANNOT_TELL)


@given(flow_definitions())
def test_a_renamed_copy_differs_in_names_only(flow: FlowDef) -> None:
    top = flow.groups[0]
    renamed = evolve(flow, name="Other", groups=(evolve(top, name="Other"), *flow.groups[1:]))
    found = diff(flow, renamed)
    assert {change.kind for change in found.changes} == {"flow renamed", "group renamed"}
    assert found.parses is Answer.HOLDS
