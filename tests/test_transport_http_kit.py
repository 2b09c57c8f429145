"""The transports' kit over HTTP, plain and with TLS, against a real server of the way in."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen

from certificates import Authority
from dflow.testing.transports import Endpoint, Rig, check_transport
from dflow.transport import Inbox, Outbox
from dflow.transport.http import HmacSha256, HttpInbox, HttpOutbox
from http_server import SECRET, served

SIGNER = HmacSha256(secret=SECRET)


@frozen
class HttpRig:
    """A server that keeps requests in a folder, and inboxes that read the folder."""

    server: Endpoint
    spool: Path
    ca_file: Path | None = None

    def outbox(self, via: Endpoint | None = None) -> Outbox:
        place = via or self.server
        scheme = "https" if self.ca_file else "http"
        return HttpOutbox(
            url=f"{scheme}://{place.host}:{place.port}/in", signer=SIGNER, ca_file=self.ca_file
        )

    def inbox(self, via: Endpoint | None = None) -> Inbox | None:
        return HttpInbox(spool=self.spool, verifier=SIGNER, poll=0.02)

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError


@contextmanager
def plain() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (host, port):
        yield HttpRig(Endpoint(host, port), Path(folder))


@contextmanager
def encrypted() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority(folder)
        cert, spool = authority.certificate("server"), folder / "spool"
        with served(spool, cert=cert) as (host, port):
            yield HttpRig(Endpoint(host, port), spool, authority.file)
            gc.collect()  # see below


TestHttp = check_transport(plain, largest=3_000_000, secrets=(SECRET.reveal(),))
TestHttps = pytest.mark.slow(check_transport(encrypted, secrets=(SECRET.reveal(),)))
# httpcore leaves the socket of a handshake that is cancelled to the garbage collector.
TestHttps = pytest.mark.filterwarnings("ignore::ResourceWarning")(TestHttps)
# The way in is the server, and reads its folder: no network lies between that could break.
for _kit in (TestHttp, TestHttps):
    delattr(_kit, "test_a_consumer_that_is_cut_off_loses_nothing")
    delattr(_kit, "test_a_server_that_is_gone_is_unavailable")
