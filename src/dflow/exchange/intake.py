"""From an arrival to what is recorded: its address, the decision, and what is to be sent.

In: an arrival, the rules, an instant.  Out: a `NewArrival`.  This module does not know
journals, mounts or time; it raises nothing about a file, because a poisoned file is an
arrival like any other: kept, named and visible.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from attrs import evolve, frozen

from dflow.delivery import Order
from dflow.envelope import Header, read_header
from dflow.errors import StructureError
from dflow.exchange.copies import copied
from dflow.exchange.journal import ArrivalRow, NewArrival, NewDelivery, Outcome, content_hash
from dflow.flow import Flow
from dflow.routing import Copy, Decision, Routes, Target
from dflow.transport import Arrival

__all__ = [
    "Intake",
    "address_of",
    "delivery_key",
    "line_of",
    "not_copied",
    "read_address",
    "undecided",
]

#: A header is far shorter; what has no line end in so many bytes is no D-flow.
_LONGEST_HEADER = 4096

#: The journal's word for each outcome of a decision.
_OUTCOMES: dict[str, Outcome] = {
    "deliver": Outcome.ROUTED,
    "hold": Outcome.HELD,
    "refuse": Outcome.REFUSED,
    "discard": Outcome.DISCARDED,
    "unrouted": Outcome.UNROUTED,
}

#: Where a kept decision names the clones that make no copy.
_NOT_COPIED = "not_copied"

#: Explanations of larger rule sets are made again when asked for, not kept with each file.
_MOST_RULES_KEPT = 500


def read_address(content: bytes) -> tuple[Header | None, str]:
    """The header of a file, and why there is none."""
    if not content:
        return None, "the file holds no bytes"
    first = content[:_LONGEST_HEADER].split(b"\n", 1)[0].rstrip(b"\r")
    reading = read_header(first)
    if reading.header is not None:
        return reading.header, ""
    return None, reading.findings[0].message if reading.findings else "the header cannot be read"


def address_of(header: Header) -> dict[str, str]:
    """The words of a header that name templates and the journal use."""
    return {
        "flow": header.flow,
        "version": header.version,
        "sender_role": header.sender.role,
        "sender": header.sender.mpid,
        "recipient_role": header.recipient.role,
        "recipient": header.recipient.mpid,
        "file_id": header.file_id,
        "created": header.created,
        "sending_application": header.sending_application,
        "receiving_application": header.receiving_application,
        "test_flag": header.test_flag,
    }


def delivery_key(*parts: str) -> str:
    """The idempotency key of a delivery: the same parts give the same key, always."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def line_of(order: Order, address: Mapping[str, str]) -> str:
    """The line in which a delivery waits for those before it; empty for no order."""
    sender = f"{address.get('sender_role', '')}/{address.get('sender', '')}"
    match order:
        case "none":
            return ""
        case "all":
            return "all"
        case "sender":
            return sender
        case "sender and flow":
            return f"{sender} {address.get('flow', '')}"


def undecided(row: ArrivalRow, content: bytes, at: float) -> NewArrival:
    """A recorded arrival as one of an instant, for its rules to be asked anew."""
    return NewArrival(
        at=at,
        source=row.source,
        name=row.name,
        content=content,
        address=row.address,
        outcome=row.outcome,
    )


@frozen(kw_only=True)
class Intake:
    """How arrivals are considered.

    Attributes:
        routes: the rules.
        orders: each destination's order; those left out have none.
        read_flow: the tree of a file, for rules that ask for items.
        check: why a file is to be held, empty for none; None checks nothing.
        read_header: the address of a file, or why it has none.
    """

    routes: Routes
    orders: Mapping[str, Order] = {}
    read_flow: Callable[[bytes], Flow] | None = None
    check: Callable[[bytes], str] | None = None
    read_header: Callable[[bytes], tuple[Header | None, str]] = read_address

    def consider(self, arrival: Arrival, *, source: str, at: float) -> NewArrival:
        """What is to be recorded of an arrival."""
        plain = NewArrival(
            at=at,
            source=source,
            name=_text(arrival.name),
            content=arrival.content,
            outcome=Outcome.UNPARSABLE,
        )
        if arrival.problem:
            reason = _text(arrival.problem)
            return evolve(plain, content=None, outcome=Outcome.UNREADABLE, reason=reason)
        address: dict[str, str] = {}
        try:
            header, why = self.read_header(arrival.content)
            if header is None:
                return evolve(plain, reason=why)
            address = {word: _text(value) for word, value in address_of(header).items()}
            return self.decided(evolve(plain, address=address), header)
        except Exception as error:  # noqa: BLE001  a poisoned file must not stop the queue
            # The words of an unexpected error may hold a value of the file: only its kind.
            reason = f"it could not be considered: {type(error).__name__}"
            return evolve(plain, address=address, reason=reason)

    def decided(self, plain: NewArrival, header: Header, *, checked: bool = False) -> NewArrival:
        """The arrival with the rules' decision; `checked` leaves the check out."""
        content = plain.content or b""
        decision, flow = self._decision(plain, header)
        fault = "" if checked or self.check is None else self.check(content)
        outcome, rule = _OUTCOMES[decision.outcome], decision.rule or ""
        reason = _reason(decision)
        sent = self._originals(decision, plain, header)
        if fault and outcome is Outcome.ROUTED:
            outcome, rule, reason, sent = Outcome.HELD, "", fault, []
        if outcome is Outcome.ROUTED and not sent:
            outcome = Outcome.UNROUTED
            reason = f"every destination is barred: {', '.join(decision.barred)}"
        copies, lost = ([], {}) if fault else self._copies(decision, plain, header, flow)
        kept = _kept(decision, self.routes)
        if lost:
            # The original goes its way all the same, and the lack of a copy is seen.
            kept[_NOT_COPIED] = lost
            reason = "; ".join(filter(None, (reason, *lost.values())))
        return evolve(
            plain,
            outcome=outcome,
            rule=rule,
            reason=reason,
            decision=json.dumps(kept, sort_keys=True),
            rules_hash=decision.rules_hash,
            deliveries=(*sent, *copies),
        )

    def copies(self, plain: NewArrival, header: Header, rule: str) -> list[NewDelivery]:
        """The copies that one clone makes of an arrival, whatever becomes of the original.

        Raises:
            StructureError: if it copies some instances only, and the file is not whole.
        """
        decision, flow = self._decision(plain, header)
        found = [copy for copy in decision.copies if copy.rule == rule]
        return [self._copy(copy, plain, header, flow) for copy in found]

    def _decision(self, plain: NewArrival, header: Header) -> tuple[Decision, Flow | None]:
        when = datetime.fromtimestamp(plain.at, UTC)
        flow: Flow | None = None
        if self.read_flow is not None and self.routes.needs_body(header, when):
            flow = self.read_flow(plain.content or b"")
        return self.routes.decide(header, at=when, flow=flow), flow

    def _new(
        self, target: Target, address: dict[str, str], *, kind: str, rule: str, key: str
    ) -> NewDelivery:
        return NewDelivery(
            destination=target.destination,
            kind=kind,
            key=key,
            rule=rule,
            fallback=target.otherwise or "",
            line=line_of(self.orders.get(target.destination, "none"), address),
            address=address,
        )

    def _originals(
        self, decision: Decision, plain: NewArrival, header: Header
    ) -> list[NewDelivery]:
        address, hash_ = address_of(header), content_hash(plain.content or b"")
        rule = decision.rule or ""
        return [
            self._new(
                target,
                address,
                kind="original",
                rule=rule,
                key=delivery_key(hash_, "original", target.destination),
            )
            for target in decision.deliveries
        ]

    def _copies(
        self, decision: Decision, plain: NewArrival, header: Header, flow: Flow | None
    ) -> tuple[list[NewDelivery], dict[str, str]]:
        """The copies; and by clone, why it makes none of this file."""
        made: list[NewDelivery] = []
        lost: dict[str, str] = {}
        for copy in decision.copies:
            try:
                made.append(self._copy(copy, plain, header, flow))
            except StructureError as error:
                lost[copy.rule] = str(error)
        return made, lost

    def _copy(
        self, copy: Copy, plain: NewArrival, header: Header, flow: Flow | None
    ) -> NewDelivery:
        original = plain.content or b""
        hash_ = content_hash(original)
        content, address_header = copied(copy, original, header, flow)
        new = self._new(
            copy.target,
            address_of(address_header),
            kind="copy",
            rule=copy.rule,
            key=delivery_key(hash_, "copy", copy.rule, copy.destination),
        )
        notes = {
            "kind": "copy",
            "rule": copy.rule,
            "original_sha256": hash_,
            "original_file_id": header.file_id,
            "original_name": plain.name,
            "identical": "yes" if content is None else "no",
            "copied_at": datetime.fromtimestamp(plain.at, UTC).isoformat(),
            "rules_sha256": self.routes.rules_hash,
        }
        return evolve(new, notes=notes, content=content)


def not_copied(new: NewArrival) -> dict[str, str]:
    """The clones that fit an arrival and make no copy of it, and why."""
    if f'"{_NOT_COPIED}"' not in new.decision:
        return {}
    found = json.loads(new.decision).get(_NOT_COPIED, {})
    return {str(rule): str(why) for rule, why in found.items()}


def _text(text: str) -> str:
    r"""A text that every journal can keep and every page show; no two names become one.

    A file's name may hold bytes that are no UTF-8; they are written as ``\xff``.
    """
    if text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text):
        return text
    return "".join(
        f"\\x{ord(c) - 0xDC00:02x}"
        if "\udc80" <= c <= "\udcff"
        else (f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c)
        for c in text
    )


def _reason(decision: Decision) -> str:
    if decision.rule is None:
        return "no rule fits"
    return decision.because


def _kept(decision: Decision, routes: Routes) -> dict[str, object]:
    if len(routes.rules) <= _MOST_RULES_KEPT:
        return decision.as_json()
    return {
        "outcome": decision.outcome,
        "rule": decision.rule,
        "because": decision.because,
        "barred": list(decision.barred),
        "rules_hash": decision.rules_hash,
        "at": decision.at.isoformat(),
        "considered": f"not kept: {len(routes.rules)} rules",
    }
