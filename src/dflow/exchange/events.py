"""Events as text and as JSON.

In: events.  Out: lines.  This module does not read journals; events hold no values of
bodies in the first place, and a meter point in a file's name is masked.
"""

from __future__ import annotations

from dflow.exchange.account import instant_text
from dflow.exchange.journal import EventRow
from dflow.exchange.masking import masked

__all__ = ["event_json", "event_line", "event_words"]


def event_words(event: EventRow, *, unmask: bool = False) -> str:
    """One line: what, about what, by whom, why, and what else is known, such as evidence.

    Args:
        event: the event.
        unmask: whether meter points in it are shown.
    """
    about = [event.destination] if event.destination else []
    if event.arrival is not None:
        about.append(f"arrival {event.arrival}")
    if event.delivery is not None:
        about.append(f"delivery {event.delivery}")
    who = "" if event.who == "dflow" else f" by {event.who}"
    why = f": {event.why}" if event.why else ""
    words = f" ({', '.join(about)})" if about else ""
    detail = f" [{event.detail}]" if event.detail and event.detail not in event.why else ""
    line = f"{event.kind}{words}{who}{why}{detail}"
    # A reason may hold a name from outside: one event stays one line.
    line = "".join(c if c.isprintable() else "\ufffd" for c in line)
    return line if unmask else masked(line)


def event_line(event: EventRow, *, unmask: bool = False) -> str:
    """One line: when, what, about what, by whom, why; `unmask` as in `event_words`."""
    return f"{instant_text(event.at)} {event_words(event, unmask=unmask)}"


def event_json(event: EventRow, *, unmask: bool = False) -> dict[str, object]:
    """An event as a JSON object; `unmask` as in `event_words`."""
    hide = str if unmask else masked
    return {
        "event": event.id,
        "at": instant_text(event.at),
        "kind": event.kind,
        "who": event.who,
        "why": hide(event.why),
        "destination": event.destination,
        "arrival": event.arrival,
        "delivery": event.delivery,
        "detail": hide(event.detail),
    }
