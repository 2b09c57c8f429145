"""File sequence numbers are watched per source and target; rules files are followed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from dflow.catalogue import bundled
from dflow.exchange import Mount
from dflow.exchange.journal import EventRow, open_journal
from dflow.exchange.journal.sequences import MOST, Span, spans_text
from dflow.exchange.reload import RulesFile
from dflow.exchange.sequence import sequence_number
from dflow.exchange.status import status_of
from dflow.exchange.windows import _note_swap
from support import CHECKOUT
from support_exchange import Moody, World
from support_wiring import configured


def numbered(number: str, *, sender: str = "WEST", file_id: int = 1) -> bytes:
    """A made-up D0209, which has a file sequence number, as far as the number needs it."""
    definition = bundled()["D0209", "001"]
    group = next(one for one in definition.walk() if one.place("J0330") is not None)
    place = group.place("J0330")
    assert place is not None
    fields = ["x"] * len(group.items)
    fields[place.position - 1] = number
    head = f"ZHV|{file_id:010}|D0209001|X|{sender}|N|NADA|20260601120000||||OPER|\n"
    return (head + f"{group.code}|{'|'.join(fields)}|\nZPT|{file_id:010}|1||1||\n").encode()


def test_the_number_is_found_by_the_catalogue() -> None:
    assert sequence_number(numbered("000000000017"), "D0209", "001") == 17
    assert sequence_number(numbered("seventeen"), "D0209", "001") is None
    assert sequence_number(numbered("17"), "D0010", "002") is None
    assert sequence_number(numbered("17"), "D9999", "001") is None
    assert sequence_number(b"", "D0209", "001") is None


def told_of(numbers: list[str]) -> list[tuple[str, str]]:
    """The events about numbers, of a world that these arrive in."""
    here = World(
        mounts=tuple(Mount(name=name, outbox=Moody()) for name in ("old", "new", "spare")),
    )
    for file_id, number in enumerate(numbers):
        here.inbox.put(numbered(number, file_id=file_id))
    here.inbox.put(numbered("1", sender="EAST"))
    here.inbox.put(numbered(numbers[0], file_id=0))  # the same file again is no odd number
    here.run()
    found = [(one.kind, one.why) for one in here.journal.events() if "sequence" in one.kind]
    prefix = "X/WEST to N/NADA: "
    assert all(why.startswith(prefix) for _, why in found)
    return [(kind, why.removeprefix(prefix)) for kind, why in found]


def test_a_number_that_comes_late_fills_its_gap_and_is_no_repeat() -> None:
    assert told_of(["5", "6", "9", "8", "8", "7", "10", "12", "11", "4"]) == [
        ("sequence gap", "9 after 6; missing: 7 to 8"),
        ("sequence filled", "8 came late; missing still: 7"),
        ("sequence repeat", "8 was seen before"),
        ("sequence filled", "7 came late; nothing is missing now"),
        ("sequence gap", "12 after 10; missing: 11"),
        ("sequence filled", "11 came late; nothing is missing now"),
        ("sequence below", "4 is below 5, where the watch begins; it may have come before"),
    ]


def test_a_source_that_leaves_too_many_gaps_is_told_what_is_given_up() -> None:
    told = told_of([str(number) for number in range(5, 5 + 2 * (MOST + 2), 2)])
    assert told[-2:] == [
        ("sequence gap", "207 after 205; missing: 206"),
        ("sequence given up", "more than 100 gaps: 6 is given up; the watch begins at 7 now"),
    ]
    assert [kind for kind, _ in told].count("sequence given up") == 1


def test_the_status_names_what_is_missing() -> None:
    journal = open_journal(None)
    journal.sequence("X/WEST", "N/NADA", 1)
    assert "missing" not in "\n".join(status_of(journal, [], now=1.0).lines())
    for number in (3, 5, 9, 12, 14, 16, 18):
        journal.sequence("X/WEST", "N/NADA", number)
    status = status_of(journal, [], now=1.0)
    words = "X/WEST to N/NADA: numbers missing: 2, 4, 6 to 8, 10 to 11, 13 and 2 gaps more"
    assert words in status.lines()
    assert spans_text(Span(one, one) for one in range(1, 13, 2)).endswith(", 9 and 1 gap more")
    spans = [[2, 2], [4, 4], [6, 8], [10, 11], [13, 13], [15, 15], [17, 17]]
    only = {"source": "X/WEST", "target": "N/NADA", "numbers": spans}
    assert status.as_json()["missing"] == [only]
    assert not status.needs_a_person


def test_workers_that_wait_for_each_other_leave_no_gap() -> None:
    journal = open_journal(None)
    for at in (1_600_000_000.0, 1_600_000_999.0):
        _note_swap(journal, EventRow(at=at, kind="rules changed", detail=f"at {at}"))
    assert len(journal.events(kind="rules changed")) == 2
    assert journal.missing() == []


def test_a_rules_file_is_followed_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.routes"
    path.write_text('destination a "a"\nroute r: deliver a\n')
    rules = RulesFile(path)
    assert rules.changed() == (None, "")
    path.write_text('destination a "a"\nroute r: delver a\n')
    routes, problem = rules.changed()
    assert routes is None
    assert "x.routes:2" in problem
    assert rules.changed() == (None, "")
    path.write_text('destination b "b"\nroute r: deliver b\n')
    routes, problem = rules.changed()
    assert routes is not None
    assert [one.name for one in routes.destinations] == ["b"]
    path.unlink()
    assert "x.routes" in rules.changed()[1]


def test_the_command_runs_on_follows_its_rules_and_stops_on_a_signal(tmp_path: Path) -> None:
    rules = 'destination out "out"\nroute r: flow D0150 deliver out\n'
    quick = 'ready = "named"\npoll = 0.05\n'
    config = configured(tmp_path, rules, {"out": "out"}, source=quick)
    running = subprocess.Popen(
        [sys.executable, "-m", "dflow", "run", str(config)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    assert "running" in running.stderr.readline()
    (tmp_path / "x.routes").write_text(rules.replace("D0150", "D0010"))
    assert "rules changed" in running.stderr.readline()
    content = b"ZHV|0000000001|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|\n"
    (tmp_path / "in" / "a.usr").write_bytes(content)
    for _ in range(200):
        time.sleep(0.05)
        if (tmp_path / "out" / "a.usr").exists():
            break
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=20)
    assert running.returncode == 0
    assert "stopped; received 1" in errors
    assert (tmp_path / "out" / "a.usr").read_bytes() == content
