"""The status page: plain HTML for a person who watches, and changes nothing.

In: a journal, and words to search for.  Out: HTML.  This module does not know sockets.
Every word that came from outside is escaped; no payload is shown, and no value of a body.
A meter point in a file's name is masked, unless it is what was searched for.  Instants are
shown in local seconds, and in UTC where the pointer rests on them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from attrs import evolve, frozen

from dflow.delivery import State
from dflow.exchange.account import Account, accounts, instant_text
from dflow.exchange.events import event_words
from dflow.exchange.journal import Journal, Query
from dflow.exchange.masking import masked
from dflow.exchange.status import Status, age_text, status_of

__all__ = ["status_page"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem;
  padding: 0 1.5rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ccc; padding: .25rem .6rem; text-align: left }
.bad { color: #a00; font-weight: 600 } .good { color: #064 } .faint { color: #666 }
time { white-space: nowrap } input { font: inherit; width: 24rem }
"""

_BAD = {"dead", "unknown", "unrouted", "unparsable", "unreadable", "held", "refused"}


@frozen
class _At:
    """An instant as a cell."""

    instant: float


@frozen
class _Ink:
    """How words become HTML: in which time zone, and which meter point was asked for."""

    zone: tzinfo
    asked: str

    def words(self, text: str) -> str:
        """Escaped, with meter points masked that nobody asked for."""
        return html.escape(masked(text, asked=self.asked))

    def time(self, instant: float) -> str:
        """Local seconds, with the instant in UTC as the title."""
        local = datetime.fromtimestamp(instant, self.zone)
        utc = instant_text(instant)
        shown = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname() or ''}".rstrip()
        return f'<time datetime="{utc}" title="{utc}">{html.escape(shown)}</time>'

    def cell(self, value: str | _At) -> str:
        """A cell of a table."""
        if isinstance(value, _At):
            return f"<td>{self.time(value.instant)}</td>"
        mood = ' class="bad"' if value in _BAD else ""
        return f"<td{mood}>{self.words(value)}</td>"

    def table(self, heads: Iterable[str], rows: Iterable[Iterable[str | _At]]) -> str:
        """A table, or the word that there is nothing."""
        lines = ["<tr>" + "".join(map(self.cell, row)) + "</tr>" for row in rows]
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


def _decisions(found: Iterable[Account]) -> Iterable[list[str | _At]]:
    for one in found:
        arrival = one.arrival
        where = ", ".join(f"{each.destination}: {each.state.value}" for each in one.deliveries)
        words = arrival.address
        route = f"{words.get('sender', '')} to {words.get('recipient', '')}" if words else ""
        yield [
            str(arrival.id),
            _At(arrival.at),
            arrival.name,
            arrival.flow,
            route,
            arrival.outcome.value,
            arrival.rule,
            where,
            arrival.reason,
        ]


def _queues(status: Status) -> Iterable[list[str | _At]]:
    for lane in status.lanes:
        for one in status.backlog:
            if one.destination == lane.destination:
                health = "down" if lane.down_since is not None else "up"
                yield [
                    lane.destination,
                    "paused" if lane.paused else health,
                    one.state.value,
                    str(one.number),
                    age_text(status.now - one.oldest),
                ]


def _events(journal: Journal, ink: _Ink) -> str:
    """The newest events as items of a list, newest first."""
    last = max(0, journal.last_event() - 30)
    return "".join(
        f"<li>{ink.time(event.at)} {ink.words(event_words(event, unmask=True))}</li>"
        for event in reversed(journal.events(after=last))
    )


def status_page(
    journal: Journal,
    destinations: Iterable[str],
    *,
    now: float,
    search: str = "",
    zone: tzinfo = UTC,
) -> str:
    """The page: queues, dead letters, last decisions, events; or what a search found.

    Args:
        journal: read, and not changed.
        destinations: those to show besides those with a backlog.
        now: the instant.
        search: a file identifier, a flow, a meter point or a SHA-256.
        zone: in which times are shown.
    """
    ink = _Ink(zone, search.strip())
    status = status_of(journal, destinations, now=now)
    queues = _queues(status)
    dead = [
        [str(row.id), row.name, row.destination, row.reason]
        for row in journal.deliveries(Query(state=State.DEAD, newest_first=True, limit=50))
    ]
    recent = list(accounts(journal, _query(search.strip())))
    mood, verdict = (
        ("bad", "something waits for a person")
        if status.needs_a_person
        else (
            "good",
            "nothing waits for a person",
        )
    )
    counts = ", ".join(f"{n} {outcome.value}" for outcome, n in status.outcomes.items())
    searched = html.escape(search, quote=True)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>dflow exchange</title><style>{_STYLE}</style></head><body>",
            f'<h1>Exchange</h1><p class="{mood}">{verdict}</p>',
            f"<p>Arrivals: {html.escape(counts) or 'none'}. As of {ink.time(now)}.</p>",
            "<h2>Queues</h2>",
            ink.table(["Destination", "Health", "State", "Deliveries", "Oldest"], queues),
            "<h2>Dead letters</h2>",
            ink.table(["Delivery", "File", "Destination", "Why"], dead),
            f"<h2>{'Found' if search else 'Last decisions'}</h2>",
            '<form method="get"><label>File id, flow, MPAN or SHA-256:',
            f'<input name="q" value="{searched}"></label> <button>Search</button></form>',
            ink.table(
                ["No", "At", "File", "Flow", "Parties", "Outcome", "Rule", "Deliveries", "Why"],
                _decisions(recent),
            ),
            f"<h2>Events</h2><ul>{_events(journal, ink)}</ul></body></html>",
        ]
    )
