"""What every operation stands on: its ledger, its clock, its calendar of working days."""

from dflow.operation.clock import Clock, SetClock, SystemClock, instant_from
from dflow.operation.ledger import ClockWentBack, Entry, Ledger, LedgerBusy, LedgerError

__all__ = [
    "Clock",
    "ClockWentBack",
    "Entry",
    "Ledger",
    "LedgerBusy",
    "LedgerError",
    "SetClock",
    "SystemClock",
    "instant_from",
]
