"""`dflow run` as a process: signals, sources that go away, rules that are refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.exchange import open_journal
from dflow.exchange.journal import EventRow
from support import CHECKOUT
from support_wiring import configured

RULES = 'destination out "out"\nroute r: flow D0010 deliver out\n'


def wired(folder: Path, mount: str) -> str:
    quick = 'ready = "named"\npoll = 0.05\n'
    return str(configured(folder, RULES, {}, source=quick, more=f"[mount.out]\n{mount}\n"))


def put(folder: Path, number: int) -> None:
    head = f"ZHV|{number:010}|D0010002|M|WEST|M|OLDM|20260601120000||||OPER|\n"
    (folder / "in" / f"{number}.usr").write_text(head)


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "dflow", "run", *words],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT / "src"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def kinds(folder: Path) -> list[str]:
    return [event.kind for event in events(folder)]


def events(folder: Path) -> list[EventRow]:
    journal = open_journal(folder / "journal.db")
    try:
        return journal.events()
    finally:
        journal.close()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_once_stops_cleanly_on_a_signal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stop: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        config = wired(
            tmp_path,
            f'transport = "http"\nurl = "{url}"\nsecret = {{ file = "key" }}\ntimeout = 2\n'
            "concurrency = 1",
        )
        (tmp_path / "key").write_text("k" * 40)
        put(tmp_path, 1)
        put(tmp_path, 2)
        server.settimeout(30)
        with running(config, "--once") as process:
            connection, _ = server.accept()  # it is on its way, and never answered
            process.send_signal(stop)
            out, err = process.communicate(timeout=20)
        connection.close()
    assert process.returncode == 128 + stop
    assert err == f"dflow: stopped by {stop.name} before the end; the next run does what is left\n"
    assert "received 2: 2 routed" in out
    assert main(["status", config, "--json"]) == 1
    backlog = json.loads(capsys.readouterr().out)["destinations"][0]["backlog"]
    assert {state: one["number"] for state, one in backlog.items()} == {"unknown": 1, "due": 1}


def test_rules_that_are_refused_are_an_event(tmp_path: Path) -> None:
    config = wired(tmp_path, 'transport = "directory"\npath = "out"')
    with running(config) as process:
        assert process.stderr is not None
        assert "running" in process.stderr.readline()
        (tmp_path / "x.routes").write_text(RULES + "route s: delver out\n")
        _until(tmp_path, ["rules refused"])
    assert "x.routes:3:10" in events(tmp_path)[0].why


def _until(folder: Path, expected: list[str]) -> None:
    for _ in range(300):
        if kinds(folder) == expected:
            return
        time.sleep(0.05)
    assert kinds(folder) == expected
