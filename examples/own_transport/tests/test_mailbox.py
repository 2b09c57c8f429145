"""The mailbox keeps what a transport promises, and what is its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen
from mailbox_post.mailbox import Mailbox

from dflow.testing import check_transport
from dflow.testing.transports import Endpoint
from dflow.transport import Inbox, Outbox, Parcel, Unavailable
from dflow.transport.plugins import transport_kinds


@frozen
class Rig:
    """A mailbox that nobody has used before."""

    mailbox: Mailbox
    server: Endpoint | None = None  # a file: there is no network between

    def outbox(self, via: Endpoint | None = None) -> Outbox:  # noqa: ARG002  no network
        return self.mailbox.outbox()

    def inbox(self, via: Endpoint | None = None) -> Inbox:  # noqa: ARG002  no network
        return self.mailbox.inbox(poll=0.01)

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError  # the inbox tells


@contextmanager
def make() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory() as folder:
        yield Rig(Mailbox(path=Path(folder) / "post.db"))


TestMailbox = check_transport(make, largest=5_000_000)


def test_what_a_dead_reader_took_comes_again_when_its_lease_ends(tmp_path: Path) -> None:
    mailbox = Mailbox(path=tmp_path / "post.db", lease=0.2)
    mailbox.put(Parcel(key="k", name="a.usr", content=b"ZHV|"))
    first = mailbox.take()
    assert first is not None
    assert mailbox.take() is None
    time.sleep(0.25)
    again = Mailbox(path=mailbox.path, lease=60).take()
    assert again == first
    mailbox.done(first)  # too late: another has it
    mailbox.release()
    assert mailbox.probe("k").value == "present"


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no such folder; make it"):
        Mailbox(path=tmp_path / "nowhere" / "post.db").check()


def test_dflow_finds_it() -> None:
    kinds = transport_kinds()
    assert kinds.packages["mailbox"] == "mailbox-post"
