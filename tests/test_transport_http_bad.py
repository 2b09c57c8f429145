"""What goes wrong with webhooks: one clear sentence each with its remedy, and nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from attrs import evolve

from certificates import Authority
from dflow.exchange import Exchange, Mount, Source, open_journal
from dflow.routing import Routes
from dflow.transport import (
    MemoryInbox,
    Parcel,
    Presence,
    Refused,
    Secret,
    TransportError,
    Unavailable,
    Uncertain,
)
from dflow.transport.built_in import BUILT_IN
from dflow.transport.http import HmacSha256, HttpInbox, HttpOutbox, HttpWords
from dflow.transport.http.signing import digest_of
from http_server import SECRET, served
from support_exchange import file

SIGNER = HmacSha256(secret=SECRET)
PARCEL = Parcel(key="k", name="a.usr", content=b"ZHV|")


def sent(outbox: HttpOutbox, parcel: Parcel = PARCEL) -> TransportError:
    async def story() -> TransportError:
        try:
            await outbox.send(parcel)
        except TransportError as error:
            return error
        finally:
            await outbox.close()
        pytest.fail("it was sent")

    return asyncio.run(story())


@contextmanager
def answering(answer: bytes, *, hang: bool = False) -> Iterator[str]:
    """A server that reads a request and answers with these bytes, whatever was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(5)
                peer.recv(65536)
                if hang:
                    over.wait(5)
                elif answer:
                    peer.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


TLS: dict[str, tuple[Callable[[Authority, Authority], dict[str, Path | str | None]], str]] = {
    "expired certificate": (
        lambda ours, _: {"cert": ours.certificate("old", days=-1)},
        "the server's certificate has expired: it has to be renewed there",
    ),
    "wrong authority": (
        lambda ours, other: {"cert": ours.certificate("server"), "ca_file": other.file},
        "not signed by a trusted authority: set ca_file",
    ),
    "wrong host": (
        lambda ours, _: {"cert": ours.certificate("server", host="elsewhere.example")},
        "the server's certificate is for another host: check the url",
    ),
    "no such authority file": (
        lambda ours, _: {"cert": ours.certificate("server"), "ca_file": Path("none.pem")},
        "ca_file none.pem: No such file or directory; it has to be PEM",
    ),
    "client certificate that is none": (
        lambda ours, _: {"cert": ours.certificate("server"), "client_cert": Path(__file__)},
        "both have to be PEM",
    ),
}


@pytest.mark.parametrize("case", TLS)
def test_a_connection_that_is_not_trusted_says_why(case: str, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    make, words = TLS[case]
    made = make(ours, other)
    ca_file, client_cert = made.get("ca_file", ours.file), made.get("client_cert")
    cert = made["cert"]
    assert isinstance(cert, Path)
    spool = tmp_path / "spool"
    with served(spool, verifier=None, cert=cert) as (host, port):
        outbox = HttpOutbox(
            url=f"https://{host}:{port}/",
            ca_file=ca_file if isinstance(ca_file, Path) else None,
            client_cert=client_cert if isinstance(client_cert, Path) else None,
        )
        error = sent(outbox)
    assert type(error) is Unavailable
    assert words in str(error)
    assert not [one for one in spool.iterdir() if one.is_file()] if spool.exists() else True


@contextmanager
def handshaking(cert: Path, client_ca: Path) -> Iterator[str]:
    """A server of OpenSSL itself, which says in an alert why it does not trust a client."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(cert)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.settimeout(5)
                tls.wrap_socket(peer, server_side=True).close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


CLIENTS: dict[str, tuple[Callable[[Authority, Authority], Path | None], str]] = {
    "no client certificate": (
        lambda _, __: None,
        "the server asks for a client certificate: set client_cert",
    ),
    "client certificate of another authority": (
        lambda _, other: other.certificate("client"),
        "the server does not trust this client's certificate: check client_cert",
    ),
    "expired client certificate": (
        lambda ours, _: ours.certificate("client", days=-1),
        "this client's certificate has expired: renew client_cert",
    ),
}


@pytest.mark.parametrize("case", CLIENTS)
def test_a_client_that_is_not_trusted_is_told_why(case: str, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    make, words = CLIENTS[case]
    client, cert = make(ours, other), ours.certificate("server")
    with handshaking(cert, ours.file) as url:
        error = sent(HttpOutbox(url=url, ca_file=ours.file, client_cert=client))
    assert type(error) is Unavailable
    assert words in str(error)
    # The server of dflow's own way in sends no alert: what it means cannot be known for certain.
    spool = tmp_path / "spool"
    with served(spool, verifier=None, cert=cert, client_ca=ours.file) as (host, port):
        url = f"https://{host}:{port}/"
        error = sent(HttpOutbox(url=url, ca_file=ours.file, client_cert=client))
    assert type(error) is Uncertain
    assert "hangs up after the handshake: does it ask for another client_cert?" in str(error)
    assert not spool.exists()


ANSWERS = {
    "redirect": (
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        Unavailable,
        "redirects are not followed",
    ),
    "maintenance": (
        b"HTTP/1.1 503 x\r\nretry-after: 120\r\ncontent-length: 4\r\n\r\nshut",
        Unavailable,
        "answered 503: shut; it is too busy or closed; it asks to wait 120",
    ),
    "breaks off": (b"", Uncertain, "the connection broke"),
    "garbage": (b"\x00\x01 hello\r\n\r\n", Uncertain, "the connection broke"),
    "refuses": (b"HTTP/1.1 415 x\r\ncontent-length: 0\r\n\r\n", Refused, "answered 415"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_odd_answer_is_told(case: str) -> None:
    answer, kind, words = ANSWERS[case]
    with answering(answer) as url:
        error = sent(HttpOutbox(url=url))
    assert type(error) is kind
    assert words in str(error)


def test_no_answer_is_uncertain_and_nobody_there_is_not() -> None:
    with answering(b"", hang=True) as url:
        error = sent(HttpOutbox(url=url, patience=0.2))
    assert type(error) is Uncertain
    assert "no answer within the time, after the request was sent" in str(error)
    error = sent(HttpOutbox(url=url))
    assert type(error) is Unavailable
    assert "no connection" in str(error)


def test_a_page_of_another_server_is_never_taken_for_an_answer() -> None:
    async def story(url: str) -> Presence:
        outbox = HttpOutbox(url=url)
        try:
            with pytest.raises(Unavailable, match="set probe to false"):
                await outbox.check()
            return await outbox.probe("k")
        finally:
            await outbox.close()

    for status in (200, 404):
        answer = b"HTTP/1.1 %d x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi" % status
        with answering(answer) as url:
            assert asyncio.run(story(url)) is Presence.UNKNOWN


@pytest.mark.parametrize(
    ("status", "fault"), [(503, Unavailable), (422, Refused), (202, Uncertain)]
)
def test_an_answer_that_breaks_off_is_known_by_its_status(
    status: int, fault: type[TransportError]
) -> None:
    async def story(url: str) -> None:
        outbox = HttpOutbox(url=url)
        try:
            with pytest.raises(TransportError) as caught:
                await outbox.send(PARCEL)
            assert type(caught.value) is fault
        finally:
            await outbox.close()

    with answering(b"HTTP/1.1 %d x\r\ncontent-length: 20\r\n\r\nhi" % status) as url:
        asyncio.run(story(url))


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"2000\r\n%b\r\n" % (
        b"x" * 0x2000
    )

    async def story(url: str) -> None:
        outbox = HttpOutbox(url=url)
        assert (await outbox.send(PARCEL)).place == ""
        await outbox.close()

    with answering(endless) as url:
        asyncio.run(story(url))


def posted(
    url: str, *, content: bytes = b"x", clock: float | None = None, **changed: str | None
) -> httpx.Response:
    headers = {
        "idempotency-key": "k",
        "content-digest": digest_of(content),
        "dflow-name": "a.usr",
    }
    path = httpx.URL(url).raw_path.decode()
    signer = SIGNER if clock is None else evolve(SIGNER, clock=lambda: clock)
    signed = {**headers, **signer.sign(HttpWords(method="POST", path=path, headers=headers))}
    for name, value in changed.items():
        if value is None:
            signed.pop(name.replace("_", "-"))
        else:
            signed[name.replace("_", "-")] = value
    return httpx.post(url, content=content, headers=signed, trust_env=False, timeout=10)


def test_a_request_that_is_not_right_is_told_and_not_kept(tmp_path: Path) -> None:
    with served(tmp_path, largest=1000) as (host, port):
        url = f"http://{host}:{port}/in"
        for answer, status, words in (
            (posted(url, signature=None), 401, "not signed as it should be"),
            (posted(url, signature="dflow=:AAAA:"), 401, "the signature is wrong"),
            (posted(url, signature="dflow=:%%:"), 401, "not signed as it should be"),
            (posted(url, clock=1.0), 401, "300 s from the receiver's clock"),
            (posted(url, dflow_name="b.usr"), 401, "the signature is wrong"),
            (posted(url, dflow_notes="b"), 401, "does not cover dflow-notes"),
            (posted(url, idempotency_key=None), 400, "needs an Idempotency-Key"),
            (posted(url, idempotency_key="x" * 1001), 400, "needs an Idempotency-Key"),
            (posted(url, dflow_key="other"), 400, "differ"),
            (posted(url, content=b"x" * 1001), 413, "more than the 1000 bytes allowed"),
            (httpx.get(url, trust_env=False), 401, "not signed"),
            (httpx.delete(url, trust_env=False), 405, "POST a file"),
        ):
            assert (answer.status_code, words in answer.text) == (status, True), answer.text
        # A body that is not the one that was signed for, and one without announced length.
        headers = {"idempotency-key": "k", "content-digest": digest_of(b"x")}
        asked = HttpWords(method="POST", path="/in", headers=headers)
        signed = {**headers, **SIGNER.sign(asked)}
        wrong = httpx.post(url, content=b"y", headers=signed, trust_env=False)
        assert (wrong.status_code, "Content-Digest" in wrong.text) == (400, True)
        parts = (b"x" * 100 for _ in range(20))
        large = httpx.post(url, content=parts, headers=signed, trust_env=False)
        assert large.status_code == 413
    assert [one for one in tmp_path.iterdir() if one.is_file()] == []


def test_a_captured_request_sent_again_is_a_repeat(tmp_path: Path) -> None:
    with served(tmp_path) as (host, port):
        url = f"http://{host}:{port}/in"
        answers = [posted(url, clock=None) for _ in range(2)]
        assert [one.status_code for one in answers] == [202, 200]
        assert answers[1].headers["dflow-repeat"] == "1"
    assert len([one for one in tmp_path.iterdir() if one.is_file()]) == 1


def test_a_full_spool_says_so_and_takes_more_when_it_is_read(tmp_path: Path) -> None:
    async def story(url: str) -> None:
        outbox = HttpOutbox(url=url, signer=SIGNER)
        for number in range(2):
            await outbox.send(Parcel(key=str(number), name="a", content=b"x"))
        with pytest.raises(Unavailable, match=r"too many requests wait.*asks to wait 5"):
            await outbox.send(PARCEL)
        inbox = HttpInbox(spool=tmp_path, verifier=None)
        async for arrival in inbox.receive(once=True):
            await inbox.done(arrival)
        await inbox.close()
        await asyncio.sleep(1.1)
        await outbox.send(PARCEL)
        await outbox.close()

    with served(tmp_path, most=2) as (host, port):
        asyncio.run(story(f"http://{host}:{port}/"))


def test_who_is_told_that_the_spool_is_full_may_end_sending_first(tmp_path: Path) -> None:
    with (
        served(tmp_path, verifier=None, most=0) as (host, port),
        socket.create_connection((host, port), timeout=10) as peer,
    ):
        peer.sendall(b"POST / HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\n")
        peer.sendall(b"content-length: 4\r\n\r\n")
        time.sleep(0.2)  # in which it could be answered, and hung up on
        peer.sendall(b"ZH")
        time.sleep(0.05)
        peer.sendall(b"V|")
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"too many requests wait" in answer


def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    with served(tmp_path, verifier=None) as (host, port):
        with socket.create_connection((host, port)) as peer:
            peer.sendall(b"POST / HTTP/1.1\r\nhost: x\r\nidempotency-key: k\r\n")
            peer.sendall(b"content-length: 100\r\n\r\nhalf")
        outbox = HttpOutbox(url=f"http://{host}:{port}/")

        async def story() -> None:
            assert await outbox.probe("k") is Presence.ABSENT
            await outbox.close()

        asyncio.run(story())


def test_the_port_is_taken_or_the_spool_cannot_be(tmp_path: Path) -> None:
    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            inbox = HttpInbox(spool=tmp_path, verifier=SIGNER, host="127.0.0.1", port=port)
            with pytest.raises(Unavailable, match=f"cannot listen at 127.0.0.1 port {port}"):
                await anext(inbox.receive())
        inbox = HttpInbox(spool=Path(__file__), verifier=SIGNER)
        with pytest.raises(Unavailable, match="test_transport_http_bad"):
            await inbox.check()
        inbox = HttpInbox(
            spool=tmp_path, verifier=SIGNER, host="127.0.0.1", cert=tmp_path / "none.pem"
        )
        with pytest.raises(Unavailable, match=r"none.pem\): No such file"):
            await inbox.check()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/in", "not https"),
        ("ftp://example.com/", "no url of the form"),
        ("https://user:hunter2@example.com/", "holds no user or password"),
        ("https://example.com/?a=b", "holds a query"),
    ],
)
def test_a_url_that_cannot_be_trusted_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        HttpOutbox(url=url)
    assert "hunter2" not in str(caught.value)


def test_a_secret_is_shown_nowhere() -> None:
    outbox = HttpOutbox(url="https://example.com/", signer=SIGNER)
    assert SECRET.reveal() not in repr(outbox)
    with pytest.raises(ValueError, match="shorter than 16") as caught:
        HmacSha256(secret=Secret("hunter2"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("trouble", ["bad signature", "nobody there", "wrong authority"])
def test_a_delivery_waits_in_the_journal_until_it_is_mended(trouble: str, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    cert = authority.certificate("server")
    routes = Routes.parse('destination x "x"\nroute all: flow D0010 to M/OLDM deliver x\n')
    inbox = MemoryInbox()
    journal = open_journal(None)
    now = [1_790_000_000.0]

    def run(outbox: HttpOutbox) -> None:
        Exchange(
            routes=routes,
            journal=journal,
            mounts=[Mount(name="x", outbox=outbox)],
            sources=[Source(name="in", inbox=inbox)],
            clock=lambda: now[0],
        ).run_once()
        now[0] += 3600

    spool = tmp_path / "spool"
    inbox.put(file(1), name="1.usr")
    with served(spool, cert=cert) as (host, port):
        url = f"https://{host}:{port}/"
        good = HttpOutbox(url=url, ca_file=authority.file, signer=SIGNER)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            free = taken.getsockname()[1]
        bad = {
            "bad signature": HttpOutbox(url=url, ca_file=authority.file),
            "nobody there": HttpOutbox(url=f"https://127.0.0.1:{free}/", ca_file=authority.file),
            "wrong authority": HttpOutbox(url=url, ca_file=other.file, signer=SIGNER),
        }[trouble]
        run(bad)
        run(bad)
        assert not [one for one in spool.iterdir() if one.is_file()] if spool.exists() else True
        run(good)
    journal.close()
    assert len([one for one in spool.iterdir() if one.is_file()]) == 1


def test_a_configuration_needs_somebody_to_be_verified(tmp_path: Path) -> None:
    kind = next(one for one in BUILT_IN if one.name == "http")
    assert kind.inbox and kind.outbox and kind.into and kind.out  # noqa: PT018  one question about a kind
    into = {option.name: option.default for option in kind.into}
    with pytest.raises(ValueError, match="anyone could send"):
        kind.inbox({**into, "spool": tmp_path, "port": 0})
    made = kind.inbox({**into, "spool": tmp_path, "port": 0, "secret": SECRET})
    assert isinstance(made, HttpInbox)
    out = {option.name: option.default for option in kind.out}
    with pytest.raises(ValueError, match="two ways to sign"):
        kind.outbox({**out, "url": "https://x/", "secret": SECRET, "signing_key": SECRET})
    made_out = kind.outbox({**out, "url": "https://x/", "secret": SECRET})
    assert isinstance(made_out, HttpOutbox)
    assert made_out.signer == HmacSha256(secret=SECRET)
