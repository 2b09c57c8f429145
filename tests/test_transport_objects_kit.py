"""The transports' kit over object stores: in memory, in a folder, and by S3 over HTTP."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import evolve, frozen

from dflow.testing.transports import Endpoint, Rig, check_transport
from dflow.transport import Inbox, Outbox
from dflow.transport.objects import ObjectInbox, ObjectOutbox, ObjectPlace
from s3_server import S3, SECRET, s3_server


@frozen
class ObjectRig:
    """One place, and a server before it if there is one."""

    place: ObjectPlace
    server: Endpoint | None = None

    def _by(self, via: Endpoint | None) -> ObjectPlace:
        if via is None:
            # Each end has connections of its own; only what is in memory is shared.
            return self.place if self.server is None else evolve(self.place)
        config = {**self.place.config, "endpoint": f"http://{via.host}:{via.port}"}
        return evolve(self.place, config=config, patience=2.0)

    def outbox(self, via: Endpoint | None = None) -> Outbox:
        return ObjectOutbox(place=self._by(via), recipient="dflow")

    def inbox(self, via: Endpoint | None = None) -> Inbox | None:
        return ObjectInbox(place=self._by(via), lease=3.0, poll=0.02)

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError


@contextmanager
def in_memory() -> Iterator[Rig]:
    yield ObjectRig(ObjectPlace(url="memory:///"))


@contextmanager
def in_a_folder() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        yield ObjectRig(ObjectPlace(url=Path(folder).as_uri()))


_SERVERS: list[S3] = []


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    """One server for the whole module, started when the first rig asks for it."""
    with contextlib.ExitStack() as stack:
        _STARTED.append(lambda: stack.enter_context(s3_server()))
        yield
        _STARTED.clear()
        _SERVERS.clear()


_STARTED: list[Callable[[], S3]] = []


@contextmanager
def by_s3() -> Iterator[Rig]:
    if not _SERVERS:
        _SERVERS.append(_STARTED[0]())
    server = _SERVERS[0]
    yield ObjectRig(server.place(server.bucket()), Endpoint(server.host, server.port))


TestMemory = pytest.mark.slow(check_transport(in_memory, prefetch=16))
TestFolder = check_transport(in_a_folder, largest=1_000_000, prefetch=16)
TestS3 = check_transport(by_s3, largest=6_000_000, prefetch=16, secrets=(SECRET.reveal(),))
TestS3Whole = pytest.mark.slow(check_transport(by_s3, prefetch=16, secrets=(SECRET.reveal(),)))

# The test server takes its time; those that take long run with `pytest -m slow`.
for _long in (
    "several_consumers_share_the_work",
    "many_senders_at_once_lose_nothing",
    "a_consumer_that_is_cut_off_loses_nothing",
    "a_silent_peer_can_be_given_up",
    "any_bytes_arrive_as_they_were",
    "a_slow_reader_is_not_flooded",
    "a_send_cancelled_at_any_moment_leaves_no_half",
):
    delattr(TestS3, f"test_{_long}")
