"""The PostgreSQL journal beside the kit's promises: a model, migrations, words, connections."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from attrs import define, evolve
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dflow.delivery import Quota, State, Step, Treatment
from dflow.exchange import Exchange, Mount, Source, Totals
from dflow.exchange.journal import (
    Cipher,
    EventRow,
    Journal,
    JournalError,
    LeaseLost,
    NewArrival,
    NewDelivery,
    Outcome,
    PostgresPlace,
    content_hash,
    open_postgres,
)
from dflow.exchange.journal.postgres import schema as schema_module
from dflow.exchange.numbers import Numbers
from dflow.routing import Routes
from dflow.testing.doubles import RecordingDestination
from dflow.testing.journal_model import JournalModel
from dflow.testing.journals import JournalMachine
from dflow.transport import MemoryInbox, Secret
from support_cluster import cluster
from support_older import knows_what_it_knew, older_rows
from support_postgres import administer, database
from support_pruning import pruned_in_vain


@define
class StrictLines(JournalModel):
    """Of one line one delivery is under way, even when an older one joins it."""

    def claimable(self, destination: str, now: float) -> tuple[list[int], list[int]]:
        free, heads = super().claimable(destination, now)
        busy = {
            one.line
            for one in self.deliveries.values()
            if one.destination == destination and one.state in (State.SENDING, State.UNKNOWN)
        }
        return free, [number for number in heads if self.deliveries[number].line not in busy]


def machine(place: PostgresPlace) -> type[JournalMachine]:
    class InPostgres(JournalMachine):
        def __init__(self) -> None:
            self.place = evolve(place, schema=f"s{secrets.token_hex(6)}")
            super().__init__()
            self.model = StrictLines()

        def open(self) -> Journal:
            return open_postgres(self.place)

        def discard(self) -> None:
            statement = f"DROP SCHEMA {self.place.schema} CASCADE"
            with closing(connected(self.place)) as connection:
                connection.execute(statement)

    return InPostgres


def connected(place: PostgresPlace) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=place.host, port=place.port, dbname=place.database, user="postgres", autocommit=True
    )


@contextmanager
def stood(examples: int, steps: int) -> Iterator[None]:
    with database(lease=60.0) as place:
        run_state_machine_as_test(
            machine(place),
            settings=settings(
                max_examples=examples, stateful_step_count=steps, deadline=None, database=None
            ),
        )
        yield


def test_a_journal_in_postgresql_stands_the_machine() -> None:
    with stood(4, 25):
        pass


@pytest.mark.slow
def test_a_journal_in_postgresql_stands_the_machine_for_long() -> None:
    with stood(300, 50):
        pass


def arrival(content: bytes, key: str) -> NewArrival:
    return NewArrival(
        at=1.0,
        source="gateway",
        name="a.usr",
        content=content,
        outcome=Outcome.ROUTED,
        deliveries=(NewDelivery(destination="old", key=key),),
    )


def test_what_the_dead_were_asking_about_is_free_for_others_at_once() -> None:
    with database(lease=60.0) as place:
        with closing(open_postgres(place)) as first, closing(open_postgres(place)) as other:
            (number,) = first.record(arrival(b"x", "k")).deliveries
            first.claim("old", now=2.0, limit=1)
            first.step(number, Step.LOST, at=2.0, due=2.0, started=2.0)
            assert [row.id for row in first.unknown("old", now=3.0, limit=9)] == [number]
            assert other.unknown("old", now=3.0, limit=9) == []
        with closing(open_postgres(place)) as second:
            assert [row.id for row in second.unknown("old", now=3.0, limit=9)] == [number]


def test_sealed_payloads_are_not_plain_in_the_database() -> None:
    content, key = b"026|1212345678902|V|" * 99, Secret(base64.b64encode(bytes(range(32))).decode())
    with database() as place:
        with closing(open_postgres(place, cipher=Cipher.of(key))) as journal:
            journal.record(arrival(content, "k"))
            assert journal.payload(content_hash(content)) == content
        with closing(connected(place)) as connection:
            tables = connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'dflow'"
            ).fetchall()
            values = [
                value if isinstance(value, bytes) else str(value).encode()
                for (table,) in tables
                for row in connection.execute(f"SELECT * FROM dflow.{table}")  # noqa: S608  names of the catalogue
                for value in row
            ]
    assert any(len(value) > len(content) for value in values)
    assert not any(b"1212345678902" in value for value in values)
    assert not any(key.reveal().encode() in value for value in values)


@pytest.mark.parametrize("version", range(1, schema_module.SCHEMA_VERSION))
def test_an_older_schema_keeps_all_it_knows(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, version: int
) -> None:
    caplog.set_level(logging.INFO, "dflow.exchange.journal")
    with database() as place:
        with monkeypatch.context() as older:
            older.setattr(schema_module, "_VERSIONS", schema_module._VERSIONS[:version])
            older.setattr(schema_module, "SCHEMA_VERSION", version)
            open_postgres(place).close()
        with closing(connected(place)) as connection:
            connection.execute(f"SET search_path TO {place.schema}")
            older_rows(connection.execute, "%s", numbered=version >= 2)
            # Rows that bring their number do not count it up there.
            for table in ("arrival", "delivery", *["payload"] * (version >= 2)):
                connection.execute(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH 91")
        assert caplog.records == [], "a new one says nothing"
        journal = open_postgres(place)
        newest = schema_module.SCHEMA_VERSION
        words = f"schema {place.schema}: its tables are brought from version {version} to {newest}"
        assert caplog.records[0].getMessage().startswith(words)
        assert len(caplog.records) == 1 + newest - version
        knows_what_it_knew(journal)
        journal.close()


def test_a_newer_schema_is_refused() -> None:
    with database() as place:
        open_postgres(place).close()
        with closing(connected(place)) as connection:
            connection.execute(
                "UPDATE dflow.version SET number = %s", (schema_module.SCHEMA_VERSION + 1,)
            )
        with pytest.raises(JournalError, match="this dflow knows up to"):
            open_postgres(place)


def test_what_cannot_be_opened_is_one_clear_error() -> None:
    with database() as place:
        for wrong, expected in (
            (evolve(place, database="no_such_database"), "does not exist"),
            (evolve(place, port=1), r"refused|failed"),
        ):
            with pytest.raises(JournalError, match=expected) as found:
                open_postgres(evolve(wrong, password=Secret("hunter2")))
            assert "hunter2" not in str(found.value)
            assert "\n" not in str(found.value)


def test_a_lost_connection_is_opened_again_as_another_worker() -> None:
    with database(lease=60.0) as place, closing(open_postgres(place)) as journal:
        journal.record(arrival(b"x", "k1"))
        journal.record(arrival(b"y", "k2"))
        assert len(journal.claim("old", now=2.0, limit=1)) == 1
        before = journal.worker

        def cut_in_the_middle() -> None:
            with journal.transaction():
                journal.record(arrival(b"z", "k3"))
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                administer(place.host, place.port, f"{end}'{place.database}'")
                journal.note(EventRow(at=1.0, kind="never"))

        with pytest.raises(JournalError):
            cut_in_the_middle()
        assert journal.events() == []
        # What was taken before may be under way: nothing is taken until that was told.
        with pytest.raises(LeaseLost):
            journal.claim("old", now=2.0, limit=1)
        with pytest.raises(LeaseLost):
            journal.renew(at=2.0)
        assert [row.key for row in journal.claim("old", now=2.0, limit=9)] == ["k2"]
        assert journal.worker != before


@pytest.mark.slow  # the default run kills a server under load, in test_exchange_workers
def test_committed_means_on_the_disk() -> None:
    """The server is killed right after a commit, and started again: it is there."""
    with cluster() as own:
        place = PostgresPlace(host="127.0.0.1", port=own.port, database="postgres", user="postgres")
        with closing(open_postgres(place)) as journal, journal.transaction():
            for number in range(50):
                journal.record(arrival(b"%d" % number, f"k{number}"))
        lock = own.data / "postmaster.pid"
        os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
        for _ in range(25):
            time.sleep(0.2)
            lock.unlink(missing_ok=True)
            started = subprocess.run([str(own.start)], check=False, capture_output=True)
            if started.returncode == 0:
                break
        with closing(open_postgres(place)) as journal:
            assert journal.outcomes() == {Outcome.ROUTED: 50}


def test_events_that_come_late_are_told_once() -> None:
    def events(*numbers: int) -> list[EventRow]:
        return [EventRow(id=number, at=1.0, kind="x") for number in numbers]

    seen = Numbers(mark=3)
    assert [one.id for one in seen.fresh(events(4, 6), 0.0)] == [4, 6]
    assert seen.mark == 4, "5 may still come"
    assert [one.id for one in seen.fresh(events(5, 6, 8), 1.0)] == [5, 8]
    assert seen.mark == 6
    assert seen.fresh(events(8), 2.0) == []
    seen.fresh(events(8), 30.0)
    assert seen.mark == 8, "7 was undone"


def test_two_exchanges_share_the_work_and_the_quota() -> None:
    """Over one journal: every file once, and no more attempts in a day than one may make."""
    rules = 'destination old "old"\nroute all: flow D0010 to M/OLDM deliver old\n'
    there = RecordingDestination()

    def exchange(journal: Journal, files: range) -> Exchange:
        inbox = MemoryInbox()
        for number in files:
            head = f"ZHV|{number:010}|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|\n"
            inbox.put(head.encode(), name=f"{number}.usr")
        treatment = Treatment(concurrency=2, quota=Quota(per_day=25))
        return Exchange(
            routes=Routes.parse(rules),
            journal=journal,
            mounts=[Mount(name="old", outbox=there, treatment=treatment)],
            sources=[Source(name="gateway", inbox=inbox)],
        )

    async def both(one: Journal, other: Journal) -> tuple[Totals, Totals]:
        # Ten files come to both.
        return await asyncio.gather(
            exchange(one, range(25)).run(once=True), exchange(other, range(15, 40)).run(once=True)
        )

    with (
        database(lease=5.0) as place,
        closing(open_postgres(place)) as one,
        closing(open_postgres(place)) as other,
    ):
        found = asyncio.run(both(one, other))
        assert sum(totals.arrivals[Outcome.ROUTED] for totals in found) == 40
        assert sum(totals.arrivals.get(Outcome.REPEAT, 0) for totals in found) == 10
        assert there.attempts == 25
        assert len({parcel.key for parcel in there.parcels}) == 25
        (left,) = one.backlog()
        assert (left.state, left.number) == (State.DUE, 15)


def test_what_is_pruned_in_vain_still_has_its_bytes(tmp_path: Path) -> None:
    with (
        database() as place,
        closing(
            open_postgres(place, payloads=tmp_path / "j.payloads", payloads_above=1)
        ) as journal,
    ):
        pruned_in_vain(journal, tmp_path)
