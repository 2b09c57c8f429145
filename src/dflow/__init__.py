"""dflow: parse, check, write, route, clone and deliver the energy market's data flows."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dflow.catalogue import Catalogue, bundled
    from dflow.envelope import Header
    from dflow.exchange import Exchange, Mount, Source
    from dflow.findings import Finding, Report, Severity
    from dflow.flow import Flow, Group
    from dflow.parse import read, scan
    from dflow.routing import Routes
    from dflow.validate import Profile, check
    from dflow.writer import RefusedFlow, build, write

__all__ = (
    "Catalogue",
    "Exchange",
    "Finding",
    "Flow",
    "Group",
    "Header",
    "Mount",
    "Profile",
    "RefusedFlow",
    "Report",
    "Routes",
    "Severity",
    "Source",
    "build",
    "bundled",
    "check",
    "read",
    "scan",
    "write",
)

#: Where each name of the front door lives; fetched when first asked for (PEP 562).
_ROOMS = {
    "Catalogue": "dflow.catalogue",
    "Exchange": "dflow.exchange",
    "Finding": "dflow.findings",
    "Flow": "dflow.flow",
    "Group": "dflow.flow",
    "Header": "dflow.envelope",
    "Mount": "dflow.exchange",
    "Profile": "dflow.validate",
    "RefusedFlow": "dflow.writer",
    "Report": "dflow.findings",
    "Routes": "dflow.routing",
    "Severity": "dflow.findings",
    "Source": "dflow.exchange",
    "build": "dflow.writer",
    "bundled": "dflow.catalogue",
    "check": "dflow.validate",
    "read": "dflow.parse",
    "scan": "dflow.parse",
    "write": "dflow.writer",
}


def __getattr__(name: str) -> object:
    room = _ROOMS.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(room), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
