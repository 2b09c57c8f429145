"""Answers that are owed: found, late, awaited or missing.

In: sightings in order, a table of pairs, and a day.  Out: an `Awaited` for every flow
that asks.  This module reads no file, and knows no pair but those it is given.

An answer is a later file of one of the pair's flows, about the same MPAN, live if the
question is live and a test if it is a test, and sent back by the party that was asked to
the party that asked (unless the pair says ``by = "anyone"``).  An answer answers one
question of a pair: the oldest that has none.  Files whose headers are the same, identifier
included, are copies of one file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from attrs import frozen

from dflow.envelope import Header
from dflow.timeline.pairs import Pair, Pairs
from dflow.timeline.sightings import Sighting

__all__ = ["Awaited", "State", "awaited"]

#: What became of an answer: there in time, there after its day, not due yet, not there.
State = Literal["answered", "late", "waiting", "missing"]


@frozen(kw_only=True)
class Awaited:
    """A flow that asks, and what became of its answer.

    Attributes:
        question: the file that asks.
        pair: what is expected of it.
        due: when an answer is due, in local time.
        state: what became of it.
        answer: the file that answers; None if none does.
    """

    question: Sighting
    pair: Pair
    due: datetime
    state: State
    answer: Sighting | None = None


def awaited(sightings: Sequence[Sighting], pairs: Pairs, *, at: datetime) -> tuple[Awaited, ...]:
    """What became of every answer that the pairs expect, in the order of the questions.

    Args:
        sightings: the files, oldest first, as `Timeline.sightings` has them.
        pairs: what is expected.
        at: the time from which it is looked at, local and without a zone, as files tell
            it; files made later are not seen.
    """
    seen = [one for one in _once(sightings) if one.about and one.at is not None and one.at <= at]
    found = [one for pair in pairs.pairs for one in _of(pair, seen, at)]
    return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))


def _once(sightings: Iterable[Sighting]) -> Iterator[Sighting]:
    """The sightings without the copies of a file, which an archive of clones is full of."""
    known: set[Header] = set()
    for one in sightings:
        if one.header.file_id:
            if one.header in known:
                continue
            known.add(one.header)
        yield one


def _of(pair: Pair, seen: Sequence[Sighting], at: datetime) -> Iterator[tuple[int, Awaited]]:
    """What became of a pair's answers, each with the place of its question."""
    taken: set[int] = set()
    for place, question in enumerate(seen):
        header, asked = question.header, question.at
        if asked is None or header.flow != pair.flow or pair.version not in ("", header.version):
            continue
        due = asked + min(pair.within, datetime.max - asked)  # noqa: DTZ901  files tell local time
        later = (one for one in range(place + 1, len(seen)) if one not in taken)
        number = next(_answering(pair, question, seen, later), None)
        if number is None:
            state: State = "missing" if at > due else "waiting"
            yield place, Awaited(question=question, pair=pair, due=due, state=state)
            continue
        taken.add(number)
        answer = seen[number]
        in_time = answer.at is not None and answer.at <= due
        state = "answered" if in_time else "late"
        yield (
            place,
            Awaited(question=question, pair=pair, due=due, state=state, answer=answer),
        )


def _answering(
    pair: Pair, question: Sighting, seen: Sequence[Sighting], later: Iterable[int]
) -> Iterator[int]:
    asked = question.header
    for number in later:
        header = seen[number].header
        back = (header.sender, header.recipient) == (asked.recipient, asked.sender)
        if (
            header.flow in pair.answers
            and header.live == asked.live
            and (back or pair.by == "anyone")
        ):
            yield number
