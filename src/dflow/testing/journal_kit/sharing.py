"""What a journal promises that several workers share: each delivery has one of them.

In: a rig whose journal has a lease.  Out: nothing, or what was not kept.  Leases end by the
journal's own clock, so these promises take as long as one or two leases do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

from attrs import evolve

from dflow.delivery import Spent, State, Step, WrongStep
from dflow.exchange.journal import Journal, LeaseLost, Outcome, Query, Standing, content_hash
from dflow.testing.journal_kit.promise import JournalPromise, arrival, must, refuses
from dflow.testing.journal_kit.rig import JournalRig

__all__ = ["PROMISES"]


def _at_once(*calls: Callable[[], object]) -> None:
    """Call all of them in threads that begin together; the first error of any."""
    start = threading.Barrier(len(calls))
    failed: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        start.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001  told below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def _lease(journal: Journal) -> float:
    return journal.lease or 0.0


def _each_delivery_goes_to_one_worker(rig: JournalRig) -> None:
    """Workers that claim at the same time get different deliveries, and together all."""
    workers = [rig.open() for _ in range(3)]
    with workers[0].transaction():
        for number in range(120):
            workers[0].record(arrival(b"%d" % number, f"k{number}"))
    got: list[int] = []

    def take(journal: Journal) -> Callable[[], None]:
        def call() -> None:
            for _ in range(40):
                journal.renew(at=9.0)
                got.extend(row.id for row in journal.claim("old", now=9.0, limit=5))

        return call

    _at_once(*map(take, workers))
    must("deliveries handed out twice", len(got) - len(set(got)), 0)
    must("deliveries handed out", len(got), 120)


def _one_line_has_one_worker(rig: JournalRig) -> None:
    """Of one line, one delivery is under way at a time, in order, whoever sends it."""
    workers = [rig.open() for _ in range(3)]
    with workers[0].transaction():
        for number in range(30):
            workers[0].record(arrival(b"%d" % number, f"k{number:02}", line="a"))
    order: list[str] = []
    busy: list[str] = []

    def work(journal: Journal) -> Callable[[], None]:
        def call() -> None:
            while len(order) < 30:
                journal.renew(at=9.0)  # on a slow machine this takes longer than a lease
                for row in journal.claim("old", now=9.0, limit=5):
                    busy.append(row.key)
                    must("others of the line under way", len(busy), 1)
                    time.sleep(0.002)
                    busy.remove(row.key)
                    order.append(row.key)
                    journal.step(row.id, Step.ACCEPTED, at=9.0, lease=row.lease)

        return call

    _at_once(*map(work, workers))
    must("the order", order, sorted(order))


def _a_late_older_one_waits(rig: JournalRig) -> None:
    """An older delivery that joins a line waits for the one that is under way."""
    one, other = rig.open(), rig.open()
    first = one.record(arrival(b"1", "k1", line="a")).deliveries[0]
    one.record(arrival(b"2", "k2", line="a"))
    one.step(first, Step.HOLD, at=2.0)
    must("the second", [row.key for row in one.claim("old", now=9.0, limit=9)], ["k2"])
    one.step(first, Step.RELEASE, at=3.0)
    must("meanwhile", other.claim("old", now=9.0, limit=9), [])


def _the_same_file_at_two_workers_is_one(rig: JournalRig) -> None:
    """A content that two workers receive at the same time is delivered once, repeated once."""
    one, other = rig.open(), rig.open()
    for number in range(10):
        outcomes: list[Outcome] = []

        def take(journal: Journal, n: int, found: list[Outcome]) -> Callable[[], None]:
            return lambda: found.append(journal.record(arrival(b"%d" % n, f"k{n}")).outcome)

        _at_once(take(one, number, outcomes), take(other, number, outcomes))
        must("outcomes", sorted(one.value for one in outcomes), ["repeat", "routed"])
    must("deliveries", len(list(one.deliveries(Query()))), 10)


def _the_living_keep_what_they_took(rig: JournalRig) -> None:
    """What a worker that renews its lease is sending is never taken from it."""
    one, other = rig.open(), rig.open()
    number = one.record(arrival(b"x", "k")).deliveries[0]
    (row,) = one.claim("old", now=2.0, limit=1)
    other.own()
    ended = time.monotonic() + 2 * _lease(one)
    while time.monotonic() < ended:
        must("what the first took over", one.renew(at=3.0), [])
        must("what the second took over", other.renew(at=3.0), [])
        time.sleep(_lease(one) / 5)
    must("its receipt", one.step(number, Step.ACCEPTED, at=4.0, lease=row.lease), State.DELIVERED)


def _a_new_worker_leaves_the_living_alone(rig: JournalRig) -> None:
    """Who starts takes only what dead workers held."""
    one, other = rig.open(), rig.open()
    one.record(arrival(b"x", "k"))
    one.claim("old", now=2.0, limit=1)
    must("what was recovered", other.recover(at=3.0), [])
    must("the state", next(other.deliveries(Query())).state, State.SENDING)


def _what_the_silent_held_is_unknown(rig: JournalRig) -> None:
    """After its lease, and not before, what a silent worker was sending is asked about."""
    one, other = rig.open(), rig.open()
    number = one.record(arrival(b"x", "k")).deliveries[0]
    one.claim("old", now=2.0, limit=1)
    other.own()
    must("at first", other.renew(at=3.0), [])
    found: list[int] = []
    ended = time.monotonic() + 4 * _lease(one)
    while not found and time.monotonic() < ended:
        time.sleep(_lease(one) / 5)
        found = other.renew(at=3.0)
    must("then", found, [number])
    must("the state", next(other.deliveries(Query())).state, State.UNKNOWN)
    must("nothing is sent again unasked", other.claim("old", now=9.0, limit=1), [])


def _who_was_overtaken_changes_nothing(rig: JournalRig) -> None:
    """A worker that comes back after its lease cannot write over what another decided."""
    one, other = rig.open(), rig.open()
    number = one.record(arrival(b"x", "k")).deliveries[0]
    (mine,) = one.claim("old", now=2.0, limit=1)
    time.sleep(_lease(one) * 1.3)
    must("what is recovered", other.recover(at=3.0), [number])
    (asked,) = other.unknown("old", now=4.0, limit=1)
    other.step(number, Step.MISSING, at=4.0, lease=asked.lease)
    (again,) = other.claim("old", now=5.0, limit=1)
    refuses(WrongStep, lambda: one.step(number, Step.ACCEPTED, at=6.0, lease=mine.lease))
    refuses(WrongStep, lambda: one.step(number, Step.REFUSED, at=6.0, lease=mine.lease))
    must("the state", next(one.deliveries(Query())).state, State.SENDING)
    done = other.step(number, Step.ACCEPTED, at=7.0, lease=again.lease)
    must("the other's receipt", done, State.DELIVERED)


def _a_stale_answer_is_refused(rig: JournalRig) -> None:
    """An answer about a former attempt does not count for the one after it."""
    one, other = rig.open(), rig.open()
    number = one.record(arrival(b"x", "k")).deliveries[0]
    one.claim("old", now=2.0, limit=1)
    one.step(number, Step.LOST, at=2.0)
    (asked,) = one.unknown("old", now=3.0, limit=1)
    time.sleep(_lease(one) * 1.3)
    other.recover(at=4.0)
    (mine,) = other.unknown("old", now=4.0, limit=1)
    other.step(number, Step.MISSING, at=4.0, lease=mine.lease)
    other.claim("old", now=5.0, limit=1)
    other.step(number, Step.LOST, at=6.0)
    refuses(WrongStep, lambda: one.step(number, Step.MISSING, at=7.0, lease=asked.lease))
    must("the state", next(one.deliveries(Query())).state, State.UNKNOWN)


def _one_worker_asks(rig: JournalRig) -> None:
    """What one worker asks about no other asks about meanwhile."""
    one, other = rig.open(), rig.open()
    number = one.record(arrival(b"x", "k")).deliveries[0]
    one.claim("old", now=2.0, limit=1)
    one.step(number, Step.LOST, at=3.0)
    must("who asks", [row.id for row in one.unknown("old", now=4.0, limit=5)], [number])
    must("who does not", other.unknown("old", now=4.0, limit=5), [])
    one.step(number, Step.UNDECIDED, at=5.0, due=6.0)
    must("next time", [row.id for row in other.unknown("old", now=6.0, limit=5)], [number])


def _the_dead_are_told(rig: JournalRig) -> None:
    """A worker whose lease has ended takes nothing, is told, and goes on as another."""
    one = rig.open()
    one.record(arrival(b"x", "k"))
    one.own()
    time.sleep(_lease(one) * 1.3)

    def renew() -> None:
        with one.transaction():
            one.renew(at=3.0)

    refuses(LeaseLost, lambda: one.claim("old", now=2.0, limit=1))
    refuses(LeaseLost, renew)
    must("once told", one.renew(at=3.0), [])
    must("then", len(one.claim("old", now=4.0, limit=1)), 1)


def _a_quota_is_shared(rig: JournalRig) -> None:
    """What two workers use of a quota at the same time is counted together."""
    one, other = rig.open(), rig.open()

    def use(journal: Journal) -> Callable[[], None]:
        def call() -> None:
            for _ in range(25):
                with journal.transaction():
                    spent = journal.spent("old") or Spent()
                    journal.spend("old", evolve(spent, count=spent.count + 1, day=1))

        return call

    _at_once(use(one), use(other))
    must("what is used", (one.spent("old") or Spent()).count, 50)


def _numbers_are_watched_together(rig: JournalRig) -> None:
    """Of numbers of one source and target that two workers see, none is missing by mistake."""
    one, other = rig.open(), rig.open()
    one.sequence("a", "b", 0)

    def see(journal: Journal, first: int) -> Callable[[], None]:
        def call() -> None:
            for number in range(first, 41, 2):
                with journal.transaction():
                    journal.sequence("a", "b", number)

        return call

    _at_once(see(one, 1), see(other, 2))
    must("what is missing", other.missing(), [])
    again = {one.sequence("a", "b", number).standing for number in range(41)}
    must("what all are now", again, {Standing.REPEAT})


def _pruning_waits_for_who_records(rig: JournalRig) -> None:
    """No payload is pruned that another worker is pointing an arrival at."""
    one, other = rig.open(), rig.open()
    for number in range(20):
        content = b"%d" % number
        done = one.record(arrival(content, f"k{number}"))
        one.step(done.deliveries[0], Step.EVIDENCE, at=2.0)
        new = evolve(arrival(content, at=100.0), outcome=Outcome.DISCARDED)
        _at_once(partial(one.prune, before=50.0), partial(other.record, new))
        for row in list(one.arrivals(Query())):
            must("a payload", content_hash(one.payload(row.hash)), row.hash)


#: Wait until a lease has ended.
_WAITING = (
    _the_living_keep_what_they_took,
    _what_the_silent_held_is_unknown,
    _who_was_overtaken_changes_nothing,
    _a_stale_answer_is_refused,
    _the_dead_are_told,
)


def _shared(*runs: Callable[[JournalRig], None]) -> tuple[JournalPromise, ...]:
    return tuple(
        JournalPromise(run, lasting=True, shared=True, waits=run in _WAITING) for run in runs
    )


#: In the order in which they are tried.
PROMISES: tuple[JournalPromise, ...] = _shared(
    _each_delivery_goes_to_one_worker,
    _one_line_has_one_worker,
    _a_late_older_one_waits,
    _the_same_file_at_two_workers_is_one,
    _the_living_keep_what_they_took,
    _a_new_worker_leaves_the_living_alone,
    _what_the_silent_held_is_unknown,
    _who_was_overtaken_changes_nothing,
    _a_stale_answer_is_refused,
    _one_worker_asks,
    _the_dead_are_told,
    _a_quota_is_shared,
    _numbers_are_watched_together,
    _pruning_waits_for_who_records,
)
