"""The commands that operate an exchange, over a real configuration and journal."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dflow.cli import main
from support import CHECKOUT

EXAMPLE = CHECKOUT / "examples" / "change_of_agent"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agent") / "x"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("out"))
    shutil.copytree(folder / "inbox", folder / "out" / "inbox")
    assert main(["run", str(folder / "dflow.toml"), "--once"]) == 1
    return folder


@pytest.fixture
def config(ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    folder = tmp_path / "x"
    shutil.copytree(ran, folder)
    capsys.readouterr()
    return str(folder / "dflow.toml")


def told(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(list(words)) == status
    return capsys.readouterr().out


def test_status(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "status", config, status=1).splitlines()
    assert "old-agent: nothing waits" in lines
    assert "arrivals held: 1" in lines
    found = json.loads(told(capsys, "status", config, "--json", status=1))
    assert found["arrivals"]["routed"] == 5
    assert [one["destination"] for one in found["destinations"]] == [
        "old-agent",
        "new-agent",
        "bench",
    ]


def test_a_word_of_the_shell_that_is_no_text(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell hands over any bytes: they are looked for, and kept as a reason."""
    assert told(capsys, "journal", "list", config, "--from", "N\udcff") == "no such arrival\n"
    told(capsys, "pause", config, "old-agent", "--why", "N\udcff")
    assert "paused" in told(capsys, "journal", "events", config, "--kind", "paused")


def test_journal_list_show_events(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    listed = told(capsys, "journal", "list", config, "--outcome", "unrouted")
    assert "X/SUPZ" in listed
    assert listed.count("unrouted") == 1
    rows = json.loads(told(capsys, "journal", "list", config, "--flow", "D0150", "--json"))
    assert [row["file_id"] for row in rows] == ["0000000101", "0000000102"]
    shown = told(capsys, "journal", "show", config, str(rows[0]["arrival"]))
    assert "clone migration: fits" in shown
    assert "attempt 1 at delivery" in shown
    assert "1099000000010" not in shown
    whole = json.loads(told(capsys, "journal", "show", config, "1", "--json"))
    assert whole["decision"]["rule"] == "meter-works"
    assert len(whole["attempts"]) == 2
    assert "unparsable" in told(capsys, "journal", "events", config)
    kinds = json.loads(told(capsys, "journal", "events", config, "--json", "--kind", "unrouted"))
    assert [one["kind"] for one in kinds] == ["unrouted"]


def test_search_by_an_mpan(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = (Path(config).parent / "inbox" / "D0150_NORD_0000000101.usr").read_text().splitlines()
    mpan = lines[1].split("|")[1]
    rows = json.loads(told(capsys, "journal", "list", config, "--text", mpan, "--json"))
    assert sorted(row["file_id"] for row in rows) == ["0000000101", "0000000201"]


def test_export_gives_the_bytes_back(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    into = Path(config).parent / "exported"
    told(capsys, "journal", "export", config, "--into", str(into), "--why", "x")
    exported = sorted(path.read_bytes() for path in into.iterdir())
    inbox = Path(config).parent / "inbox"
    assert exported == sorted(path.read_bytes() for path in inbox.iterdir())
    assert main(["journal", "export", config, "--into", str(into), "--why", "x"]) == 2


def test_replay_release_and_prune(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(config).parent / "out"
    why = ["--why", "a rehearsal", "--who", "ann"]
    assert main(["replay", config, *why]) == 2
    assert "say --all" in capsys.readouterr().err
    dry = told(capsys, "replay", config, "--flow", "D0150", "--dry-run", *why)
    assert dry == "2 arrivals would be sent again: 2 to new-agent, 2 to old-agent\n"
    replayed = told(capsys, "replay", config, "--flow", "D0150", "--only-to", "old-agent", *why)
    assert replayed.startswith("2 deliveries due: ")
    held = json.loads(told(capsys, "journal", "list", config, "--outcome", "held", "--json"))
    number = str(held[0]["arrival"])
    assert told(capsys, "release", config, number, *why) == f"arrival {number}: 2 deliveries due\n"
    summary = told(capsys, "run", config, "--once", status=0)
    assert "deliveries: 4 accepted" in summary
    assert (folder / "old-agent" / "D0010_WEST_0000000203.usr").exists()
    assert (folder / "old-agent" / "D0150_NORD_0000000101~2.usr").exists()
    assert told(capsys, "journal", "prune", config, "--older-than", "1d") == (
        "0 arrivals forgotten\n"
    )
    assert told(capsys, "journal", "prune", config, "--older-than", "2100-01-01") == (
        "6 arrivals forgotten\n"
    )


def test_lanes_and_steps(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    why = ["--why", "maintenance"]
    assert told(capsys, "pause", config, "old-agent", *why) == "old-agent: paused\n"
    assert "old-agent: paused" in told(capsys, "status", config, status=1)
    told(capsys, "replay", config, "--flow", "D0150", "--only-to", "old-agent", *why)
    told(capsys, "run", config, "--once")
    found = json.loads(told(capsys, "status", config, "--json", status=1))
    assert found["destinations"][0]["backlog"]["due"]["number"] == 2
    rows = json.loads(told(capsys, "journal", "list", config, "--state", "due", "--json"))
    numbers = [
        str(one["delivery"]) for row in rows for one in row["deliveries"] if one["state"] == "due"
    ]
    assert told(capsys, "hold", config, *numbers, *why) == "2 held\n"
    assert told(capsys, "release", config, "--deliveries", numbers[0], *why) == "1 released\n"
    assert told(capsys, "cancel", config, numbers[0], *why) == "1 cancelled\n"
    marked = told(capsys, "mark-delivered", config, numbers[1], "--evidence", "call 12", *why)
    assert marked == "1 marked delivered\n"
    assert main(["retry", config, numbers[1], *why]) == 2
    assert "is delivered, and cannot be retried" in capsys.readouterr().err
    told(capsys, "divert", config, "old-agent", *why)
    told(capsys, "divert", config, "old-agent", "--off", *why)
    told(capsys, "resume", config, "old-agent", *why)
    assert main(["pause", config, "old-agnt", *why]) == 2
    assert "did you mean old-agent?" in capsys.readouterr().err
    assert told(capsys, "dead", config) == "nothing is dead\n"


def test_wrong_use(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", config, "old-agent"]) == 2
    assert main(["journal", "list", config, "--outcome", "unruted"]) == 2
    assert "did you mean unrouted" in capsys.readouterr().err
    assert main(["journal", "list", config, "--since", "soon"]) == 2
    assert main(["journal", "show", config, "99"]) == 2
    shutil.copytree(EXAMPLE, tmp_path / "fresh", ignore=shutil.ignore_patterns("out"))
    assert main(["status", str(tmp_path / "fresh" / "dflow.toml")]) == 2
    assert "nothing has run" in capsys.readouterr().err


def test_a_replay_to_a_destination_goes_nowhere_else(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["replay", config, "--flow", "D0150", "--why", "they lost it", "--destination"]
    assert main([*words, "old-agnet"]) == 2
    assert "no destination old-agnet; did you mean old-agent?" in capsys.readouterr().err
    assert told(capsys, *words, "old-agent").startswith("2 deliveries due: ")
    status = told(capsys, "status", config, status=1)
    assert "old-agent: 2 due" in status
    assert "new-agent: nothing waits" in status


def test_an_export_leaves_out_damaged_bytes_and_nothing_else(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(config).parent
    with closing(sqlite3.connect(folder / "out" / "journal.db")) as database, database:
        database.execute("UPDATE payload SET body = x'00' WHERE id = 1")
        (whole,) = database.execute("SELECT count(*) FROM arrival WHERE payload > 1").fetchone()
    assert (
        main(["journal", "export", config, "--into", str(folder / "exported"), "--why", "x"]) == 2
    )
    assert "its bytes have another hash; it is left out" in capsys.readouterr().err
    events = json.loads(told(capsys, "journal", "events", config, "--json", "--kind", "exported"))
    assert events[-1]["detail"] == f"only {whole} of them could be written"
    assert len(list((folder / "exported").iterdir())) == whole > 0


def test_events_show_the_evidence_and_exports_are_private(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "pause", config, "old-agent", "--why", "x")
    told(capsys, "replay", config, "--flow", "D0150", "--only-to", "old-agent", "--why", "x")
    rows = json.loads(told(capsys, "journal", "list", config, "--state", "due", "--json"))
    number = next(one["delivery"] for one in rows[0]["deliveries"] if one["state"] == "due")
    evidence = ["--evidence", "webform 4711", "--why", "urgent"]
    told(capsys, "mark-delivered", config, str(number), *evidence)
    assert ": urgent [webform 4711]" in told(capsys, "journal", "events", config)
    folder = tmp_path / "exported"
    told(capsys, "journal", "export", config, "--into", str(folder), "--why", "x")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_who_takes_bytes_out_leaves_an_event(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(Path(config).parent / "out" / "journal.db")) as database, database:
        database.execute("UPDATE delivery SET state = 'dead' WHERE id = 1")
    why = ["--why", "asked by 1212345678902", "--who", "ann"]
    told(capsys, "journal", "export", config, "--into", str(tmp_path / "exported"), *why)
    told(capsys, "dead", config, "1", "--save", str(tmp_path / "saved"), *why)
    number = len(list((tmp_path / "exported").iterdir()))
    shown = told(capsys, "journal", "events", config, "--kind", "exported", "--json")
    assert "1212345678902" not in shown
    first, second = json.loads(shown)
    assert first["detail"] == f"{number} arrivals: 1 to {number}"
    assert (second["who"], second["delivery"]) == ("ann", 1)


def test_nothing_is_taken_out_of_a_journal_that_takes_no_event(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(Path(config).parent / "out" / "journal.db")) as database, database:
        database.execute("UPDATE delivery SET state = 'dead' WHERE id = 1")
        database.execute(
            "CREATE TRIGGER t BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'read-only'); END"
        )
    for words in (
        ["journal", "export", config, "--into", str(tmp_path / "exported")],
        ["dead", config, "1", "--save", str(tmp_path / "saved")],
    ):
        assert main([*words, "--why", "x"]) == 2
        assert "dflow: nothing is taken out: the journal takes no" in capsys.readouterr().err
    assert not list((tmp_path / "exported").iterdir())
    assert not (tmp_path / "saved").exists()


def test_what_cannot_be_written_or_counted_is_one_sentence(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.file").write_bytes(b"")
    nowhere = str(tmp_path / "nowhere" / "x")
    with sqlite3.connect(Path(config).parent / "out" / "journal.db") as database:
        database.execute("UPDATE delivery SET state = 'dead' WHERE id = 1")
    database.close()
    for words, said in (
        (["dead", config, "1", "--save", nowhere, "--why", "x"], "x: No such file or directory"),
        (
            ["journal", "export", config, "--into", str(tmp_path / "a.file"), "--why", "x"],
            "Not a directory",
        ),
        (["journal", "show", config, "9" * 30], "is no number of an arrival or a delivery"),
        (["retry", config, "-1", "--why", "x"], ""),
    ):
        assert main(words) == 2, words
        err = capsys.readouterr().err
        assert said in err
        assert "Traceback" not in err
