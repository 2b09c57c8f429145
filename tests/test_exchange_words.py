"""What a destination said is kept without the values of the file, however it is looked for."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from dflow.exchange.words import kept_words

SAID = st.lists(st.sampled_from(["J", "Smith", "ab", "abc", "1212345678902", "|", "\n", " ", "-"]))


def plainly(words: str, body: str) -> str:
    """The same by taking the file apart first, whatever was said."""
    values = {one.strip() for one in re.split(r"[|\r\n]", body) if len(one.strip()) >= 4}
    parts = [found.span() for found in re.finditer(r"[^\W_]+", words)]
    kept, at = "", 0
    for number, (start, _) in enumerate(parts):
        ends = [end for _, end in reversed(parts[number : number + 12])]
        found = next((end for end in ends if start >= at and words[start:end] in values), None)
        if found is not None:
            kept, at = f"{kept}{words[at:start]}\u2026", found
    return kept + words[at:]


@example(["J", " ", "Smith"], ["J", " ", "Smith", "|"])
@given(said=SAID, body=SAID)
def test_no_value_is_said_and_all_else_is(said: list[str], body: list[str]) -> None:
    words, rest = "".join(said), "".join(body)
    assert kept_words(words, f"ZHV|x|\n{rest}".encode()) == plainly(words, rest)
