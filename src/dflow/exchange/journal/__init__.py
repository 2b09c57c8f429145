"""The journal: what arrived, what was decided, what was sent, and what came of it."""

from dflow.exchange.journal.cipher import Cipher, new_key
from dflow.exchange.journal.damaged import Seen
from dflow.exchange.journal.opening import open_journal
from dflow.exchange.journal.payloads import content_hash
from dflow.exchange.journal.port import Journal, JournalBusy, JournalError, LeaseLost
from dflow.exchange.journal.postgres import PostgresJournal, PostgresPlace, open_postgres
from dflow.exchange.journal.rows import (
    COPIES,
    ArrivalRow,
    AttemptRow,
    Backlog,
    DeliveryRow,
    EventRow,
    LaneRow,
    NewArrival,
    NewDelivery,
    Outcome,
    Pruned,
    Query,
    Recorded,
)
from dflow.exchange.journal.salvage import Salvaged, is_whole, salvage_journal
from dflow.exchange.journal.sequences import SequenceRow, Span, Standing, Taken
from dflow.exchange.journal.sqlite import SqliteJournal

__all__ = [
    "COPIES",
    "ArrivalRow",
    "AttemptRow",
    "Backlog",
    "Cipher",
    "DeliveryRow",
    "EventRow",
    "Journal",
    "JournalBusy",
    "JournalError",
    "LaneRow",
    "LeaseLost",
    "NewArrival",
    "NewDelivery",
    "Outcome",
    "PostgresJournal",
    "PostgresPlace",
    "Pruned",
    "Query",
    "Recorded",
    "Salvaged",
    "Seen",
    "SequenceRow",
    "Span",
    "SqliteJournal",
    "Standing",
    "Taken",
    "content_hash",
    "is_whole",
    "new_key",
    "open_journal",
    "open_postgres",
    "salvage_journal",
]
