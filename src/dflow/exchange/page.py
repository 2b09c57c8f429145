"""The status page: plain HTML for a person who watches, and changes nothing.

In: a journal, and words to search for.  Out: HTML.  This module does not know sockets.
Every word that came from outside is escaped; no payload is shown, and no value of a body.
A meter point in a file's name is masked, unless it is what was searched for.  Instants are
shown in local seconds, and in UTC where the pointer rests on them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from attrs import evolve, frozen

from dflow.delivery import State
from dflow.exchange.account import Account, account_of, accounts, counted, instant_text
from dflow.exchange.events import event_words
from dflow.exchange.journal import Journal, LaneRow, Outcome, Query
from dflow.exchange.journal.sequences import spans_text
from dflow.exchange.masking import masked
from dflow.exchange.search import Unread, searched
from dflow.exchange.status import Status, age_text, status_of

__all__ = ["status_page"]

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 92rem;
  padding: 0 1.2rem; color: #222; background: #fff }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
h2 small { font-weight: normal; color: #666 }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .5rem; text-align: left;
  vertical-align: top }
td { overflow-wrap: anywhere } td.name { min-width: 9rem } td.why { min-width: 7.5rem }
th, td.bad, td.short, td.number { white-space: nowrap }
td.number, th.number { text-align: right }
.bad { color: #a00; font-weight: 600 } .good { color: #064 } .faint { color: #666 }
time { white-space: nowrap } form { margin: 1rem 0 } ul { padding-left: 1.2rem }
li { overflow-wrap: anywhere } input { font: inherit; width: 24rem; max-width: 100%;
  box-sizing: border-box } button { font: inherit }
@media (max-width: 68rem) {
  thead { display: none } tr { display: block; border-bottom: 1px solid #bbb; padding: .3rem 0 }
  td, td.number { display: block; border: 0; padding: 0 .3rem; text-align: left;
    white-space: normal }
  td:empty { display: none }
  td::before { content: attr(data-head) ": "; color: #666; font-weight: normal } }
"""

_BAD = {"no mount", "dead", "unknown", "unrouted", "unparsable", "unreadable", "held", "refused"}
#: So many rows of a table at most; a heading says how many there are.
_ROWS = {"dead": 20, "waiting": 20, "missing": 20, "decisions": 50, "events": 30}
#: Characters of a name; the middle of a longer one is left out.
_NAME = 48
#: Characters of words that are not broken into lines.
_SHORT = 18
#: A flow, with its version if the words go on.
#: A hash, or as much of it as tells it from most others.
_HASH = re.compile("[0-9A-Fa-f]{8,64}")
_FLOW = re.compile(r"[A-Za-z][0-9]{4}(\s*[vV]?[0-9]{3})?")
_TROUBLED = (State.DEAD, State.UNKNOWN, State.HELD)
_WAITING = (Outcome.HELD, Outcome.UNROUTED, Outcome.UNPARSABLE, Outcome.UNREADABLE)


@frozen
class _At:
    """An instant as a cell."""

    instant: float


@frozen
class _Name:
    """A name from outside as a cell: cut if it is long, whole where the pointer rests."""

    text: str


@frozen
class _Number:
    """A number or an age as a cell."""

    text: str


_Cell = str | _At | _Name | _Number


@frozen
class _Ink:
    """How words become HTML: in which time zone, and which meter point was asked for."""

    zone: tzinfo
    asked: str

    def words(self, text: str) -> str:
        """Escaped, with meter points masked that nobody asked for, and nothing unseen."""
        seen = "".join(c if c.isprintable() else "\ufffd" for c in text)
        return html.escape(masked(seen, asked=self.asked))

    def time(self, instant: float) -> str:
        """Local seconds, with the instant in UTC as the title."""
        local = datetime.fromtimestamp(instant, self.zone)
        utc = instant_text(instant)
        shown = f"{local:%Y-%m-%d %H:%M:%S} {local.tzname() or ''}".rstrip()
        return f'<time datetime="{utc}" title="{utc}">{html.escape(shown)}</time>'

    def cell(self, value: _Cell, head: str) -> str:
        """A cell of a table; on a narrow screen its head stands before it."""
        kind, title = "", ""
        match value:
            case _At():
                text = self.time(value.instant)
            case _Number():
                kind, text = "number", self.words(value.text)
            case _Name():
                kind = "name"
                # Masked before it is cut: half a meter point would not be known for one.
                whole = masked(value.text, asked=self.asked)
                text = self.words(whole)
                if len(whole) > _NAME:
                    title = f' title="{text}"'
                    text = self.words(f"{whole[: _NAME - 16]}\u2026{whole[-15:]}")
            case str():
                kind = "bad" if value in _BAD else "why" if len(value) > _SHORT else "short"
                text = self.words(value)
        return f'<td class="{kind}" data-head="{html.escape(head)}"{title}>{text}</td>'

    def table(
        self, heads: Sequence[str], rows: Iterable[Iterable[_Cell]], *, none: str = "none"
    ) -> str:
        """A table, or the word that there is nothing."""
        cells = [list(row) for row in rows]
        if not cells:
            return f'<p class="faint">{self.words(none)}</p>'
        kinds = ["number" if isinstance(value, _Number) else "" for value in cells[0]]
        head = "".join(
            f'<th class="{kind}">{html.escape(one)}</th>'
            for one, kind in zip(heads, kinds, strict=True)
        )
        body = "".join("<tr>" + "".join(map(self.cell, row, heads)) + "</tr>" for row in cells)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _queries(words: str) -> Iterator[Query]:
    """What a search may mean: a hash, a flow, a meter point in the content, a file identifier."""
    plain = Query(newest_first=True, limit=_ROWS["decisions"])
    if not words:
        yield plain
        return
    if _HASH.fullmatch(words):
        yield evolve(plain, hash=words.lower())
    if _FLOW.fullmatch(words):
        yield evolve(plain, flow=words[:5].upper(), version=words[-3:] if len(words) > 5 else "")
    if len(words) == 13 and words.isdecimal():
        yield evolve(plain, text=words)
    yield evolve(plain, file_id=words)


def _sought(journal: Journal, words: str, unread: Unread) -> list[Account]:
    found = {row.id: row for query in _queries(words) for row in searched(journal, query, unread)}
    newest = sorted(found, reverse=True)[: _ROWS["decisions"]]
    return [account_of(journal, found[number]) for number in newest]


def _decisions(found: Iterable[Account]) -> Iterable[list[_Cell]]:
    for one in found:
        arrival = one.arrival
        where = ", ".join(f"{each.destination}: {each.state.value}" for each in one.deliveries)
        words = arrival.address
        route = f"{words.get('sender', '')} to {words.get('recipient', '')}" if words else ""
        yield [
            _Number(str(arrival.id)),
            _At(arrival.at),
            _Name(arrival.name),
            arrival.flow,
            _Name(route),
            arrival.outcome.value,
            arrival.rule,
            where,
            arrival.reason,
        ]


def _health(lane: LaneRow, status: Status) -> str:
    words = ["no mount"] * (lane.destination in status.unmounted)
    words += ["paused"] * lane.paused + ["fallback on"] * lane.diverted
    if lane.down_since is not None:
        words.append(f"down for {age_text(status.now - lane.down_since)}")
    return ", ".join(words) or "up"


def _queues(status: Status) -> Iterable[list[_Cell]]:
    for lane in status.lanes:
        health = _health(lane, status)
        mine = [one for one in status.backlog if one.destination == lane.destination]
        for one in mine:
            age = age_text(status.now - one.oldest)
            state = one.state.value
            yield [lane.destination, health, state, _Number(str(one.number)), _Number(age)]
        if not mine:
            yield [lane.destination, health, "nothing waits", _Number("0"), _Number("")]


def _stuck(journal: Journal, state: State, now: float) -> Iterable[list[_Cell]]:
    query = Query(state=state, newest_first=True, limit=_ROWS["dead"])
    for row in journal.deliveries(query):
        yield [
            _Number(str(row.id)),
            _Name(row.name),
            row.destination,
            row.reason,
            _At(row.changed),
            _Number(age_text(now - row.changed)),
        ]


def _missing(status: Status) -> Iterable[list[_Cell]]:
    for one in status.missing[: _ROWS["missing"]]:
        count = sum(span.count for span in one.missing)
        yield [
            one.source,
            one.target,
            spans_text(one.missing),
            _Number(str(count)),
            _Number(str(one.highest)),
        ]


_MISSING = ("From", "To", "Numbers missing", "How many", "Highest seen")
_STUCK = ("Delivery", "File", "Destination", "Why", "Since", "Age")
_DECIDED = ("No", "At", "File", "Flow", "Parties", "Outcome", "Rule", "Deliveries", "Why")


def _waiting(journal: Journal) -> list[Account]:
    """The newest files that wait for a person, whatever arrived after them."""
    plain = Query(newest_first=True, limit=_ROWS["waiting"])
    found = [one for each in _WAITING for one in accounts(journal, evolve(plain, outcome=each))]
    return sorted(found, key=lambda one: -one.arrival.id)[: _ROWS["waiting"]]


def _events(journal: Journal, ink: _Ink) -> str:
    """The newest events as items of a list, newest first."""
    last = max(0, journal.last_event() - _ROWS["events"])
    items = "".join(
        f"<li>{ink.time(event.at)} {ink.words(event_words(event, unmask=True))}</li>"
        for event in reversed(journal.events(after=last))
    )
    return f"<ul>{items}</ul>" if items else '<p class="faint">none yet</p>'


def _heading(title: str, total: int, most: int, *, which: str = "newest") -> str:
    """A heading that says how many there are, and how many are shown."""
    shown = f"the {which} {most} of {total}" if total > most else str(total)
    return f"<h2>{title} <small>{shown}</small></h2>" if total else f"<h2>{title}</h2>"


def _in_state(status: Status, state: State) -> int:
    return sum(one.number for one in status.backlog if one.state is state)


def _verdict(status: Status) -> str:
    if not status.needs_a_person:
        return '<p class="good">nothing waits for a person</p>'
    numbers = [(state.value, _in_state(status, state)) for state in _TROUBLED]
    words = [f"{number} {outcome.value}" for outcome, number in status.waiting.items()]
    words += [
        counted(number, f"{state} delivery", f"{state} deliveries")
        for state, number in numbers
        if number
    ]
    if number := len(status.unmounted):
        words.append(f"{counted(number, 'destination')} without a mount")
    what = html.escape(", ".join(words))
    return f'<p class="bad">something waits for a person: {what}</p>'


def status_page(
    journal: Journal,
    destinations: Iterable[str],
    *,
    now: float,
    search: str = "",
    zone: tzinfo = UTC,
) -> str:
    """The page: queues, dead letters, last decisions, events; and first what a search found.

    Args:
        journal: read, and not changed.
        destinations: the names of the mounts, shown besides those with a backlog.
        now: the instant.
        search: a file identifier, a flow, a meter point, or how a SHA-256 begins.
        zone: in which times are shown.
    """
    words = search.strip()
    ink = _Ink(zone, words)
    status = status_of(journal, destinations, now=now)
    counts = ", ".join(f"{n} {outcome.value}" for outcome, n in status.outcomes.items())
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>dflow exchange</title><style>{_STYLE}</style></head><body>",
        f"<h1>Exchange</h1>{_verdict(status)}",
        f"<p>Arrivals: {html.escape(counts) or 'none'}. As of {ink.time(now)}.</p>",
        '<form method="get"><label>File id, flow, MPAN or SHA-256:',
        f'<input name="q" value="{html.escape(search, quote=True)}"></label>',
        "<button>Search</button></form>",
    ]
    if words:
        unread = Unread()
        found = list(_decisions(_sought(journal, words, unread)))
        none = "nothing is known by that; an MPAN has 13 digits, a SHA-256 at least 8 characters"
        parts += ['<section id="found"><h2>Found</h2>']
        if unread.number:  # that nothing was found proves nothing
            parts += [f'<p class="bad">{ink.words(str(unread))}</p>']
        if found or not unread.number:
            parts += [ink.table(_DECIDED, found, none=none)]
        parts += ["</section>"]
    heads = ("Destination", "Health", "State", "Deliveries", "Oldest")
    parts += ["<h2>Queues</h2>", ink.table(heads, _queues(status))]
    for state, title in (
        (State.DEAD, "Dead letters"),
        (State.UNKNOWN, "Deliveries of which nobody knows whether they arrived"),
        (State.HELD, "Held deliveries"),
    ):
        total = _in_state(status, state)
        if total or state is State.DEAD:
            parts += [_heading(title, total, _ROWS["dead"])]
            parts += [ink.table(_STUCK, _stuck(journal, state, now))]
    if total := sum(status.waiting.values()):
        parts += [_heading("Files that wait for a person", total, _ROWS["waiting"])]
        parts += [ink.table(_DECIDED, _decisions(_waiting(journal)))]
    if total := len(status.missing):
        title = "Senders with missing file sequence numbers"
        parts += [_heading(title, total, _ROWS["missing"], which="first")]
        parts += [ink.table(_MISSING, _missing(status))]
    parts += [
        _heading("Last decisions", sum(status.outcomes.values()), _ROWS["decisions"]),
        ink.table(_DECIDED, _decisions(_sought(journal, "", Unread())), none="none yet"),
        f"<h2>Events</h2>{_events(journal, ink)}</body></html>",
    ]
    return "\n".join(parts)
