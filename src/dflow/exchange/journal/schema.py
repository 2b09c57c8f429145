"""The tables of the SQLite journal, version by version.

In: a connection.  Out: a database of the newest version.  This module does not know what
the rows mean.  A version's statements are never edited once released: a change is the
next entry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

__all__ = ["ACTIVE", "SCHEMA_VERSION", "SchemaTooNew", "migrate"]

#: The states of the partial indexes; queries repeat the text, so that SQLite sees it.
ACTIVE = "state IN ('due', 'retrying', 'sending', 'unknown')"

_VERSION_1 = f"""
CREATE TABLE payload (
    hash TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    body BLOB                        -- NULL: in the folder beside the database
);
CREATE TABLE arrival (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,              -- empty: the bytes could not be had
    size INTEGER NOT NULL,
    flow TEXT NOT NULL,
    version TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    file_id TEXT NOT NULL,
    address TEXT NOT NULL,           -- JSON
    outcome TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    decision TEXT NOT NULL,          -- JSON
    rules_hash TEXT NOT NULL,
    repeat_of INTEGER
);
CREATE INDEX arrival_hash ON arrival (hash);
CREATE INDEX arrival_at ON arrival (at);
CREATE INDEX arrival_file_id ON arrival (file_id);
CREATE INDEX arrival_outcome ON arrival (outcome, at);
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    arrival INTEGER NOT NULL REFERENCES arrival (id),
    destination TEXT NOT NULL,
    kind TEXT NOT NULL,
    rule TEXT NOT NULL,
    fallback TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due REAL NOT NULL,
    made REAL NOT NULL,
    changed REAL NOT NULL,
    key TEXT NOT NULL UNIQUE,
    line TEXT NOT NULL,
    hash TEXT NOT NULL,
    address TEXT NOT NULL,           -- JSON
    notes TEXT NOT NULL,             -- JSON
    place TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX delivery_arrival ON delivery (arrival);
CREATE INDEX delivery_due ON delivery (destination, line, due, id) WHERE {ACTIVE};
CREATE INDEX delivery_line ON delivery (destination, line, id) WHERE {ACTIVE};
CREATE INDEX delivery_open ON delivery (destination, state, made)
    WHERE state NOT IN ('delivered', 'cancelled');
CREATE TABLE attempt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery INTEGER NOT NULL REFERENCES delivery (id),
    destination TEXT NOT NULL,
    number INTEGER NOT NULL,
    started REAL NOT NULL,
    ended REAL NOT NULL,
    step TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX attempt_delivery ON attempt (delivery);
CREATE INDEX attempt_started ON attempt (destination, started);
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    destination TEXT NOT NULL,
    arrival INTEGER,
    delivery INTEGER,
    detail TEXT NOT NULL
);
CREATE TABLE lane (
    destination TEXT PRIMARY KEY,
    paused INTEGER NOT NULL,
    diverted INTEGER NOT NULL,
    down_since REAL
);
CREATE TABLE sequence (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (source, target)
);
"""

_VERSION_2 = """
ALTER TABLE payload ADD COLUMN sealed TEXT NOT NULL DEFAULT '';
CREATE INDEX payload_sealed ON payload (sealed) WHERE sealed > '';
"""

# `tally` counts the arrivals of each outcome, so that nobody has to count millions.
# `own_bytes` has the deliveries whose bytes are not their arrival's: the only ones that an
# arrival's own row does not keep from being swept.  The database keeps both true itself.
_VERSION_3 = """
CREATE TABLE tally (
    outcome TEXT PRIMARY KEY,
    number INTEGER NOT NULL
);
INSERT INTO tally SELECT outcome, COUNT(*) FROM arrival GROUP BY outcome;
CREATE TRIGGER tally_arrived AFTER INSERT ON arrival BEGIN
    INSERT INTO tally VALUES (NEW.outcome, 1)
        ON CONFLICT (outcome) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER tally_settled AFTER UPDATE OF outcome ON arrival BEGIN
    UPDATE tally SET number = number - 1 WHERE outcome = OLD.outcome;
    INSERT INTO tally VALUES (NEW.outcome, 1)
        ON CONFLICT (outcome) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER tally_forgotten AFTER DELETE ON arrival BEGIN
    UPDATE tally SET number = number - 1 WHERE outcome = OLD.outcome;
END;
CREATE TABLE own_bytes (
    delivery INTEGER PRIMARY KEY,
    hash TEXT NOT NULL
);
CREATE INDEX own_bytes_hash ON own_bytes (hash);
INSERT INTO own_bytes SELECT d.id, d.hash FROM delivery d JOIN arrival a ON a.id = d.arrival
    WHERE a.hash <> d.hash;
CREATE TRIGGER own_bytes_made AFTER INSERT ON delivery
    WHEN NEW.hash <> (SELECT hash FROM arrival WHERE id = NEW.arrival) BEGIN
    INSERT INTO own_bytes VALUES (NEW.id, NEW.hash);
END;
CREATE TRIGGER own_bytes_forgotten AFTER DELETE ON delivery BEGIN
    DELETE FROM own_bytes WHERE delivery = OLD.id;
END;
"""

#: One entry a version, the first being version 1.  `payload.sealed` names the key that
#: sealed the body; empty: plain.
_VERSIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3)

#: The version of the tables that this dflow writes.
SCHEMA_VERSION = len(_VERSIONS)


class SchemaTooNew(Exception):
    """The database was written by a newer dflow."""


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, triggers whole."""
    statement = ""
    for part in script.split(";")[:-1]:
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def migrate(connection: sqlite3.Connection) -> int:
    """Bring the database to the newest version, each step whole; that version."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        raise SchemaTooNew(f"schema version {found}; this dflow knows up to {SCHEMA_VERSION}")
    while found < SCHEMA_VERSION:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been faster: what counts is seen under the lock.
            now = int(connection.execute("PRAGMA user_version").fetchone()[0])
            if now < SCHEMA_VERSION:
                for statement in _statements(_VERSIONS[now]):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {now + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return found
