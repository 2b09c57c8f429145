"""Every command that opens the journal works with one in PostgreSQL."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.exchange import load_wiring
from dflow.exchange.journal import EventRow
from dflow.exchange.page import status_page
from support_exchange import file
from support_postgres import database
from support_wiring import configured

RULES = """\
destination old "old"
destination new "new"
route all: flow D0010 to M/OLDM deliver old
clone migration: flow D0010 to M/OLDM copy new
"""


def test_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with database(lease=2.0) as place:
        monkeypatch.setenv("DFLOW_TEST_PASSWORD", "hunter2")
        kept = f"""\
[journal]
url = "postgresql://{place.host}:{place.port}/{place.database}"
user = "postgres"
password = {{ env = "DFLOW_TEST_PASSWORD" }}
schema = "other"
lease = 2
"""
        mounts = {"old": "out/old", "new": "out/new"}
        config = configured(tmp_path, RULES, mounts, more=kept)
        for number in range(3):
            (tmp_path / "in" / f"{number}.usr").write_bytes(file(number, size=9))
        (tmp_path / "in" / "bad.usr").write_bytes(b"no flow")

        def run(*words: str) -> tuple[int, str]:
            status = main([words[0], *words[1:]])
            out, err = capsys.readouterr()
            assert "hunter2" not in out + err
            assert "Traceback" not in err, err
            assert status < 2, err
            return status, out

        name = str(config)
        assert run("run", name, "--once")[0] == 1, "one file waits for a person"
        status, out = run("journal", "list", name, "--json")
        assert (status, out.count('"outcome": "routed"')) == (0, 3), out
        assert run("journal", "show", name, "1")[0] == 0
        into = ["--into", str(tmp_path / "exported"), "--why", "x"]
        assert run("journal", "export", name, *into)[0] == 0
        assert run("journal", "events", name)[0] == 0
        assert run("status", name, "--json")[0] in {0, 1}
        assert run("replay", name, "--flow", "D0010", "--only-to", "old", "--why", "x")[0] == 0
        assert run("pause", name, "old", "--why", "maintenance")[0] == 0
        assert run("resume", name, "old", "--why", "done")[0] == 0
        assert run("run", name, "--once")[0] in {0, 1}
        assert run("dead", name)[0] == 0
        status, out = run("clones", "audit", name, "migration", "--json")
        assert status == 0, out
        assert json.loads(out)
        journal = load_wiring(config).open_journal()
        try:
            page = status_page(journal, ["old", "new"], now=time.time(), search="D0010")
            assert "D0010" in page
            journal.note(EventRow(at=1.0, kind="tried"))
        finally:
            journal.close()
        assert run("journal", "prune", name, "--older-than", "0s")[0] == 0
        assert sorted(one.name for one in tmp_path.glob("out/old/*")) != []
