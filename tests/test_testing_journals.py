"""The kit for journals: SQLite, memory and PostgreSQL keep its promises, broken ones do not."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from functools import cache, partial
from pathlib import Path

import pytest
from attrs import evolve

from dflow.delivery import Spent, State, Step, WrongStep
from dflow.errors import DflowError
from dflow.exchange.journal import (
    DeliveryRow,
    Journal,
    NewArrival,
    Outcome,
    PostgresPlace,
    Pruned,
    Query,
    Recorded,
    Standing,
    Taken,
    open_journal,
)
from dflow.testing import check_journal
from dflow.testing.journal_kit import PROMISES, JournalRig, MakeJournalRig
from support_postgres import database, opened


@contextmanager
def in_a_file() -> Iterator[JournalRig]:
    with tempfile.TemporaryDirectory() as folder:
        yield JournalRig(recipe=partial(open_journal, Path(folder) / "journal.db"))


@contextmanager
def beside_a_file() -> Iterator[JournalRig]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        yield JournalRig(recipe=partial(open_journal, path, payloads_above=2))


@contextmanager
def in_memory() -> Iterator[JournalRig]:
    yield JournalRig(recipe=partial(open_journal, None), lasting=False)


_DATABASE: list[Callable[[], PostgresPlace]] = []


@pytest.fixture(scope="module", autouse=True)
def _database() -> Iterator[None]:
    """One for the whole module, made when the first rig asks for it."""
    with ExitStack() as stack:
        _DATABASE.append(cache(lambda: stack.enter_context(database(lease=60.0))))
        yield
        _DATABASE.clear()


@contextmanager
def in_postgres() -> Iterator[JournalRig]:
    # Each rig has a schema of its own, which costs less than a database.
    place = evolve(_DATABASE[0](), schema=f"dflow_{secrets.token_hex(6)}")
    brief = partial(opened, evolve(place, lease=0.8))
    yield JournalRig(recipe=partial(opened, place), brief=brief)


TestSqlite = check_journal(in_a_file)
TestSqliteBeside = pytest.mark.slow(check_journal(beside_a_file))
TestMemory = check_journal(in_memory)
TestPostgres = check_journal(in_postgres)


# -- broken journals: each breaks a promise, and the kit says so ---------------------------


class Broken:
    """A journal of which some calls are not what they should be."""

    def __init__(self, journal: Journal, calls: dict[str, Callable[..., object]]) -> None:
        self._journal = journal
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        if name in self._calls:
            return partial(self._calls[name], self._journal)
        return getattr(self._journal, name)


def forgets_repeats(journal: Journal, new: NewArrival) -> Recorded:
    return evolve(journal.record(new), outcome=Outcome.ROUTED)


def takes_nothing(_journal: Journal, destination: str, *, now: float, limit: int) -> object:
    return []


def shows_without_taking(
    journal: Journal, destination: str, *, now: float, limit: int
) -> list[DeliveryRow]:
    found: list[DeliveryRow] = []

    def undone() -> None:
        with journal.transaction():
            found.extend(journal.claim(destination, now=now, limit=limit))
            raise RuntimeError

    with suppress(RuntimeError):
        undone()
    return found


def is_early(journal: Journal, destination: str, *, now: float, limit: int) -> object:
    return journal.claim(destination, now=now + 1000, limit=limit)


def knows_no_lines(journal: Journal, new: NewArrival) -> Recorded:
    apart = tuple(evolve(one, line="") for one in new.deliveries)
    return journal.record(evolve(new, deliveries=apart))


def steps_anyhow(journal: Journal, delivery: int, step: Step, **words: object) -> object:
    with suppress(WrongStep):
        return journal.step(delivery, step, **words)  # type: ignore[arg-type]  # the table's words are right
    return None


def has_no_fence(journal: Journal, delivery: int, step: Step, **words: object) -> object:
    return journal.step(delivery, step, **{**words, "lease": None})  # type: ignore[arg-type]  # the table's words are right


def prunes_all(journal: Journal, *, before: float, limit: int = 1000) -> Pruned:
    for row in list(journal.deliveries(Query())):
        with suppress(WrongStep):
            journal.step(row.id, Step.EVIDENCE, at=before)
    return journal.prune(before=before, limit=limit)


def recovers_nothing(_journal: Journal, *, at: float) -> list[int]:
    return []


def recovers_all(journal: Journal, *, at: float) -> list[int]:
    found = [row.id for row in journal.deliveries(Query(state=State.SENDING))]
    for number in found:
        journal.step(number, Step.LOST, at=at)
    return found


def commits_as_it_goes(_journal: Journal) -> AbstractContextManager[None]:
    return nullcontext()


def asks_whatever(journal: Journal, destination: str, *, now: float, limit: int) -> object:
    return list(journal.deliveries(Query(destination=destination, state=State.UNKNOWN)))


def counts_alone(journal: Journal, destination: str) -> Spent:
    return Spent(count=0, day=1)


def knows_no_late_number(journal: Journal, source: str, target: str, number: int) -> Taken:
    taken = journal.sequence(source, target, number)
    late = taken.standing in {Standing.FILLED, Standing.BELOW}
    return evolve(taken, standing=Standing.REPEAT) if late else taken


def watches_alone(journal: Journal, source: str, target: str, number: int) -> Taken:
    return journal.sequence(source, f"{target} of {id(journal)}", number)


def damages(journal: Journal, hash_: str) -> bytes:
    return journal.payload(hash_) + b"x"


#: What is broken, how, in which journal, and a promise that it breaks.
BROKEN: list[tuple[str, Callable[..., object], MakeJournalRig, str]] = [
    ("record", forgets_repeats, in_memory, "a_content_is_kept_once"),
    ("record", knows_no_lines, in_memory, "a_line_goes_in_order"),
    ("claim", takes_nothing, in_memory, "a_claim_is_sending_and_handed_out_once"),
    ("claim", shows_without_taking, in_memory, "a_claim_is_sending_and_handed_out_once"),
    ("claim", is_early, in_memory, "what_is_not_due_waits"),
    ("step", steps_anyhow, in_memory, "only_the_table_moves_a_delivery"),
    ("prune", prunes_all, in_memory, "pruning_spares_what_is_not_finished"),
    ("payload", damages, in_memory, "any_bytes_come_back"),
    ("sequence", knows_no_late_number, in_memory, "missing_numbers_are_remembered"),
    ("transaction", commits_as_it_goes, in_memory, "a_transaction_is_whole_or_nothing"),
    ("transaction", commits_as_it_goes, in_a_file, "a_block_is_seen_whole"),
    ("recover", recovers_nothing, in_a_file, "it_is_there_when_opened_again"),
    ("recover", recovers_all, in_postgres, "a_new_worker_leaves_the_living_alone"),
    ("renew", recovers_all, in_postgres, "what_the_silent_held_is_unknown"),
    ("renew", recovers_nothing, in_postgres, "the_dead_are_told"),
    ("step", has_no_fence, in_postgres, "who_was_overtaken_changes_nothing"),
    ("step", has_no_fence, in_postgres, "a_stale_answer_is_refused"),
    ("claim", shows_without_taking, in_postgres, "each_delivery_goes_to_one_worker"),
    ("record", knows_no_lines, in_postgres, "one_line_has_one_worker"),
    ("unknown", asks_whatever, in_postgres, "one_worker_asks"),
    ("spent", counts_alone, in_postgres, "a_quota_is_shared"),
    ("sequence", watches_alone, in_postgres, "numbers_are_watched_together"),
]


SLOW = [
    one
    for one in BROKEN
    if one[2] is in_postgres
    and one[3]
    in {
        "a_stale_answer_is_refused",
        "the_dead_are_told",
        "what_the_silent_held_is_unknown",
        "one_line_has_one_worker",
    }
]


def breaking(recipe: Callable[[], Journal], calls: dict[str, Callable[..., object]]) -> Journal:
    return Broken(recipe(), calls)  # type: ignore[return-value]  # what it breaks is its calls


@pytest.mark.parametrize(
    ("call", "broken", "make", "promise"),
    [
        # What waits for the end of a lease is tried in the long run, but for the first.
        pytest.param(*one, marks=[pytest.mark.slow] if one in SLOW else [])
        for one in BROKEN
    ],
    ids=[f"{one[1].__name__} {one[3]}" for one in BROKEN],
)
def test_a_broken_journal_is_found(
    call: str, broken: Callable[..., object], make: MakeJournalRig, promise: str
) -> None:
    (asked,) = [one for one in PROMISES if one.name == promise]
    with make() as sound:
        good = sound.hurried().recipe if asked.waits else sound.recipe
        bad = JournalRig(recipe=partial(breaking, good, {call: broken}), lasting=sound.lasting)
        with bad.closing(), pytest.raises((AssertionError, DflowError)):
            asked.run(bad)
