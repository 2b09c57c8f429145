"""The status of an exchange is told in the same order every time, whatever its database."""

from __future__ import annotations

from dflow.delivery import Step
from dflow.exchange import open_journal
from dflow.exchange.journal import NewArrival, NewDelivery, Outcome
from dflow.exchange.status import status_of


def test_states_and_outcomes_have_one_order() -> None:
    """In the order of a delivery's life; a database counts them in an order of its own."""
    journal = open_journal(None)
    for number, outcome in enumerate((Outcome.UNREADABLE, Outcome.HELD, Outcome.ROUTED)):
        new = NewDelivery(destination="old", kind="original", key=f"k{number}")
        journal.record(
            NewArrival(
                at=1.0,
                source="gateway",
                name="x",
                content=b"%d" % number,
                outcome=outcome,
                deliveries=(new,),
            )
        )
    journal.claim("old", now=1.0, limit=2)
    journal.step(1, Step.REFUSED, at=1.0)
    journal.step(2, Step.FAILED, at=1.0, due=9.0)
    status = status_of(journal, ["old"], now=1.0)
    assert [one.state.value for one in status.backlog] == ["due", "retrying", "dead"]
    assert [one.value for one in status.outcomes] == ["routed", "held", "unreadable"]
