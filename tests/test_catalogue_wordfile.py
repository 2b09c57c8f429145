"""Word files: read in order, and refused when broken, huge or hostile."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path

import pytest

from dflow.catalogue import wordfile
from dflow.catalogue.wordfile import Paragraph, Table, read_word
from dflow.errors import SourceError
from wordfiles import NAMESPACE, document, write_docx


def test_paragraphs_and_tables_come_in_order(tmp_path: Path) -> None:
    xml = document(["one", [["a", "b"], ["", "d & e"]], "two", [["f"]]])
    blocks = list(read_word(write_docx(tmp_path / "a.docx", xml)))
    assert blocks == [
        Paragraph("one"),
        Table((("a", "b"), ("", "d & e")), 1),
        Paragraph("two"),
        Table((("f",),), 2),
    ]


def test_strict_files_have_another_namespace(tmp_path: Path) -> None:
    xml = document(["one"]).replace(NAMESPACE, "http://purl.oclc.org/ooxml/wordprocessingml/main")
    assert list(read_word(write_docx(tmp_path / "a.docx", xml))) == [Paragraph("one")]
    other = document(["one"]).replace(NAMESPACE, "urn:other")
    assert list(read_word(write_docx(tmp_path / "b.docx", other))) == []


def test_breaks_tabs_paragraphs_and_tables_in_cells_become_text(tmp_path: Path) -> None:
    cell = (
        "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p><w:p/>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>inner</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    )
    xml = document([[["CELL"]]]).replace(
        '<w:p><w:r><w:t xml:space="preserve">CELL</w:t></w:r></w:p>', cell
    )
    (table,) = read_word(write_docx(tmp_path / "a.docx", xml))
    assert table == Table((("a b\nc\ninner",),), 1)


def test_quotes_and_dashes_become_plain(tmp_path: Path) -> None:
    xml = document(["\u0091a\u0092 \u0093b\u0094 \u0096 \u2018c\u2019\u2013\u2014d\u00a0e £"])
    assert list(read_word(write_docx(tmp_path / "a.docx", xml))) == [
        Paragraph("'a' \"b\" - 'c'--d e £")
    ]


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_word(path))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_broken_files_are_refused_with_a_reason(tmp_path: Path) -> None:
    text = tmp_path / "text.docx"
    text.write_text("no archive", encoding="ascii")
    assert "broken, or no Word file" in refused(text)
    assert "holds no word/document.xml" in refused(
        write_docx(tmp_path / "other.docx", "<a/>", member="else.xml")
    )
    assert "no well-formed XML" in refused(write_docx(tmp_path / "cut.docx", document(["a"])[:-9]))
    whole = write_docx(tmp_path / "whole.docx", document(["word " * 500]))
    cut = tmp_path / "short.docx"
    cut.write_bytes(whole.read_bytes()[:-30])
    assert "broken" in refused(cut)
    assert "No such file" in refused(tmp_path / "missing.docx")


def test_every_damaged_byte_is_read_or_refused(tmp_path: Path) -> None:
    whole = write_docx(tmp_path / "whole.docx", document(["a", [["b", "c"]]])).read_bytes()
    damaged = tmp_path / "damaged.docx"
    for place in range(len(whole)):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        with contextlib.suppress(SourceError):  # and nothing else may come out
            list(read_word(damaged))


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.docx"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/document.xml", "w", force_zip64=True) as member,
    ):
        member.write(b"<a>")
        for _ in range(40):
            member.write(b" " * (1 << 20))
        member.write(b"</a>")
    assert "unpacks to more than" in refused(bomb)


def test_a_document_too_large_is_refused_whatever_its_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wordfile, "MOST_BYTES", 1000)
    assert "unpacks to more than" in refused(
        write_docx(tmp_path / "a.docx", document([str(n) for n in range(1000)]))
    )


def test_entities_inner_and_outer_are_refused(tmp_path: Path) -> None:
    laughs = '<!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
    assert "document type" in refused(write_docx(tmp_path / "laughs.docx", laughs))
    outer = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'
    assert "document type" in refused(write_docx(tmp_path / "outer.docx", outer))
    remote = '<!DOCTYPE a SYSTEM "urn:example"><a/>'
    assert "document type" in refused(write_docx(tmp_path / "remote.docx", remote))


def test_absurd_nesting_is_refused(tmp_path: Path) -> None:
    deep = "<a>" * 100_000 + "</a>" * 100_000
    assert "nested more than" in refused(write_docx(tmp_path / "deep.docx", deep))
