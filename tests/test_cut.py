"""Cuts: only what belongs, whole or not at all, and proofs that can fail."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from dflow.catalogue import bundled
from dflow.cli import main
from dflow.cut import (
    CutRules,
    bundled_items,
    clashes,
    cut,
    disagreements,
    items_from,
    read_manifest,
    refresh,
    shared,
)
from dflow.cut.narrowing import mpans_of, narrowed
from dflow.envelope import Party
from dflow.errors import RefusedText, SourceError, StructureError
from dflow.generator import GeneratedFile, generate, header_for, mpan
from dflow.parse import read
from dflow.validate import check

POINTS = tuple(mpan(number + 7) for number in range(6))
AT, LATER = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"


def made(
    flow: str, version: str, points: tuple[str, ...], *, to: str = "SUPL", seed: int = 0
) -> bytes:
    definition = bundled()[flow, version]
    header = header_for(
        definition,
        seed=seed,
        sender=Party("M", "MOPS"),
        recipient=Party("X", to),
        day=737425,
        test_flag="TR01",
    )
    wanted = GeneratedFile(
        definition=definition, header=header, count=len(points), seed=seed, mpans=points
    )
    return b"".join(generate(wanted))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "all.usr").write_bytes(made("D0150", "002", POINTS))
    (folder / "in" / "two.usr").write_bytes(made("D0149", "001", POINTS[:2], seed=1))
    (folder / "other.usr").write_bytes(made("D0150", "002", POINTS[4:], to="OTHR", seed=2))
    (folder / "registration.usr").write_bytes(made("D0205", "001", POINTS, to="DIST", seed=3))
    return folder


def rules(**kw: object) -> CutRules:
    return CutRules(**{"phase": "SIT", "party": "ONE", **kw})  # type: ignore[arg-type]  # by name


def subjects(path: Path) -> set[str]:
    return set(mpans_of(read(path))[0])


def test_a_participants_files_are_copied_to_the_byte(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    manifest = cut(archive, out, rules(mpids=("OTHR", "DIST")), at=AT)
    assert {one.file for one in manifest.files} == {"files/other.usr", "files/registration.usr"}
    for one in manifest.files:
        data = (out / one.file).read_bytes()
        assert data == (archive / one.original).read_bytes()
        assert hashlib.sha256(data).hexdigest() == one.sha256 == one.original_sha256
        assert one.added == AT
        assert one.told
    assert set(POINTS) <= set(manifest.allocated)
    assert read_manifest(out) == manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "cut"]


def test_a_portfolio_gets_its_own_records_only(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    mine = (POINTS[1], POINTS[3], mpan(9000))
    manifest = cut(archive, out, rules(mpans=mine), at=AT)
    files = {one.original: one for one in manifest.files}
    assert set(files) == {"in/all.usr", "in/two.usr", "registration.usr"}
    for one in files.values():
        data = (out / one.file).read_bytes()
        assert subjects(out / one.file) <= set(mine)
        assert check(data).codes == check((archive / one.original).read_bytes()).codes
        for foreign in set(POINTS) - set(mine) - set(manifest.related):
            assert foreign.encode() not in data
    assert subjects(out / "files/in/all.usr") == {POINTS[1], POINTS[3]}
    assert subjects(out / "files/registration.usr") == {POINTS[1], POINTS[3]}
    assert files["in/all.usr"].sha256 != files["in/all.usr"].original_sha256
    assert manifest.allocated == tuple(sorted(mine))
    assert manifest.missing == (mine[2],)


def test_a_whole_file_of_the_portfolio_keeps_its_bytes(archive: Path) -> None:
    data = (archive / "in" / "two.usr").read_bytes()
    left = narrowed(read(data), frozenset(POINTS[:2]))
    assert left is not None
    assert bytes(left) == data
    assert narrowed(read(data), frozenset(POINTS[5:])) is None


def test_mpids_flows_and_portfolio_narrow_each_other(archive: Path, tmp_path: Path) -> None:
    wanted = rules(mpids=("SUPL",), mpans=(POINTS[0],), flows=("D0150",))
    manifest = cut(archive, tmp_path / "cut", wanted, at=AT)
    assert [one.original for one in manifest.files] == ["in/all.usr"]


def test_what_cannot_be_told_apart_is_skipped_and_counted(archive: Path, tmp_path: Path) -> None:
    stray = made("D0150", "002", POINTS, seed=4).replace(b"\nZPT|", b"\n999|SOMEBODY|\nZPT|")
    (archive / "stray.usr").write_bytes(stray)
    (archive / "noise").write_bytes(b"no flow " + POINTS[0].encode())
    (archive / ".hidden").write_bytes(stray)
    manifest = cut(archive, tmp_path / "cut", rules(mpans=POINTS[:1]), at=AT)
    assert [one.original for one in manifest.skipped] == ["noise", "stray.usr"]
    assert not list((tmp_path / "cut").rglob("stray*"))
    assert not any(POINTS[0] in one.reason for one in manifest.skipped)
    with pytest.raises(StructureError, match="fit nowhere"):
        narrowed(read(stray), frozenset(POINTS[:1]))


def test_an_unreadable_file_is_skipped(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.name == "other.usr":
            raise PermissionError(13, "Permission denied")
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    manifest = cut(archive, tmp_path / "cut", rules(mpids=("OTHR", "SUPL")), at=AT)
    assert [one.original for one in manifest.skipped] == ["other.usr"]
    assert len(manifest.files) == 2
    monkeypatch.undo()
    manifest, added = refresh(archive, tmp_path / "cut", at=LATER)
    assert (added, manifest.skipped) == (1, ())


def test_nothing_half_written_stays(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.write_bytes
    left = 2

    def full(path: Path, data: bytes) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            whole(path, data[:10])
            raise OSError(28, "No space left on device")
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SourceError, match="No space left"):
        cut(archive, tmp_path / "cut", rules(mpans=POINTS), at=AT)
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]
    monkeypatch.undo()
    cut(archive, tmp_path / "cut", rules(mpids=("SUPL",)), at=AT)
    before = {path: path.read_bytes() for path in (tmp_path / "cut").rglob("*") if path.is_file()}
    for number in range(3):
        (archive / f"new{number}.usr").write_bytes(made("D0150", "002", POINTS, seed=9 + number))
    left = 2
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SourceError, match="No space left"):
        refresh(archive, tmp_path / "cut", at=LATER)
    after = {path: path.read_bytes() for path in (tmp_path / "cut").rglob("*") if path.is_file()}
    after.pop(tmp_path / "cut" / ".refresh.lock")  # empty, and stays
    assert after == before


def test_a_refresh_adds_what_came_and_nothing_twice(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut"
    first = cut(archive, out, rules(mpids=("SUPL",)), at=AT)
    again, added = refresh(archive, out, at=LATER)
    assert (again, added) == (first, 0)
    new = made("D0150", "002", (mpan(9999),), seed=7)
    (archive / "later.usr").write_bytes(new)
    (archive / "copy of later.usr").write_bytes(new)
    (archive / "in" / "two.usr").write_bytes(made("D0149", "001", POINTS[:2], seed=8))
    second, added = refresh(archive, out, at=LATER)
    assert added == 2
    assert second.files[: len(first.files)] == first.files
    assert {one.added for one in second.files[len(first.files) :]} == {LATER}
    assert second.refreshed == LATER
    assert mpan(9999) in second.allocated
    text = (out / "manifest.json").read_bytes()
    third, added = refresh(archive, out, at="2026-03-01T00:00:00+00:00")
    assert (third, added) == (second, 0)
    assert (out / "manifest.json").read_bytes() == text
    for one in third.files:
        assert hashlib.sha256((out / one.file).read_bytes()).hexdigest() == one.sha256


def test_an_mpan_in_two_cuts_is_a_clash(archive: Path, tmp_path: Path) -> None:
    def of(name: str, **kw: object) -> Path:
        cut(archive, tmp_path / name, rules(**kw), at=AT)
        return tmp_path / name

    one = read_manifest(of("one", mpans=POINTS[:2]))
    two = read_manifest(of("two", mpans=POINTS[2:4], party="TWO"))
    both = read_manifest(of("both", mpans=POINTS[1:3], party="TWO"))
    uit = read_manifest(of("uit", mpans=POINTS[:1], phase="UIT"))
    assert clashes([one, two]) == ()
    assert clashes([one, one]) == ()
    assert [found.mpan for found in clashes([one, two, both])] == [POINTS[1]]
    assert clashes([one, uit])[0].holders == (("SIT", "", "ONE"), ("UIT", "", "ONE"))
    supplier = read_manifest(of("s", mpans=POINTS[:1], role="supplier"))
    operator = read_manifest(of("m", mpans=POINTS[:1], role="meter operator", party="MOPS"))
    rival = read_manifest(of("r", mpans=POINTS[:1], role="supplier", party="RIVL"))
    assert clashes([supplier, operator]) == ()
    assert len(clashes([supplier, operator, rival])) == 1
    assert shared([one, two]) == frozenset()


def test_cuts_that_say_different_things_of_an_mpan_are_told(tmp_path: Path) -> None:
    said = made("D0150", "002", POINTS[:2], seed=5)
    group = next(one for one in read(said).find("288") if one["J0082"])
    measurement, point = group["J0082"], group["J0003"]
    other = "A" if measurement != "A" else "C"
    place = group.definition.place("J0082") if group.definition else None
    assert place is not None
    fields = group.record.raw.split(b"|")
    fields[place.position] = other.encode()
    changed = said.replace(group.record.raw, b"|".join(fields), 1)
    folders = []
    for name, data in (("supplier", said), ("operator", changed), ("registration", said)):
        (tmp_path / f"of {name}").mkdir()
        (tmp_path / f"of {name}" / "a.usr").write_bytes(data)
        cut(tmp_path / f"of {name}", tmp_path / name, rules(mpans=POINTS[:2]), at=AT)
        folders.append(tmp_path / name)
    assert disagreements([folders[0], folders[2]]) == ((), ())
    found, skipped = disagreements(folders)
    assert skipped == ()
    assert [(one.mpan, one.jcode) for one in found] == [(point, "J0082")]
    assert [values for _, values, _ in found[0].values] == [
        (measurement,),
        (other,),
        (measurement,),
    ]
    assert disagreements(folders, items=items_from('[[item]]\njcode = "J0080"\n'))[0] == ()
    (folders[0] / "files" / "a.usr").write_bytes(b"changed since")
    assert [one.reason for one in disagreements(folders)[1]] == ["is not what the manifest says"]


def test_the_compared_items_are_the_catalogues() -> None:
    catalogue = bundled()
    for item in bundled_items():
        assert catalogue.item(item.jcode).name
        for flow in (*item.only, *item.but):
            assert catalogue.versions(flow)


@pytest.mark.parametrize(
    "text",
    ["", "[[item]]\n", "[[item]]\njcode='J1'\n", "[[item]]\njcode='J0004'\nbat=[]\n", "item=[1]"],
)
def test_a_wrong_table_of_items_is_refused(text: str) -> None:
    with pytest.raises(RefusedText):
        items_from(text)


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.update(format="other"),
        lambda table: table.pop("rules"),
        lambda table: table["files"][0].update(file="../../outside"),
        lambda table: table["files"][0].update(file="/etc/passwd"),
        lambda table: table.update(allocated=[1]),
    ],
)
def test_a_wrong_manifest_is_refused(archive: Path, tmp_path: Path, change: object) -> None:
    out = tmp_path / "cut"
    cut(archive, out, rules(mpids=("SUPL",)), at=AT)
    table = json.loads((out / "manifest.json").read_text())
    assert callable(change)
    change(table)
    (out / "manifest.json").write_text(json.dumps(table))
    with pytest.raises(SourceError, match="manifest"):
        read_manifest(out)


def test_a_cut_inside_its_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    for out in (archive / "cut", archive, tmp_path):
        with pytest.raises(SourceError):
            cut(archive, out, rules(mpids=("SUPL",)), at=AT)
    with pytest.raises(SourceError, match="no folder"):
        cut(tmp_path / "none", tmp_path / "cut", rules(mpids=("SUPL",)), at=AT)


def test_a_link_out_of_the_archive_is_not_followed(archive: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(made("D0150", "002", POINTS, seed=11))
    (archive / "link.usr").symlink_to(secret)
    manifest = cut(archive, tmp_path / "cut", rules(mpids=("SUPL",)), at=AT)
    assert "link.usr" not in {one.original for one in manifest.files}
    assert ("link.usr", "is a link, which may lead elsewhere") in {
        (one.original, one.reason) for one in manifest.skipped
    }


def test_the_command(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portfolio = tmp_path / "mpans.csv"
    portfolio.write_text("name,mpan\n" + "".join(f"A,{one}\n" for one in POINTS[:3]))
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    words = ["cut", str(archive), "--phase", "SIT", "--mpans", str(portfolio)]
    assert main([*words, "--mpid", "SUPL", "--out", one]) == 0
    assert "2 files added" in capsys.readouterr().out
    assert main([*words, "--mpid", "SUPL", "--out", one]) == 2
    assert main([*words, "--mpid", "SUPL", "--mpid", "DIST", "--out", two]) == 0
    capsys.readouterr()
    assert main(["cut", "--allocation", "--json", one, one]) == 0
    capsys.readouterr()
    assert main(["cut", "--allocation", one, two]) == 1
    out = capsys.readouterr().out
    assert "3 of them twice" in out
    assert not any(point in out for point in POINTS)
    assert main(["cut", "--allocation", "--unmask", one, two]) == 1
    assert POINTS[0] in capsys.readouterr().out
    assert main(["cut", str(archive), "--refresh", one]) == 0
    assert "0 files added" in capsys.readouterr().out
    assert main(["cut", "--agreement", one, one]) == 0
    assert main(["cut", "--agreement", "--json", one, two]) in {0, 1}
    assert not any(point in capsys.readouterr().out for point in POINTS)


@pytest.mark.parametrize(
    "words",
    [
        ["--phase", "SIT", "--out", "x"],
        ["--phase", "SIT", "--mpid", "SUPL"],
        ["--mpid", "SUPL", "--out", "x"],
        ["--refresh", "x", "--mpid", "SUPL"],
        ["--refresh", "x"],
        ["--phase", "SIT", "--mpans", "none", "--party", "P", "--out", "x"],
        ["--phase", "SIT", "--mpid", "SUPPL", "--out", "x"],
    ],
)
def test_wrong_use(archive: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cut", str(archive), *words]) == 2
    assert capsys.readouterr().err.startswith("dflow: ")


def test_two_refreshes_at_once_are_refused_and_the_cut_stays_whole(tmp_path: Path) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    archive.mkdir()
    (archive / "1.usr").write_bytes(made("D0150", "002", POINTS[:2], seed=1))
    cut(archive, out, rules(mpans=POINTS[:2]), at=AT)
    before = (out / "manifest.json").read_bytes()
    for seed in (2, 3):
        (archive / f"{seed}.usr").write_bytes(made("D0150", "002", POINTS[:2], seed=seed))
    refused: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            with pytest.raises(SourceError, match="is being refreshed by another process") as told:
                refresh(archive, out, at=AT)
            refused.append(str(told.value))
            assert (out / "manifest.json").read_bytes() == before

    manifest, added = refresh(archive, out, at=AT, progress=meanwhile)
    assert (added, len(refused)) == (2, 1)
    assert refresh(archive, out, at=AT) == (manifest, 0)
    assert read_manifest(out) == manifest


def test_what_is_no_cut_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "other").mkdir()
    with pytest.raises(SourceError, match="cannot be read as a manifest"):
        refresh(tmp_path / "archive", tmp_path / "other", at=AT)
    assert list((tmp_path / "other").iterdir()) == []
