"""E-mail out: what a message is, and what is certain when a server will not take it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.testing.proxy import FaultProxy
from dflow.testing.transports import Endpoint
from dflow.transport import Parcel, Presence, Receipt, Refused, Secret, Unavailable, Uncertain
from dflow.transport.mail import MailOutbox, MailServer
from dflow.transport.mail.message import compose, message_id, text_mistakes
from mailserver import PASSWORD, MailRig, mail_server
from services import free_port
from support_exchange import waits_in_the_journal

PARCEL = Parcel(
    key="k",
    name="a.usr",
    content=b"ZHV|\x00\xff\r\n.\r\n",
    address={"flow": "D0010", "file_id": "0000000001"},
    notes={"rule": "migration"},
)


def send(outbox: MailOutbox, parcel: Parcel = PARCEL) -> Receipt:
    return asyncio.run(asyncio.wait_for(outbox.send(parcel), 30))


def words_of(outbox: MailOutbox, fault: type[Exception] = Unavailable) -> str:
    with pytest.raises(fault) as found:
        send(outbox)
    words = str(found.value)
    assert "\n" not in words
    assert PASSWORD not in words
    return words


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_parcel_is_a_message_with_an_attachment(security: str) -> None:
    with mail_server(security) as rig:
        outbox = rig.outbox()
        receipt = send(outbox)
        (message,) = rig.box.messages
        assert message["Subject"] == "D0010 0000000001"
        assert message["From"] == "dflow@sender.example"
        assert message["To"] == "files@agent.example"
        assert message["Message-ID"] == receipt.place == message_id("k", "dflow@sender.example")
        whole, notes = list(message.iter_attachments())
        assert (whole.get_filename(), whole.get_content()) == ("a.usr", PARCEL.content)
        assert notes.get_filename() == "a.usr.provenance.json"
        content = notes.get_content()
        assert json.loads(content) == {"rule": "migration"}
        said = asyncio.run(outbox.check())
        assert said.endswith("as dflow: takes mail for 1 recipient")
        assert len(rig.box.messages) == 1
        assert asyncio.run(outbox.probe("k")) is Presence.UNKNOWN


def test_a_repeat_has_the_same_message_id() -> None:
    with mail_server("loopback") as rig:
        outbox = rig.made(rig.settings(user="", password=None))
        assert send(outbox).place == send(outbox).place


@given(st.text(), st.text(), st.dictionaries(st.sampled_from(["flow", "file_id"]), st.text()))
def test_no_hostile_text_makes_a_header(name: str, key: str, address: dict[str, str]) -> None:
    from datetime import UTC, datetime
    from email import message_from_bytes
    from email.policy import default

    parcel = Parcel(key=key, name=name, content=b"x", address=address)
    data = compose(
        parcel,
        sender="a@b.example",
        recipients=["c@d.example"],
        subject="{flow} {name} {key} {stem}",
        body="{flow} {name}",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        sidecar=True,
    )
    message = message_from_bytes(data, policy=default)
    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "dflow-sha256",
        "MIME-Version",
        "Content-Type",
    }
    assert not message.defects
    assert data.isascii()


def test_settings_that_are_wrong_are_refused_at_once() -> None:
    for changes, words in [
        ({"host": "mail.example", "security": "loopback"}, "this machine only"),
        ({"host": "127.0.0.1", "security": "loopback", "user": "x"}, "sends no password"),
        ({"host": "mail.example", "user": "x"}, "needs a password"),
    ]:
        with pytest.raises(ValueError, match=words):
            MailServer(**changes)  # type: ignore[arg-type]  # as they are named
    server = MailServer(host="mail.example")
    for address in ("", "a", "a@", "a@b\r\nBcc: c@d", "a b@c", "<a@b>", "a@b,c@d", "a@b@c"):
        with pytest.raises(ValueError, match="e-mail address"):
            MailOutbox(server=server, sender="a@b", recipients=(address,))
    with pytest.raises(ValueError, match="no recipient"):
        MailOutbox(server=server, sender="a@b", recipients=())
    with pytest.raises(ValueError, match="no word"):
        MailOutbox(server=server, sender="a@b", recipients=("a@b",), subject="{mpan}")
    assert text_mistakes("{flow") == ["a brace has no partner"]
    shown = repr(MailServer(host="mail.example", user="x", password=Secret("hunter2")))
    assert "hunter2" not in shown


def test_what_the_server_answers_tells_what_is_certain() -> None:
    with mail_server() as rig:
        address = "files@agent.example"
        table: list[tuple[str, str, type[Exception], str]] = [
            (address, "550 no such user", Refused, "check the recipient"),
            (address, "451 busy", Unavailable, "451 busy"),
            ("MAIL", "550 not you", Unavailable, "check sender and login"),
            ("DATA", "554 no", Refused, "does not take the message: 554 no"),
            ("DATA", "452 full", Unavailable, "452 full"),
        ]
        for at, answer, fault, words in table:
            rig.box.answers = {at: answer}
            assert words in words_of(rig.outbox(), fault)
        rig.box.answers = {}
        assert rig.box.messages == []
        large = Parcel(key="k", name="a", content=bytes(20_000_001))
        with pytest.raises(Refused, match="more than the 20000000 that go by mail"):
            send(rig.outbox(), large)


def test_logins_and_certificates(tmp_path: Path) -> None:
    with mail_server() as rig:
        wrong = rig.made(rig.settings(password=Secret("wrong")))
        assert "check user and password" in words_of(wrong)
        assert "certificate is not trusted" in words_of(rig.made(rig.settings(ca_file=None)))
        named = rig.made(rig.settings(host="localhost"))
        assert "certificate is not trusted" in words_of(named)
        none = rig.made(rig.settings(ca_file=tmp_path / "none"))
        assert "the ca_file cannot be used" in words_of(none)
        assert "no TLS" in words_of(rig.made(rig.settings(security="tls")))
        assert "check user and password" in waits_in_the_journal(wrong)
        assert rig.box.messages == []
    with mail_server("loopback") as rig:
        plain = rig.made(rig.settings(security="starttls"))
        assert "check port and security" in words_of(plain)


def test_lines_that_break() -> None:
    nobody = MailServer(host="127.0.0.1", port=free_port(), security="loopback")
    rig: MailRig
    with mail_server() as rig, FaultProxy("127.0.0.1", rig.server.port) as proxy:
        assert "whether the server runs" in words_of(rig.made(nobody))
        via = Endpoint(proxy.host, proxy.port)
        proxy.swallow()
        assert "no answer in 0.4 s" in words_of(rig.made(rig.settings(via, timeout=0.4)))
        proxy.mend()
        # A first message tells how many bytes come down before the last answer.
        send(rig.outbox(via))
        down = proxy.passed("down")
        found: set[type[Exception]] = set()
        for after in range(0, down, max(down // 25, 1)):
            proxy.mend()
            proxy.cut("down", after=after)
            try:
                send(rig.outbox(via))
            except (Unavailable, Uncertain) as error:
                found.add(type(error))
        assert found == {Unavailable, Uncertain}
