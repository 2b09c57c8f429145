"""The tables of the SQLite journal, version by version.

In: a connection.  Out: a database of the newest version.  This module does not know what
the rows mean.  A version's statements are never edited once released: a change is the
next entry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from dflow.exchange.journal.known import digest_of
from dflow.exchange.journal.upgrade import Upgrade

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

# A hash is anywhere in its index, so each index of hashes costs a page of its own for every
# row that comes or goes, once the journal is large.  None is left: what has bytes names them
# by a number that grows with time, a key is looked for among what has the same bytes, and
# `known` is kept by `dflow.exchange.journal.known`.
_VERSION_4 = f"""
DROP TRIGGER own_bytes_made;
DROP TRIGGER own_bytes_forgotten;
DROP TABLE own_bytes;
CREATE TABLE payload_4 (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    body BLOB,                       -- NULL: in the folder beside the database
    sealed TEXT NOT NULL DEFAULT ''
);
INSERT INTO payload_4 (hash, size, body, sealed)
    SELECT hash, size, body, sealed FROM payload ORDER BY rowid;
DROP TABLE payload;
ALTER TABLE payload_4 RENAME TO payload;
CREATE INDEX payload_sealed ON payload (sealed) WHERE sealed > '';
CREATE TABLE known (
    digest INTEGER NOT NULL,         -- the first 64 bits of a payload's hash
    payload INTEGER NOT NULL,        -- its number; it may have been pruned
    PRIMARY KEY (digest, payload)
) WITHOUT ROWID;
INSERT INTO known SELECT dflow_digest(hash), id FROM payload ORDER BY 1;
ALTER TABLE arrival ADD COLUMN payload INTEGER REFERENCES payload (id);
UPDATE arrival SET payload = (SELECT p.id FROM known k JOIN payload p ON p.id = k.payload
    WHERE k.digest = dflow_digest(arrival.hash) AND p.hash = arrival.hash);
DROP INDEX arrival_hash;
CREATE INDEX arrival_payload ON arrival (payload);
CREATE TABLE delivery_4 (
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
    about INTEGER NOT NULL,          -- the payload of its arrival; 0: that has none
    key TEXT NOT NULL,
    line TEXT NOT NULL,
    hash TEXT NOT NULL,
    payload INTEGER REFERENCES payload (id),  -- NULL: that of its arrival
    address TEXT NOT NULL,           -- JSON
    notes TEXT NOT NULL,             -- JSON
    place TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (about, key)
);
INSERT INTO delivery_4 (id, arrival, destination, kind, rule, fallback, state, attempts, due,
    made, changed, about, key, line, hash, payload, address, notes, place, reason)
    SELECT d.id, d.arrival, d.destination, d.kind, d.rule, d.fallback, d.state, d.attempts, d.due,
    d.made, d.changed, coalesce(a.payload, 0), d.key, d.line, d.hash,
    CASE WHEN d.hash <> a.hash THEN (SELECT p.id FROM known k JOIN payload p ON p.id = k.payload
        WHERE k.digest = dflow_digest(d.hash) AND p.hash = d.hash) END,
    d.address, d.notes, d.place, d.reason
    FROM delivery d JOIN arrival a ON a.id = d.arrival ORDER BY d.id;
DELETE FROM sqlite_sequence WHERE name = 'delivery_4';
INSERT INTO sqlite_sequence SELECT 'delivery_4', seq FROM sqlite_sequence WHERE name = 'delivery';
DROP TABLE delivery;
ALTER TABLE delivery_4 RENAME TO delivery;
CREATE INDEX delivery_arrival ON delivery (arrival);
CREATE INDEX delivery_due ON delivery (destination, line, due, id) WHERE {ACTIVE};
CREATE INDEX delivery_line ON delivery (destination, line, id) WHERE {ACTIVE};
CREATE INDEX delivery_open ON delivery (destination, state, made)
    WHERE state NOT IN ('delivered', 'cancelled');
CREATE INDEX delivery_payload ON delivery (payload) WHERE payload IS NOT NULL;
"""

# `number` is the highest; which were seen below it was not kept until now, so the watch of
# what is missing begins there.  Ranges of what is missing are kept as ``7-7,9-12``.
_VERSION_5 = """
ALTER TABLE sequence ADD COLUMN lowest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sequence ADD COLUMN missing TEXT NOT NULL DEFAULT '';
UPDATE sequence SET lowest = number;
CREATE INDEX sequence_missing ON sequence (source) WHERE missing > '';
CREATE INDEX event_kind ON event (kind, id);
"""

#: One entry a version, the first being version 1.  `payload.sealed` names the key that
#: sealed the body; empty: plain.
_VERSIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)

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


def migrate(
    connection: sqlite3.Connection, *, to: int | None = None, where: str = "the journal"
) -> int:
    """Bring the database to the newest version, each step whole; that version.

    Foreign keys must not be enforced yet: a step may replace a table that others name.

    Args:
        connection: of the database.
        to: an older version to stop at, such as for rows of that version.
        where: the journal's name, for those who wait for it.
    """
    connection.create_function("dflow_digest", 1, digest_of)
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        raise SchemaTooNew(f"schema version {found}; this dflow knows up to {SCHEMA_VERSION}")
    to = SCHEMA_VERSION if to is None else to
    if found >= to:
        return found
    upgrade = Upgrade(where, found, to)
    with upgrade.told():
        while found < to:
            _next(connection, found, upgrade)
            found = int(connection.execute("PRAGMA user_version").fetchone()[0])
            upgrade.reached(found)
    return found


def _next(connection: sqlite3.Connection, found: int, upgrade: Upgrade) -> None:
    """Bring the database from one version to the next, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have been faster: what counts is seen under the lock.
        now = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if now == found:
            statements = list(_statements(_VERSIONS[now]))
            for number, statement in enumerate(statements, start=1):
                upgrade.part(now + 1, number, len(statements))
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {now + 1}")
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has undone it already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
