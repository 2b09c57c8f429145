"""The reference page of the command line is what the parsers say."""

from __future__ import annotations

from dflow.cli import COMMANDS
from dflow.cli.reference import reference
from support import CHECKOUT


def test_the_page_is_fresh() -> None:
    page = CHECKOUT / "docs" / "reference" / "cli.md"
    assert page.read_text("utf-8") == reference(), (
        "stale; run: python -m dflow.cli.reference docs/reference/cli.md"
    )


def test_the_page_names_every_command_and_option() -> None:
    page = reference()
    for name in COMMANDS:
        assert f"\n## dflow {name}\n" in page
    assert "`--unmask`" in page
    assert "`--format text/json/sarif/github`" in page
