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
from dflow.exchange.reload import RulesFile
from dflow.exchange.sequence import sequence_number
from support import CHECKOUT
from support_exchange import Moody, World


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


def test_gaps_and_repeats_become_events() -> None:
    here = World(
        mounts=tuple(Mount(name=name, outbox=Moody()) for name in ("old", "new", "spare")),
    )
    for file_id, number in enumerate(["5", "6", "9", "8", "10"]):
        here.inbox.put(numbered(number, file_id=file_id))
    here.inbox.put(numbered("1", sender="EAST"))
    here.inbox.put(numbered("5", file_id=0))  # the same file again is no odd number
    here.run()
    told = [(one.kind, one.why) for one in here.journal.events() if "sequence" in one.kind]
    assert told == [
        ("sequence gap", "X/WEST to N/NADA: 9 after 6, 2 missing"),
        ("sequence repeat", "X/WEST to N/NADA: 8 although 9 was seen"),
    ]


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
    (tmp_path / "in").mkdir()
    rules = 'destination out "out"\nroute r: flow D0150 deliver out\n'
    (tmp_path / "x.routes").write_text(rules)
    (tmp_path / "dflow.toml").write_text(
        '[routes]\nfile = "x.routes"\n'
        '[source.s]\ntransport = "directory"\npath = "in"\nready = "named"\npoll = 0.05\n'
        '[mount.out]\ntransport = "directory"\npath = "out"\n'
    )
    running = subprocess.Popen(
        [sys.executable, "-m", "dflow", "run", str(tmp_path / "dflow.toml")],
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
