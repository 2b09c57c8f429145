"""Events to standard logging, one record an event.

In: events.  Out: records of the logger ``dflow.exchange``.  This module configures
nothing: levels, formats and places are the application's.  Events are transitions, not
repetitions, and hold no values of bodies, and so do the records.

The fields of an event are on the record too, as ``dflow_kind``, ``dflow_destination``,
``dflow_arrival``, ``dflow_delivery``, ``dflow_who``, ``dflow_why``, ``dflow_detail``,
``dflow_event`` (its number) and ``dflow_at``: a formatter that writes JSON takes them up.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from dflow.exchange.events import event_json, event_words
from dflow.exchange.journal import EventRow

__all__ = ["LEVELS", "LOGGER", "journal_to", "log_event", "log_to"]

#: The logger of the exchange.
LOGGER = logging.getLogger("dflow.exchange")
# A library without this would write to stderr where nobody asked for it.
LOGGER.addHandler(logging.NullHandler())

#: The level of each kind of event; those left out are information.
LEVELS: dict[str, int] = {
    "copy not made": logging.ERROR,
    "dead": logging.ERROR,
    "not recorded": logging.ERROR,
    "source unavailable": logging.ERROR,
    "rules refused": logging.ERROR,
    "unreadable": logging.ERROR,
    "waits for a person": logging.ERROR,
    "clock went back": logging.WARNING,
    "degraded": logging.WARNING,
    "diverted": logging.WARNING,
    "held": logging.WARNING,
    "no mount": logging.WARNING,
    "recovered after a crash": logging.WARNING,
    "sequence below": logging.WARNING,
    "sequence gap": logging.WARNING,
    "sequence given up": logging.WARNING,
    "sequence repeat": logging.WARNING,
    "unknown": logging.WARNING,
    "unparsable": logging.WARNING,
    "unrouted": logging.WARNING,
}


def log_event(event: EventRow) -> None:
    """One record for one event."""
    level = LEVELS.get(event.kind, logging.INFO)
    if LOGGER.isEnabledFor(level):
        extra = {f"dflow_{name}": value for name, value in event_json(event).items()}
        LOGGER.log(level, "%s", event_words(event), extra=extra)


class _JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time, level, logger, message, and the event's fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name.startswith("dflow_") and value not in (None, ""):
                told[name.removeprefix("dflow_")] = value
        if record.exc_info and record.exc_info[0] is not None:
            told["exception"] = record.exc_info[0].__name__
        return json.dumps(told)


@contextmanager
def log_to(stream: TextIO, *, form: str, level: str) -> Iterator[None]:
    """Write what dflow logs to a stream while the block runs: for a program, not a library.

    Args:
        stream: where to.
        form: ``text`` or ``json``.
        level: the least level, such as ``info``.
    """
    handler = logging.StreamHandler(stream)
    plain = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(_JsonFormatter() if form == "json" else plain)
    logger = logging.getLogger("dflow")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def journal_to(stream: TextIO) -> Iterator[None]:
    """Write to a stream that the journal fails and that it is back: no event can say so."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("dflow: %(message)s"))
    logger = logging.getLogger("dflow.exchange.journal")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
