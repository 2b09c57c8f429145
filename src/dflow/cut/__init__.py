"""Data cuts: an archive's files of one party or portfolio, with a manifest and its proofs."""

from dflow.cut.agreement import (
    ComparedItem,
    Disagreement,
    bundled_items,
    disagreements,
    items_from,
)
from dflow.cut.allocation import Clash, clashes, shared
from dflow.cut.making import cut, refresh
from dflow.cut.manifest import CutFile, CutRules, Manifest, Skip, read_manifest

__all__ = [
    "Clash",
    "ComparedItem",
    "CutFile",
    "CutRules",
    "Disagreement",
    "Manifest",
    "Skip",
    "bundled_items",
    "clashes",
    "cut",
    "disagreements",
    "items_from",
    "read_manifest",
    "refresh",
    "shared",
]
