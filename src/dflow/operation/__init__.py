"""What every operation stands on: its ledger, its clock, what differs between two versions."""

from dflow.operation.clock import Clock, SetClock, SystemClock, instant_from
from dflow.operation.ledger import (
    ClockWentBack,
    Entry,
    Ledger,
    LedgerBusy,
    LedgerError,
    interrupted,
)
from dflow.operation.versions import Difference, differences_of

__all__ = [
    "Clock",
    "ClockWentBack",
    "Difference",
    "Entry",
    "Ledger",
    "LedgerBusy",
    "LedgerError",
    "SetClock",
    "SystemClock",
    "differences_of",
    "instant_from",
    "interrupted",
]
