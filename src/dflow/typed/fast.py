r"""The fast path of reading models: whole level-1 groups, at the speed of C where possible.

In: text of whole lines, and where to begin.  Out: how far everything is right, and the
models of that stretch.  This module explains nothing: what is not right is left where it
is, for the slow way.  (A fast path by the rules of the house: measured by
``tests/bench/test_bench_typed.py``, proved equal to the slow way by
``tests/properties/test_typed_laws.py``.)

One expression a flow holds all of it: each record with the formats of its fields, and
below it any of its children, any number of times::

    026|...|...|\n(?:027|...\n|028|...\n(?:...)*+)*+

Siblings are free, as in the flow's grammar, because a model keeps them by kind.  It is
possessive and every choice begins with another code, so it never goes back: linear
time, whatever the bytes.  One call of it covers as many groups as are right; after
that, lines need no checks any more: they are split, placed by one look-up, and decoded
by straight-line code (`dflow.typed.compile`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from attrs import frozen

from dflow.typed.shape import Children, FlowShape, GroupShape, Values

__all__ = ["FastPath", "fast_path"]

M_co = TypeVar("M_co", covariant=True)


class _Step(NamedTuple):
    """What a group code means while a certain group is open.

    depth: levels above it.
    leaf: whether nothing can come below it.
    decode: the model's decoder.
    place: where among its parent's kinds of children its objects are kept.
    kinds: the kinds of its own children.
    after: what codes mean while it is open, or its parent if it is a leaf.
    """

    depth: int
    leaf: bool
    decode: Callable[[Values, Children], Any]
    place: int
    kinds: range
    after: dict[str, _Step]


@frozen(eq=False)
class FastPath(Generic[M_co]):
    """The fast path of one flow, for user files or for pool files."""

    _clean: re.Pattern[str]
    _start: re.Pattern[str]
    _roots: dict[str, _Step]
    _pool: bool

    def clean_until(self, text: str, position: int) -> int:
        """Where the level-1 groups end that are right, from one's beginning on."""
        found = self._clean.match(text, position)
        return found.end() if found else position

    def next_start(self, text: str, position: int) -> int:
        """Where the next level-1 record or trailer begins; the end if there is none."""
        found = self._start.search(text, position)
        return found.start() if found else len(text)

    def models(self, text: str) -> Iterator[M_co]:
        """The models of whole level-1 groups that are right."""
        if self._pool:
            text = text.replace("\r\n", "\n")  # else it would be part of an unclosed last value
        get = self._roots.__getitem__
        # By depth: the decoder, fields, children, and place of the group that is open there.
        decoders: list[Any] = [None] * 16
        fields: list[Values] = [()] * 16
        below: list[list[list[Any]] | None] = [None] * 16
        places, kinds = [0] * 16, [range(0)] * 16
        top = -1
        lines = text.split("\n")
        lines.pop()  # nothing stands after the last LF
        for line in lines:
            values = line.split("|")
            depth, leaf, decode, place, own, after = get(values[0])
            while top >= depth:
                made = decoders[top](fields[top], below[top])
                if not top:
                    yield made
                    top = -1
                    break
                top -= 1
                held = below[top]
                if held is None:
                    held = below[top] = [[] for _ in kinds[top]]
                held[places[top + 1]].append(made)
            if leaf:
                held = below[top]
                if held is None:
                    held = below[top] = [[] for _ in kinds[top]]
                held[place].append(decode(values, None))
            else:
                top = depth
                decoders[top], fields[top], below[top] = decode, values, None
                places[top], kinds[top] = place, own
            get = after.__getitem__
        while top >= 0:
            made = decoders[top](fields[top], below[top])
            if not top:
                yield made
                return
            top -= 1
            held = below[top]
            if held is None:
                held = below[top] = [[] for _ in kinds[top]]
            held[places[top + 1]].append(made)


def fast_path(flow: FlowShape[M_co], *, pool: bool) -> FastPath[M_co] | None:
    """The fast path of a flow, or None if its codes do not always say which group is meant."""
    if not _plain(flow):
        return None
    codes = "|".join(sorted({re.escape(shape.code) for shape in flow.roots}, reverse=True))
    roots: dict[str, _Step] = {}
    _fill(roots, flow.roots, {}, depth=0)
    end = r"\|?\r?\n" if pool else r"\|\r?\n"
    return FastPath(
        re.compile(_any_of(flow.roots, end), re.ASCII),
        re.compile(rf"^(?:(?:{codes})\||ZPT(?:\||\r?$))", re.MULTILINE),
        roots,
        pool,
    )


def _any_of(shapes: Iterable[GroupShape[Any]], end: str) -> str:
    """An expression for any number of groups of any of these shapes."""
    choices = []
    for shape in shapes:
        below = _any_of([child.shape for child in shape.children], end) if shape.children else ""
        choices.append(shape.pattern + end + below)
    return f"(?:{'|'.join(choices)})*+"


def _plain(flow: FlowShape[Any]) -> bool:
    """Whether a code and the open groups always say which group is meant."""

    def twins(shapes: Iterable[GroupShape[Any]]) -> bool:
        codes = [shape.code for shape in shapes]
        return len(set(codes)) < len(codes)

    below = [child.shape for shape in flow.shapes.values() for child in shape.children]
    roots = {shape.code for shape in flow.roots}
    return not (
        twins(flow.roots)
        or any(shape.code in roots for shape in below)
        or any(twins(child.shape for child in shape.children) for shape in flow.shapes.values())
    )


def _fill(
    table: dict[str, _Step],
    shapes: Sequence[GroupShape[Any]],
    above: dict[str, _Step],
    *,
    depth: int,
) -> None:
    """Own children first; then whatever the groups above can take."""
    for place, shape in enumerate(shapes):
        leaf = depth > 0 and not shape.children
        after = table if leaf else {}
        kinds = range(len(shape.children))
        table[shape.code] = _Step(depth, leaf, shape.decode, place, kinds, after)
    for code, step in above.items():
        table.setdefault(code, step)
    for shape in shapes:
        step = table[shape.code]
        if not step.leaf:
            _fill(step.after, [child.shape for child in shape.children], table, depth=depth + 1)
