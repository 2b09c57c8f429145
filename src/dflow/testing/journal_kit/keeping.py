"""What every journal promises: to keep what it said it kept, once, and nothing by halves.

In: a rig.  Out: nothing, or what was not kept.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from dflow.delivery import State, Step, WrongStep
from dflow.exchange.journal import (
    EventRow,
    Journal,
    JournalError,
    LaneRow,
    NewDelivery,
    Outcome,
    Pruned,
    Query,
    SequenceRow,
    Span,
    Standing,
    content_hash,
)
from dflow.testing.journal_kit.promise import JournalPromise, arrival, must, refuses
from dflow.testing.journal_kit.rig import JournalRig

__all__ = ["PROMISES"]


def _it_has_every_call(rig: JournalRig) -> None:
    """It is a `Journal`."""
    must("whether it is a journal", isinstance(rig.open(), Journal), expected=True)


def _a_content_is_kept_once(rig: JournalRig) -> None:
    """The same content that arrives again is recorded, pointed at the first, not sent twice."""
    journal = rig.open()
    first = journal.record(arrival(b"x", "k1"))
    second = journal.record(arrival(b"x", "k2"))
    must("the first", (first.outcome, len(first.deliveries)), (Outcome.ROUTED, 1))
    must("the second", (second.outcome, second.deliveries), (Outcome.REPEAT, ()))
    must("what it repeats", second.repeat_of, first.arrival)
    must("the deliveries", len(list(journal.deliveries(Query()))), 1)


def _what_was_not_sent_is_no_repeat(rig: JournalRig) -> None:
    """A content that was known but not sent is sent when it arrives again."""
    journal = rig.open()
    first = journal.record(arrival(b"x"))
    again = journal.record(arrival(b"x", "k"))
    must("the outcome", again.outcome, Outcome.ROUTED)
    must("the first of it", again.repeat_of, first.arrival)


def _a_key_is_taken_once(rig: JournalRig) -> None:
    """A delivery of a known key is not added."""
    journal = rig.open()
    recorded = journal.record(arrival(b"x", "k"))
    number = journal.add(recorded.arrival, NewDelivery(destination="new", key="k"), at=2.0)
    must("the number of a known key", number, 0)
    made = journal.add(recorded.arrival, NewDelivery(destination="new", key="other"), at=2.0)
    must("whether another key is new", made > 0, expected=True)
    again = journal.record(arrival(b"x"))
    number = journal.add(again.arrival, NewDelivery(destination="new", key="k"), at=3.0)
    must("the number of a key of the same content", number, 0)


def _any_bytes_come_back(rig: JournalRig) -> None:
    """Payloads of any bytes and sizes come back as they were."""
    journal = rig.open()
    for content in (b"", bytes(range(256)), b"\0" * 10, b"x" * 1_000_000):
        journal.record(arrival(content))
        found = journal.payload(content_hash(content))
        must(f"{len(content)} bytes", content_hash(found), content_hash(content))
    refuses(JournalError, lambda: journal.payload(content_hash(b"never seen")))


def _any_words_are_kept(rig: JournalRig) -> None:
    """No name and no word of a header can stop the journal or reach into it."""
    journal = rig.open()
    words = ("it's", "x'; DROP TABLE arrival; --", "%s ? :d", "\u20ac \U0001f600", "a\0b", "%")
    for number, word in enumerate(words):
        new = arrival(b"%d" % number, f"k{number}")
        address = {**new.address, "sender": word}
        journal.record(evolve(new, name=word, address=address, reason=word))
        journal.note(EventRow(at=1.0, kind="tried", why=word))
    rows = list(journal.arrivals(Query()))
    must("how many are kept", len(rows), len(words))
    for row, word in zip(rows, words, strict=True):
        if "\0" not in word:
            must("the name", (row.name, row.address["sender"], row.reason), (word, word, word))
            found = [one.id for one in journal.arrivals(Query(sender=word))]
            must(f"who is found by {word!r}", found, [row.id])


def _a_transaction_is_whole_or_nothing(rig: JournalRig) -> None:
    """What a block began is undone if the block ends with an error, whichever."""
    journal = rig.open()

    def half(end: type[BaseException]) -> Callable[[], None]:
        def call() -> None:
            with journal.transaction():
                journal.record(arrival(b"x", "k"))
                journal.claim("old", now=2.0, limit=1)
                journal.note(EventRow(at=1.0, kind="never"))
                raise end

        return call

    for end in (RuntimeError, KeyboardInterrupt, JournalError):
        refuses(end, half(end))
        must("arrivals", list(journal.arrivals(Query())), [])
        must("events", journal.events(), [])
        refuses(JournalError, lambda: journal.payload(content_hash(b"x")))


def _a_refusal_undoes_nothing_else(rig: JournalRig) -> None:
    """What was refused within a block, and caught there, leaves the rest of it whole."""
    journal = rig.open()
    with journal.transaction():
        number = journal.record(arrival(b"x", "k")).deliveries[0]
        refuses(WrongStep, lambda: journal.step(number, Step.ACCEPTED, at=2.0))
        refuses(JournalError, lambda: journal.step(10**9, Step.START, at=2.0))
        journal.note(EventRow(at=2.0, kind="kept"))
    must("arrivals", len(list(journal.arrivals(Query()))), 1)
    must("events", [one.kind for one in journal.events()], ["kept"])


def _a_block_is_seen_whole(rig: JournalRig) -> None:
    """Many records in one block are there together, for whoever opens it, and not before."""
    journal, other = rig.open(), rig.open()
    with journal.transaction():
        for number in range(300):
            journal.record(arrival(b"%d" % number, f"k{number}"))
        must("arrivals before the end", len(list(other.arrivals(Query()))), 0)
    must("arrivals", len(list(other.arrivals(Query()))), 300)
    must("deliveries", len(list(other.deliveries(Query()))), 300)


def _a_claim_is_sending_and_handed_out_once(rig: JournalRig) -> None:
    """A claim gives what is due, oldest first, each once, and it is `sending` by then."""
    journal = rig.open()
    numbers = [
        journal.record(arrival(b"%d" % n, f"k{n}", at=float(n))).deliveries[0] for n in range(5)
    ]
    first = journal.claim("old", now=9.0, limit=3)
    must("the first claim", [row.id for row in first], numbers[:3])
    must("their states", {row.state for row in first}, {State.SENDING})
    stored = {row.id: row for row in journal.deliveries(Query())}
    must("the row as handed out", first[0], stored[first[0].id])
    second = [row.id for row in journal.claim("old", now=9.0, limit=9)]
    must("the second claim", second, numbers[3:])
    must("the third", journal.claim("old", now=9.0, limit=9), [])
    must("elsewhere", journal.claim("new", now=9.0, limit=9), [])


def _what_is_not_due_waits(rig: JournalRig) -> None:
    """Nothing is claimed before it is due, and the journal says when that is."""
    journal = rig.open()
    number = journal.record(arrival(b"x", "k")).deliveries[0]
    journal.claim("old", now=2.0, limit=1)
    journal.step(number, Step.FAILED, at=3.0, due=50.0, started=2.0)
    must("before", journal.claim("old", now=49.0, limit=1), [])
    must("when", journal.next_due("old", after=3.0), 50.0)
    must("then", [one.id for one in journal.claim("old", now=50.0, limit=1)], [number])
    must("the attempts", [one.step for one in journal.attempts(number)], ["failed"])


def _a_line_goes_in_order(rig: JournalRig) -> None:
    """The head of a line holds back those behind it, and no other line."""
    journal = rig.open()
    for number in range(3):
        journal.record(arrival(b"a%d" % number, f"a{number}", line="a"))
        journal.record(arrival(b"b%d" % number, f"b{number}", line="b"))
    heads = journal.claim("old", now=2.0, limit=9)
    must("the heads", [row.key for row in heads], ["a0", "b0"])
    must("behind them", journal.claim("old", now=2.0, limit=9), [])
    journal.step(heads[0].id, Step.FAILED, at=3.0, due=50.0, started=2.0)
    journal.step(heads[1].id, Step.REFUSED, at=3.0, started=2.0)
    must("then", [row.key for row in journal.claim("old", now=4.0, limit=9)], ["b1"])
    must("later", [row.key for row in journal.claim("old", now=50.0, limit=9)], ["a0"])
    journal.step(heads[0].id, Step.LOST, at=51.0, started=50.0)
    must("behind the unknown", journal.claim("old", now=60.0, limit=9), [])


def _only_the_table_moves_a_delivery(rig: JournalRig) -> None:
    """A step that the table does not have is refused, and changes nothing."""
    journal = rig.open()
    number = journal.record(arrival(b"x", "k")).deliveries[0]
    refuses(WrongStep, lambda: journal.step(number, Step.ACCEPTED, at=2.0))
    refuses(JournalError, lambda: journal.step(number + 99, Step.START, at=2.0))
    must("the state", next(journal.deliveries(Query())).state, State.DUE)
    must("the attempts", journal.attempts(number), [])


def _pruning_spares_what_is_not_finished(rig: JournalRig) -> None:
    """Only what is finished and old is forgotten; numbers are not used again."""
    journal = rig.open()
    done = journal.record(arrival(b"done", "k1"))
    kept = [
        journal.record(one).arrival
        for one in (
            arrival(b"open", "k2"),
            arrival(b"unrouted"),
            arrival(b"late", "k4", at=100.0),
        )
    ]
    for row in list(journal.deliveries(Query())):
        if row.key in {"k1", "k4"}:
            journal.step(row.id, Step.EVIDENCE, at=2.0)
    gone = Pruned(arrivals=1, first=1.0, last=1.0, payloads=1, size=4)
    must("what is forgotten", journal.prune(before=50.0), gone)
    must("what is forgotten then", journal.prune(before=50.0), Pruned())
    must("what is left", [row.id for row in journal.arrivals(Query())], kept)
    refuses(JournalError, lambda: journal.payload(content_hash(b"done")))
    for content in (b"open", b"unrouted", b"late"):
        must("a payload that is left", journal.payload(content_hash(content)), content)
    new = journal.record(arrival(b"new", "k5")).arrival
    must("whether its number is new", new > max(done.arrival, *kept), expected=True)


def _little_things_are_remembered(rig: JournalRig) -> None:
    """Lanes, events, counts."""
    journal = rig.open()
    must("an unknown lane", journal.lane("old"), LaneRow(destination="old"))
    for lane in (
        LaneRow(destination="old", paused=True, down_since=5.0),
        LaneRow(destination="old", diverted=True),
    ):
        journal.set_lane(lane)
        must("a lane", journal.lane("old"), lane)
    noted = [journal.note(EventRow(at=1.0, kind=kind)) for kind in ("x", "y", "x")]
    must("events", [one.id for one in journal.events(kind="x")], [noted[0], noted[2]])
    must("newer", [one.id for one in journal.events(after=noted[0], limit=1)], [noted[1]])
    must("the last", journal.last_event(), noted[2])
    journal.note(EventRow(at=1.0, kind="z", why="no UTF-8: \udcff, and \0"))
    must("a text", [one.why[:8] for one in journal.events(kind="z")], ["no UTF-8"])
    must("asked for no UTF-8", list(journal.arrivals(Query(sender="\udcff"))), [])
    journal.record(arrival(b"x", "k", at=7.0))
    found = [(one.destination, one.state, one.number, one.oldest) for one in journal.backlog()]
    must("the backlog", found, [("old", State.DUE, 1, 7.0)])
    must("outcomes", journal.outcomes(), {Outcome.ROUTED: 1})
    must("attempts", journal.started_since("old", 0.0), 0)


def _missing_numbers_are_remembered(rig: JournalRig) -> None:
    """Which file sequence numbers are missing is known, and what comes late is no repeat."""
    journal = rig.open()
    numbers = (5, 5, 9, 8, 8, 3, 10)
    found = [journal.sequence("a", "b", number).standing.value for number in numbers]
    words = ["first", "repeat", "gap", "filled", "repeat", "below", "next"]
    must("sequence numbers", found, words)
    must("another target's", journal.sequence("a", "c", 9).standing, Standing.FIRST)
    row = SequenceRow(source="a", target="b", lowest=5, highest=10, missing=(Span(6, 7),))
    must("what is missing", journal.missing(), [row])

    def half() -> None:
        with journal.transaction():
            journal.sequence("a", "b", 7)
            raise RuntimeError

    refuses(RuntimeError, half)
    must("what is missing still", journal.missing(), [row])
    for number in (7, 6):
        must("a late number", journal.sequence("a", "b", number).standing, Standing.FILLED)
    must("what is missing at last", journal.missing(), [])


def _what_a_clock_put_too_far_is_brought_forward(rig: JournalRig) -> None:
    """A clock that was set back leaves nothing waiting for longer than a wait may be."""
    journal = rig.open()
    numbers = [journal.record(arrival(b"%d" % n, f"k{n}", at=1.0)).deliveries[0] for n in range(4)]
    for number, due in zip(numbers[:3], (105.0, 190.0, 1e15), strict=True):
        journal.claim("old", now=1.0, limit=1)
        journal.step(number, Step.FAILED, at=1.0, due=due, started=1.0)
    journal.record(arrival(b"new", "new", at=99.0))

    def dues() -> list[float]:
        return [row.due for row in journal.deliveries(Query())]

    must("of another", journal.hasten("new", now=40.0, by=0.0, longest=80.0), 0)
    must("how many wait too long", journal.hasten("old", now=40.0, by=0.0, longest=80.0), 2)
    must("what waits too long is due", dues(), [105.0, 40.0, 1e15, 1.0, 40.0])
    must("once more", journal.hasten("old", now=40.0, by=0.0, longest=80.0), 0)
    must("how many wait", journal.hasten("old", now=40.0, by=60.0, longest=80.0), 1)
    must("the wait is what it was", dues(), [45.0, 40.0, 1e15, 1.0, 40.0])


def _it_is_there_when_opened_again(rig: JournalRig) -> None:
    """What was kept is there when it is opened again, and what was being sent is unknown."""
    journal = rig.open()
    number = journal.record(arrival(b"x", "k")).deliveries[0]
    journal.claim("old", now=2.0, limit=1)
    for seen in (1, 4):
        journal.sequence("a", "b", seen)
    journal.close()
    again = rig.open()
    must("which number is missing", again.sequence("a", "b", 3).standing, Standing.FILLED)
    must("what was being sent", again.recover(at=3.0), [number])
    must("once more", again.recover(at=3.0), [])
    must("the attempts", [row.step for row in again.attempts(number)], ["lost"])
    unknown = again.unknown("old", now=3.0, limit=5)
    must("what is unknown", [row.id for row in unknown], [number])
    must("its payload", again.payload(content_hash(b"x")), b"x")


#: In the order in which they are tried.
PROMISES: tuple[JournalPromise, ...] = (
    JournalPromise(_it_has_every_call),
    JournalPromise(_a_content_is_kept_once),
    JournalPromise(_what_was_not_sent_is_no_repeat),
    JournalPromise(_a_key_is_taken_once),
    JournalPromise(_any_bytes_come_back),
    JournalPromise(_any_words_are_kept),
    JournalPromise(_a_transaction_is_whole_or_nothing),
    JournalPromise(_a_refusal_undoes_nothing_else),
    JournalPromise(_a_block_is_seen_whole, lasting=True),
    JournalPromise(_a_claim_is_sending_and_handed_out_once),
    JournalPromise(_what_is_not_due_waits),
    JournalPromise(_a_line_goes_in_order),
    JournalPromise(_only_the_table_moves_a_delivery),
    JournalPromise(_pruning_spares_what_is_not_finished),
    JournalPromise(_little_things_are_remembered),
    JournalPromise(_missing_numbers_are_remembered),
    JournalPromise(_what_a_clock_put_too_far_is_brought_forward),
    JournalPromise(_it_is_there_when_opened_again, lasting=True),
)
