"""The expression: values as the formats have them, twins not confused, linear, all flows."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.catalogue import (
    FlowDef,
    GroupDef,
    ItemDef,
    ItemPlace,
    Provenance,
    bundled,
    parse_format,
    parse_range,
)
from dflow.recognise import Asked, expression, record_pattern

_SOURCE = Provenance(source="made up")
_FORMATS = sorted({str(at.item.format) for f in bundled() for g in f.walk() for at in g.items})


def group_of(form: str, presence: str = "mandatory") -> GroupDef:
    item = ItemDef(jcode="J9999", name="X", format=parse_format(form), provenance=_SOURCE)
    places = (
        ItemPlace(item=item, position=1, presence="optional")
        if presence == "optional"
        else ItemPlace(item=item, position=1),
    )
    return GroupDef(seq=1, code="001", name="", range=parse_range("1"), items=places)


def admits(pattern: re.Pattern[bytes], value: str) -> bool:
    return pattern.fullmatch(f"001|{value}|".encode("latin-1")) is not None


@pytest.mark.untraced
@pytest.mark.parametrize("form", ["DATE", "DATETIME", "TIMESTAMP"])
def test_dates_are_the_calendar_s(form: str) -> None:
    pattern = record_pattern(group_of(form))
    rest = {"DATE": "", "DATETIME": "235959", "TIMESTAMP": "000000.000001"}[form]
    days = {
        (dt.date(1949, 12, 30) + dt.timedelta(days=number)).strftime("%Y%m%d")
        for number in range(91_500)
    }
    step = 1 if form == "DATE" else 7
    for year in range(1948, 2202, 1 if form == "DATE" else 13):
        for month in range(14):
            for day in range(0, 33, step):
                text = f"{year:04d}{month:02d}{day:02d}"
                right = text in days and 1950 <= year <= 2199
                assert admits(pattern, text + rest) == right, text


@given(st.data())
def test_each_format_as_the_catalogue_has_it(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(_FORMATS))
    made = st.from_regex(parse_format(form).pattern, fullmatch=True).map(lambda text: text[:400])
    value = data.draw(
        made.filter(lambda text: "|" not in text and max(map(ord, text)) < 256)
        | st.text("0123456789+-.AT |\n", max_size=14).filter(lambda text: "|" not in text)
    )
    right = parse_format(form).admits(value)
    for plain in (False, True):
        if plain and not value.isascii():
            continue
        asked = Asked(ascii=plain)
        assert admits(record_pattern(group_of(form), asked), value) == (right and value != "")
        optional = record_pattern(group_of(form, "optional"), asked)
        assert admits(optional, value) == (right or value == "")


@pytest.mark.untraced
def test_the_expression_of_every_flow_is_made_in_little_time() -> None:
    flows = [flow for flow in bundled() if flow.structured]
    began = time.process_time()
    for flow in flows:
        expression(flow)
    assert time.process_time() - began < 5  # about 1 s; a generous bound for busy machines


def test_an_unknown_structure_has_no_expression() -> None:
    with pytest.raises(ValueError, match="no known structure"):
        expression(FlowDef(flow="D0010", version="009", name="", provenance=_SOURCE))


def test_a_twin_does_not_take_what_its_elder_may_take() -> None:
    """D0209: the first ZIN leaves J0083 blank, the further ones fill it."""
    body = expression(bundled()["D0209", "001"])
    records = {
        "ZPI": b"ZPI|1|\n",
        "first": b"ZIN|1|AB01||20200101|20200101|\n",
        "later": b"ZIN|1|AB01|1200000000018|||\n",
        "ISD": b"ISD|20200101|\n",
    }

    def accepted(*names: str) -> bool:
        return body.fullmatch(b"".join(records[name] for name in names)) is not None

    good = accepted("ZPI", "first", "ISD")
    if not good:  # the values made up above must suit the catalogue
        fields = [
            (at.jcode, at.presence, str(at.item.format))
            for group in bundled()["D0209", "001"].groups
            for at in group.items
        ]
        pytest.fail(f"the made-up records do not suit {fields}")
    assert accepted("ZPI", "first", "ISD", "later", "ISD", "later", "ISD")
    assert not accepted("ZPI", "later", "ISD")
    assert not accepted("ZPI", "first", "ISD", "first", "ISD")


@pytest.mark.parametrize("size", [10_000, 100_000, 1_000_000])
def test_near_misses_take_linear_time(size: int) -> None:
    """Bodies that fail at their very end, for every flow with dates in a row."""
    for key in (("D0150", "002"), ("D0010", "002")):
        flow = bundled()[key]
        root = flow.groups[0]
        pattern = expression(flow)
        line = root.code.encode() + b"|" + b"1" * 13 + b"|" + b"20240101|" * 30 + b"\n"
        body = line * (size // len(line))
        began = time.process_time()
        assert pattern.fullmatch(body) is None
        assert time.process_time() - began < 1
