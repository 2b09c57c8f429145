"""One promise of a journal, as a function that tries it.

In: a rig.  Out: nothing, or an `AssertionError` that says what was not kept.  The helpers
here make arrivals and compare.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from dflow.exchange.journal import NewArrival, NewDelivery, Outcome
from dflow.testing.journal_kit.rig import JournalRig

__all__ = ["JournalPromise", "arrival", "must", "refuses"]


@frozen
class JournalPromise:
    """What a journal promises.

    Attributes:
        run: tries it.
        lasting: asked only of journals that outlive their process.
        shared: asked only of journals that several workers share.
        waits: waits until a lease has ended.
    """

    run: Callable[[JournalRig], None]
    lasting: bool = False
    shared: bool = False
    waits: bool = False

    @property
    def name(self) -> str:
        """Of the test, without ``test_``."""
        return self.run.__name__.removeprefix("_")


def arrival(content: bytes | None, *keys: str, at: float = 1.0, line: str = "") -> NewArrival:
    """An arrival with a delivery to ``old`` for each key."""
    return NewArrival(
        at=at,
        source="gateway",
        name="made-up.usr",
        content=content,
        address={"flow": "D0010", "version": "002", "file_id": "1"},
        outcome=Outcome.ROUTED if keys else Outcome.UNROUTED,
        deliveries=tuple(NewDelivery(destination="old", key=key, line=line) for key in keys),
    )


def must(what: str, found: object, expected: object) -> None:
    """See that two values are one.

    Raises:
        AssertionError: if they are not; it says what they are of.
    """
    if found != expected:
        raise AssertionError(f"{what}: expected {expected!r}, found {found!r}")


def refuses(kind: type[BaseException], call: Callable[[], object]) -> None:
    """See that a call raises.

    Raises:
        AssertionError: if it does not.
    """
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")
