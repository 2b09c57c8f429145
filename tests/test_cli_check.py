"""``dflow check`` and ``dflow show`` as a person meets them: words in, text and status out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.cli.sources import files_named
from dflow.errors import SourceError
from dflow.identifiers import mpan_check_digit
from support import shared_folder

MPAN = "120000000001" + mpan_check_digit("120000000001")


def _file(readings: int = 1, *, count: int | None = None, reading: str = "78.4") -> bytes:
    body = [f"026|{MPAN}|V|", "028|METER00001|R|"]
    body += [f"030|0{n % 10}|20260316000000|{reading}|||T|N|\n032|01|T|" for n in range(readings)]
    groups = 2 + 2 * readings if count is None else count
    return "\n".join(
        [
            "ZHV|0000000001|D0010002|D|UDMS|X|SUPP|20260320160032||||OPER|",
            *body,
            f"ZPT|0000000001|{groups}||1|20260320160032|",
            "",
        ]
    ).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.usr").write_bytes(_file())
    (tmp_path / "count.usr").write_bytes(_file(count=9))
    (tmp_path / "value.usr").write_bytes(_file(reading="7,4"))
    return tmp_path


def test_a_clean_file_is_status_0_and_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(folder / "good.usr"), "--least", "warning"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(str(folder / "good.usr"))
    assert out.count("\n") == 1


def test_a_wrong_count_is_status_1_with_caret_and_remedy(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(folder / "count.usr")]) == 1
    out = capsys.readouterr().out
    assert "error[group-count]" in out
    assert f"{folder / 'count.usr'}:6:16" in out
    assert "^ expected 4" in out


def test_personal_values_are_masked_unless_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("text", "json", "sarif", "github"):
        main(["check", str(folder / "value.usr"), "--format", form])
        assert "7,4" not in capsys.readouterr().out, form
    for form in ("text", "json"):
        main(["check", str(folder / "value.usr"), "--format", form, "--unmask"])
        assert "7,4" in capsys.readouterr().out, form
    main(["show", str(folder / "value.usr")])
    out = capsys.readouterr().out
    assert MPAN not in out
    assert "--unmask shows them" in out
    main(["show", str(folder / "value.usr"), "--unmask"])
    assert MPAN in capsys.readouterr().out


def test_json_has_files_and_a_summary(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder), "--json"]) == 1
    form = json.loads(capsys.readouterr().out)
    assert [Path(entry["file"]).name for entry in form["files"]] == [
        "count.usr",
        "good.usr",
        "value.usr",
    ]
    assert form["summary"]["files"] == 3
    assert form["summary"]["clean"] == 1
    (count,) = (f for f in form["files"][0]["findings"] if f["code"] == "group-count")
    assert set(count) == {
        "code",
        "severity",
        "line",
        "column",
        "path",
        "jcode",
        "item",
        "value",
        "expected",
        "message",
        "remedy",
    }
    assert (count["line"], count["column"], count["value"], count["expected"]) == (6, 16, "9", "4")


def test_sarif_and_annotations_come_out_whole(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(folder / "count.usr"), "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert any(r["ruleId"] == "group-count" for r in log["runs"][0]["results"])
    assert main(["check", str(folder / "count.usr"), "--format", "github"]) == 1
    out = capsys.readouterr().out
    assert all(
        line.startswith(("::error ", "::warning ", "::notice ")) for line in out.split("\n")[:-1]
    )


def test_a_profile_changes_the_status(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = folder / "profile.toml"
    profile.write_text('[severities]\ngroup-count = "warning"\n')
    words = ["check", str(folder / "count.usr"), "--profile", str(profile)]
    assert main(words) == 0
    assert "warning[group-count]" in capsys.readouterr().out
    profile.write_text('[partners.UDMS]\ngroup-count = "info"\n')
    assert main(words) == 0
    assert "info[group-count]" in capsys.readouterr().out


def test_a_mistaken_profile_is_refused_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = folder / "profile.toml"
    profile.write_text('[severities]\ngroup-cuont = "warning"\nformat = "bad"\n\n[partner]\n')
    assert main(["check", str(folder / "count.usr"), "--profile", str(profile)]) == 2
    said = capsys.readouterr().err
    assert f"{profile}:2" in said
    assert "group-count" in said
    assert f"{profile}:3" in said
    assert "partners" in said


def test_what_cannot_be_read_is_status_2_and_stops_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(folder / "none.usr"), str(folder / "good.usr")]) == 2
    said = capsys.readouterr()
    assert "no such file" in said.err
    assert "good.usr" in said.out
    assert "Traceback" not in said.err
    empty = folder / "empty"
    empty.mkdir()
    assert main(["check", str(empty)]) == 2
    assert main(["show", str(empty)]) == 2
    assert "directory" in capsys.readouterr().err


def test_standard_input_is_a_file_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(_file(count=9))))
    assert main(["check", "-"]) == 1
    out = capsys.readouterr().out
    assert "<stdin>:6:16" in out
    assert "ZPT|0000000001|9||" in out


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"|" * 100_000,
        bytes(range(256)) * 8,
        b"ZHV|0000000001|D0010002|D|UD",
        b"\x1b[2J\x1b]0;owned\x07\n" * 3,
    ],
)
def test_whatever_the_bytes_there_is_a_finding_and_no_control(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.usr"
    path.write_bytes(content)
    assert main(["check", str(path)]) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert all(c == "\n" or c.isprintable() for c in said.out)
    assert max(map(len, said.out.split("\n"))) < 500
    assert main(["show", str(path)]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert all(c == "\n" or c.isprintable() for c in shown.out)


def test_a_folder_of_many_files_uses_processes_and_gives_one_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(60):
        below = tmp_path / f"{number % 4}"
        below.mkdir(exist_ok=True)
        (below / f"{number:02}.usr").write_bytes(_file(count=9 if number % 10 == 0 else None))
    (tmp_path / ".hidden").write_bytes(b"x")
    assert main(["check", str(tmp_path), "--jobs", "2"]) == 1
    alone = capsys.readouterr()
    assert main(["check", str(tmp_path), "--jobs", "1"]) == 1
    assert capsys.readouterr().out == alone.out
    lines = alone.out.splitlines()
    assert "60 files: 54 clean, 6 not clean; 6 errors" in alone.out
    assert "  group-count            in 6 files" in lines
    assert alone.out.count("error[group-count]") == 6
    assert alone.err == ""
    assert main(["check", str(tmp_path), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["files"]) == 60


def test_folders_are_walked_in_order_without_hidden_files_and_links(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "2.usr").write_bytes(b"x")
    (tmp_path / "a.usr").write_bytes(b"x")
    (tmp_path / "a.txt").write_bytes(b"x")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    named = [Path(name).name for name in files_named([str(tmp_path)], "*.usr")]
    assert named == ["a.usr", "2.usr"]
    with pytest.raises(SourceError, match=r"no files named \*\.ptf"):
        files_named([str(tmp_path)], "*.ptf")


def test_show_has_every_item_with_its_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(folder / "good.usr"), "--blanks", "--unmask"]) == 0
    out = capsys.readouterr().out
    for word in ("Meter Readings", "MPAN Core", MPAN, "2026-03-16 00:00:00", "MD Reset", "D/UDMS"):
        assert word in out
    assert main(["show", str(folder / "good.usr"), "--json"]) == 0
    form = json.loads(capsys.readouterr().out)
    assert form["header"]["from"] == "D/UDMS"
    assert [group["code"] for group in form["groups"]] == ["026", "028", "030", "032"]
    assert form["trailer"]["group_count"] == 4


@pytest.mark.skipif(shared_folder() is None, reason="the sample files are not here")
def test_the_sample_files_have_the_verdicts_their_index_describes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shared_folder()
    assert folder is not None
    for path in sorted((folder / "samples").glob("D0010*.*")):
        assert main(["check", str(path), "--least", "warning"]) == 0, path.name
        assert "error" not in capsys.readouterr().out
    for path in sorted((folder / "samples" / "nonconforming").glob("*.*")):
        assert main(["check", str(path)]) == 1, path.name
        said = capsys.readouterr()
        assert "error[" in said.out
        assert said.err == ""


def test_a_private_catalogue_is_read_by_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = tmp_path / "private" / "D9001"
    flow.mkdir(parents=True)
    (flow / "001.toml").write_text(
        'flow = "D9001"\nversion = "001"\nname = "Our Own"\nprovenance = "private: a test"\n'
        '[[group]]\ncode = "Q01"\nlevel = 1\nrange = "1-*"\nname = "Things"\n'
        'items = ["J0171"]\n'
    )
    path = tmp_path / "own.usr"
    path.write_bytes(
        b"ZHV|0000000001|D9001001|D|UDMS|X|SUPP|20260320160032||||OPER|\nQ01|R|\n"
        b"ZPT|0000000001|2||1||\n"
    )
    over = ["--overlay", str(tmp_path / "private")]
    assert main(["check", str(path)]) == 1
    assert "unknown-flow" in capsys.readouterr().out
    assert main(["check", str(path), *over]) == 1
    assert "unknown-flow" not in capsys.readouterr().out
    assert main(["show", str(path), *over]) == 0
    assert "Our Own" in capsys.readouterr().out
    assert main(["fix", str(path), "--write", *over]) == 0
    assert main(["check", str(path), *over]) == 0
    capsys.readouterr()
    assert main(["convert", str(path), *over]) == 0
    assert json.loads(capsys.readouterr().out)["group"] == "Q01"
    assert main(["check", str(path), "--overlay", str(tmp_path / "none")]) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("severities = 1\n", "no table"),
        ("partners = 1\n", "no tables"),
        ("[partners]\nUDMS = 1\n", "no table"),
        ("[severities\n", "profile.toml:1"),
    ],
)
def test_a_profile_of_the_wrong_shape_is_refused(
    text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = folder / "profile.toml"
    profile.write_text(text)
    assert main(["check", str(folder / "good.usr"), "--profile", str(profile)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", ["-1", "two", "\u00b2", "1.5"])
@pytest.mark.parametrize("option", ["--most", "--jobs"])
def test_what_is_no_count_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], option: str, number: str
) -> None:
    assert main(["check", str(folder / "good.usr"), f"{option}={number}"]) == 2
    assert f"{number!r} is no count" in capsys.readouterr().err
