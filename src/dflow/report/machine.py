"""A report for machines.

In: a report.  Out: plain values that JSON can hold.  This module does not write JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import cast

import attrs

from dflow.report.parts import Block, Report

__all__ = ["report_json"]


def report_json(report: Report) -> dict[str, object]:
    """The whole report; every block names its kind.

    >>> report_json(Report(title="T", verdict="All is well.", tone="good"))["tone"]
    'good'
    """
    plain = _plain(report)
    plain["sections"] = [
        {"title": one.title, "blocks": [_block(block) for block in one.blocks]}
        for one in report.sections
    ]
    return plain


def _block(block: Block) -> dict[str, object]:
    plain = _plain(block)
    # What people see is cut; machines get every row.
    plain.pop("most", None)
    return {"kind": type(block).__name__.lower(), **plain}


def _plain(value: attrs.AttrsInstance) -> dict[str, object]:
    def shown(_of: object, _field: object, inner: object) -> object:
        return inner.isoformat() if isinstance(inner, datetime) else inner

    return dict(cast("Mapping[str, object]", attrs.asdict(value, value_serializer=shown)))
