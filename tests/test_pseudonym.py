"""Pseudonyms: verdicts and joins are kept, and nobody can be read in the result."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dflow.catalogue import bundled
from dflow.cli import main
from dflow.envelope import parse_timestamp, pool_checksum
from dflow.errors import SourceError, StructureError
from dflow.generator import GeneratedFile, generate, header_for, mpan
from dflow.generator.scenario import files_of, load
from dflow.identifiers import is_mpan
from dflow.parse import read
from dflow.pseudonym import Pseudonymiser, new_key, read_key
from dflow.pseudonym.permute import Permutation
from dflow.pseudonym.values import ValuePseudonyms
from dflow.testing.faults import FAULTS
from dflow.testing.strategies import any_bytes_like, faulty, flow_bytes, items
from dflow.validate import check

KEY = b"0123456789abcdef"
SOME = settings(max_examples=25, suppress_health_check=list(HealthCheck))


def other_values(data: bytes) -> set[str]:
    """The values of items that are not sensitive: they stay, and may be the same texts."""
    return {
        value
        for group in read(data).walk()
        if group.definition
        for place, value in zip(group.definition.items, group.values, strict=False)
        if not place.item.sensitive
    }


def verdict(data: bytes) -> list[tuple[str, int, int, str]]:
    found = check(data).findings
    return [(one.code, one.place.line, one.place.column, one.place.path) for one in found]


def sensitive_values(data: bytes) -> set[str]:
    """The values of sensitive items that have eight characters or more, dates apart."""
    found: set[str] = set()
    for group in read(data).walk():
        if group.definition is None:
            continue
        for place, value in zip(group.definition.items, group.values, strict=False):
            if place.item.sensitive and len(value) >= 8 and place.item.format.kind != "DATE":
                found.add(value)
    return found


@given(data=flow_bytes("D0302", "002", fewest=2, most=30))
@SOME
def test_nobody_can_be_read_in_the_result(data: bytes) -> None:
    made = Pseudonymiser(KEY).file(data).decode("latin-1")
    for value in sensitive_values(data) - other_values(data):
        assert value not in made


@given(data=flow_bytes())
@SOME
def test_sound_files_stay_sound(data: bytes) -> None:
    made = Pseudonymiser(KEY).file(data)
    assert verdict(made) == verdict(data)
    assert len(made) == len(data)


#: Faults of files that have a header and a known flow, without which nothing is made.
READABLE = sorted(
    set(FAULTS)
    - {"empty-file", "header-missing", "fixed-length", "unknown-flow", "unknown-version"}
    - {"other-catalogue", "envelope-only", "overlong-record", "blank-expected", "condition"}
    - {"role-pair", "flow-count-unsure"}
)


@pytest.mark.parametrize("fault", READABLE)
@given(data=st.data())
@settings(SOME, max_examples=4)
def test_verdicts_are_kept(fault: str, data: st.DataObject) -> None:
    one = data.draw(faulty(flow_bytes("D0150", "002", fewest=3), fault))
    assert verdict(Pseudonymiser(KEY).file(one.data)) == verdict(one.data)


@given(data=any_bytes_like(flow_bytes("D0010", "002")))
@SOME
def test_mangled_files_are_made_or_refused(data: bytes) -> None:
    try:
        made = Pseudonymiser(KEY).file(data)
    except StructureError:
        return
    assert made.count(b"\n") == data.count(b"\n")


def archive() -> dict[str, bytes]:
    points = [mpan(at) for at in range(40)]
    files: dict[str, bytes] = {}
    for name in ("meter-exchange", "change-of-supplier", "change-of-agent"):
        for file, chunks in files_of(load(name), count=40, seed=4, mpans=points):
            files[f"{name}-{file}"] = b"".join(chunks)
    return files


def joins(files: dict[str, bytes], jcode: str) -> dict[str, set[tuple[str, int]]]:
    """Where each value of an item stands: the join of everything with everything."""
    found: dict[str, set[tuple[str, int]]] = {}
    for name, data in files.items():
        for group in read(data).walk():
            value = group.get(jcode)
            if value:
                found.setdefault(value, set()).add((name, group.record.line))
    return found


@pytest.mark.untraced
def test_joins_are_kept_both_ways_over_flows_and_files() -> None:
    before = archive()
    made = Pseudonymiser(KEY)
    after = {name: made.file(data) for name, data in before.items()}
    for jcode in ("J0003", "J0004", "J0263", "J0375"):
        one, other = joins(before, jcode), joins(after, jcode)
        assert sorted(map(sorted, one.values())) == sorted(map(sorted, other.values()))
    for name, data in before.items():
        assert verdict(after[name]) == verdict(data)
    originals = set().union(*(sensitive_values(data) for data in before.values()))
    originals -= set().union(*(other_values(data) for data in before.values()))
    whole = b"\n".join(after.values()).decode("latin-1")
    assert len(originals) > 200
    assert [value for value in originals if value in whole] == []


def test_meter_points_keep_their_distributor_and_validate() -> None:
    made = Pseudonymiser(KEY)
    definition = bundled()["D0150", "002"]
    data = b"".join(
        generate(GeneratedFile(definition=definition, header=header_for(definition), count=60))
    )
    before = [group["J0003"] for group in read(data).find("288")]
    after = [group["J0003"] for group in read(made.file(data)).find("288")]
    assert all(map(is_mpan, after))
    assert [one[:2] for one in after] == [one[:2] for one in before]
    assert made.replaced["J0003"] == 60


def test_no_two_values_become_one_even_where_reserved_words_could_be_made() -> None:
    """Every text of two letters, with one that is reserved: no chance hits it."""
    groups = bundled()["D0302", "002"].walk()
    [place] = [one for group in groups for one in group.items if one.jcode == "J0375"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    texts = [a + b for a in letters for b in letters] + [f"{a} {b}" for a in "ab" for b in letters]
    for word in ("ab", "b"):
        made = ValuePseudonyms(Permutation(KEY), frozenset({word}))
        assert len({made.of(place, text) for text in texts}) == len(texts)
        assert len({made.anything(text) for text in texts}) == len(texts)


@pytest.mark.untraced
@given(data=st.data())
@SOME
def test_no_two_values_of_an_item_become_one(data: st.DataObject) -> None:
    """Short values of few characters, right and wrong ones, for every sensitive item."""
    places = [
        place
        for flow in bundled()
        for group in flow.walk()
        for place in group.items
        if place.item.sensitive
    ]
    place = data.draw(st.sampled_from(places))
    spaces = place.item.sensitive != "meter or equipment identifier"
    some = st.text("01AB" + " -" * spaces, min_size=1, max_size=4)
    texts = data.draw(st.sets(some | items(place.item), min_size=20, max_size=60))
    made = ValuePseudonyms(Permutation(KEY))
    assert len({made.of(place, text) for text in texts}) == len(texts)


def d0010(meter: str, *, more: str = "") -> bytes:
    body = f"026|1000000000003|V|\n028|{meter}|R|\n{more}"
    count = body.count("\n")
    return (
        f"ZHV|1|D0010002|D|UDMS|X|OLDS|20200101000000||||OPER|\n{body}ZPT|1|{count}||1||\n"
    ).encode("latin-1")


def test_serials_that_differ_by_spaces_stay_one() -> None:
    made = Pseudonymiser(KEY)
    one, other = (
        next(read(made.file(d0010(m))).find("028"))["J0004"] for m in ("F75A 00802", "F75A00802")
    )
    assert one.replace(" ", "") == other
    assert one[4] == " "
    assert other != "F75A00802"


def test_reserved_words_stay_and_more_can_be_kept() -> None:
    header = "ZHV|1|D0302002|X|UDMS|M|OLDM|20200101000000|||||\n"
    body = "68C|1000000000003|20200101|\n69C|The VACANT Flat|seen by DOG|||||\n"
    data = f"{header}{body}ZPT|1|2||1||\n".encode()
    plain = next(read(Pseudonymiser(KEY).file(data)).find("69C"))
    assert plain["J0375"][3:11] == " VACANT "
    assert "Flat" not in plain["J0375"]
    assert not plain["J0012"].endswith("DOG")
    keeping = Pseudonymiser(KEY, reserved=frozenset({"vacant", "dog"}))
    assert next(read(keeping.file(data)).find("69C"))["J0012"].endswith(" DOG")


def test_records_that_fit_nowhere_are_replaced_whole() -> None:
    data = d0010(
        "K1", more="99Z|Mr Very Secret|12345678|\n030|x|JOHNSMITH1|surplus|a|b|c|d|e|SECRETS!|\n"
    )
    made = Pseudonymiser(KEY)
    text = made.file(data).decode("latin-1")
    for secret in ("Very", "Secret", "12345678", "SECRETS"):
        assert secret not in text
    assert made.replaced["?"] >= 3
    assert verdict(text.encode("latin-1")) == verdict(data)


def test_the_same_key_gives_the_same_and_another_gives_another() -> None:
    data = d0010("F75A00802")
    assert Pseudonymiser(KEY).file(data) == Pseudonymiser(KEY).file(data)
    assert Pseudonymiser(KEY).file(data) != Pseudonymiser(KEY + b"x").file(data)


def test_dates_move_together_for_a_meter_point() -> None:
    more = "030|01|20200301000000|12.0|20200201000000|||N|\n"
    data = d0010("K1", more=more)
    made = Pseudonymiser(KEY, shift_dates=True)
    [reading] = read(made.file(data)).find("030")
    assert reading["J0016"] != "20200301000000"
    first, second = (parse_timestamp(reading[jcode]) for jcode in ("J0016", "J0044"))
    assert first is not None
    assert second is not None
    assert (first - second).days == 29
    assert verdict(made.file(data)) == verdict(data)


def test_checksums_stay_right_or_wrong() -> None:
    right = d0010("F75A00802")
    head, trailer = right.rsplit(b"\n", 2)[0], right.rsplit(b"\n", 2)[1]
    total = pool_checksum(head.split(b"\n"))
    for claim in (total, total ^ 5):
        claimed = trailer.replace(b"||1|", b"|%d|1|" % claim)
        data = head + b"\n" + claimed + b"\n"
        assert verdict(Pseudonymiser(KEY).file(data)) == verdict(data)


@pytest.mark.parametrize(
    "data", [b"", b"junk\n", b"ZHV|1|D9999001|X|UDMS|M|OLDM|20200101000000|||||\n"]
)
def test_what_is_not_known_is_refused(data: bytes) -> None:
    with pytest.raises(StructureError, match="cannot be made safe"):
        Pseudonymiser(KEY).file(data)


@pytest.mark.untraced
@given(size=st.integers(1, 400), data=st.data())
def test_permutations_are_permutations(size: int, data: st.DataObject) -> None:
    keyed = Permutation(data.draw(st.binary(min_size=1, max_size=20)))
    assert sorted(keyed.number("d", n, size) for n in range(size)) == list(range(size))


@pytest.mark.untraced
@given(text=st.text(st.characters(codec="latin-1"), max_size=40))
def test_texts_keep_their_shape(text: str) -> None:
    made = Permutation(KEY).text("d", text)
    assert len(made) == len(text)
    for one, other in zip(text, made, strict=True):
        assert (one.isdigit() and one.isascii()) == (other.isdigit() and other.isascii())
        assert one.isalnum() or one == other
        assert one.isascii() == other.isascii()


def test_keys_are_made_for_one_person(tmp_path: Path) -> None:
    path = tmp_path / "key"
    new_key(path)
    assert len(read_key(path)) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SourceError, match="cannot be made"):
        new_key(path)
    path.chmod(0o644)
    with pytest.raises(SourceError, match="others may read the key"):
        read_key(path)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(SourceError, match="the key has 5 bytes; 16 at least"):
        read_key(path)
    with pytest.raises(SourceError, match="cannot be read"):
        read_key(tmp_path / "none")


def test_a_folder_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    point = mpan(77)
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / f"{point}.usr").write_bytes(d0010("F75A00802"))
    (tmp_path / "in" / "junk.usr").write_bytes(b"junk\n")
    key = tmp_path / "key"
    assert main(["pseudonymise", "--new-key", str(key)]) == 0
    words = ["pseudonymise", str(tmp_path / "in"), str(tmp_path / "out"), "--key-file", str(key)]
    assert main(words) == 1
    told = capsys.readouterr()
    assert "1  J0004  Meter Id: meter or equipment identifier" in told.out
    assert "1 file made" in told.out
    assert "junk.usr (file 1): what it holds is not known" in told.err
    [made] = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert is_mpan(made.stem)
    assert made.stem != point
    assert check(made).clean
    assert main(words) == 2
    assert "is there already" in capsys.readouterr().err


def test_no_original_stands_anywhere_in_the_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Contents, names of files and folders, the report, and what is told of files left out."""
    files = archive()
    originals = set().union(*(sensitive_values(data) for data in files.values()))
    kept = set().union(*(other_values(data) for data in files.values()))
    originals -= kept
    for name, data in files.items():
        longest = sorted(sensitive_values(data) - kept, key=lambda one: (len(one), one))
        usable = [one for one in longest if "/" not in one and len(one) < 40][-3:]
        folder = tmp_path / "in" / (usable[0] if usable else "none")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}-{'-'.join(usable[1:])}.usr").write_bytes(data)
    point = mpan(7)
    (tmp_path / "in" / f"left-out-{point}.usr").write_bytes(b"junk " + point.encode())
    new_key(tmp_path / "key")
    words = ["pseudonymise", str(tmp_path / "in"), str(tmp_path / "out")]
    assert main([*words, "--key-file", str(tmp_path / "key"), "--json"]) == 1
    told = capsys.readouterr()
    paths = sorted((tmp_path / "out").rglob("*"))
    made = [path for path in paths if path.is_file()]
    assert len(made) == len(files)
    contents = b"\n".join(path.read_bytes() for path in made).decode("latin-1")
    names = "\n".join(str(path.relative_to(tmp_path)) for path in paths)
    whole = f"{contents}\n{names}\n{told.out}\n{told.err}"
    assert len(originals) > 200
    assert [value for value in (*originals, point) if value in whole] == []


def test_nothing_is_left_of_an_output_that_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.usr").write_bytes(d0010("F75A00802"))
    new_key(tmp_path / "key")
    words = ["pseudonymise", str(tmp_path / "in"), str(tmp_path / "out")]
    words += ["--key-file", str(tmp_path / "key")]

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        assert main(words) == 2
    assert "cannot be written: No space left" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "key"]
    assert main(words) == 0


def test_wrong_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pseudonymise", "x"]) == 2
    assert "name IN, OUT and --key-file" in capsys.readouterr().err
    words = ["pseudonymise", "x", str(tmp_path / "y"), "--key-file", str(tmp_path / "key")]
    assert main(words) == 2
    assert "the key cannot be read" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["pseudonymise", "--new-key", str(tmp_path / "key")]) == 0
    assert main(words) == 2
    assert capsys.readouterr().err == "dflow: x: no such file or folder\n"


def test_a_link_that_leads_nowhere_is_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "broken.usr").symlink_to("nowhere")
    (folder / "round.usr").symlink_to("round.usr")
    (folder / "sound.usr").write_bytes(d0010("S95A12345"))
    assert main(["pseudonymise", "--new-key", str(tmp_path / "key")]) == 0
    words = ["pseudonymise", str(folder), str(tmp_path / "out"), "--key-file"]
    assert main([*words, str(tmp_path / "key")]) == 1
    said = capsys.readouterr()
    assert "broken.usr (file 1): cannot be read: No such file" in said.err
    assert "round.usr (file 2): cannot be read: " in said.err
    assert "\n1 file made" in said.out
