"""Word files to paragraphs and tables of text, hostile until read.

In: the path of a ``.docx`` file.  Out: its blocks in order, each a paragraph's text or a
table's rows of cell texts.  This module does not know what the texts mean.

A Word file is a zip archive that holds XML, so three things are refused with a reason:
an archive that unpacks to absurd sizes (`MOST_BYTES`, `MOST_RATIO`), XML that declares a
document type (that is how entities, inner or outer, come in), and elements nested deeper
than any writer nests them (`DEEPEST`).  The file is read as a stream, and the sizes are
counted while reading, never believed.

Typographic quotes and dashes become plain ones.  A publication spells the same name with
either, sometimes as raw C1 characters (U+0091 to U+0097, Windows quotes and dashes that
lost their code page), and names are compared.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.parsers import expat

from attrs import define, field, frozen

from dflow.errors import SourceError

__all__ = [
    "DEEPEST",
    "MOST_BYTES",
    "MOST_RATIO",
    "Block",
    "Paragraph",
    "Table",
    "one_line",
    "read_word",
]

#: The most bytes that the document of a Word file may unpack to.
MOST_BYTES = 512 * 1024 * 1024

#: The most times that the document may be larger unpacked than packed; tables of a
#: generated publication reach about 90, a bomb is near 1,000.
MOST_RATIO = 400

#: Below this size the ratio does not matter: small repetitive files pack very well.
_SMALL = 8 * 1024 * 1024

#: The deepest that elements may be nested; a table in a cell of a table is at about 12.
DEEPEST = 64

#: The most members of the archive; a Word file has a few dozen.
_MOST_MEMBERS = 10_000

_MEMBER = "word/document.xml"
_CHUNK = 1 << 16

#: Quotes, dashes and hard spaces as plain ASCII: those of Unicode, and the raw C1
#: characters (Windows code page 1252 without its declaration) that generators leave in.
#: Every other control character becomes a space.
_PLAIN = {code: " " for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x0A} | {
    ord(found): plain
    for plain, all_of in {
        "'": "\u2018\u2019\u0091\u0092",
        '"': "\u201c\u201d\u0093\u0094",
        "-": "\u2010\u2011\u2012\u2013\u2014\u0096\u0097",
        " ": "\u00a0\t",
    }.items()
    for found in all_of
}


@frozen
class Paragraph:
    """A paragraph outside tables.

    Attributes:
        text: its text, without space at its ends.
    """

    text: str


@frozen
class Table:
    """A table.

    Attributes:
        rows: the texts of the cells, row by row; a cell's paragraphs are parted by newlines.
        number: the table's place among the document's tables, 1-based.
    """

    rows: tuple[tuple[str, ...], ...]
    number: int

    @property
    def first(self) -> str:
        """The text of the first cell, by which a table is recognised; empty if there is none."""
        return self.rows[0][0] if self.rows and self.rows[0] else ""


#: What a document is made of, in its order.
Block = Paragraph | Table


def one_line(text: str) -> str:
    """A cell's text with its line breaks as spaces; other spaces stay as published."""
    return " ".join(part.strip() for part in text.splitlines()).strip()


def read_word(path: Path) -> Iterator[Block]:
    """The paragraphs and tables of a Word file, in order, as they are read.

    Raises:
        SourceError: if the file cannot be read, is no Word file, or is refused as hostile.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if len(archive.infolist()) > _MOST_MEMBERS:
                raise SourceError(f"{path}: refused: the archive holds too many members")
            info = archive.getinfo(_MEMBER)
            with archive.open(info) as stream:
                yield from _blocks(path, stream, max(info.compress_size, 1))
    except KeyError as error:
        raise SourceError(f"{path}: no Word file: it holds no {_MEMBER}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceError(f"{path}: broken, or no Word file: {error}") from error
    except (NotImplementedError, RuntimeError) as error:  # another packing; encrypted
        raise SourceError(f"{path}: the archive cannot be unpacked: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error


def _blocks(path: Path, stream: IO[bytes], packed: int) -> Iterator[Block]:
    builder = _Builder(path)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    size = 0
    try:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > MOST_BYTES or (size > _SMALL and size > packed * MOST_RATIO):
                raise SourceError(
                    f"{path}: refused: its document unpacks to more than {size:,} bytes from"
                    f" {packed:,}, which no honest file does"
                )
            parser.Parse(chunk, False)  # noqa: FBT003  expat takes it by position only
            yield from builder.take()
        parser.Parse(b"", True)  # noqa: FBT003  the parser takes it by position
    except expat.ExpatError as error:
        raise SourceError(f"{path}: its document is no well-formed XML: {error}") from error
    yield from builder.take()


@define
class _Builder:
    """Takes the parser's events and puts blocks together."""

    path: Path
    names: dict[str, str] = field(factory=dict, init=False)
    depth: int = field(default=0, init=False)
    tables: int = field(default=0, init=False)  # how many tables are open, one in another
    number: int = field(default=0, init=False)
    in_text: bool = field(default=False, init=False)
    text_parts: list[str] = field(factory=list, init=False)
    cell: list[str] = field(factory=list, init=False)
    row: list[str] = field(factory=list, init=False)
    rows: list[tuple[str, ...]] = field(factory=list, init=False)
    done: list[Block] = field(factory=list, init=False)

    def doctype(self, *_: object) -> None:
        raise SourceError(
            f"{self.path}: refused: its document declares a document type, and so entities;"
            " Word files never do"
        )

    def start(self, name: str, _attributes: object) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise SourceError(f"{self.path}: refused: elements nested more than {DEEPEST} deep")
        local = self.names.get(name)
        if local is None:
            local = self.names[name] = _local(name)
        if not local:
            return
        if local == "t":
            self.in_text = True
        elif local == "tbl":
            self.tables += 1
        elif local == "tab":
            self.text_parts.append(" ")
        elif local in {"br", "cr"}:
            self.text_parts.append("\n")

    def end(self, name: str) -> None:
        self.depth -= 1
        local = self.names[name]
        if not local:
            return
        if local == "t":
            self.in_text = False
        elif local == "p":
            self._end_paragraph()
        elif local == "tbl":
            self._end_table()
        elif self.tables == 1 and local == "tc":
            self.row.append("\n".join(part for part in self.cell if part))
            self.cell.clear()
        elif self.tables == 1 and local == "tr":
            self.rows.append(tuple(self.row))
            self.row.clear()

    def text(self, data: str) -> None:
        if self.in_text:
            self.text_parts.append(data)

    def take(self) -> list[Block]:
        """The blocks that are whole, once."""
        blocks, self.done = self.done, []
        return blocks

    def _end_paragraph(self) -> None:
        text = "".join(self.text_parts).translate(_PLAIN).strip()
        self.text_parts.clear()
        if self.tables:
            self.cell.append(text)
        elif text:
            self.done.append(Paragraph(text))

    def _end_table(self) -> None:
        self.tables -= 1
        if self.tables == 0:  # a table within a cell has become text of that cell
            self.number += 1
            self.done.append(Table(tuple(self.rows), self.number))
            self.rows.clear()


#: The elements that are looked at, all of the word-processing namespace.
_READ = frozenset({"t", "p", "tbl", "tc", "tr", "tab", "br", "cr"})


def _local(name: str) -> str:
    """The name of an element that is looked at, without its namespace; else empty.

    The namespace has one address in files as usually written and another in strict ones.
    """
    space, _, local = name.rpartition(" ")
    return local if local in _READ and "wordprocessingml" in space else ""
