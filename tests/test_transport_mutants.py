"""The kit can fail: transports that are broken in one way each, and the promise that sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from attrs import define, evolve, field

from broken_mailboxes import FAR, LEFT_OPEN
from broken_transports import HERE, OPEN_FILES
from dflow.testing.transports import PROMISES, Broken, Endpoint, Promise, Rig, Trial
from dflow.testing.transports.kit import keep
from dflow.testing.transports.promise import unmet
from dflow.transport import (
    MemoryInbox,
    MemoryOutbox,
    MemoryQueue,
)
from tcp_mailbox import Line, MailInbox, MailOutbox, MailRig, mail_rig

_PROMISES = {promise.name: promise for promise in PROMISES}


@define
class HereRig:
    out: Callable[[MemoryQueue], MemoryOutbox] = MemoryOutbox
    into: Callable[[MemoryQueue], MemoryInbox] = MemoryInbox
    queue: MemoryQueue = field(factory=MemoryQueue)
    server: Endpoint | None = None

    def outbox(self, via: Endpoint | None = None) -> MemoryOutbox:
        return self.out(self.queue)

    def inbox(self, via: Endpoint | None = None) -> MemoryInbox:
        return self.into(self.queue)

    def delivered(self) -> list[tuple[str, bytes]]:
        raise NotImplementedError


def tried(promise: Promise, rig: Rig, *, patience: float = 0.25) -> None:
    assert unmet(promise, rig) == ""
    keep(
        promise,
        Trial(rig=rig, largest=1_100_000, patience=patience, prefetch=20, secrets=("hunter2",)),
    )


@pytest.fixture
def left_open() -> Iterator[None]:
    yield
    while OPEN_FILES:
        os.close(OPEN_FILES.pop())
    for line in LEFT_OPEN:
        line._drop()
    LEFT_OPEN.clear()


@pytest.mark.usefixtures("left_open")
@pytest.mark.parametrize(
    ("mutant", "promise"), HERE, ids=[f"{one.__name__}-{name}" for one, name in HERE]
)
def test_what_is_broken_here_is_seen(
    mutant: type[MemoryOutbox | MemoryInbox], promise: str
) -> None:
    rig = HereRig(out=mutant) if issubclass(mutant, MemoryOutbox) else HereRig(into=mutant)
    with pytest.raises(Broken) as broken:
        tried(_PROMISES[promise], rig)
    assert len(str(broken.value).split()) >= 3


@define
class FarRig(MailRig):
    line: type[Line] = Line
    into: type[MailInbox] = MailInbox

    def outbox(self, via: Endpoint | None = None) -> MailOutbox:
        return MailOutbox(self.line(via or self.server))

    def inbox(self, via: Endpoint | None = None) -> MailInbox:
        return self.into(self.line(via or self.server))


@pytest.mark.usefixtures("left_open")
@pytest.mark.parametrize(
    ("mutant", "promise"), FAR, ids=[f"{one.__name__}-{name}" for one, name in FAR]
)
def test_what_is_broken_over_a_network_is_seen(
    mutant: type[Line | MailInbox], promise: str
) -> None:
    with mail_rig() as sound:
        rig = FarRig(sound.server, sound.mailbox)
        rig = evolve(rig, line=mutant) if issubclass(mutant, Line) else evolve(rig, into=mutant)
        with pytest.raises(Broken) as broken:
            tried(_PROMISES[promise], rig, patience=0.6)
    assert len(str(broken.value).split()) >= 3


def test_every_promise_has_been_seen_to_fail() -> None:
    assert {name for _, name in (*HERE, *FAR)} == set(_PROMISES)
