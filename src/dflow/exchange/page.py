"""The status page: plain HTML for a person who watches, and changes nothing.

In: a journal, and words to search for.  Out: HTML.  This module does not know sockets.
Every word that came from outside is escaped; no payload is shown, and no value of a body.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from attrs import evolve

from dflow.delivery import State
from dflow.exchange.account import Account, accounts, instant_text
from dflow.exchange.events import event_line
from dflow.exchange.journal import Journal, Query
from dflow.exchange.status import age_text, status_of

__all__ = ["status_page"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem;
  padding: 0 1.5rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .6rem; text-align: left }
.bad { color: #a00; font-weight: 600 } .good { color: #064 } .faint { color: #666 }
input { font: inherit; width: 24rem }
"""

_BAD = {"dead", "unknown", "unrouted", "unparsable", "unreadable", "held", "refused"}


def _cell(text: str) -> str:
    mood = ' class="bad"' if text in _BAD else ""
    return f"<td{mood}>{html.escape(text)}</td>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows]
    if not lines:
        return '<p class="faint">nothing</p>'
    head = "".join(f"<th>{html.escape(one)}</th>" for one in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _query(words: str) -> Query:
    """What a search means: a hash, a flow, a file identifier, or part of the content."""
    plain = Query(newest_first=True, limit=50)
    if not words:
        return plain
    if len(words) == 64:
        return evolve(plain, hash=words.lower())
    if len(words) == 5 and words[:1].isalpha():
        return evolve(plain, flow=words.upper())
    if len(words) == 13 and words.isdigit():
        return evolve(plain, text=words)
    return evolve(plain, file_id=words)


def _decisions(found: Iterable[Account]) -> Iterable[list[str]]:
    for one in found:
        arrival = one.arrival
        where = ", ".join(f"{each.destination}: {each.state.value}" for each in one.deliveries)
        words = arrival.address
        route = f"{words.get('sender', '')} to {words.get('recipient', '')}" if words else ""
        yield [
            str(arrival.id),
            instant_text(arrival.at),
            arrival.name,
            arrival.flow,
            route,
            arrival.outcome.value,
            arrival.rule,
            where,
            arrival.reason,
        ]


def status_page(
    journal: Journal, destinations: Iterable[str], *, now: float, search: str = ""
) -> str:
    """The page: queues, dead letters, last decisions, events; or what a search found."""
    status = status_of(journal, destinations, now=now)
    queues = [
        [
            lane.destination,
            "paused" if lane.paused else "down" if lane.down_since is not None else "up",
            one.state.value,
            str(one.number),
            age_text(now - one.oldest),
        ]
        for lane in status.lanes
        for one in status.backlog
        if one.destination == lane.destination
    ]
    dead = [
        [str(row.id), row.name, row.destination, row.reason]
        for row in journal.deliveries(Query(state=State.DEAD, newest_first=True, limit=50))
    ]
    recent = list(accounts(journal, _query(search.strip())))
    last = max(0, journal.last_event() - 30)
    events = [event_line(event) for event in journal.events(after=last)][::-1]
    mood, verdict = (
        ("bad", "something waits for a person")
        if status.needs_a_person
        else (
            "good",
            "nothing waits for a person",
        )
    )
    counts = ", ".join(f"{n} {outcome.value}" for outcome, n in status.outcomes.items())
    items = "".join(f"<li>{html.escape(line)}</li>" for line in events)
    searched = html.escape(search, quote=True)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>dflow exchange</title><style>{_STYLE}</style></head><body>",
            f'<h1>Exchange</h1><p class="{mood}">{verdict}</p>',
            f"<p>Arrivals: {html.escape(counts) or 'none'}. As of {instant_text(now)}.</p>",
            "<h2>Queues</h2>",
            _table(["Destination", "Health", "State", "Deliveries", "Oldest"], queues),
            "<h2>Dead letters</h2>",
            _table(["Delivery", "File", "Destination", "Why"], dead),
            f"<h2>{'Found' if search else 'Last decisions'}</h2>",
            '<form method="get"><label>File id, flow, MPAN or SHA-256:',
            f'<input name="q" value="{searched}"></label> <button>Search</button></form>',
            _table(
                ["No", "At", "File", "Flow", "Parties", "Outcome", "Rule", "Deliveries", "Why"],
                _decisions(recent),
            ),
            f"<h2>Events</h2><ul>{items}</ul></body></html>",
        ]
    )
