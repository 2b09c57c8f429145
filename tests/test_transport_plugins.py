"""Kinds of transport of other packages: found, named when they fail, never swallowed."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from dflow.cli import main
from dflow.errors import RefusedText
from dflow.exchange import load_wiring
from dflow.transport.plugins import GROUP, Kinds, transport_kinds

GOOD = """\
from dflow.transport import MemoryInbox, MemoryOutbox
from dflow.transport.kinds import Option, TransportKind

KIND = TransportKind(
    name="pigeon",
    out=(Option(name="loft", kind="text", required=True, meaning="Where it lives."),),
    into=(),
    outbox=lambda settings: MemoryOutbox(),
    inbox=lambda settings: MemoryInbox(),
)
OTHER = TransportKind(name="other", into=(), inbox=lambda settings: MemoryInbox())
HALF = TransportKind(name="half", out=(), inbox=lambda settings: MemoryInbox())
NOTHING = TransportKind(name="nothing")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    for name in ("pigeon_post", "broken_post", "leaving_post"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (folder / "pigeon_post.py").write_text(GOOD)
    (folder / "broken_post.py").write_text("raise RuntimeError('no feathers\\nat all')\n")
    (folder / "leaving_post.py").write_text("raise SystemExit(3)\n")
    return folder


def install(site: Path, package: str, *points: str) -> None:
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *points]) + "\n")


def told(kinds: Kinds) -> dict[str, str]:
    return {one.name: one.reason for one in kinds.troubles}


def test_a_kind_of_another_package_is_found(site: Path) -> None:
    install(site, "pigeon-post", "pigeon = pigeon_post:KIND")
    kinds = transport_kinds()
    assert {one.name for one in kinds.kinds} >= {"directory", "pigeon"}
    assert kinds.packages["pigeon"] == "pigeon-post"
    assert not kinds.troubles


def test_only_what_is_asked_for_is_imported(site: Path) -> None:
    install(site, "pigeon-post", "pigeon = pigeon_post:KIND")
    install(site, "broken-post", "broken = broken_post:KIND")
    kinds = transport_kinds({"directory"})
    assert kinds.unread == ("broken", "pigeon")
    assert "pigeon_post" not in sys.modules
    assert not kinds.troubles


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("bad = broken_post:KIND", "broken_post:KIND could not be imported (RuntimeError: no feathers); mend or uninstall the package"),  # noqa: E501  a line of words
        ("bad = leaving_post:KIND", "leaving_post:KIND could not be imported (SystemExit: 3)"),
        ("bad = nowhere_post:KIND", "(ModuleNotFoundError: No module named 'nowhere_post')"),
        ("bad = pigeon_post:ABSENT", "(AttributeError: module 'pigeon_post' has no attribute"),
        ("bad = pigeon_post:GOOD", "AttributeError"),
        ("bad = pigeon_post:Option", "pigeon_post:Option is a type, and no TransportKind"),
        ("bad = pigeon_post:OTHER", "calls itself 'other', and its entry point 'bad'"),
        ("half = pigeon_post:HALF", "has options and no maker, or a maker and no options"),
        ("nothing = pigeon_post:NOTHING", "pigeon_post:NOTHING has options and no maker"),
        ("directory = pigeon_post:KIND", "the name is taken by dflow's own transport directory"),
    ],
)  # fmt: skip
def test_one_that_cannot_be_used_says_why_and_stops_nobody(
    site: Path, point: str, reason: str
) -> None:
    install(site, "bad-post", point)
    install(site, "pigeon-post", "pigeon = pigeon_post:KIND")
    kinds = transport_kinds()
    assert {one.name for one in kinds.kinds} >= {"directory", "pigeon"}
    name = point.partition(" ")[0]
    assert reason in told(kinds)[name]
    assert [one.package for one in kinds.troubles] == ["bad-post"]


def test_two_of_one_name_are_both_refused(site: Path) -> None:
    install(site, "pigeon-post", "pigeon = pigeon_post:KIND")
    install(site, "dove-post", "pigeon = pigeon_post:KIND")
    kinds = transport_kinds()
    assert "pigeon" not in {one.name for one in kinds.kinds}
    words = "dove-post and pigeon-post offer the same name; uninstall all but one"
    assert told(kinds) == {"pigeon": words}


def test_an_entry_point_without_a_package_is_named_by_its_module() -> None:
    point = EntryPoint(name="lost", value="nowhere_post.kind:KIND", group=GROUP)
    (trouble,) = transport_kinds(offered=[point]).troubles
    assert str(trouble).startswith("transport lost of nowhere_post.kind cannot be used: ")


def test_dflow_itself_offers_none() -> None:
    assert not [one for one in entry_points(group=GROUP) if one.value.startswith("dflow.")]


CONFIG = """\
[journal]
url = "memory:"
[routes]
file = "x.routes"
[source.gateway]
transport = "{into}"
[mount.there]
transport = "{out}"
"""


def configured(folder: Path, into: str, out: str, more: str = "") -> Path:
    path = folder / "dflow.toml"
    path.write_text(CONFIG.format(into=into, out=out) + more)
    (folder / "x.routes").write_text('destination there "there"\nroute all: flow * deliver there\n')
    return path


def test_a_configuration_may_name_it(site: Path, tmp_path: Path) -> None:
    install(site, "pigeon-post", "pigeon = pigeon_post:KIND")
    wiring = load_wiring(configured(tmp_path, "pigeon", "pigeon", 'loft = "roof"\n'))
    assert type(wiring.mounts[0].outbox).__name__ == "MemoryOutbox"


def test_one_that_fails_is_named_by_the_configuration_that_asks_for_it(
    site: Path, tmp_path: Path
) -> None:
    install(site, "broken-post", "broken = broken_post:KIND")
    with pytest.raises(RefusedText) as refused:
        load_wiring(configured(tmp_path, "broken", "pigeom"))
    words = str(refused.value)
    assert "transport broken of broken-post cannot be used: broken_post:KIND could not" in words
    assert "no transport 'pigeom'" in words


def test_one_that_nobody_asks_for_does_not_stop_a_configuration(site: Path, tmp_path: Path) -> None:
    install(site, "broken-post", "broken = broken_post:KIND")
    install(site, "pigeon-post", "pigeon = pigeon_post:KIND")
    load_wiring(configured(tmp_path, "pigeon", "pigeon", 'loft = "roof"\n'))
    assert "broken_post" not in sys.modules


def test_they_are_listed(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(site, "broken-post", "broken = broken_post:KIND")
    install(site, "pigeon-post", "pigeon = pigeon_post:KIND")
    assert main(["mounts", "kinds"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["directory", "dflow", "source", "and", "mount"]
    assert lines[-2].split() == ["pigeon", "pigeon-post", "source", "and", "mount"]
    assert lines[-1].split()[:2] == ["broken", "broken-post"]
    assert "cannot be used: broken_post:KIND could not be imported" in lines[-1]
    assert main(["mounts", "kinds", "--json"]) == 1
    rows = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert rows["pigeon"]["mount"] is True
    assert rows["broken"]["trouble"].startswith("broken_post:KIND could not")
