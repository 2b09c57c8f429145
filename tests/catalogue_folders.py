"""Catalogue folders made for tests: a small flow, its items, and overlays over them."""

from __future__ import annotations

from pathlib import Path

from dflow.catalogue import Catalogue

FLOW = """\
flow = "F0001"
version = "001"
name = "Made up"
owner = "US"
provenance = "made: by hand"
routes = ["Us -> Them"]

[[group]]
code = "AAA"
level = 1
range = "1-*"
name = "Top"
items = [
    "J0001",  # One
    "J0002 optional",  # Two
]

[[group]]
code = "BBB"
level = 2
range = "0-1"
items = ["J0003"]
"""
ITEMS = """\
[J0001]
name = "One"
format = "INT(5)"
provenance = "made: by hand"

[J0002]
name = "Two"
provenance = "made: by hand"

[J0003]
name = "Three"
format = "CHAR(1)"
provenance = "made: by hand"
"""
CODES = """\
[J0003]
complete = false
[J0003.codes]
A = "Apple"
"""


def made(folder: Path, **texts: str) -> Path:
    """A folder with these files; ``flow_F0001_001`` is ``F0001/001.toml``, and so on."""
    for name, text in texts.items():
        path = folder.joinpath(*name.removeprefix("flow_").split("_")).with_suffix(".toml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folder.mkdir(exist_ok=True)
    return folder


def base(tmp_path: Path) -> Catalogue:
    """A catalogue of one flow version."""
    return Catalogue(made(tmp_path / "base", flow_F0001_001=FLOW, items_J00=ITEMS, codes_J00=CODES))
