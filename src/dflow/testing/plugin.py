"""The pytest plug-in: fixtures, differences between flows, a folder of files as tests.

In: pytest's hooks.  Out: fixtures ``gateway_folder``, ``fake_clock``,
``recording_destination`` and ``exchange_bench``; readable differences when a test
asserts that two flows are equal; with ``--dflow-corpus FOLDER``, one test for each file
below a folder named ``pass`` or ``fail``.  This module imports the rest of dflow only
when a test asks for it.

A file below ``pass`` must be clean: no finding of severity warning or worse.  A file
below ``fail`` must have a finding of severity error; if a file of the same name with
``.codes`` added stands beside it, the codes found (warnings and errors) must be the ones
that it lists, one a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from dflow.findings import Finding
    from dflow.testing.doubles import Bench, FakeClock, RecordingDestination

__all__ = [
    "CorpusFile",
    "WrongVerdict",
    "exchange_bench",
    "fake_clock",
    "gateway_folder",
    "pytest_addoption",
    "pytest_assertrepr_compare",
    "pytest_collection_modifyitems",
    "recording_destination",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--dflow-corpus``."""
    parser.getgroup("dflow").addoption(
        "--dflow-corpus",
        metavar="FOLDER",
        action="append",
        default=[],
        help="check every file below FOLDER by the folder it is in: pass or fail",
    )


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show what differs between two flows that a test asserts to be equal."""
    if op != "==" or not type(left).__module__.startswith("dflow."):
        return None
    from dflow.flow import Flow

    if not isinstance(left, Flow) or not isinstance(right, Flow):
        return None
    from dflow.testing.compare import differences

    title = " == ".join(_title(flow) for flow in (left, right))
    return [title, *(differences(left, right) or ["they differ only in their definitions"])]


def _title(flow: object) -> str:
    header = getattr(flow, "header", None)
    return (
        f"{header.flow} v{header.version} {header.file_id}" if header else "a file without header"
    )


@pytest.hookimpl(tryfirst=True)  # so that -k and -m choose among these too
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add one test for each file of the corpus."""
    for folder in config.getoption("--dflow-corpus"):
        root = Path(folder)
        if not root.is_dir():
            raise pytest.UsageError(f"--dflow-corpus: {folder} is no folder")
        found = sorted(_corpus(root))
        if not found:
            raise pytest.UsageError(f"--dflow-corpus: no file below pass or fail in {folder}")
        for path in found:
            name = path.relative_to(root).as_posix()
            item = CorpusFile.from_parent(session, name=f"{root.name}/{name}")
            item.file = path
            items.append(item)


def _corpus(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        verdict = _verdict(path.relative_to(root))
        if verdict and path.is_file() and path.suffix != ".codes" and path.name[0] != ".":
            yield path


def _verdict(path: Path) -> str:
    """The nearest folder above that is named ``pass`` or ``fail``; empty if there is none."""
    return next((one.name for one in path.parents if one.name in ("pass", "fail")), "")


class WrongVerdict(Exception):
    """A file of the corpus is in the wrong folder, or `check` is wrong about it."""

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        lines = [message, *(str(found) for found in findings)]
        super().__init__("\n  ".join(lines))


class CorpusFile(pytest.Item):
    """One file of a corpus, whose verdict is the folder it is in."""

    file: Path

    def runtest(self) -> None:
        """Check the file and compare the verdict."""
        from dflow.findings import Severity
        from dflow.validate import check

        report = check(self.file)
        weighty = report.at_least(Severity.WARNING)
        if _verdict(self.file) == "pass":
            if weighty:
                raise WrongVerdict("found in a file that should be clean", weighty)
            return
        if not report.at_least(Severity.ERROR):
            raise WrongVerdict("no error in a file that should have one", weighty)
        listed = self.file.with_name(self.file.name + ".codes")
        if listed.is_file():
            wanted = set(listed.read_text("utf-8").split())
            codes = {found.code for found in weighty}
            if codes != wanted:
                asked = ", ".join(sorted(wanted))
                raise WrongVerdict(f"found otherwise than {listed.name} says ({asked})", weighty)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Literal["long", "short", "line", "no", "native", "value", "auto"] | None = None,
    ) -> str:
        """The findings instead of a traceback."""
        if isinstance(excinfo.value, WrongVerdict):
            return f"{self.file}: {excinfo.value}"
        return str(super().repr_failure(excinfo, style))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the file is."""
        return self.file, None, f"dflow corpus: {self.name}"


@pytest.fixture
def gateway_folder(tmp_path: Path) -> Path:
    """An empty gateway: a folder with ``inbox`` and ``outbox`` in it."""
    for name in ("inbox", "outbox"):
        (tmp_path / "gateway" / name).mkdir(parents=True)
    return tmp_path / "gateway"


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that stands still until a test moves it."""
    from dflow.testing.doubles import FakeClock

    return FakeClock()


@pytest.fixture
def recording_destination() -> RecordingDestination:
    """A destination that keeps what it is sent and behaves as it is told."""
    from dflow.testing.doubles import RecordingDestination

    return RecordingDestination()


@pytest.fixture
def exchange_bench(tmp_path: Path, fake_clock: FakeClock) -> Iterator[Callable[[str], Bench]]:
    """A maker of real exchanges in a temporary place: give it the text of the rules."""
    from dflow.testing.doubles import Bench

    made: list[Bench] = []

    def bench(rules: str) -> Bench:
        journal = tmp_path / f"journal-{len(made) + 1}.db"
        made.append(Bench(rules, journal, fake_clock))
        return made[-1]

    yield bench
    for one in made:
        one.close()
