"""The modules of the package, for the tests about the house."""

from __future__ import annotations

from pathlib import Path

from support import CHECKOUT

PACKAGE = CHECKOUT / "src" / "dflow"


def name_of(path: Path) -> str:
    """The dotted name of a module file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_generated(path: Path) -> bool:
    """Whether a module's first lines say that a generator wrote it."""
    with path.open(encoding="utf-8") as lines:
        return any("generated" in line.lower() for _, line in zip(range(2), lines, strict=False))


def modules(*, private: bool = False, generated: bool = False) -> list[Path]:
    """The module files of the package, sorted."""
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if "catalogue_data" not in path.parts
        and (private or not any(_is_private(part) for part in name_of(path).split(".")))
        and (generated or not is_generated(path))
    ]


def _is_private(part: str) -> bool:
    return part.startswith("_") and part != "__main__"
