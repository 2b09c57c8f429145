"""A journal that is brought to a newer version says so, to who waits for it at a terminal."""

from __future__ import annotations

import argparse
import io
import logging
import re
import sys
import time
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.cli.operation import run_verb
from dflow.exchange import open_journal
from dflow.exchange.journal import schema, upgrade
from dflow.exchange.journal.schema import SCHEMA_VERSION
from dflow.report import Report
from support_older import older_journal
from support_wiring import configured

RULES = """
destination old "the old agent"
route all: flow D0010 deliver old
"""
FIRST = f"its tables are brought from version 3 to {SCHEMA_VERSION}; if it is large, that takes"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_it_is_logged_once_and_not_of_a_new_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dflow.exchange")
    path = tmp_path / "j.db"
    older_journal(path, 3)
    caplog.clear()
    for _ in range(2):
        open_journal(path).close()
    told = [re.sub(", after .*", "", one.getMessage()) for one in caplog.records]
    versions = [f"{path}: its tables are of version {n}" for n in range(4, SCHEMA_VERSION + 1)]
    assert told == [f"{path}: {FIRST} minutes", *versions]
    caplog.clear()
    open_journal(tmp_path / "new.db").close()
    assert caplog.records == []


def test_a_long_step_is_told_while_it_lasts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_hash: str) -> int:
        time.sleep(0.05)
        return 0

    caplog.set_level(logging.INFO, "dflow.exchange")
    older_journal(tmp_path / "j.db", 3)
    monkeypatch.setattr(upgrade, "_EVERY", 0.01)
    monkeypatch.setattr(schema, "digest_of", slow)
    open_journal(tmp_path / "j.db").close()
    first, second, *_, last = [one.getMessage().partition(": ")[2] for one in caplog.records]
    assert first.startswith(FIRST)
    assert re.fullmatch(r"version 4, step [0-9]+ of 2[0-9], after 0 s", second)
    assert last.startswith(f"its tables are of version {SCHEMA_VERSION}")


@pytest.mark.parametrize("words", [["status"], ["run", "--once"], ["plan"]])
def test_the_commands_say_so_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    config, path = configured(tmp_path, RULES, {"old": "old"}), tmp_path / "journal.db"

    def look(file: Path, *_: object) -> Report:
        open_journal(file).close()
        return Report(title="looked", verdict="it is there", tone="good")

    def command() -> None:
        if words == ["plan"]:
            plan = argparse.Namespace(verb="plan", file=path, at=None, html=None, json=False)
            assert run_verb(plan, {"plan": look}) == 0
        else:
            assert main([words[0], str(config), *words[1:]]) < 2

    for stream, lines in ((_Terminal(), SCHEMA_VERSION - 2), (io.StringIO(), 0)):
        older_journal(path, 3)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            command()
            once = stream.getvalue()
            command()
        told = [line for line in once.splitlines() if "its tables" in line]
        assert len(told) == lines
        assert all(line.startswith(f"dflow: {path}: ") for line in told)
        assert stream.getvalue().count("its tables") == lines, "there is nothing more to do"
        assert upgrade.LOGGER.handlers == []
        path.unlink()
