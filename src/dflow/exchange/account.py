"""What went where and why, read back from the journal.

In: a journal and which of it.  Out: values with the words a person or a program reads.
This module does not draw and does not change anything.  Payloads are not in it, and so
no value of a body is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from attrs import frozen

from dflow.delivery import State
from dflow.exchange.journal import ArrivalRow, DeliveryRow, Journal, Outcome, Query
from dflow.exchange.masking import masked

__all__ = ["Account", "account_of", "accounts", "counted", "instant_or_none", "instant_text"]

#: States that a person has to look at.
_TROUBLED = frozenset({State.DEAD, State.UNKNOWN})


def instant_text(instant: float) -> str:
    """An instant as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds")


def instant_or_none(instant: float | None) -> str | None:
    """As `instant_text`; None stays None."""
    return None if instant is None else instant_text(instant)


def counted(number: int, one: str, several: str = "") -> str:
    """How many of what, as English tells it.

    >>> counted(1, "delivery", "deliveries"), counted(2, "arrival")
    ('1 delivery', '2 arrivals')
    """
    return f"{number} {one if number == 1 else several or f'{one}s'}"


@frozen(kw_only=True)
class Account:
    """One arrival and its deliveries.

    Attributes:
        arrival: the arrival.
        deliveries: in the order they were decided.
    """

    arrival: ArrivalRow
    deliveries: tuple[DeliveryRow, ...]

    @property
    def needs_a_person(self) -> bool:
        """Whether it will not be finished unless somebody looks at it."""
        odd = self.arrival.outcome in {
            Outcome.UNROUTED,
            Outcome.UNPARSABLE,
            Outcome.UNREADABLE,
            Outcome.HELD,
        }
        return odd or any(one.state in _TROUBLED for one in self.deliveries)

    def as_json(self, *, unmask: bool = False) -> dict[str, object]:
        """As the JSON object that every `--json` prints.

        Args:
            unmask: whether meter points in names, headers, places and reasons are shown.
        """
        arrival, hide = self.arrival, str if unmask else masked
        return {
            "arrival": arrival.id,
            "at": instant_text(arrival.at),
            "source": arrival.source,
            "name": hide(arrival.name),
            "sha256": arrival.hash,
            "size": arrival.size,
            "flow": hide(arrival.address.get("flow", "")),
            "version": hide(arrival.address.get("version", "")),
            "from": hide(_party(arrival, "sender")),
            "to": hide(_party(arrival, "recipient")),
            "file_id": hide(arrival.address.get("file_id", "")),
            "outcome": arrival.outcome.value,
            "rule": arrival.rule,
            "reason": hide(arrival.reason),
            "repeat_of": arrival.repeat_of,
            "rules_sha256": arrival.rules_hash,
            "deliveries": [
                {
                    "delivery": one.id,
                    "destination": one.destination,
                    "kind": one.kind,
                    "rule": one.rule,
                    "state": one.state.value,
                    "attempts": one.attempts,
                    "place": hide(one.place),
                    "reason": hide(one.reason),
                    "sha256": one.hash,
                }
                for one in self.deliveries
            ],
        }


def _party(arrival: ArrivalRow, word: str) -> str:
    role, mpid = arrival.address.get(f"{word}_role", ""), arrival.address.get(word, "")
    return f"{role}/{mpid}" if role or mpid else ""


def accounts(journal: Journal, query: Query) -> Iterator[Account]:
    """The accounts of the arrivals that a query asks for."""
    for arrival in list(journal.arrivals(query)):
        yield account_of(journal, arrival)


def account_of(journal: Journal, arrival: ArrivalRow) -> Account:
    """The account of one arrival."""
    deliveries = tuple(journal.deliveries(Query(arrival=arrival.id)))
    return Account(arrival=arrival, deliveries=deliveries)
