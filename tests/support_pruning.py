"""A prune that is undone, and one that is not, of payloads in a folder; for both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from dflow.delivery import Step
from dflow.exchange.journal import Journal, NewArrival, NewDelivery, Outcome, Query


def _arrival(content: bytes, key: str, at: float) -> NewArrival:
    one = NewDelivery(destination="old", key=key)
    return NewArrival(
        at=at,
        source="gateway",
        name=f"{key}.usr",
        content=content,
        outcome=Outcome.ROUTED,
        deliveries=(one,),
    )


class BrokenOffError(Exception):
    """Such as a full disk when the event is written."""


def _break_off(journal: Journal) -> None:
    with journal.transaction():
        assert journal.prune(before=50.0).payloads == 2
        raise BrokenOffError


def pruned_in_vain(journal: Journal, folder: Path) -> None:
    """What is pruned and undone still has its bytes; what comes again while pruned, too."""
    for content in (b"first", b"second"):
        number = journal.record(_arrival(content, content.decode(), 1.0)).arrival
        (delivery,) = journal.deliveries(Query(arrival=number))
        journal.step(delivery.id, Step.EVIDENCE, at=2.0)

    with pytest.raises(BrokenOffError):
        _break_off(journal)
    assert [journal.payload(row.hash) for row in journal.arrivals(Query())] == [b"first", b"second"]
    with journal.transaction():
        assert journal.prune(before=50.0).payloads == 2
        journal.record(_arrival(b"second", "again", 100.0))
    kept = [path.read_bytes() for path in folder.glob("*.payloads/*/*")]
    assert kept == [b"second"], "what came again is there, and nothing else"
    assert [journal.payload(row.hash) for row in journal.arrivals(Query())] == [b"second"]
