"""The pytest plug-in, run as a user's pytest runs it."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from dflow.catalogue import bundled
from dflow.generator import GeneratedFile, generate, header_for
from dflow.parse import read
from dflow.testing.compare import differences
from dflow.testing.doubles import Bench, FakeClock, RecordingDestination
from support import CHECKOUT

pytest_plugins = ["pytester"]

RULES = """
destination old "the old agent" test
destination new "the new agent" test
route all: flow D0010 to M/OLDM deliver old
clone migration: flow D0010 to M/OLDM copy new
"""


def d0010(count: int = 2) -> bytes:
    definition = bundled()["D0010", "002"]
    header = header_for(definition)
    return b"".join(generate(GeneratedFile(definition=definition, header=header, count=count)))


def to_oldm(number: int) -> bytes:
    """A file for M/OLDM, each with an identifier of its own."""
    data = d0010().replace(b"|D|OLDM|", b"|M|OLDM|")
    return data.replace(b"|0000000000|", f"|{number:010d}|".encode())


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of a user's; its pytest is a process of its own, as in life."""
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT / "src"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\naddopts = -p dflow.testing.plugin -p no:cacheprovider\n")
    return pytester


def corpus(folder: Path) -> Path:
    good = d0010()
    for name, data in {
        "D0010/pass/good.usr": good,
        "D0010/fail/count.usr": good.replace(b"ZPT|0000000000|", b"ZPT|0000000000|9"),
        "D0010/fail/count.usr.codes": b"group-count\n",
        "D0010/README": b"not a file of the corpus",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_a_corpus_is_checked_by_folder(project: pytest.Pytester) -> None:
    folder = corpus(project.path / "corpus")
    result = project.runpytest_subprocess("--dflow-corpus", str(folder), "-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*corpus/D0010/fail/count.usr*PASSED*"])


def test_a_file_in_the_wrong_folder_fails_with_its_findings(project: pytest.Pytester) -> None:
    folder = corpus(project.path / "corpus")
    (folder / "D0010/fail/count.usr").rename(folder / "D0010/pass/count.usr")
    (folder / "D0010/pass/good.usr").rename(folder / "D0010/fail/good.usr")
    result = project.runpytest_subprocess("--dflow-corpus", str(folder))
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*count.usr: found in a file that should be clean*", "*group-count*"]
    )
    result.stdout.fnmatch_lines(["*good.usr: no error in a file that should have one*"])


def test_codes_beside_a_file_are_kept_to(project: pytest.Pytester) -> None:
    folder = corpus(project.path / "corpus")
    (folder / "D0010/fail/count.usr.codes").write_text("flow-count\n")
    result = project.runpytest_subprocess("--dflow-corpus", str(folder), "-k", "count")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["*found otherwise than count.usr.codes says (flow-count)*"])


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_corpus_must_be_there(project: pytest.Pytester, name: str) -> None:
    (project.path / "empty").mkdir()
    result = project.runpytest_subprocess("--dflow-corpus", name)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--dflow-corpus: *"])


def test_flows_that_differ_are_shown_item_by_item(project: pytest.Pytester) -> None:
    (project.path / "one.usr").write_bytes(d0010())
    (project.path / "two.usr").write_bytes(
        d0010().replace(b"|0000000000|D0010", b"|0000000001|D0010")
    )
    project.makepyfile(
        """
        from pathlib import Path
        import dflow

        def test_same():
            assert dflow.read("one.usr") == dflow.read("two.usr")
        """
    )
    result = project.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*header file_id: '0000000000' != '0000000001'*"])


def test_the_fixtures_are_there(project: pytest.Pytester) -> None:
    (project.path / "in.usr").write_bytes(to_oldm(1))
    (project.path / "x.routes").write_text(RULES)
    project.makepyfile(
        """
        from pathlib import Path

        def test_all(gateway_folder, fake_clock, recording_destination, exchange_bench):
            assert sorted(path.name for path in gateway_folder.iterdir()) == ["inbox", "outbox"]
            before = fake_clock()
            fake_clock.advance(60)
            assert fake_clock() == before + 60
            assert recording_destination.contents == []
            bench = exchange_bench(Path("x.routes").read_text())
            bench.put(Path("in.usr").read_bytes())
            bench.run()
            assert bench.destinations["old"].contents == [Path("in.usr").read_bytes()]
            assert bench.destinations["new"].contents == bench.destinations["old"].contents
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_differences_name_records_and_items() -> None:
    left = read(d0010())
    assert differences(left, left) == []
    point = next(left.find("026"))
    value = point["J0022"]
    raw = point.record.raw
    changed = read(d0010().replace(raw, raw[:-2] + b"?|", 1))
    expected = f"line 2 026 J0022 BSC Validation Status: '{value}' != '?'"
    assert differences(left, changed) == [expected]
    longer = read(d0010(3))
    assert any(line.startswith("+ line") for line in differences(left, longer))
    assert any(line.startswith("- line") for line in differences(longer, left))
    assert differences(left, read(b""))[:1] == ["- header"]
    crlf = read(d0010().replace(b"\n", b"\r\n"))
    assert "terminators" in differences(left, crlf)[0]


def test_differences_are_bounded() -> None:
    found = differences(read(d0010(200)), read(b""))
    assert len(found) == 31
    assert found[-1].startswith("... and ")


def test_a_destination_behaves_as_told(tmp_path: Path) -> None:
    bench = Bench(RULES, tmp_path / "journal.db", FakeClock())
    old, new = bench.destinations["old"], bench.destinations["new"]
    old.mood = "down"
    bench.put(to_oldm(1), read(to_oldm(2)))
    bench.run()
    assert old.parcels == []
    assert len(new.flows) == 2
    old.mood = "uncertain"
    bench.clock.advance(3600)
    bench.run()
    old.mood = "well"
    bench.clock.advance(3600)
    bench.run()
    assert sorted(old.contents) == [to_oldm(1), to_oldm(2)]
    bench.close()


def test_a_clock_wants_an_instant() -> None:
    from datetime import datetime

    clock = FakeClock()
    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock() == 1767225600.0
    with pytest.raises(ValueError, match="has no offset"):
        clock.set(datetime(2026, 1, 1))  # noqa: DTZ001  the mistake itself
    assert RecordingDestination().capabilities.probes
