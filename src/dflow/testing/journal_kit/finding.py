"""What every journal promises of finding: what is asked for, in order, and nothing else.

In: a rig.  Out: nothing, or what was not kept.
"""

from __future__ import annotations

from attrs import evolve

from dflow.delivery import State, Step
from dflow.exchange.journal import Outcome, Query, content_hash
from dflow.testing.journal_kit.promise import JournalPromise, arrival, must
from dflow.testing.journal_kit.rig import JournalRig

__all__ = ["PROMISES"]


def _a_listing_goes_on_while_others_write(rig: JournalRig) -> None:
    """What was there when a listing began is in it once, though more is written meanwhile."""
    journal = rig.open()
    with journal.transaction():
        numbers = [journal.record(arrival(b"%d" % n, f"k{n}")).arrival for n in range(600)]
    seen = []
    for row in journal.arrivals_in_pages(Query()):
        seen.append(row.id)
        if len(seen) in {10, 550}:
            journal.record(arrival(b"more %d" % len(seen), f"more {len(seen)}"))
    must("those of before", seen[:600], numbers)
    newest = [row.id for row in journal.arrivals_in_pages(Query(newest_first=True, limit=550))]
    must("the newest", newest, sorted(newest, reverse=True))
    must("how many", len(newest), 550)


def _queries_restrict(rig: JournalRig) -> None:
    """A query finds what it asks for, and nothing else."""
    journal = rig.open()
    first = journal.record(arrival(b"one 1212345678902", "k1", at=10.0)).arrival
    second = journal.record(arrival(b"two", at=20.0)).arrival
    third = journal.record(arrival(None, at=30.0)).arrival
    table: list[tuple[Query, list[int]]] = [
        (Query(since=15.0), [second, third]),
        (Query(until=20.0), [first]),
        (Query(outcome=Outcome.UNROUTED, limit=1), [second]),
        (Query(newest_first=True), [third, second, first]),
        (Query(after=first), [second, third]),
        (Query(text="1212345678902"), [first]),
        (Query(text="1098765432106"), []),
        (Query(destination="old", state=State.DUE), [first]),
        (Query(flow="D0010", hash=content_hash(b"two")), [second]),
        (Query(hash=content_hash(b"two")[:5]), [second]),
        (Query(hash=content_hash(b"two")[:40]), [second]),
        (Query(arrival=third), [third]),
    ]
    for query, expected in table:
        must(str(query), [row.id for row in journal.arrivals(query)], expected)
    must("deliveries", [row.key for row in journal.deliveries(Query(arrival=first))], ["k1"])


def _what_waits_is_found_by_its_state(rig: JournalRig) -> None:
    """The newest delivery of a destination in a state, above a number, and no other."""
    journal = rig.open()
    numbers = [journal.record(arrival(b"%d" % n, f"k{n}")).deliveries[0] for n in range(4)]
    done = journal.claim("old", now=2.0, limit=1)[0].id
    journal.step(done, Step.ACCEPTED, at=2.0, started=2.0)
    journal.step(numbers[3], Step.EVIDENCE, at=2.0)
    due = Query(destination="old", state=State.DUE, newest_first=True, limit=1)
    table: list[tuple[Query, list[int]]] = [
        (due, [numbers[2]]),
        (evolve(due, limit=None), [numbers[2], numbers[1]]),
        (evolve(due, after=numbers[1]), [numbers[2]]),
        (evolve(due, after=numbers[2]), []),
        (evolve(due, before=numbers[2]), [numbers[1]]),
        (evolve(due, state=State.RETRYING), []),
        (evolve(due, state=State.DELIVERED), [numbers[3]]),
        (evolve(due, destination="new"), []),
    ]
    for query, expected in table:
        must(str(query), [row.id for row in journal.deliveries(query)], expected)


def _attempts_are_found_by_destination(rig: JournalRig) -> None:
    """The newest attempts at a destination, in the order in which they were kept."""
    journal = rig.open()
    number = journal.record(arrival(b"x", "k")).deliveries[0]
    for started in (9.0, 3.0, 4.0, 5.0):  # after the first the clock was set back
        journal.claim("old", now=started, limit=1)
        journal.step(number, Step.FAILED, at=started, due=1.0, started=started)
    found = [one.started for one in journal.latest_attempts("old", until=5.0, limit=2)]
    must("the newest two", found, [4.0, 5.0])
    found = [one.started for one in journal.latest_attempts("old", until=9.0, limit=9)]
    must("all of them", found, [9.0, 3.0, 4.0, 5.0])
    must("those of another", journal.latest_attempts("new", until=9.0, limit=9), [])


#: In the order in which they are tried.
PROMISES: tuple[JournalPromise, ...] = (
    JournalPromise(_a_listing_goes_on_while_others_write),
    JournalPromise(_queries_restrict),
    JournalPromise(_what_waits_is_found_by_its_state),
    JournalPromise(_attempts_are_found_by_destination),
)
