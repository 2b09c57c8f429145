"""Sphinx, MyST and Furo; the API pages are written from the package's own docstrings."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

_DOCS = Path(__file__).resolve().parent
_CHECKOUT = _DOCS.parent
_PACKAGE = _CHECKOUT / "src" / "dflow"
sys.path.insert(0, str(_CHECKOUT / "src"))

project = "dflow"
author = "the dflow maintainers"
copyright = author  # noqa: A001  the name Sphinx asks for
release = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "changelog.d"]
default_role = "py:obj"
# Several rooms have a word of the same name, such as Presence; a bare `Presence` in a
# docstring then means the one of its own room.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "special-members": "__getitem__,__bytes__"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_display_short_literal_types = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "dflow"
html_copy_source = False
html_show_sphinx = False


def _public(path: Path) -> bool:
    names = path.relative_to(_PACKAGE).with_suffix("").parts
    return all(not name.startswith("_") or name == "__init__" for name in names)


def _modules() -> list[tuple[str, str]]:
    """Every hand-written public module with its docstring, as the house orders them."""
    found = []
    for path in sorted(_PACKAGE.rglob("*.py")):
        if not _public(path) or "catalogue_data" in path.parts:
            continue
        text = path.read_text("utf-8")
        if "generated" in text.partition("\n")[0].lower():
            continue
        parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append((name, ast.get_docstring(ast.parse(text)) or ""))
    return found


def _write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _write_api() -> None:
    """One page a room: the module, or the package with its modules."""
    rooms: dict[str, list[str]] = {}
    for name, _ in _modules():
        parts = name.split(".")
        rooms.setdefault(".".join(parts[:2]), []).append(name)
    folder = _DOCS / "reference" / "api"
    for room, names in rooms.items():
        lines = [f"# {room}", ""]
        for name in names:
            package = (_PACKAGE.parent / Path(*name.split("."))).is_dir()
            if name != room:
                lines += [f"## {name}", ""]
            lines += ["```{eval-rst}", f".. automodule:: {name}"]
            lines += ["   :no-members:" if package else "   :members:", "```", ""]
        _write_if_changed(folder / f"{room}.md", "\n".join(lines))
    for stale in folder.glob("*.md"):
        if stale.stem not in rooms:
            stale.unlink()


_write_api()


def _soften(  # noqa: PLR0917  Sphinx calls it with six values
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Let docstrings write a plural, `Table`s, which reStructuredText reads as a mistake."""
    del app, what, name, obj, options
    lines[:] = [re.sub(r"(?<!`)(`[^`]+`)(?=[A-Za-z])", r"\1\\ ", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-process-docstring", _soften)
