"""Law: what is missing is what a plain set of the numbers seen says, in ranges, up to a bound."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dflow.exchange.journal.sequences import Standing, Taken, spans_from, spans_kept

#: A few numbers close together, and now and then one far away.
_NUMBERS = st.lists(st.integers(0, 40) | st.integers(0, 10**12 - 1), min_size=1, max_size=60)


def runs(seen: set[int], lowest: int) -> list[tuple[int, int]]:
    """What is missing between the numbers seen from the lowest on, from one to another."""
    inside = sorted(number for number in seen if number >= lowest)
    return [(one + 1, other - 1) for one, other in pairwise(inside) if other > one + 1]


@given(numbers=_NUMBERS, most=st.integers(1, 4))
def test_what_is_missing_is_what_a_set_says(numbers: list[int], most: int) -> None:
    first, *others = numbers
    row, seen, lowest = Taken.first("a", "b", first).after, {first}, first
    for number in others:
        if number < lowest:
            expected = Standing.BELOW
        elif number in seen:
            expected = Standing.REPEAT
        elif number < max(seen):
            expected = Standing.FILLED
        else:
            expected = Standing.NEXT if number - 1 in seen else Standing.GAP
        seen |= {number} if number >= lowest else set()
        too_many = runs(seen, lowest)[:-most]
        lowest = too_many[-1][1] + 1 if too_many else lowest

        taken = row.take(number, most=most)
        assert (taken.standing, taken.before) == (expected, row)
        assert [(one.first, one.last) for one in taken.given_up] == too_many
        row = taken.after
        assert (row.lowest, row.highest) == (lowest, max(seen))
        assert [(one.first, one.last) for one in row.missing] == runs(seen, lowest)
        assert len(row.missing) <= most
        assert spans_from(spans_kept(row.missing)) == row.missing
