"""A journal with a million deliveries against one with few: what slows, and what grows.

The journal is filled by statements, not by sending: 500,000 arrivals of 4 kB, each with an
original and a copy that were delivered at the first attempt, over the last ninety days; in
either journal fifty deliveries are dead and fifty wait for a person.  Then, in turns with a
journal of 2,000, files go through an exchange, the questions of operators are asked, and the
oldest arrivals are pruned, each two hundred of them in one durable commit.

Run as a script, with the number of deliveries, the files of a turn and the rounds:
``PYTHONPATH=src:tests python -m bench.scale 1000000 400 5``.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.test_bench_exchange import exchange, fill
from dflow.delivery import State
from dflow.exchange import open_journal
from dflow.exchange.journal import Query, SqliteJournal
from dflow.exchange.journal.known import digest_of
from dflow.exchange.status import status_of

_DAYS = 90.0
#: So many are dead, and so many held.
_OPEN = 50
_PADDING = b"026|1099000000010|V|\n" * 195


def _content(number: int) -> bytes:
    header = f"ZHV|B{number:09}|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|\n"
    return header.encode() + _PADDING


def _address(number: int) -> str:
    words = {
        "flow": "D0010",
        "version": "002",
        "sender_role": "M",
        "sender": "WEST",
        "recipient_role": "M",
        "recipient": "OLDM",
        "file_id": f"B{number:09}",
        "created": "20260601120000",
        "sending_application": "",
        "receiving_application": "",
        "test_flag": "OPER",
    }
    return json.dumps(words, sort_keys=True)


_DECISION = json.dumps(
    {
        "at": "2026-06-01T12:00:00+00:00",
        "barred": [],
        "because": "all: flow D0010 to M/OLDM",
        "considered": [
            {"fits": True, "rule": "all", "text": "route all: flow D0010 to M/OLDM deliver old"},
            {
                "fits": True,
                "rule": "migration",
                "text": "clone migration: flow D0010 to M/OLDM copy new",
            },
        ],
        "outcome": "deliver",
        "rule": "all",
        "rules_hash": hashlib.sha256(b"rules").hexdigest(),
    },
    sort_keys=True,
)

_ARRIVAL = (
    "INSERT INTO arrival (id, at, source, name, hash, size, flow, version, sender, recipient,"
    " file_id, address, outcome, rule, reason, decision, rules_hash, repeat_of, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_DELIVERY = (
    "INSERT INTO delivery (id, arrival, destination, kind, rule, fallback, state, attempts, due,"
    " made, changed, about, key, line, hash, address, notes, place, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ATTEMPT = (
    "INSERT INTO attempt (delivery, destination, number, started, ended, step, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)

_Rows = tuple[tuple[object, ...], list[tuple[object, ...]], list[tuple[object, ...]]]


def _rows(
    numbers: range, many: int, now: float
) -> Iterator[tuple[tuple[int, str, int, bytes], _Rows]]:
    """The row of an arrival's payload, its own, its deliveries', their attempts'."""
    apart = 2 * many // _OPEN
    for number in numbers:
        content = _content(number)
        hash_ = hashlib.sha256(content).hexdigest()
        at = now - _DAYS * 86400.0 * (1.0 - number / many)
        address, name = _address(number), f"B{number:09}.usr"
        arrival = (
            *(number, at, "gateway", name, hash_, len(content), "D0010", "002", "WEST", "OLDM"),
            *(f"B{number:09}", address, "routed", "all", "", _DECISION, hash_, None),
            number,
        )
        deliveries: list[tuple[object, ...]] = []
        attempts: list[tuple[object, ...]] = []
        for place, (to, kind, rule) in enumerate(
            [("old", "original", "all"), ("new", "copy", "migration")]
        ):
            id_ = 2 * number + place - 1
            state = {0: "dead", 1: "held"}.get(id_ % apart, "delivered")
            key = hashlib.sha256(f"{hash_}{to}".encode()).hexdigest()[:32]
            notes = json.dumps({"kind": kind, "rule": rule, "original_sha256": hash_})
            deliveries.append(
                (
                    *(id_, number, to, kind, rule, "", state, 1, at, at, at + 1.0),
                    *(number, key, ""),
                    *(hash_, address, notes, name, ""),
                )
            )
            attempts.append((id_, to, 1, at, at + 1.0, "accepted", name))
        yield (number, hash_, len(content), content), (arrival, deliveries, attempts)


def build(path: Path, deliveries: int) -> None:
    """A journal with so many deliveries; quickly, so not durably."""
    open_journal(path).close()
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -1000000")
    indexes = database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        database.execute(f"DROP INDEX {name}")
    many, now, step = deliveries // 2, time.time(), 20_000
    for start in range(1, many + 1, step):
        database.execute("BEGIN")
        rows = list(_rows(range(start, min(start + step, many + 1)), many, now))
        database.executemany(
            "INSERT INTO payload (id, hash, size, body) VALUES (?, ?, ?, ?)",
            [payload for payload, _ in rows],
        )
        database.executemany(
            "INSERT INTO known (digest, payload) VALUES (?, ?)",
            sorted((digest_of(payload[1]), payload[0]) for payload, _ in rows),
        )
        database.executemany(_ARRIVAL, [row[0] for _, row in rows])
        database.executemany(_DELIVERY, [one for _, row in rows for one in row[1]])
        database.executemany(_ATTEMPT, [one for _, row in rows for one in row[2]])
        database.execute("COMMIT")
    for _, statement in indexes:
        database.execute(statement)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


#: One that both have.
_ONE = hashlib.sha256(_content(500)).hexdigest()

QUESTIONS: dict[str, Callable[[SqliteJournal], object]] = {
    "status": lambda journal: status_of(journal, ["old", "new"], now=time.time()),
    "a minute's arrivals": lambda journal: journal.outcomes(since=time.time() - 60),
    "newest deliveries": lambda journal: list(
        journal.deliveries(Query(limit=20, newest_first=True))
    ),
    "by file id": lambda journal: list(journal.arrivals(Query(file_id="B000000500"))),
    "by hash": lambda journal: list(journal.arrivals(Query(hash=_ONE))),
    "its bytes": lambda journal: journal.payload(_ONE),
    "dead letters": lambda journal: list(
        journal.deliveries(Query(destination="old", state=State.DEAD, limit=10))
    ),
    "what is due": lambda journal: (
        journal.next_due("old", after=time.time()),
        journal.unknown("old", now=time.time(), limit=8),
        journal.waiting("old", limit=8),
    ),
    "begin a lane": lambda journal: journal.started_since("old", time.time() - 3600),
}


def _questions(journals: dict[str, Path], turns: int) -> None:
    """Ask everything of both, in turns, and say what is in the middle."""
    opened = [open_journal(path) for path in journals.values()]
    for name, ask in QUESTIONS.items():
        _tell(name, [[_time(ask, one) for one in opened] for _ in range(turns)])
    for one in opened:
        one.close()


def _prunings(journals: dict[str, Path], turns: int) -> None:
    """Prune the oldest of both, in turns; of the few, each time of a new copy."""
    many, copy = open_journal(journals["many"]), journals["few"].with_name("copy.db")
    found: list[list[float]] = []
    for turn in range(-1, turns):
        shutil.copy(journals["few"], copy)
        few = open_journal(copy)
        took = [_time(_prune, one) for one in (few, many)]
        if turn >= 0:
            found.append(took)
        few.close()
    many.close()
    _tell("prune 200", found)


def _prune(journal: SqliteJournal) -> None:
    assert journal.prune(before=time.time() - 86400.0, limit=200).arrivals == 200


def _time(ask: Callable[[SqliteJournal], object], journal: SqliteJournal) -> float:
    started = time.perf_counter()
    ask(journal)
    return 1000 * (time.perf_counter() - started)


def _tell(name: str, turns: list[list[float]]) -> None:
    few, many = (statistics.median(column) for column in zip(*turns, strict=True))
    ratio = statistics.median(b / a for a, b in turns)
    print(f"{name:>20}: few {few:8.3f} ms, many {many:8.3f} ms, ratio {ratio:.2f}")


def _pass(journal: Path, folder: Path, count: int, first: int) -> tuple[float, float]:
    """Let files through; seconds, and seconds of the processor."""
    fill(folder / "inbox", count, first=first)
    kept = open_journal(journal)
    started, used = time.perf_counter(), time.process_time()
    exchange(folder, kept).run_once()
    took = time.perf_counter() - started, time.process_time() - used
    kept.close()
    shutil.rmtree(folder)
    return took


def _resident() -> float:
    """Megabytes of this process now."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(deliveries: int, count: int, rounds: int, where: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=where) as home:
        journals = {"few": Path(home) / "few.db", "many": Path(home) / "many.db"}
        started = time.perf_counter()
        for name, number in (("few", 2000), ("many", deliveries)):
            # In a process of its own, whose memory is not measured.
            builder = multiprocessing.Process(target=build, args=(journals[name], number))
            builder.start()
            builder.join()
        size = journals["many"].stat().st_size / 1e9
        print(f"{deliveries} deliveries, {size:.1f} GB: {time.perf_counter() - started:.0f} s")
        found: dict[str, list[tuple[float, float]]] = {"few": [], "many": []}
        resident: list[float] = []
        first = 10_000_000
        for turn in range(-1, rounds):
            # Each round in the other order, so that a noisy neighbour disturbs both.
            for name in list(found) if turn % 2 else reversed(list(found)):
                first += count
                took = _pass(journals[name], Path(home) / "run", count, first)
                if turn >= 0:  # the round before the first loads program and caches
                    found[name].append(took)
            resident.append(_resident())
        for at, word in enumerate(["wall", "processor"]):
            few, many = ([1000 * one[at] / count for one in took] for took in found.values())
            ratio = statistics.median(b / a for a, b in zip(few, many, strict=True))
            print(
                f"{word} ms a file: few {statistics.median(few):.2f},"
                f" many {statistics.median(many):.2f}, ratio {ratio:.2f}"
            )
        print(f"resident MB after each round: {', '.join(f'{one:.0f}' for one in resident)}")
        _questions(journals, 201)
        _prunings(journals, 41)
    print(f"most resident: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:4]]
    deliveries_, files_, rounds_ = given + [1_000_000, 400, 5][len(given) :]
    main(deliveries_, files_, rounds_, sys.argv[4] if len(sys.argv) > 4 else None)
