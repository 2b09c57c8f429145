"""The space of headers and instants, cut into cells, and rules as boxes of cells.

In: rows.  Out: boxes (for each dimension the bits of the cells that the row holds), and
answers about them: which overlap, which are covered by others together.  This module does
not know rules; a box is known by the number its caller gave it.

Along every dimension the line is cut wherever any row mentions something, so that no row
parts a cell: a text that is mentioned, the rest behind a prefix, a version, a gap between
two versions, a stretch of time.  The algebra over cells is then exact for the endless
space.

One presumption: where every version that the rules name has three digits, versions are
three digits or none at all, so that nothing lies between ``v002`` and ``v003``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from attrs import define, field

from dflow.envelope import Header
from dflow.routing.cells import TextCells, TimeCells, VersionCells, numbers_of
from dflow.routing.rows import Row
from dflow.routing.window import Span

__all__ = ["DIMENSIONS", "Box", "Space", "covering", "meet", "remainder"]

#: The names of the dimensions, in the order of a box.
DIMENSIONS = (
    "flow",
    "version",
    "sender role",
    "sender",
    "recipient role",
    "recipient",
    "test flag",
    "sending application",
    "receiving application",
    "time",
)

#: For each dimension the bits of its cells; a box holds no cell where any of them is 0.
Box = tuple[int, ...]

#: A row with more cells than this in a dimension is not filed there, but under "wide".
_WIDE = 64


@define(eq=False)
class Space:
    """The cells of some rows, and the rows as boxes.

    Attributes:
        boxes: one a row, in the order of the rows.
    """

    _cells: tuple[TextCells | VersionCells | TimeCells, ...]
    boxes: list[Box]
    _filed: list[dict[int, int]] = field(init=False)
    _wide: list[int] = field(init=False)

    @classmethod
    def of(cls, rows: Sequence[Row], *, more: Iterable[Row] = ()) -> Space:
        """Cut the space where these rows, and more, mention something; boxes are of `rows`."""
        every = (*rows, *more)
        versions = VersionCells.of({row.version for row in every})
        times = TimeCells.of({row.span for row in every})
        flows = TextCells.of({row.flow for row in every})
        columns = zip(*(row.texts for row in every), strict=True) if every else [()] * 7
        texts = [TextCells.of(set(column)) for column in columns]
        space = cls((flows, versions, *texts, times), [])
        space.boxes = space.boxed(rows)
        return space

    def boxed(self, rows: Iterable[Row]) -> list[Box]:
        """The boxes of rows whose mentions are all among the space's."""
        flows, versions, *texts, times = self._cells
        known: dict[tuple[int, object], int] = {}

        def bits(place: int, cells: object, value: object) -> int:
            found = known.get((place, value))
            if found is None:
                found = cells.bits(value)  # type: ignore[attr-defined]  # each dimension has its own kind of set
                known[place, value] = found
            return int(found)

        return [
            (
                bits(0, flows, row.flow),
                bits(1, versions, row.version),
                *(
                    bits(2 + n, cells, one)
                    for n, (cells, one) in enumerate(zip(texts, row.texts, strict=True))
                ),
                bits(9, times, row.span),
            )
            for row in rows
        ]

    def __attrs_post_init__(self) -> None:
        self._filed = []
        self._wide = []

    @property
    def every_time(self) -> int:
        """The bits of all cells of time."""
        return self.time_bits(Span())

    def time_bits(self, span: Span) -> int:
        """The bits of the cells of time that lie in a window; its bounds must be known."""
        cells = self._cells[-1]
        if not isinstance(cells, TimeCells):
            raise TypeError(cells)
        return cells.bits(span)

    def _file(self) -> None:
        """For each dimension and cell, the boxes that hold it, as bits."""
        for place in range(len(DIMENSIONS)):
            cells: dict[int, int] = {}
            wide = 0
            for number, box in enumerate(self.boxes):
                bits = box[place]
                if bits.bit_count() > _WIDE:
                    wide |= 1 << number
                    continue
                for cell in numbers_of(bits):
                    cells[cell] = cells.get(cell, 0) | (1 << number)
            self._filed.append(cells)
            self._wide.append(wide)

    def touching(self, box: Box, among: int) -> list[int]:
        """The numbers of the boxes that share a cell with `box`, of those in `among`'s bits."""
        if not self._filed:
            self._file()
        for place, bits in enumerate(box):
            if not among:
                return []
            if bits.bit_count() <= _WIDE:
                holding = self._wide[place]
                cells = self._filed[place]
                for cell in numbers_of(bits):
                    holding |= cells.get(cell, 0)
                among &= holding
        return [number for number in numbers_of(among) if meet(box, self.boxes[number])]

    def point(self, header: Header, at: datetime) -> Box:
        """The cell that holds a header at an instant (UTC)."""
        flows, versions, *texts, times = self._cells
        values = (
            header.sender.role,
            header.sender.mpid,
            header.recipient.role,
            header.recipient.mpid,
            header.test_flag,
            header.sending_application,
            header.receiving_application,
        )
        asked = zip((flows, *texts), (header.flow, *values), strict=True)
        flow, *rest = (cells.cell(text) for cells, text in asked if isinstance(cells, TextCells))
        version = versions.cell(header.version) if isinstance(versions, VersionCells) else 0
        time = times.cell(at) if isinstance(times, TimeCells) else 0
        return (flow, version, *rest, time)

    @property
    def whole(self) -> Box:
        """The box of everything."""
        return tuple(cells.all_bits() for cells in self._cells)

    def describe(self, box: Box) -> str:
        """A box in words, exactly: the cells of each dimension that it does not fill."""
        parts = []
        for name, cells, bits in zip(DIMENSIONS, self._cells, box, strict=True):
            every = cells.all_bits()
            if bits == every:
                continue
            out = every & ~bits
            if isinstance(cells, TextCells) and bits & 1:  # cell 0 is every other text
                words = "any but " + " or ".join(cells.told(n) for n in numbers_of(out))
            elif isinstance(cells, TimeCells):
                words = " or ".join(cells.stretches(bits))
            else:
                words = " or ".join(cells.told(n) for n in numbers_of(bits))
            parts.append(f"{name} {words}")
        return "; ".join(parts) or "everything"

    def tell(self, box: Box) -> str:
        """One cell of a box in words, as an example."""
        parts = []
        for name, cells, bits in zip(DIMENSIONS, self._cells, box, strict=True):
            place = (bits & -bits).bit_length() - 1
            text = cells.told(place)
            if text not in {"any other", "any version", "any time"}:
                parts.append(f"{name} {text}")
        return ", ".join(parts) or "anything"


def meet(one: Box, two: Box) -> Box | None:
    """The box that two share, or None."""
    shared = tuple(a & b for a, b in zip(one, two, strict=True))
    return shared if all(shared) else None


def covering(box: Box, others: Sequence[tuple[int, Box]]) -> frozenset[int] | Box:
    """Whether boxes together cover one: the numbers of those that do, or a box left over.

    Exact: takes away one box after the other and looks at what remains.  Dimensions in
    which a cell of the box is in none of the others settle it at once.
    """
    used: set[int] = set()
    left = [(box, others)] if all(box) else []
    while left:
        part, candidates = left.pop()
        near = [(number, other) for number, other in candidates if meet(part, other)]
        holder = next((number for number, other in near if _holds(other, part)), None)
        if holder is not None:
            used.add(holder)
            continue
        free = _free(part, near)
        if free is not None:
            return free
        number, nearest = min(near, key=lambda one: _missing(one[1], part))
        used.add(number)
        for place, bits in enumerate(part):
            if outside := bits & ~nearest[place]:
                left.append(((*part[:place], outside, *part[place + 1 :]), near))
                part = (*part[:place], bits & nearest[place], *part[place + 1 :])
    return frozenset(used)


def remainder(box: Box, others: Iterable[Box]) -> list[Box]:
    """What is left of a box when others are taken away, as boxes that do not overlap."""
    left = [box] if all(box) else []
    for other in others:
        if not left:
            break
        kept: list[Box] = []
        for part in left:
            if meet(part, other) is None:
                kept.append(part)
                continue
            rest = part
            for place, bits in enumerate(part):
                if outside := bits & ~other[place]:
                    kept.append((*rest[:place], outside, *rest[place + 1 :]))
                    rest = (*rest[:place], bits & other[place], *rest[place + 1 :])
        left = kept
    return left


def _free(box: Box, others: Sequence[tuple[int, Box]]) -> Box | None:
    """A part of the box that none of the others holds, seen in one dimension alone."""
    for place, bits in enumerate(box):
        left = bits
        for _, other in others:
            left &= ~other[place]
            if not left:
                break
        if left:
            return (*box[:place], left & -left, *box[place + 1 :])
    return None


def _holds(outer: Box, inner: Box) -> bool:
    return all(b & ~a == 0 for a, b in zip(outer, inner, strict=True))


def _missing(outer: Box, inner: Box) -> int:
    """In how many dimensions the outer box does not hold the inner one."""
    return sum(b & ~a != 0 for a, b in zip(outer, inner, strict=True))
