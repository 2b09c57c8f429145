"""Sphinx, MyST and Furo; the API pages are written from the package's own docstrings."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

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
autodoc_class_signature = "mixed"
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
    names = path.relative_to(_PACKAGE.parent).with_suffix("").parts
    return all(not name.startswith("_") or name == "__init__" for name in names)


def _name(path: Path) -> str:
    parts = path.relative_to(_PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _offers(path: Path) -> bool:
    """Whether a module says that it has something to import: a filled `__all__`."""
    found = re.search(r"^__all__[^=\n]*=\s*[\[(]\s*[\"']", path.read_text("utf-8"), re.MULTILINE)
    return found is not None


def _room(path: Path) -> list[Path]:
    """The modules to show of a room: itself, and those below it if it offers nothing."""
    if path.suffix == ".py" or _offers(path / "__init__.py"):
        return [path]
    below = [
        inner
        for inner in sorted(path.glob("*.py"))
        if _public(inner)
        and inner.name != "__init__.py"
        and "generated" not in inner.read_text("utf-8").partition("\n")[0].lower()
    ]
    return [path, *below]


def _write_if_changed(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _write_api() -> None:
    """One page a room, of the names that its users import."""
    folder = _DOCS / "reference" / "api"
    written = set()
    for room in [_PACKAGE, *sorted(_PACKAGE.iterdir())]:
        is_room = room.suffix == ".py" and room.name != "__init__.py"
        if not _public(room) or not (is_room or (room / "__init__.py").is_file()):
            continue
        name = _name(room)
        lines = [f"# {name}", ""]
        # The front door has its names from the rooms, whose pages tell of them.
        for path in [room] if room == _PACKAGE else _room(room):
            lines += [f"## {_name(path)}", ""] if path != room else []
            lines += ["```{eval-rst}", f".. automodule:: {_name(path)}"]
            lines.append("   :no-members:" if room == _PACKAGE else "   :members:")
            borrowed = _borrowed(path)
            lines += [f"   :exclude-members: {', '.join(borrowed)}"] if borrowed else []
            lines += ["```", ""]
            lines += [
                f"From here too can be imported: {{py:obj}}`{one} <{home}.{one}>` from `{home}`."
                for one, home in borrowed.items()
            ]
            lines += [""] if borrowed else []
        if room == _PACKAGE:
            lines += ["From here can be imported, each when it is first asked for:", ""]
            for exported, home in _front_door().items():
                lines.append(f"- {{py:obj}}`{exported} <{home}.{exported}>` from `{home}`")
        _write_if_changed(folder / f"{name}.md", "\n".join(lines))
        written.add(name)
    for stale in folder.glob("*.md"):
        if stale.stem not in written:
            stale.unlink()


def _borrowed(room: Path) -> dict[str, str]:
    """The names that a room offers and has from another one, whose page tells of them."""
    if room == _PACKAGE or room.suffix == ".py":
        return {}
    text = (room / "__init__.py").read_text("utf-8")
    return {
        alias.name: node.module
        for node in ast.parse(text).body
        if isinstance(node, ast.ImportFrom) and node.module is not None
        if not f"{node.module}.".startswith(f"{_name(room)}.")
        for alias in node.names
        if f'"{alias.name}"' in text  # in its `__all__`
    }


def _front_door() -> dict[str, str]:
    """The names of the front door, each with the room that it comes from."""
    tree = ast.parse((_PACKAGE / "__init__.py").read_text("utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_ROOMS":
            return dict(sorted(ast.literal_eval(node.value).items()))
    return {}


def _write_flows() -> None:
    """A page for each flow version of the catalogue, and their index.

    They are two thirds of the time of a build; ``DFLOW_DOCS_FLOWS="D0010 D0089"`` makes
    the pages of some flows only.
    """
    from dflow.catalogue import bundled
    from dflow.typed.page import flow_pages

    folder = _DOCS / "reference" / "flows"
    some = os.environ.get("DFLOW_DOCS_FLOWS", "").split()
    pages = flow_pages(flow for flow in bundled() if not some or flow.flow in some)
    for name, text in pages.items():
        _write_if_changed(folder / name, text)
    for stale in folder.glob("*.md"):
        if stale.name not in pages:
            stale.unlink()


_write_api()
_write_flows()


def _soften(  # noqa: PLR0917  Sphinx calls it with six values
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Let docstrings write a plural, `Table`s, which reStructuredText reads as a mistake."""
    del app, what, name, obj, options
    lines[:] = [re.sub(r"(?<!`)(`[^`]+`)(?=[A-Za-z])", r"\1\\ ", line) for line in lines]


def _untyped(  # noqa: PLR0917  Sphinx calls it with six values
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Give a property back the words before a colon, which Napoleon takes for its type."""
    del app, name, obj, options
    if what not in ("attribute", "data", "property"):
        return
    for number, line in enumerate(lines):
        if line.startswith(":type: "):
            lines[0] = f"{line.removeprefix(':type: ')}: {lines[0]}"
            del lines[number]
            return


def _shorten(  # noqa: PLR0917  Sphinx calls it with seven values
    app: object,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Show a default that has no name as an ellipsis, and of a Protocol no call to make it.

    A signature with the `repr` of a function in it is not read as Python, and its types
    are then shown with their whole paths.
    """
    del app, name, options
    if what == "class" and getattr(obj, "_is_protocol", False):
        return "", returns
    shown = (signature or "").replace("NOTHING", "...")
    return re.sub(r"<(?:[^<>]|<[^<>]*>)*>", "...", shown) or signature, returns


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":  # what docstrings here call attributes
            field.label = "Attributes"
    app.connect("autodoc-process-signature", _shorten)
    app.connect("autodoc-process-docstring", _untyped, priority=600)  # after Napoleon's
    app.connect("autodoc-process-docstring", _soften)
