"""Every public module says what it offers, all of it, and documents every name."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from house.package import modules, name_of

_MODULES = [path for path in modules() if path.name != "__main__.py"]


def _exported(tree: ast.Module) -> list[str] | None:
    """The names of `__all__`, or None if the module has none."""
    for node in tree.body:
        target = None
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        if isinstance(target, ast.Name) and target.id == "__all__":
            if isinstance(value, ast.List | ast.Tuple):
                return [str(ast.literal_eval(element)) for element in value.elts]
            return [str(name) for name in ast.literal_eval(value)]
    return None


def _defined(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """The public names that a module defines itself, with the statements."""
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign) and not _is_type_variable(node.value):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        yield from ((name, node) for name in names if not name.startswith("_"))


def _is_type_variable(value: ast.expr) -> bool:
    """A type variable has a name for the type checker only; nobody imports it."""
    made = value.func if isinstance(value, ast.Call) else None
    return isinstance(made, ast.Name) and made.id in ("TypeVar", "ParamSpec")


def _documented(source: list[str], body: list[ast.stmt], node: ast.stmt) -> bool:
    """A docstring, or for a constant a `#:` comment above it or a string below it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return bool(ast.get_docstring(node))
    above = node.lineno - 2
    while above >= 0 and source[above].lstrip().startswith("#"):
        if source[above].lstrip().startswith("#:"):
            return True
        above -= 1
    after = body[body.index(node) + 1 :][:1]
    return (
        bool(after) and isinstance(after[0], ast.Expr) and isinstance(after[0].value, ast.Constant)
    )


@pytest.mark.parametrize("path", _MODULES, ids=name_of)
def test_all_is_complete(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    exported = _exported(tree)
    if len(tree.body) == 1 and ast.get_docstring(tree):
        exported = []  # a package that only says what lies in it
    assert exported is not None, f"{name_of(path)} has no __all__"
    assert len(exported) == len(set(exported))
    missing = [name for name, _ in _defined(tree) if name not in exported]
    assert not missing, f"{name_of(path)}: public, but not in __all__: {missing}"


@pytest.mark.parametrize("path", _MODULES, ids=name_of)
def test_every_name_is_there_and_documented(path: Path) -> None:
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{name_of(path)} has no docstring"
    exported = _exported(tree) or []
    module = importlib.import_module(name_of(path))
    absent = [name for name in exported if not hasattr(module, name)]
    assert not absent, f"{name_of(path)}: in __all__, but not there: {absent}"
    bare = [
        name
        for name, node in _defined(tree)
        if name in exported and not _documented(text.splitlines(), tree.body, node)
    ]
    assert not bare, f"{name_of(path)}: exported, but not documented: {bare}"


def test_the_check_sees_what_it_looks_for() -> None:
    text = '"""Doc."""\n__all__ = ["a"]\ndef a(): pass\ndef b(): "b"\nC = 1\n_d = 2\n'
    tree = ast.parse(text)
    assert _exported(tree) == ["a"]
    assert [name for name, _ in _defined(tree)] == ["a", "b", "C"]
    documented = [
        name for name, node in _defined(tree) if _documented(text.splitlines(), tree.body, node)
    ]
    assert documented == ["b"]
