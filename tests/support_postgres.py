"""Databases for tests: each is made for one test on the server that is there, and dropped."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from dflow.exchange.journal import Journal, PostgresPlace, open_postgres
from services import require


def administer(host: str, port: int, statement: str) -> None:
    """Run one statement as the server's administrator."""
    with closing(
        psycopg.connect(host=host, port=port, user="postgres", dbname="postgres", autocommit=True)
    ) as connection:
        connection.execute(statement)


@contextmanager
def database(lease: float = 1.0, *, host: str = "", port: int = 0) -> Iterator[PostgresPlace]:
    """A new, empty database, as the place of a journal."""
    if not host:
        host, port = require("postgres")
    name = f"dflow_test_{secrets.token_hex(6)}"
    administer(host, port, f"CREATE DATABASE {name}")
    try:
        yield PostgresPlace(host=host, port=port, database=name, user="postgres", lease=lease)
    finally:
        administer(host, port, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def opened(place: PostgresPlace) -> Journal:
    """A journal there; other processes may be given this."""
    return open_postgres(place)
