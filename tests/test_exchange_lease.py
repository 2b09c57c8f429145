"""What is given up with a lease is said to be, whatever came after it."""

from __future__ import annotations

import asyncio

from dflow.delivery import Step
from dflow.exchange import Mount, open_journal
from dflow.exchange.attempt import Ended, keep, send
from dflow.exchange.health import GIVEN_UP
from dflow.exchange.lease import Lease, moment
from dflow.testing.journal_kit.promise import arrival
from support_exchange import Clock, Moody


def test_another_lease_at_once_does_not_blame_the_destination() -> None:
    """The journal's connection broke and was there again: the old lease is lost, a new one held."""
    journal, clock, lease = open_journal(None), Clock(), Lease(60.0)
    journal.record(arrival(b"x", "k"))
    (row,) = journal.claim("old", now=clock.now, limit=1)
    mount = Mount(name="old", outbox=Moody("hangs"))

    async def scenario() -> Ended:
        lease.renewed(moment())
        task = asyncio.ensure_future(
            send(mount, row, b"x", clock, 0.5, since=row.made, lease=lease)
        )
        await asyncio.sleep(0.01)
        lease.give_up()
        lease.renewed(moment())
        return await task

    ended = asyncio.run(scenario())
    assert (ended.step, ended.detail, ended.up) == (Step.LOST, GIVEN_UP, None)


def test_what_comes_too_late_is_told_in_words() -> None:
    journal = open_journal(None)
    journal.record(arrival(b"x", "k"))
    (row,) = journal.claim("old", now=2.0, limit=1)
    journal.recover(at=3.0)
    keep(journal, Ended(row=row, step=Step.ACCEPTED, started=2.0, at=4.0))
    (event,) = journal.events(kind="overtaken")
    assert event.why == (
        "accepted came too late: a delivery that is unknown cannot take the step accepted"
    )
