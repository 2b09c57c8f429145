"""A search that could not look everywhere says so: nothing found is no proof then."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.exchange import load_wiring
from dflow.exchange.page import status_page
from support_exchange import file
from support_wiring import configured

RULES = 'destination old "the old agent"\nroute all: flow D0010 to M/OLDM deliver old\n'
MPAN = "1212345678902"


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Three arrivals in a journal whose folder of payloads is lost but for the third's."""
    above = "[journal]\npayloads_above = 1\n"
    path = configured(tmp_path, RULES, {"old": "old"}, more=above)
    for number in (1, 2, 3):
        content = file(number) + f"026|{MPAN}|V|\n".encode()
        (tmp_path / "in" / f"{number}.usr").write_bytes(content)
        assert main(["run", str(path), "--once"]) == 0
        if number < 3:
            for payload in tmp_path.glob("*.payloads/**/*"):
                if payload.is_file():
                    payload.unlink()
    capsys.readouterr()
    return str(path)


def test_a_list_says_what_could_not_be_searched(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["journal", "list", config, "--text", "1098765432106"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("dflow: 2 arrivals could not be searched, such as arrival 2: pay")
    assert told.err.endswith(": No such file or directory\n")
    assert main(["journal", "list", config, "--text", MPAN, "--json"]) == 2
    told = capsys.readouterr()
    assert [row["arrival"] for row in json.loads(told.out)] == [3]
    assert told.err.startswith("dflow: 2 arrivals could not be searched")


def test_what_is_found_before_it_or_asked_without_a_text_is_no_matter(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--text", MPAN, "--most", "1"], ["--sha256", "f" * 64]):
        assert main(["journal", "list", config, *words]) == 0
        assert capsys.readouterr().err == ""


def test_an_export_and_a_replay_leave_it_out_by_name(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = ["--into", str(tmp_path / "exported"), "--why", "lost"]
    assert main(["journal", "export", config, "--text", MPAN, *into]) == 2
    assert "dflow: arrival 1: payload " in capsys.readouterr().err
    assert len(list((tmp_path / "exported").iterdir())) == 1
    replay = ["replay", config, "--text", MPAN, "--why", "lost", "--who", "ann", "--json"]
    assert main(replay) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["arrival"] for one in told["left_out"]] == [1, 2]
    assert [one["arrival"] for one in told["made"]] == [3]


@pytest.mark.parametrize(("search", "found"), [(MPAN, True), ("1098765432106", False)])
def test_the_page_does_not_say_that_nothing_is_known(
    config: str, search: str, *, found: bool
) -> None:
    with closing(load_wiring(Path(config)).open_journal()) as journal:
        text = status_page(journal, ["old"], now=2e9, search=search)
    section = text.split("<h2>Found</h2>")[1].split("</section>")[0]
    assert '<p class="bad">2 arrivals could not be searched, such as arrival 2: pay' in section
    assert ("3.usr" in section) is found
    assert "nothing is known" not in section
