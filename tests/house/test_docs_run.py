"""What the README, the docs and the docstrings show is what happens.

Every ``python`` block of a page runs, in order, in one namespace, in an empty folder
that holds a copy of ``examples/``; an ``output`` block is what the ``python`` block before it
printed, ``...`` standing for anything; every ``pycon`` block is a doctest; every ``toml`` and
``json`` block is read.  The documentation builds without a warning.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from house.package import modules, name_of
from house.pages import Block, blocks
from support import CHECKOUT

_WRITTEN_BY_SPHINX = {"_build", "api", "flows"}
_PAGES = [
    CHECKOUT / "README.md",
    *sorted(
        page for page in (CHECKOUT / "docs").rglob("*.md") if not _WRITTEN_BY_SPHINX & {*page.parts}
    ),
]
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _id(page: Path) -> str:
    return page.relative_to(CHECKOUT).as_posix()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a copy of the examples, made the current one."""
    if (CHECKOUT / "examples").is_dir():
        shutil.copytree(CHECKOUT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(page: Path, block: Block, names: dict[str, object]) -> str:
    """Run a block; what it printed."""
    # The blank lines before it make a traceback name the line of the page.
    code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, names)  # noqa: S102  running our own pages is the purpose of this test
    return printed.getvalue()


def _compare(page: Path, block: Block, printed: str) -> None:
    wanted = "\n".join(line.rstrip() for line in block.text.strip("\n").split("\n")) + "\n"
    got = "\n".join(line.rstrip() for line in printed.strip("\n").split("\n")) + "\n"
    same = doctest.OutputChecker().check_output(wanted, got, doctest.ELLIPSIS)
    assert same, f"{page}:{block.line}: shown is\n{wanted}\nprinted was\n{got}"


def _doctest(page: Path, block: Block, names: dict[str, object]) -> None:
    parsed = doctest.DocTestParser().get_doctest(
        block.text, names, f"{_id(page)}:{block.line}", str(page), block.line - 1
    )
    runner = doctest.DocTestRunner(optionflags=_FLAGS)
    said: list[str] = []
    runner.run(parsed, out=said.append, clear_globs=False)
    assert runner.failures == 0, "".join(said)


@pytest.mark.untraced
@pytest.mark.parametrize("page", _PAGES, ids=_id)
def test_a_page_is_true(page: Path, scratch: Path) -> None:
    module = ModuleType("__page__")
    names = vars(module)
    printed = ""
    for block in blocks(page):
        match block.language:
            case "python":
                printed = _run(page, block, names)
            case "output":
                _compare(page, block, printed)
            case "pycon":
                _doctest(page, block, names)
            case "toml":
                tomllib.loads(block.text)
            case "json":
                json.loads(block.text)
            case word:
                assert word not in ("py", "python3", "pyi"), f"{_id(page)}:{block.line}: use python"


@pytest.mark.parametrize("path", modules(private=True), ids=name_of)
def test_docstrings_are_true(path: Path, request: pytest.FixtureRequest) -> None:
    if path.name == "__main__.py":
        pytest.skip("running it is its purpose")
    module = importlib.import_module(name_of(path))
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=_FLAGS)
    # Modules without examples, which most are, need no folder either.
    found = [one for one in doctest.DocTestFinder().find(module) if one.examples]
    if found:
        request.getfixturevalue("scratch")
    for one in found:
        runner.run(one, out=said.append)
    assert runner.failures == 0, "".join(said)


def test_the_blocks_of_a_page_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n```python\na = 1\n```\n- list\n\n  ```pycon\n  >>> a\n  1\n  ```\n"
        "````md\n```python\nnot code\n```\n````\n```{code-block} python\nb = 2\n```\n",
        "utf-8",
    )
    assert list(blocks(page)) == [
        Block(3, "python", "a = 1\n"),
        Block(8, "pycon", ">>> a\n1\n"),
        Block(12, "md", "```python\nnot code\n```\n"),
        Block(17, "python", "b = 2\n"),
    ]


def test_a_false_page_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A\n\n```python\n1 / 0\n```\n", "utf-8")
    (block,) = blocks(page)
    with pytest.raises(ZeroDivisionError) as caught:
        _run(page, block, {})
    assert caught.traceback[-1].lineno == 3  # counted from 0: line 4 of the page


def test_what_is_shown_and_not_printed_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint('one', 2)\n```\n```output\none ...\n```\n", "utf-8")
    run, shown = blocks(page)
    _compare(page, shown, _run(page, run, {}))
    with pytest.raises(AssertionError, match="printed was"):
        _compare(page, shown, "two\n")


# Sphinx's own plain theme takes half the time of Furo, and warns of the same.
@pytest.mark.parametrize(
    ("flows", "theme"),
    [
        ("D0010 D0091 D0304", ("-D", "html_theme=basic")),
        pytest.param("", (), marks=pytest.mark.slow, id="all"),
    ],
)
def test_the_documentation_builds_without_a_warning(
    tmp_path: Path, flows: str, theme: tuple[str, ...]
) -> None:
    result = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "sphinx",
                "-W",
                "--keep-going",
                "-q",
                "-b",
                "html",
                *theme,
                "-d",
            ),
            *(tmp_path / "doctrees", CHECKOUT / "docs", tmp_path / "html"),
        ],
        env={**os.environ, "DFLOW_DOCS_FLOWS": flows},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "html" / "index.html").is_file()
