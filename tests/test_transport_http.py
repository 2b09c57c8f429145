"""Webhooks out and in: what is signed, kept, repeated and asked, over real connections."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path

import httpx
import pytest
from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from certificates import Authority
from dflow.transport import Parcel, Presence, Secret
from dflow.transport.http import HmacSha256, HttpInbox, HttpOutbox, HttpWords, RsaPss, RsaPssPublic
from dflow.transport.http.signing import signature_base
from dflow.transport.http.words import fault_of
from http_server import SECRET, served
from support_transport import drained

SIGNER = HmacSha256(secret=SECRET)


def test_a_parcel_goes_through_whole_once_and_is_known_afterwards(tmp_path: Path) -> None:
    parcel = Parcel(
        key="k/€ 1", name="../\u00e4\n.usr", content=b"ZHV|\x00\xff", notes={"kind": "copy"}
    )

    async def story(url: str) -> None:
        outbox = HttpOutbox(url=url, signer=SIGNER)
        assert "trusts this client" in await outbox.check()
        assert await outbox.probe(parcel.key) is Presence.ABSENT
        first = await outbox.send(parcel)
        again = await outbox.send(parcel)
        assert (first.repeat, again.repeat) == (False, True)
        assert first.place == again.place != ""
        found = await drained(HttpInbox(spool=tmp_path, verifier=SIGNER))
        assert [(one.name, one.content, one.notes) for one in found] == [
            (parcel.name, parcel.content, {"kind": "copy"})
        ]
        assert await outbox.probe(parcel.key) is Presence.PRESENT
        assert (await outbox.send(parcel)).repeat
        await outbox.close()
        await outbox.close()
        assert await outbox.probe(parcel.key) is Presence.PRESENT  # closed, it opens again
        await outbox.close()
        assert await drained(HttpInbox(spool=tmp_path, verifier=SIGNER)) == []

    with served(tmp_path) as (host, port):
        asyncio.run(story(f"http://{host}:{port}/hooks/dflow"))


def test_keys_are_known_over_restarts_of_the_server(tmp_path: Path) -> None:
    parcel = Parcel(key="k", name="a.usr", content=b"ZHV|")
    for present in (False, True):
        with served(tmp_path) as (host, port):
            outbox = HttpOutbox(url=f"http://{host}:{port}/", signer=SIGNER)

            async def story(outbox: HttpOutbox = outbox, known: bool = present) -> None:
                before = await outbox.probe("k")
                assert before is (Presence.PRESENT if known else Presence.ABSENT)
                assert (await outbox.send(parcel)).repeat is known
                await outbox.close()

            asyncio.run(story())


def test_an_inbox_serves_itself_wakes_at_once_and_closes(tmp_path: Path) -> None:
    async def story() -> None:
        inbox = HttpInbox(spool=tmp_path, verifier=SIGNER, host="127.0.0.1", poll=3600)
        assert "can listen" in await inbox.check()
        stream = inbox.receive()
        first = asyncio.ensure_future(anext(stream))
        while inbox.address is None:
            await asyncio.sleep(0.01)
        host, port = inbox.address
        outbox = HttpOutbox(url=f"http://{host}:{port}/in", signer=SIGNER)
        await outbox.send(Parcel(key="k", name="a.usr", content=b""))
        arrival = await asyncio.wait_for(first, 10)
        assert (arrival.name, arrival.content, arrival.problem) == ("a.usr", b"", "")
        again = asyncio.ensure_future(anext(stream))
        await inbox.failed(arrival, "the journal is full")
        assert (await asyncio.wait_for(again, 10)).name == "a.usr"
        await outbox.close()
        await inbox.close()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://{host}:{port}/", trust_env=False)

    asyncio.run(story())


def test_the_app_is_mounted_under_a_path_of_another_service(tmp_path: Path) -> None:
    inbox = HttpInbox(spool=tmp_path, verifier=SIGNER)
    Send = Callable[[MutableMapping[str, object]], Awaitable[None]]  # noqa: N806  a type has a type's name
    Receive = Callable[[], Awaitable[MutableMapping[str, object]]]  # noqa: N806  a type has a type's name

    async def service(scope: MutableMapping[str, object], receive: Receive, send: Send) -> None:
        if str(scope["path"]).startswith("/hooks/"):
            await inbox.app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def story() -> None:
        transport = httpx.ASGITransport(app=service)
        async with httpx.AsyncClient(transport=transport) as client:
            assert (await client.get("http://x/other")).status_code == 418
            query = HttpWords(method="GET", path="/hooks/dflow", query="key=k")
            asked = await client.get("http://x/hooks/dflow?key=k", headers=SIGNER.sign(query))
            assert (asked.status_code, asked.headers["dflow-presence"]) == (404, "absent")
            assert (await client.put("http://x/hooks/dflow")).status_code == 405

    asyncio.run(story())


def test_rsa_signs_and_verifies(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    signer = RsaPss(private_key=Secret(private), key_id="west 1")
    verifier = RsaPssPublic(public_key=public, key_id="west 1")
    words = HttpWords(method="POST", path="/in", headers={"idempotency-key": "k"})
    signed = evolve(words, headers={**words.headers, **signer.sign(words)})
    assert verifier.verify(signed) == ""
    assert "wrong" in verifier.verify(evolve(signed, path="/other"))
    assert "another key" in SIGNER.verify(signed)
    assert "PRIVATE" not in repr(signer)
    with pytest.raises(ValueError, match="not an RSA private key"):
        RsaPss(private_key=Secret("-----BEGIN nothing"))

    async def story(url: str) -> None:
        outbox = HttpOutbox(url=url, signer=signer)
        assert not (await outbox.send(Parcel(key="k", name="a", content=b"x"))).repeat
        await outbox.close()

    with served(tmp_path, verifier=verifier) as (host, port):
        asyncio.run(story(f"http://{host}:{port}/"))


def test_the_signature_base_is_that_of_the_standard() -> None:
    # RFC 9421, B.2.5: its secret, its base and its signature.
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    words = HttpWords(
        method="POST",
        path="/foo",
        headers={
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "host": "example.com",
            "content-type": "application/json",
        },
    )
    params = '("date" "host" "content-type");created=1618884473;keyid="test-shared-secret"'
    base = signature_base(words, ["date", "host", "content-type"], params)
    # The standard's example covers @authority; dflow's schemes name the host by no component.
    base = base.replace(b'"host"', b'"@authority"')
    import hashlib
    import hmac

    made = base64.b64encode(hmac.new(secret, base, hashlib.sha256).digest()).decode()
    assert made == "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["method", "path", "query", "idempotency-key", "content-digest", "dflow-name"]),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20),
)
def test_nothing_that_is_signed_can_be_changed(part: str, other: str) -> None:
    headers = {"idempotency-key": "k", "content-digest": "sha-256=:x=:", "dflow-name": "a.usr"}
    words = HttpWords(method="POST", path="/in", query="", headers=headers)
    signed = evolve(words, headers={**headers, **SIGNER.sign(words)})
    assert SIGNER.verify(signed) == ""
    if part in headers:
        changed = evolve(signed, headers={**signed.headers, part: other})
        same = other.strip() == headers[part]
    else:
        parts = {"method": "POST", "path": "/in", "query": "", part: other}
        changed = HttpWords(**parts, headers=signed.headers)
        same = getattr(words, part) == other
    assert (SIGNER.verify(changed) == "") is same
    added = evolve(signed, headers={**signed.headers, "dflow-notes": other})
    assert "does not cover dflow-notes" in SIGNER.verify(added)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, "Unavailable"),
        (400, "Refused"),
        (401, "Unavailable"),
        (403, "Unavailable"),
        (404, "Unavailable"),
        (408, "Unavailable"),
        (413, "Refused"),
        (415, "Refused"),
        (422, "Refused"),
        (425, "Unavailable"),
        (429, "Unavailable"),
        (500, "Uncertain"),
        (502, "Uncertain"),
        (503, "Unavailable"),
        (504, "Uncertain"),
    ],
)
def test_what_an_answer_means(status: int, kind: str) -> None:
    fault = fault_of("https://x/in", status, {"retry-after": "30"}, b"no\x1b[31m\nmore")
    assert type(fault).__name__ == kind
    assert f"https://x/in answered {status}: no [31m more" in str(fault)
    assert ("it asks to wait 30" in str(fault)) is (kind == "Unavailable" and status != 301)


def test_many_senders_of_one_key_leave_one_arrival(tmp_path: Path) -> None:
    async def story(url: str) -> None:
        outboxes = [HttpOutbox(url=url, signer=SIGNER) for _ in range(4)]
        parcel = Parcel(key="k", name="a.usr", content=b"ZHV|" * 1000)
        receipts = await asyncio.gather(*(one.send(parcel) for one in outboxes * 5))
        assert sum(not one.repeat for one in receipts) == 1
        for one in outboxes:
            await one.close()

    with served(tmp_path) as (host, port):
        asyncio.run(story(f"http://{host}:{port}/"))
    assert len(asyncio.run(drained(HttpInbox(spool=tmp_path, verifier=None)))) == 1


def test_mutual_tls_lets_in_who_has_a_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.certificate("server"), authority.certificate("client")

    async def story(url: str) -> None:
        outbox = HttpOutbox(url=url, ca_file=authority.file, client_cert=client)
        assert not (await outbox.send(Parcel(key="k", name="a", content=b"x"))).repeat
        await outbox.close()

    spool = tmp_path / "spool"
    with served(spool, verifier=None, cert=server, client_ca=authority.file) as (host, port):
        asyncio.run(story(f"https://{host}:{port}/"))
