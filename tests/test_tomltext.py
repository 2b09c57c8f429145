"""TOML that people write: every mistake has its place."""

from __future__ import annotations

import pickle
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.errors import RefusedText, SourceError
from dflow.tomltext import TomlText, parse_toml, read_toml

TEXT = """\
# A configuration, made up.
title = "x = [1]"   # [not.a.table]
[journal]
url = 'sqlite:///a.db'

[source.gateway]
  transport = "directory"
  "odd key" = 1
  a.b = { c = 1, d = [ { e = 2 }, { e = 3 } ] }

[[group]]
code = "026"
items = [
    "J0003",  # MPAN = Core, "quoted"
    "J0022 optional", 'J0024',
    ["nested"],
]
text = '''
[false]
key = "in a string"
'''
[group.sub]
x = 1979-05-27 07:32:00
y = 2

[[group]]
code = "027"
level = 2
"""


def _place(toml: TomlText, *path: str | int) -> tuple[int, int]:
    fault = toml.fault(path, "wrong")
    return fault.line, fault.column


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("title",), (2, 1)),
        (("journal",), (3, 1)),
        (("journal", "url"), (4, 1)),
        (("source",), (6, 2)),
        (("source", "gateway"), (6, 1)),
        (("source", "gateway", "transport"), (7, 3)),
        (("source", "gateway", "odd key"), (8, 3)),
        (("source", "gateway", "a", "b", "c"), (9, 11)),
        (("source", "gateway", "a", "b", "d", 1), (9, 35)),
        (("source", "gateway", "a", "b", "d", 1, "e"), (9, 37)),
        (("group", 0), (11, 1)),
        (("group", 0, "items"), (13, 1)),
        (("group", 0, "items", 0), (14, 5)),
        (("group", 0, "items", 2), (15, 23)),
        (("group", 0, "items", 3, 0), (16, 6)),
        (("group", 0, "sub", "y"), (24, 1)),
        (("group", 1, "code"), (27, 1)),
        (("group", 1, "level"), (28, 1)),
    ],
)
def test_the_place_of_a_key(path: tuple[str | int, ...], expected: tuple[int, int]) -> None:
    assert _place(parse_toml(TEXT, "made.toml"), *path) == expected


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        (("journal", "missing"), (3, 1)),
        (("group", 1, "name"), (26, 1)),
        (("group", 0, "items", 9), (13, 1)),
        (("nowhere",), (0, 0)),
        ((), (0, 0)),
    ],
)
def test_a_missing_key_is_shown_at_the_table_that_lacks_it(
    path: tuple[str | int, ...], nearest: tuple[int, int]
) -> None:
    assert _place(parse_toml(TEXT, "made.toml"), *path) == nearest


def test_a_fault_shows_its_line_and_the_near_misses() -> None:
    toml = parse_toml('[mount.old]\r\n\ttranport = "x"\r\n', "dflow.toml")
    fault = toml.fault(
        ("mount", "old", "tranport"),
        "unknown key 'tranport'",
        expected=("transport", "path"),
        near_to="tranport",
        known=("transport", "path"),
    )
    assert str(fault) == (
        "dflow.toml:2:2: unknown key 'tranport'\n"
        '    2 | \ttranport = "x"\n'
        "      | \t^\n"
        "      expected transport or path\n"
        "      did you mean transport?"
    )


# A document is drawn together with the places at which its writer put every key.

_BARE = st.text("abcdefgh_-0123456789", min_size=1, max_size=4)
_QUOTED = st.text("ab =.#[]{}'\t", max_size=4)
_SCALARS = st.sampled_from(
    [
        "1",
        "-0.5",
        "true",
        '"a = b"',
        "'[x]'",
        '"\\" # no"',
        '"""q"q\n[t]\nk = 1"""',
        "'''\n'k' = ]'''",
        "1979-05-27",
        "1979-05-27 07:32:00",
        "0x1F",
        "inf",
        '""',
        "''",
        '""""four"""',
    ]
)
_GAPS = st.sampled_from(["", " ", "\t ", "  "])
_BREAKS = st.sampled_from(["\n", "\r\n", "\n\n", " # c = 1 [x]\n", "\n  # ]\n"])


class _Writer:
    """Writes a random document and remembers where each path began."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.places: dict[tuple[str | int, ...], int] = {}

    def key(self, name: str) -> None:
        quoted = not name or name.strip("abcdefgh_-0123456789") or self.draw(st.booleans())
        raw = name.replace("\t", "\\t")
        self.text += f'"{raw}"' if quoted else name

    def pair(self, path: tuple[str | int, ...], name: str, depth: int) -> None:
        self.places[*path, name] = len(self.text)
        self.key(name)
        self.text += self.draw(_GAPS) + "=" + self.draw(_GAPS)
        self.value((*path, name), depth)

    def value(self, path: tuple[str | int, ...], depth: int) -> None:
        kind = self.draw(st.sampled_from(["scalar", "list", "table"] if depth else ["scalar"]))
        if kind == "scalar":
            self.text += self.draw(_SCALARS)
        elif kind == "list":
            self.text += "["
            for index in range(self.draw(st.integers(0, 3))):
                self.text += self.draw(_GAPS | _BREAKS)
                self.places[*path, index] = len(self.text)
                self.value((*path, index), depth - 1)
                self.text += self.draw(_GAPS | _BREAKS) + ","
            self.text += self.draw(_GAPS | _BREAKS) + "]"
        else:
            names = self.draw(st.lists(_BARE | _QUOTED, max_size=2, unique=True))
            self.text += "{ "
            for index, name in enumerate(names):
                self.text += ", " if index else ""
                self.pair(path, name, depth - 1)
            self.text += " }"

    def document(self) -> None:
        names = self.draw(st.lists(_BARE | _QUOTED, max_size=6, unique=True))
        cut = self.draw(st.integers(0, len(names)))
        self.pairs((), names[:cut])
        for name in names[cut:]:
            several = self.draw(st.booleans())
            for index in range(self.draw(st.integers(1, 3)) if several else 1):
                self.text += self.draw(_GAPS)
                start = len(self.text)
                self.places.setdefault((name,), start)
                self.text += "[[" if several else "["
                self.text += self.draw(_GAPS)
                self.key(name)
                self.text += self.draw(_GAPS) + ("]]" if several else "]") + self.draw(_BREAKS)
                path = (name, index) if several else (name,)
                self.places[path] = start
                if several and not index:
                    self.places[name,] = start
                self.pairs(path, self.draw(st.lists(_BARE, max_size=3, unique=True)))

    def pairs(self, path: tuple[str | int, ...], names: list[str]) -> None:
        for name in names:
            self.text += self.draw(_GAPS)
            self.pair(path, name, 2)
            self.text += self.draw(_BREAKS)


@st.composite
def _documents(draw: st.DrawFn) -> _Writer:
    writer = _Writer(draw)
    writer.document()
    return writer


@given(_documents())
def test_every_key_is_found_where_it_was_written(written: _Writer) -> None:
    text = written.text
    tomllib.loads(text)  # the writer writes TOML
    toml = parse_toml(text, "made.toml")
    for path, offset in written.places.items():
        line = text.count("\n", 0, offset) + 1
        column = offset - text.rfind("\n", 0, offset)
        assert _place(toml, *path) == (line, column), path


@given(st.text("ab=[]{}\"'.,#\n\r \t1\\", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        toml = parse_toml(text, "any.toml")
    except RefusedText as refused:
        (fault,) = refused.faults
        assert str(fault).startswith("any.toml")
        assert fault.source == "any.toml"
        assert 0 <= fault.line <= text.count("\n") + 1
    else:
        for key in toml.data:
            assert _place(toml, key) != (0, 0)


@pytest.mark.parametrize(
    ("text", "line", "column", "shown"),
    [
        ("a = 1\nb = = 2\n", 2, 5, "b = = 2"),
        ("a = 1\nb = \n", 2, 5, "b = "),
        ("a = 1\na = 2\n", 2, 6, "a = 2"),
        ("a = [1,\n", 1, 0, "a = [1,"),
        ("a = 1\r\nb = ?\r\n", 2, 5, "b = ?"),
        # Only LF and CRLF end a line of TOML: U+2028 and NEL do not.
        ("a = 'x\u2028y\u0085z'\nb = ?", 2, 5, "b = ?"),
    ],
)
def test_what_is_not_toml_is_refused_at_its_place(
    text: str, line: int, column: int, shown: str
) -> None:
    with pytest.raises(RefusedText) as caught:
        parse_toml(text, "bad.toml")
    (fault,) = caught.value.faults
    assert (fault.line, fault.column, fault.text) == (line, column, shown)


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "1" * 10_000])
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(RefusedText):
        parse_toml(text, "hostile.toml")


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfa = 1\n")
    toml = read_toml(path, name="a.toml")
    assert (toml.source, toml.data) == ("a.toml", {"a": 1})
    path.write_bytes(b"a = 1\nb = '\xff'\n")
    with pytest.raises(RefusedText, match=r"a\.toml:2: the text is not UTF-8"):
        read_toml(path)
    with pytest.raises(SourceError, match="No such file"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(SourceError, match="directory"):
        read_toml(tmp_path)
    with pytest.raises(SourceError, match="null"):
        read_toml(tmp_path / "a\0b")


def test_a_refusal_can_be_pickled() -> None:
    with pytest.raises(RefusedText) as caught:
        parse_toml("a = = 1", "bad.toml")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert again.faults == caught.value.faults
    assert str(again) == str(caught.value)
