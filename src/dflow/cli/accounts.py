"""How commands of the exchange tell what went where and why.

In: accounts from the journal.  Out: lines of text.  This module does not read journals.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dflow.exchange.account import Account
    from dflow.show.paint import Paint, Role

__all__ = ["account_lines"]

_OUTCOME_ROLES: dict[str, Role] = {
    "routed": "good",
    "repeat": "faint",
    "discarded": "faint",
    "held": "warning",
    "refused": "warning",
    "unrouted": "error",
    "unparsable": "error",
    "unreadable": "error",
}
_STATE_ROLES: dict[str, Role] = {
    "delivered": "good",
    "dead": "error",
    "unknown": "error",
    "retrying": "warning",
    "held": "warning",
    "cancelled": "faint",
}

#: Characters of a flow and its parties on one line.
_LONGEST = 120


def account_lines(account: Account, paint: Paint, *, unmask: bool = False) -> Iterator[str]:
    """The lines of one arrival: what it is, what became of it, and where it went."""
    from dflow.exchange.masking import masked
    from dflow.show.paint import printable

    hide = str if unmask else masked
    arrival = account.arrival
    words = arrival.address
    who = ""
    if words:
        sender = f"{words.get('sender_role', '')}/{words.get('sender', '')}"
        recipient = f"{words.get('recipient_role', '')}/{words.get('recipient', '')}"
        who = f"  {arrival.flow}  {sender} to {recipient}"
    outcome = paint(_OUTCOME_ROLES[arrival.outcome.value], arrival.outcome.value)
    why = f" by {arrival.rule}" if arrival.rule else ""
    reason = f": {arrival.reason}" if arrival.reason else ""
    who = hide(who)
    if len(who) > _LONGEST:  # a sender may be anything
        who = f"{who[: _LONGEST - 20]}\u2026{who[-20:]}"
    name = paint("strong", printable(hide(arrival.name)))
    yield f"{arrival.id:>5}  {name}{printable(who)}"
    yield f"       {outcome}{printable(why + hide(reason))}"
    for one in account.deliveries:
        state = one.state.value
        kind = "to" if one.kind == "original" else f"{one.kind} to"
        padded = paint(_STATE_ROLES.get(state, "info"), state)
        place = f" as {one.place}" if one.place else ""
        rule = one.rule.removeprefix("by ")  # the rule of what a person sends: by hand
        by = f" by {rule}" if one.kind != "original" else ""
        detail = f": {one.reason}" if one.reason else ""
        rest = printable(hide(place + detail))
        yield f"       {kind} {one.destination}{printable(by)}: {padded}{rest}"
