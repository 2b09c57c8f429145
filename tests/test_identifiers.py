"""Identifiers: check digits and the parts that can be told by looking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.identifiers import (
    AMSID_PREFIXES,
    REGIONAL_DISTRIBUTORS,
    has_check_digit,
    is_mpan,
    known_distributor,
    mpan_check_digit,
)

_TWELVE = st.text("0123456789", min_size=12, max_size=12)

#: Facts, envelope section 8: the weights are the primes from 3 on, without 11.
_PRIMES = [n for n in range(3, 44) if n != 11 and all(n % d for d in range(2, n))]


def _by_hand(twelve: str) -> int:
    remainder = 0
    for weight, digit in zip(_PRIMES, twelve, strict=True):
        remainder = (remainder + weight * int(digit)) % 11
    return 0 if remainder == 10 else remainder


@given(_TWELVE)
def test_the_check_digit(twelve: str) -> None:
    assert mpan_check_digit(twelve) == str(_by_hand(twelve))


@given(_TWELVE.filter(lambda twelve: not twelve.startswith("78")))
def test_exactly_one_thirteenth_digit_fits(twelve: str) -> None:
    fitting = [digit for digit in "0123456789" if is_mpan(twelve + digit)]
    assert fitting == [mpan_check_digit(twelve)]


@given(
    _TWELVE.filter(lambda twelve: not twelve.startswith(("7", "8"))),
    st.integers(min_value=2, max_value=11),
    st.sampled_from("0123456789"),
)
def test_one_wrong_digit_is_seen_unless_it_hides_in_the_ten(
    twelve: str, position: int, digit: str
) -> None:
    """A remainder of 10 is written 0, so a change between those two remainders hides."""
    changed = twelve[:position] + digit + twelve[position + 1 :]
    total, other = (
        sum(w * int(d) for w, d in zip(_PRIMES, text, strict=True)) % 11
        for text in (twelve, changed)
    )
    same = changed == twelve or {total, other} == {0, 10}
    assert is_mpan(changed + mpan_check_digit(twelve)) is same


def test_an_amsid_that_starts_with_78_has_no_stated_check_digit() -> None:
    assert not has_check_digit("7800000000000")
    assert all(is_mpan(f"780000000000{digit}") for digit in range(10))
    assert has_check_digit("7700000000000")
    assert [is_mpan(f"770000000000{digit}") for digit in range(10)].count(True) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "123",
        "12123456789020",
        "120002330596X",
        " 1212345678902",
        "1212345678902\n",
        "".join(chr(0xFF10 + int(digit)) for digit in "1212345678902"),  # fullwidth
    ],
)
def test_what_is_no_mpan(text: str) -> None:
    assert not is_mpan(text)


@pytest.mark.parametrize(
    "text", ["", "12345678901", "1234567890123", "12345678901a", "١٢٣٤٥٦٧٨٩٠١٢"]
)
def test_a_check_digit_needs_twelve_digits(text: str) -> None:
    with pytest.raises(ValueError, match="twelve digits expected"):
        mpan_check_digit(text)


def test_distributors() -> None:
    """Facts: 10 to 23 regional; 24 to 38 independent; 77 and 78 are AMSIDs."""
    known = {f"{n:02d}" for n in range(100) if known_distributor(f"{n:02d}00000000000")}
    assert known == {f"{n:02d}" for n in (*range(10, 39), 77, 78)}
    assert set(REGIONAL_DISTRIBUTORS) == {f"{n:02d}" for n in range(10, 24)}
    assert set(AMSID_PREFIXES) == {"77", "78"}
    assert not known_distributor("")
    assert not known_distributor("1")
