"""The state machine of an outbox and the kit agree: on what is sound, and on what is broken."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from broken_transports import Doubles, LiesAbsent, LiesPresent, SaysNoRepeat, WrongKey
from dflow.testing.machines import OutboxMachine
from dflow.transport import MemoryOutbox, Outbox
from tcp_mailbox import mail_rig

FEW = settings(
    max_examples=10,
    stateful_step_count=12,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
)


class MailboxMachine(OutboxMachine):
    """Over a network: each call is an event loop of its own."""

    def open(self) -> Outbox:
        self.stack = ExitStack()
        self.rig = self.stack.enter_context(mail_rig())
        return self.rig.outbox()

    def stored(self) -> list[bytes]:
        return [content for _, content in self.rig.delivered()]

    def teardown(self) -> None:
        self.stack.close()


def test_a_mailbox_stands_the_machine() -> None:
    run_state_machine_as_test(MailboxMachine, settings=settings(FEW, max_examples=4))


@pytest.mark.parametrize("broken", [Doubles, LiesAbsent, LiesPresent, SaysNoRepeat, WrongKey])
def test_what_the_kit_sees_the_machine_sees(broken: type[MemoryOutbox]) -> None:
    class Machine(OutboxMachine):
        def open(self) -> Outbox:
            return broken()

        def stored(self) -> list[bytes]:
            assert isinstance(self.outbox, MemoryOutbox)
            return [one.content for one in self.outbox.queue._waiting]

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=settings(FEW, max_examples=50))
