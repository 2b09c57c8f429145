"""Addresses of other formats give the same header, and hostile ones none."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.envelope import Header, Party, read_address, read_irish, read_mhhs
from dflow.routing import Routes

IRISH = b"""<?xml version="1.0" encoding="UTF-8"?>
<ie:ieXMLDocument xmlns:ie="urn:made-up"><ie:MessageHeader MarketTimestamp="2019-06-27T10:30:00"
 MessageTypeCode="017" RecipientID="ESB" SenderID="ABC" TxRefNbr="T1" VersionNumber="13.00.00"
 SupplierMPID="ABC"/><MIM017_Made MPRN="10000000001"></ie:ieXMLDocument>"""

PLATFORM = {
    "CommonBlock": {
        "S0": {"interfaceID": "IF-033", "schemaVersion": "001", "eventCode": "E1"},
        "S1": {
            "environmentTag": "SIT-A",
            "senderUniqueReference": "R1",
            "senderTimestamp": "2026-01-02T03:04:05+00:00",
            "senderDIPID": "1000000001",
            "senderRoleID": "SUPC",
        },
        "A0": {"primaryRecipients": ["2000000002"], "always": []},
    },
    "CustomBlock": {},
}


def platform(**changes: object) -> bytes:
    return json.dumps({**PLATFORM, **changes}).encode()


def test_an_irish_message() -> None:
    reading = read_irish(IRISH)  # its body is not well-formed; nobody looks
    assert reading.findings == ()
    assert reading.header == Header(
        flow="017",
        version="13.00.00",
        sender=Party("", "ABC"),
        recipient=Party("", "ESB"),
        file_id="T1",
        created="20190627103000",
        envelope="other",
    )


def test_a_platform_message() -> None:
    header = read_mhhs(platform()).header
    assert header == Header(
        flow="IF-033",
        version="001",
        sender=Party("SUPC", "1000000001"),
        recipient=Party("", "2000000002"),
        file_id="R1",
        created="20260102030405",
        test_flag="SIT-A",
        envelope="other",
    )
    assert not header.live
    tagged = read_mhhs(platform(), live_tags={"SIT-A"}).header
    assert tagged is not None
    assert tagged.live


def test_one_rule_set_routes_all_three() -> None:
    routes = Routes.parse(
        "destination a\ndestination b test\n"
        "route status:  flow 017  from /ABC  to */ESB\n  deliver a\n"
        "route platform:  flow IF-033 v001  from SUPC/*  test SIT-A\n  deliver b\n"
        "route works:  flow D0150  to M/OLDM\n  deliver a\n"
    )
    flow = b"ZHV|0000000001|D0150001|X|UDMS|M|OLDM|20190627103000||||OPER|\r\nrest"
    found = []
    for data in (IRISH, platform(), flow):
        header = read_address(data).header
        assert header is not None
        found.append(routes.decide(header, at=date(2026, 1, 1)).rule)
    assert found == ["status", "platform", "works"]


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><ieXMLDocument><MessageHeader/></ieXMLDocument>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><ieXMLDocument/>',
        b"<other><MessageHeader/></other>",
        b"<ieXMLDocument><Body/></ieXMLDocument>",
        b"<ieXMLDocument>" + b"<!-- x -->" * 20_000,
        b"<ieXMLDocument>",
        b'<ieXMLDocument><MessageHeader MessageTypeCode="017" SenderID="ABCD" RecipientID="E"/>',
        b'<ieXMLDocument><MessageHeader MessageTypeCode="017&#10;" SenderID="A" RecipientID="E"/>',
        b'<ieXMLDocument><MessageHeader SenderID="A" RecipientID="E"/>',
        b'<?xml version="1.0" encoding="none-such"?><ieXMLDocument/>',
    ],
)
def test_hostile_or_broken_xml_gives_findings(data: bytes) -> None:
    reading = read_irish(data)
    assert reading.header is None
    assert reading.findings


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"[]",
        b"[" * 200_000,
        b'{"CommonBlock":' * 100_000,
        b'{"a": 1, "a": 2}',
        b"\xff\xfe{}",
        b"9" * 5000,
        platform(CommonBlock=[]),
        platform(CommonBlock={**PLATFORM["CommonBlock"], "A0": {"primaryRecipients": [{}]}}),
        platform(CommonBlock={**PLATFORM["CommonBlock"], "S0": {"interfaceID": "a\nb"}}),
    ],
)
def test_hostile_or_broken_json_gives_findings(data: bytes) -> None:
    reading = read_mhhs(data)
    assert reading.header is None
    assert reading.findings


def test_a_message_too_long_is_not_read() -> None:
    assert read_mhhs(b"{" + b" " * (16 * 1024 * 1024)).header is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    read_address(data)
    read_address(b"<" + data)
    read_address(b"{" + data)
