"""An MPAN's flows in order, and what became of their answers."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path

import pytest

from dflow.catalogue import GroupDef, bundled
from dflow.cli import main
from dflow.errors import RefusedText
from dflow.generator import mpan
from dflow.parse import read
from dflow.parse.source import CHUNK
from dflow.timeline import Pairs, awaited, load_pairs, pairs_from, timeline
from dflow.tomltext import parse_toml

_MPAN, _OTHER = mpan(1), mpan(2)
_ASKS = "D0170001"
_ANSWERS = "D0150002"


def _file(  # a short file: what is missing in its body is not the timeline's business
    flow: str, way: str, day: int, *, number: int = 1, point: str = _MPAN, flag: str = "OPER"
) -> bytes:
    first = {_ASKS: "350|20260302|13|||OLDS|\n351", _ANSWERS: "288"}[flow]
    sender, recipient = way.split(">")
    made = f"202603{day:02d}060000"
    head = f"ZHV|TL{number:08d}|{flow}|M|{sender}|M|{recipient}|{made}||||{flag}|\n"
    return f"{head}{first}|{point}|\nZPT|TL{number:08d}|1||1|{made}|\n".encode()


def _archive(folder: Path, *files: bytes) -> list[Path]:
    paths = [folder / f"{9 - at}.usr" for at in range(len(files))]  # names tell another order
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    return sorted(paths)


def _pairs(extra: str = "", days: int = 5) -> Pairs:
    text = f"""provenance = "this test"
[[pair]]
flow = "D0170"
answers = ["D0149", "D0150"]
days = {days}
{extra}
"""
    return pairs_from(parse_toml(text, "pairs"))


def _local(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 6)  # noqa: DTZ001  files tell local time


def _states(paths: list[Path], pairs: Pairs, day: int = 31) -> list[str]:
    seen = timeline(paths, _MPAN).sightings
    return [one.state for one in awaited(seen, pairs, at=_local(2026, 3, day))]


def test_the_order_is_that_of_the_headers(tmp_path: Path) -> None:
    paths = _archive(
        tmp_path,
        _file(_ASKS, "NEWM>OLDM", 9),
        _file(_ANSWERS, "OLDM>NEWM", 11, number=2),
        _file(_ASKS, "NEWM>OLDM", 2, number=3),
        _file(_ASKS, "NEWM>OLDM", 1, number=4, point=_OTHER),
    )
    found = timeline(paths, _MPAN)
    assert [one.header.created[6:8] for one in found.sightings] == ["02", "09", "11"]
    assert found.sightings[2].name == bundled()["D0150", "002"].name
    assert [one.items for one in found.sightings] == [("J0003",)] * 3
    assert (found.files, found.skipped) == (4, ())


def test_only_the_records_of_the_mpan_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "one.usr"
    path.write_bytes(
        b"ZHV|TL00000001|D0010002|D|READ|X|SUPL|20260302060000||||OPER|\n"
        + f"026|{_OTHER}|V|\n028|S1|R|\n026|{_MPAN}|V|\n028|S2|R|\n".encode()
        + b"ZPT|TL00000001|4||1|20260302060001|\n"
    )
    [seen] = timeline([path], _MPAN).sightings
    assert [one.raw for one in seen.records] == [f"026|{_MPAN}|V|".encode(), b"028|S2|R|"]
    assert [one.line for one in seen.records] == [4, 5]


def test_digits_within_another_value_are_no_mpan(tmp_path: Path) -> None:
    path = tmp_path / "one.usr"
    path.write_bytes(_file(_ASKS, "NEWM>OLDM", 2, point=f"9{_MPAN}"))
    assert timeline([path], _MPAN).sightings == ()


@pytest.mark.untraced
def test_an_mpan_over_the_edge_of_a_chunk_is_seen(tmp_path: Path) -> None:
    data = _file(_ASKS, "NEWM>OLDM", 2, point=_OTHER).splitlines(keepends=True)
    for shift in range(15):
        path = tmp_path / f"{shift}.usr"
        before = data[0]
        short = CHUNK - shift - 4 - len(before)  # where the wanted record begins: 351|MPAN
        fill = f"351|{_OTHER}|\n".encode()
        times, over = divmod(short - 6, len(fill))
        before += b"351|" + b"0" * over + b"|\n" + fill * times
        path.write_bytes(before + f"351|{_MPAN}|\n".encode() + data[-1])
        assert path.read_bytes().index(_MPAN.encode()) == CHUNK - shift
        assert len(timeline([path], _MPAN).sightings) == 1


def test_a_flow_that_is_not_known_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "one.usr"
    path.write_bytes(_file(_ASKS, "NEWM>OLDM", 2).replace(b"D0170001", b"Q9999001"))
    [seen] = timeline([path], _MPAN).sightings
    assert (seen.name, seen.items, seen.about) == ("", (), True)


def _with_item(flow: str, version: str, jcode: str) -> bytes:
    """A file whose only values are the MPAN, where the item stands, and group codes."""
    lines: list[str] = []
    groups = list(bundled()[flow, version].groups)
    while groups:  # down the one way to the item
        group = next(one for one in groups if any(jcode in _jcodes(low) for low in one.walk()))
        values = (_MPAN if one == jcode else "" for one in _jcodes(group))
        lines.append(f"{group.code}|{'|'.join(values)}|\n")
        groups = [] if jcode in _jcodes(group) else list(group.groups)
    head = f"ZHV|TL00000001|{flow}{version}|M|NEWM|M|OLDM|20260302060000||||OPER|\n"
    return f"{head}{''.join(lines)}ZPT|TL00000001|1||1|20260302060001|\n".encode()


def _jcodes(group: GroupDef) -> list[str]:
    return [place.item.jcode for place in group.items]


@pytest.mark.parametrize(
    ("flow", "version", "jcode", "about"),
    [
        ("D0238", "001", "J0845", False),  # it has an MPAN Core of its own
        ("D0386", "001", "J2243", True),  # it has none
    ],
)
def test_a_mention_neither_asks_nor_answers(
    tmp_path: Path, flow: str, version: str, jcode: str, about: bool
) -> None:
    path = tmp_path / "one.usr"
    path.write_bytes(_with_item(flow, version, jcode))
    [seen] = timeline([path], _MPAN).sightings
    assert (seen.items, seen.about) == ((jcode,), about)
    text = f'provenance = "t"\n[[pair]]\nflow = "{flow}"\nanswers = ["D0150"]\ndays = 1\n'
    pairs = pairs_from(parse_toml(text, "pairs"))
    assert len(awaited([seen], pairs, at=_local(2027, 1, 1))) == about


@pytest.mark.parametrize(
    ("day", "state"), [(4, "answered"), (7, "answered"), (8, "late")], ids=["soon", "due", "late"]
)
def test_an_answer_has_its_day(tmp_path: Path, day: int, state: str) -> None:
    paths = _archive(
        tmp_path, _file(_ASKS, "NEWM>OLDM", 2), _file(_ANSWERS, "OLDM>NEWM", day, number=2)
    )
    assert _states(paths, _pairs()) == [state]


def test_no_answer_is_awaited_until_it_is_missing(tmp_path: Path) -> None:
    paths = _archive(
        tmp_path, _file(_ASKS, "NEWM>OLDM", 2), _file(_ANSWERS, "OLDM>NEWM", 20, number=2)
    )
    assert [_states(paths, _pairs(), day) for day in (1, 7, 8, 21)] == [
        [],
        ["waiting"],
        ["missing"],
        ["late"],
    ]


@pytest.mark.parametrize(
    "answer",
    [
        _file(_ANSWERS, "THRD>NEWM", 4, number=2),
        _file(_ANSWERS, "OLDM>NEWM", 4, number=2, flag="TR01"),
        _file(_ANSWERS, "OLDM>NEWM", 4, number=2, point=_OTHER),
        _file(_ANSWERS, "OLDM>NEWM", 1, number=2),
    ],
    ids=["another party", "a test", "another MPAN", "before the question"],
)
def test_what_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    paths = _archive(tmp_path, _file(_ASKS, "NEWM>OLDM", 2), answer)
    assert _states(paths, _pairs()) == ["missing"]


def test_anyone_may_answer_if_the_pair_says_so(tmp_path: Path) -> None:
    paths = _archive(
        tmp_path, _file(_ASKS, "NEWM>OLDM", 2), _file(_ANSWERS, "THRD>NEWM", 4, number=2)
    )
    assert _states(paths, _pairs('by = "anyone"')) == ["answered"]
    assert _states(paths, _pairs('by = "anyone"\nversion = "001"')) == ["answered"]


def test_an_answer_answers_one_question(tmp_path: Path) -> None:
    question = _file(_ASKS, "NEWM>OLDM", 2)
    answer = _file(_ANSWERS, "OLDM>NEWM", 4, number=2)
    twice = _archive(tmp_path, question, _file(_ASKS, "NEWM>OLDM", 3, number=3), answer)
    assert _states(twice, _pairs()) == ["answered", "missing"]


def test_copies_count_once(tmp_path: Path) -> None:
    question = _file(_ASKS, "NEWM>OLDM", 2)
    answer = _file(_ANSWERS, "OLDM>NEWM", 4, number=2)
    later = _file(_ASKS, "NEWM>OLDM", 3, number=3)
    paths = _archive(tmp_path, question, question, answer, answer, later)
    assert len(timeline(paths, _MPAN).sightings) == 5
    assert _states(paths, _pairs()) == ["answered", "missing"]


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    good, empty, text, gone = (tmp_path / name for name in ("a", "b", "c", "d"))
    good.write_bytes(_file(_ASKS, "NEWM>OLDM", 2))
    empty.write_bytes(b"")
    text.write_bytes(f"a letter about {_MPAN}\n".encode())
    found = timeline([good, empty, text, gone], _MPAN)
    assert (found.files, len(found.sightings)) == (4, 1)
    assert [one.reason for one in found.skipped] == [
        f"{empty}: has no header",
        f"{text}: has no header",
        f"{gone}: no such file",
    ]


def test_a_file_that_may_not_be_read_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(_file(_ASKS, "NEWM>OLDM", 2))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("the superuser reads everything")
    [skipped] = timeline([path], _MPAN).skipped
    assert skipped.reason == f"{path}: no permission to read it"


def test_an_mpan_is_thirteen_digits() -> None:
    with pytest.raises(ValueError, match="thirteen digits, not '12'"):
        timeline([], "12")


def test_the_bundled_pairs_say_that_they_are_made_up() -> None:
    pairs = load_pairs()
    assert pairs.made_up
    assert pairs.provenance.startswith("made up")
    assert pairs.pairs


def test_every_mistake_of_a_table_is_told_at_its_place() -> None:
    text = """made-up = "yes"
[[pair]]
flow = "D0171x"
answers = []
days = -1
[[pair]]
flow = "D0170"
version = "007"
answers = ["D0150", "D1050"]
days = true
by = "me"
wy = ""
"""
    with pytest.raises(RefusedText) as caught:
        pairs_from(parse_toml(text, "pairs.toml"))
    assert [(one.line, one.message) for one in caught.value.faults] == [
        (0, "the key 'provenance' is missing or holds no text"),
        (1, "the key 'made-up' is true or false"),
        (3, "no flow 'D0171x' in the catalogue"),
        (4, "answers are a list of one flow or more"),
        (5, "days are a whole number from 0 to 3660"),
        (8, "no D0170 of version '007'"),
        (9, "no flow 'D1050' in the catalogue"),
        (10, "days are a whole number from 0 to 3660"),
        (11, "whose answer counts is not said"),
        (12, "unknown key 'wy'"),
    ]
    assert "D0150" in caught.value.faults[6].near


@pytest.mark.parametrize("text", ["", "pair = 3", "[[pair]]\n", "[pair]\nflow = 3"])
def test_a_table_without_pairs_is_refused(text: str) -> None:
    with pytest.raises(RefusedText):
        pairs_from(parse_toml(text, "pairs.toml"))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    _archive(folder, _file(_ASKS, "NEWM>OLDM", 2), b"junk\n")
    return folder


def test_the_command_flags_what_is_missing(
    archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = archive.parent / "pairs.toml"
    table.write_text(
        'provenance = "t"\n[[pair]]\nflow = "D0170"\nanswers = ["D0150"]\ndays = 5\nwhy = "so"\n'
    )
    words = ["timeline", str(archive), "--mpan", _MPAN, "--at", "2026-04-01", "--records"]
    assert main([*words, "--pairs", str(table)]) == 1
    said = capsys.readouterr()
    name = "Request for Metering System Related Details"
    asked = "D0170 of 20260302060000 from M/NEWM to M/OLDM"
    assert said.out.splitlines() == [
        f"2026-03-02 06:00:00  D0170001  M/NEWM -> M/OLDM  {name}  {archive}/9.usr",
        "       3 | 351|*************|",
        "",
        f"missing   {asked}: D0150 due 2026-03-07 06:00:00 (so)",
        f"{_MPAN}: 1 flow in 2 files, 1 answer missing, 1 file skipped",
    ]
    assert said.err == f"dflow: skipped: {archive}/8.usr: has no header\n"
    assert main(words) == 0  # by made-up pairs nothing is concluded
    assert "made-up example pairs" in capsys.readouterr().out


def test_the_command_speaks_json(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["timeline", str(archive), "--mpan", _MPAN, "--at", "2026-04-01T12:00", "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out)
    [flow], [owed] = report["flows"], report["answers"]
    assert (flow["flow"], flow["from"], flow["at"]) == ("D0170", "M/NEWM", "2026-03-02T06:00:00")
    assert flow["records"] == [{"line": 3, "text": "351|*************|"}]
    assert (owed["state"], owed["answer"]) == ("missing", None)
    assert report["pairs"]["made_up"] is True
    assert (report["files"], len(report["skipped"])) == (2, 1)
    assert main([*words, "--unmask"]) == 0
    assert f"351|{_MPAN}|" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more",
    [["--mpan", "12"], [], ["--mpan", _MPAN, "--at", "soon"], ["--mpan", _MPAN, "--pairs", "no"]],
    ids=["short", "none", "no time", "no table"],
)
def test_wrong_use(archive: Path, more: list[str]) -> None:
    assert main(["timeline", str(archive), *more]) == 2


def test_an_archive_must_be_there(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = str(archive / "gone")
    assert main(["timeline", str(archive), gone, "--mpan", _MPAN]) == 2
    assert f"{gone}: no such file or folder" in capsys.readouterr().err


def test_a_story_is_answered_by_the_examples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "story"
    assert main(["generate", "--scenario", "change-of-agent", "-o", str(folder)]) == 0
    capsys.readouterr()
    point = next(iter(_points(folder)))
    found = timeline(sorted(folder.iterdir()), point)
    states = awaited(found.sightings, load_pairs(), at=_local(2030, 1, 1))
    assert len(found.sightings) == 7
    assert [one.state for one in states] == ["answered", "answered"]


def _points(folder: Path) -> set[str]:
    return {
        group["J0003"]
        for path in folder.iterdir()
        for group in read(path).walk()
        if group.get("J0003")
    }
