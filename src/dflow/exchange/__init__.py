"""The exchange: the only place where reading, deciding and sending meet."""

from dflow.exchange.check import held_by_check
from dflow.exchange.config import Wiring, load_wiring
from dflow.exchange.driver import Exchange, Source, Totals
from dflow.exchange.journal import (
    Journal,
    JournalError,
    PostgresJournal,
    PostgresPlace,
    SqliteJournal,
    open_journal,
    open_postgres,
)
from dflow.exchange.lane import Mount
from dflow.exchange.operations import OperationRefused, Operations
from dflow.exchange.seen import Watcher
from dflow.exchange.telemetry import Telemetry

__all__ = [
    "Exchange",
    "Journal",
    "JournalError",
    "Mount",
    "OperationRefused",
    "Operations",
    "PostgresJournal",
    "PostgresPlace",
    "Source",
    "SqliteJournal",
    "Telemetry",
    "Totals",
    "Watcher",
    "Wiring",
    "held_by_check",
    "load_wiring",
    "open_journal",
    "open_postgres",
]
