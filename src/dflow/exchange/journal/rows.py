"""What a journal keeps, as values: arrivals, deliveries, attempts, events, lanes.

In: what the exchange saw, decided and did.  Out: frozen rows.  This module does not know
how they are stored.  Instants are POSIX seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from dflow.delivery import State

__all__ = [
    "COPIES",
    "ArrivalRow",
    "AttemptRow",
    "Backlog",
    "DeliveryRow",
    "EventRow",
    "LaneRow",
    "NewArrival",
    "NewDelivery",
    "Outcome",
    "Pruned",
    "Query",
    "Recorded",
]


#: Kinds of delivery that are made beside an original.
COPIES: Final = frozenset({"copy", "backfill"})


@enum.unique
class Outcome(enum.Enum):
    """What became of an arrival."""

    ROUTED = "routed"
    UNROUTED = "unrouted"
    HELD = "held"
    REFUSED = "refused"
    DISCARDED = "discarded"
    REPEAT = "repeat"
    UNPARSABLE = "unparsable"
    UNREADABLE = "unreadable"

    @property
    def settled(self) -> bool:
        """Whether nobody has to look at the arrival; its deliveries are another matter."""
        return self in {Outcome.ROUTED, Outcome.DISCARDED, Outcome.REPEAT}


@frozen(kw_only=True)
class NewDelivery:
    """A delivery to be recorded with its arrival.

    Attributes:
        destination: its name in the rules.
        kind: ``original``, ``copy``, ``replay`` or ``backfill``.
        key: idempotency key, made from the content: that of no other content is the same.
        rule: the rule that asked for it.
        fallback: another destination's name, empty for none.
        line: deliveries of one line to one destination go one after the other, in order;
            empty for no order.
        address: words of the header, for the transport's name template.
        notes: what travels beside the bytes.
        content: the bytes, where they are not the arrival's own.
        held: why it waits for a person from the start; empty if it does not.
    """

    destination: str
    kind: str = "original"
    key: str
    rule: str = ""
    fallback: str = ""
    line: str = ""
    address: Mapping[str, str] = field(factory=dict)
    notes: Mapping[str, str] = field(factory=dict)
    content: bytes | None = field(default=None, repr=False)
    held: str = ""


@frozen(kw_only=True)
class NewArrival:
    """Something that arrived, and what was decided about it.

    Attributes:
        at: instant.
        source: the source's name.
        name: the name it came with.
        content: the bytes; None if they could not be had.
        address: words of the header; empty if there is none.
        outcome: what became of it.
        rule: the rule that settled it; empty for none.
        reason: why, in a sentence, without a sensitive value.
        decision: the whole explanation, as JSON.
        rules_hash: which rules decided.
        deliveries: what is to be sent.
    """

    at: float
    source: str
    name: str
    content: bytes | None = field(repr=False)
    address: Mapping[str, str] = field(factory=dict)
    outcome: Outcome
    rule: str = ""
    reason: str = ""
    decision: str = field(default="", repr=False)
    rules_hash: str = ""
    deliveries: tuple[NewDelivery, ...] = ()


@frozen(kw_only=True)
class Recorded:
    """What recording an arrival gave.

    Attributes:
        arrival: its number.
        outcome: as decided, or ``repeat`` if it had been taken before.
        repeat_of: the number of the first arrival of the same content; None if it is new.
        deliveries: the numbers of its deliveries.
    """

    arrival: int
    outcome: Outcome
    repeat_of: int | None = None
    deliveries: tuple[int, ...] = ()


@frozen(kw_only=True)
class ArrivalRow:
    """An arrival as the journal has it; the fields are `NewArrival`'s."""

    id: int
    at: float
    source: str
    name: str
    hash: str
    size: int
    address: Mapping[str, str]
    outcome: Outcome
    rule: str
    reason: str
    decision: str = field(repr=False)
    rules_hash: str
    repeat_of: int | None

    @property
    def flow(self) -> str:
        """Flow and version as people write them, such as ``D0010 v002``."""
        version = self.address.get("version", "")
        return self.address.get("flow", "") + (f" v{version}" if version else "")


@frozen(kw_only=True)
class DeliveryRow:
    """A delivery as the journal has it.

    Attributes:
        attempts: how many began.
        due: when the driver next has something to do with it.
        made: when it was recorded.
        changed: when it last took a step.
        hash: of the bytes to send.
        place: where the destination has it, from the receipt.
        reason: why it stands where it does.
        lease: goes up each time it is handed out to a worker; 0 if there is but one.
    """

    id: int
    arrival: int
    destination: str
    kind: str
    rule: str
    fallback: str
    state: State
    attempts: int
    due: float
    made: float
    changed: float
    key: str
    line: str
    hash: str
    address: Mapping[str, str] = field(repr=False)
    notes: Mapping[str, str]
    place: str
    reason: str
    name: str
    lease: int = 0


@frozen(kw_only=True)
class AttemptRow:
    """One attempt at a delivery, or one question about it, when it had ended."""

    delivery: int
    number: int
    started: float
    ended: float
    step: str
    detail: str


@frozen(kw_only=True)
class EventRow:
    """Something worth knowing: who did what, when and why.

    Attributes:
        kind: such as ``paused``, ``dead``, ``sequence gap`` or ``released``.
        who: a person's name, or ``dflow``.
        arrival: its number, or None if it is not about one; so `delivery`.
        destination: empty if it is not about one.
    """

    at: float
    kind: str
    who: str = "dflow"
    why: str = ""
    destination: str = ""
    arrival: int | None = None
    delivery: int | None = None
    detail: str = ""
    id: int = 0


@frozen(kw_only=True)
class LaneRow:
    """What is remembered of a destination between two runs.

    Attributes:
        paused: nothing is sent until resumed.
        diverted: a person said that fallbacks take over.
        down_since: first of the failures in a row; None if it is up.
    """

    destination: str
    paused: bool = False
    diverted: bool = False
    down_since: float | None = None


@frozen(kw_only=True)
class Backlog:
    """How many deliveries of one destination are in one state, and the oldest of them."""

    destination: str
    state: State
    number: int
    oldest: float


@frozen(kw_only=True)
class Pruned:
    """What a journal has forgotten at once.

    Attributes:
        arrivals: how many.
        first: when the earliest of them arrived; None if there was none.
        last: when the latest of them arrived.
        payloads: how many contents are not there any more.
        size: their bytes, as they arrived.
    """

    arrivals: int = 0
    first: float | None = None
    last: float | None = None
    payloads: int = 0
    size: int = 0


@frozen(kw_only=True)
class Query:
    """Which arrivals or deliveries to list; what is left out does not restrict.

    Attributes:
        after: only numbers above this one; for paging.
        before: only numbers below this one; for paging from the newest.
        limit: at most so many; None for all.
        since: arrived, or made, at or after.
        until: arrived, or made, before.
        changed_since: for deliveries: took a step at or after.
        hash: SHA-256 of the content in hexadecimal, or how it begins.
        text: part of the payload, such as an MPAN; a slow search.
    """

    after: int = 0
    before: int | None = None
    limit: int | None = None
    newest_first: bool = False
    since: float | None = None
    until: float | None = None
    changed_since: float | None = None
    arrival: int | None = None
    outcome: Outcome | None = None
    flow: str = ""
    version: str = ""
    sender: str = ""
    recipient: str = ""
    file_id: str = ""
    hash: str = ""
    source: str = ""
    rule: str = ""
    destination: str = ""
    kind: str = ""
    state: State | None = None
    text: str = ""
