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
    width: its fields, the code included.
    decode: the model's decoder.
    place: where among its parent's kinds of children its objects are kept.
    childless: its children before the first, by kind.
    after: what codes mean while it is open.
    """

    depth: int
    width: int
    decode: Callable[[Values, Children], Any]
    place: int
    childless: list[Any]
    after: dict[str, _Step]


def _nothing(_values: Values, _children: Children) -> None:
    """What no open group is decoded to."""


@frozen(eq=False)
class FastPath(Generic[M_co]):
    """The fast path of one flow, for user files or for pool files."""

    _clean: re.Pattern[str]
    _start: re.Pattern[str]
    _lines: tuple[str, ...]
    _roots: dict[str, _Step]
    _depth: int

    def clean_until(self, text: str, position: int) -> int:
        """Where the level-1 groups end that are right, from one's beginning on."""
        found = self._clean.match(text, position)
        end = found.end() if found else position
        if end == len(text) or self._start.match(text, end):
            return end
        # What follows belongs to the last of the groups: that one is not right.
        return max(position, 1 + max(text.rfind(line, position, end) for line in self._lines))

    def next_start(self, text: str, position: int) -> int:
        """Where the next level-1 record or trailer begins; the end if there is none."""
        found = self._start.search(text, position)
        return found.start() if found else len(text)

    def models(self, text: str) -> Iterator[M_co]:
        """The models of whole level-1 groups that are right."""
        # One cut for all fields: every record is closed, and their numbers are known.
        # What stands after the last pipe is blank, and ends the last group (`fast_path`).
        fields = text.replace("|\r\n", "|").replace("|\n", "|").split("|")
        # By depth: the decoder, the fields, the place and the children of what is open.
        decoders: list[Callable[[Values, Children], Any]] = [_nothing] * self._depth
        records: list[Values] = [()] * self._depth
        places = [0] * self._depth
        below: list[list[Any]] = [[] for _ in range(self._depth)]
        position, last = 0, len(fields) - 1
        step = self._roots[fields[0]]
        while position < last:
            depth, width, decode, place, childless, after = step
            start, position = position, position + width
            step = after[fields[position]]  # what comes next, seen from here
            if step.depth > depth:
                decoders[depth], records[depth] = decode, fields[start:position]
                places[depth], below[depth] = place, childless[:]
                continue
            made = decode(fields[start:position], None)
            while depth:
                depth -= 1
                if held := below[depth][place]:
                    held.append(made)
                else:
                    below[depth][place] = [made]
                if depth < step.depth:
                    break
                made = decoders[depth](records[depth], below[depth])
                place = places[depth]
            else:
                yield made


def fast_path(flow: FlowShape[M_co]) -> FastPath[M_co] | None:
    """The fast path of a flow, or None if its codes do not always say which group is meant."""
    if not _plain(flow):
        return None
    codes = "|".join(sorted({re.escape(shape.code) for shape in flow.roots}, reverse=True))
    roots: dict[str, _Step] = {}
    roots[""] = _Step(0, 1, _nothing, 0, [], roots)  # after the last pipe: ends every group
    return FastPath(
        re.compile(_any_of(flow.roots), re.ASCII),
        re.compile(rf"^(?:(?:{codes})\||ZPT(?:\||\r?$))", re.MULTILINE),
        tuple(f"\n{shape.code}|" for shape in flow.roots),
        roots,
        _fill(roots, flow.roots, {}, depth=0),
    )


def _any_of(shapes: Iterable[GroupShape[Any]]) -> str:
    """An expression for any number of groups of any of these shapes."""
    choices = []
    for shape in shapes:
        below = _any_of([child.shape for child in shape.children]) if shape.children else ""
        choices.append(shape.pattern + r"\|\r?\n" + below)
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
) -> int:
    """Own children first; then whatever the groups above can take.  Returns the levels."""
    for place, shape in enumerate(shapes):
        childless: list[Any] = [()] * len(shape.children)
        width = len(shape.items) + 1
        table[shape.code] = _Step(depth, width, shape.decode, place, childless, {})
    for code, step in above.items():
        table.setdefault(code, step)
    levels = depth + 1
    for shape in shapes:
        below = [child.shape for child in shape.children]
        after = table[shape.code].after
        levels = max(levels, _fill(after, below, table, depth=depth + 1))
    return levels
