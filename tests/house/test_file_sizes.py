"""A hand-written module stays short enough to be read in one sitting."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from house.package import modules, name_of

_LINES_OF_A_MODULE = 400
_LINES_OF_A_FUNCTION = 60

#: Tables, which grow by rows and are read by looking up.
_TABLES = {"dflow.findings.table"}


@pytest.mark.parametrize("path", modules(private=True), ids=name_of)
def test_module_and_functions_are_short(path: Path) -> None:
    text = path.read_text("utf-8")
    if name_of(path) not in _TABLES:
        assert text.count("\n") <= _LINES_OF_A_MODULE, "look for the second noun"
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 - _docstring_lines(node) > _LINES_OF_A_FUNCTION
    ]
    assert not long, f"{name_of(path)}: {long}"


def _docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (ast.get_docstring(node) or "").count("\n") + 1
