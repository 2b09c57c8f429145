"""A file as a stream of models, every value decoded, in bounded memory.

In: a source and the shape of its flow.  Out: one object a level-1 group, and a `Faulty`
for each that no model can hold.  This module does not check the envelope: that a file is
whole, and its counts right, is told by `dflow.check`.

The fast path (`dflow.typed.fast`) takes whole level-1 groups at the speed of C as long
as nothing is wrong with them.  Where something is, the level-1 group goes the slow way,
through the tree (`dflow.parse`), which knows every rule and keeps every record; what
comes of it is a `Faulty` with all its reasons, or a model after all.  A flow whose codes
are ambiguous (D0030, D0209) goes the slow way always.  A property test holds that both
ways give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar, cast

from attrs import define, evolve

from dflow.envelope import read_header
from dflow.errors import StructureError
from dflow.flow import Group
from dflow.grammar import compile_grammar
from dflow.parse import Source, open_source
from dflow.parse.opening import BOM, is_trailer
from dflow.parse.tree import TreeBuilder
from dflow.records import RecordReader
from dflow.typed.fast import fast_path
from dflow.typed.faulty import Faulty, Undecodable, stray_faults
from dflow.typed.shape import FlowShape
from dflow.typed.view import decode

__all__ = ["FlowModule", "read"]

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class FlowModule(Protocol[M_co]):
    """A generated module, such as `dflow.flows.d0010_002`."""

    @property
    def FLOW(self) -> FlowShape[M_co]:  # noqa: N802  the modules' constant
        """The shape of its flow."""


def read(
    source: Source,
    flow: FlowShape[M] | FlowModule[M],
    *,
    faulty: Callable[[Faulty], None] | None = None,
) -> Iterator[M]:
    """Stream a file's level-1 groups as models; for most flows these are its instances.

    The header is read at once, the rest as it is asked for.  A group is given as a model
    if every record has its fields, every value its format and its place in a complete
    code list, and every record fits.  Missing and surplus groups, and groups in another
    order than the catalogue's, are no obstacle to a model; `dflow.check` tells of them.

    Args:
        source: a path, bytes, a binary file or an iterable of chunks.
        flow: a generated module, or its ``FLOW``.
        faulty: called with every level-1 group, and every record outside of one, that no
            model can hold; they are in file order with what is given.  If left out, the
            first one is raised, so that nothing is passed over in silence.

    Raises:
        SourceError: if the bytes cannot be had.
        StructureError: if the file has no header, or is another flow or version.
        Undecodable: a `StructureError`, for a faulty group when `faulty` is not given.
    """
    shape = flow if isinstance(flow, FlowShape) else flow.FLOW
    stream = _stream(source, shape, faulty or _refuse)
    next(stream, None)  # as far as the header
    return cast("Iterator[M]", stream)  # the one None has just been taken


def _refuse(faulty: Faulty) -> None:
    raise Undecodable(faulty)


def _stream(
    source: Source, flow: FlowShape[M], faulty: Callable[[Faulty], None]
) -> Iterator[M | None]:
    with open_source(source) as opened:
        texts = _whole_lines(opened.chunks)
        first = next(texts, "")
        pool = _opening(first, flow)
        yield None
        body = chain([first.partition("\n")[2]], texts)
        yield from _models(body, flow, _Slow(flow, pool, faulty))


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The file as text, cut where lines end; only the last piece may lack its LF."""
    pending: list[bytes] = []
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        pending.append(chunk[:end] if end else chunk)
        if end:  # else joined once, later: a line of many chunks stays linear
            yield b"".join(pending).decode("latin-1")
            pending = [chunk[end:]]
    if last := b"".join(pending):
        yield last.decode("latin-1")


def _opening(text: str, flow: FlowShape[Any]) -> bool:
    """Whether the file is a pool file.

    Raises:
        StructureError: if it is not a file of the flow.
    """
    if not text:
        raise StructureError(f"the file is empty; a file of {flow} was expected")
    raw = text.partition("\n")[0].removesuffix("\r").encode("latin-1").removeprefix(BOM)
    header = read_header(raw).header
    if header is None:
        raise StructureError(f"the file has no header; a file of {flow} was expected")
    if (header.flow, header.version) != (flow.flow, flow.version):
        raise StructureError(
            f"the file is {header.flow} v{header.version}; a file of {flow} was expected"
        )
    return header.envelope != "ZHV"


def _blocks(texts: Iterable[str], flow: FlowShape[Any]) -> Iterator[str]:
    """The body, cut before level-1 records; so a block holds whole level-1 groups."""
    starts = ["\n" + shape.code + "|" for shape in flow.roots]
    pending: list[str] = []
    for text in texts:
        # Only new text is searched, and joined once: a group of many chunks stays linear.
        last = max(text.rfind(start) for start in starts) + 1
        if last == 0 and not text.startswith(tuple(start[1:] for start in starts)):
            pending.append(text)
            continue
        yield "".join([*pending, text[:last]])
        pending = [text[last:]]
    yield "".join(pending)


def _models(body: Iterable[str], flow: FlowShape[M], slow: _Slow[M]) -> Iterator[M]:
    """What the body holds, in file order."""
    # The records of a pool file need not be closed, so they go the slow way.
    fast = None if slow.pool else fast_path(flow)
    for block in _blocks(body, flow):
        position = 0
        while position < len(block):
            if fast is None or slow.over:
                yield from slow.through_tree(block[position:])
                break
            end = fast.clean_until(block, position)
            if end > position:
                yield from fast.models(block[position:end])
                slow.line += block.count("\n", position, end)
            else:
                end = fast.next_start(block, position + 1)
                yield from slow.through_tree(block[position:end])
                yield from slow.close()
            position = end
    yield from slow.close()


@define(eq=False)
class _Slow(Generic[M]):
    """The way through the tree, for what is out of line.

    Attributes:
        flow: the shape of the flow.
        pool: whether records need no closing pipe.
        faulty: told of whatever no model can hold.
        line: the number of the next line.
        over: whether the trailer has been seen.
    """

    flow: FlowShape[M]
    pool: bool
    faulty: Callable[[Faulty], None]
    line: int = 2
    over: bool = False
    _builder: TreeBuilder | None = None

    def through_tree(self, text: str) -> Iterator[M]:
        """Take the next lines; give the models of the groups that they finish."""
        if self._builder is None:
            self._builder = TreeBuilder(compile_grammar(self.flow.definition))
        reader = RecordReader()
        for found in (*reader.feed(text.encode("latin-1")), *reader.close()):
            record = evolve(found, line=self.line)
            self.line += 1
            if self.over:
                self._outside(Group(record=record, stray="after-trailer"))
            elif is_trailer(record):
                self.over = True
                yield from self.close()
            else:
                yield from self._seen(self._builder.add(record))

    def close(self) -> Iterator[M]:
        """Give what is not finished yet."""
        if self._builder is not None:
            yield from self._seen(self._builder.close())

    def _seen(self, groups: Iterable[Group]) -> Iterator[M]:
        for group in groups:
            if group.definition is None:
                self._outside(group)
                continue
            shape = self.flow.shapes[group.definition.seq]
            seen: M | Faulty = decode(shape, group, pool=self.pool)
            if isinstance(seen, Faulty):
                self.faulty(seen)
            else:
                yield seen

    def _outside(self, group: Group) -> None:
        """A record outside of every group; a blank one holds nothing."""
        if group.record.raw:
            self.faulty(Faulty(group=group, findings=stray_faults(group)))
