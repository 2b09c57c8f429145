"""Rules that are followed while an exchange runs: their lists too, and never half."""

from __future__ import annotations

from pathlib import Path

import pytest

from dflow.exchange.config import load_wiring
from dflow.exchange.reload import RulesFile

RULES = """
destination a "a"
list movers = file "movers.csv"
route r: where J0003 in movers deliver a
route s: flow D0010 deliver a
"""

WIRING = """
[routes]
file = "x.routes"
[source.gateway]
transport = "directory"
path = "inbox"
[mount.a]
transport = "directory"
path = "out"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "movers.csv").write_text("1212345678902\n")
    (tmp_path / "x.routes").write_text(RULES)
    return tmp_path / "x.routes"


def test_a_list_in_a_file_is_followed_with_the_rules(path: Path) -> None:
    rules = RulesFile(path)
    assert rules.changed() == (None, "")
    path.with_name("movers.csv").write_text("1212345678902\n1098765432106\n")
    routes, problem = rules.changed()
    assert routes is not None
    assert not problem
    assert "1098765432106" in routes.values["movers"]
    path.with_name("movers.csv").unlink()
    assert "movers.csv" in rules.changed()[1]
    assert rules.changed() == (None, "")
    path.with_name("movers.csv").write_text("1212345678902\n")
    assert rules.changed()[0] is not None


def test_a_list_that_is_missing_at_first_is_taken_when_it_is_there(path: Path) -> None:
    rules = RulesFile(path)
    path.write_text(RULES.replace("movers.csv", "later.csv"))
    assert "later.csv" in rules.changed()[1]
    path.with_name("later.csv").write_text("1098765432106\n")
    assert rules.changed()[0] is not None


def test_what_changes_while_a_run_begins_is_taken(path: Path) -> None:
    config = path.with_name("dflow.toml")
    config.write_text(WIRING)
    wiring = load_wiring(config)
    path.write_text(RULES.replace("D0010", "D0150"))  # while the journal is opened, say
    rules = RulesFile(path, patient=True, state=wiring.rules_state)
    found = [rules.changed()[0] for _ in range(3)]
    assert [routes is not None for routes in found] == [False, True, False]
    assert RulesFile(path, state=load_wiring(config).rules_state).changed() == (None, "")


def test_who_writes_in_place_is_waited_for(path: Path) -> None:
    rules = RulesFile(path, patient=True)
    assert rules.changed() == (None, "")
    whole = RULES.replace("D0010", "D0150")
    path.write_text(whole[: whole.index("route s")])  # the half is a rule set too
    assert rules.changed() == (None, "")
    path.write_text(whole)
    assert rules.changed() == (None, "")
    routes, _ = rules.changed()
    assert routes is not None
    assert [rule.name for rule in routes.rules] == ["r", "s"]


def test_rules_that_drop_a_mounted_destination_are_refused_as_at_a_start(tmp_path: Path) -> None:
    path = tmp_path / "x.routes"
    text = 'destination a "a"\ndestination b "b"\nroute s: flow D0010 deliver a\n'
    path.write_text(text)
    rules = RulesFile(path, mounts=("a", "b"))
    path.write_text(text.replace('destination b "b"\n', ""))
    routes, problem = rules.changed()
    assert routes is None
    assert "the rules have no destination b, which has a [mount.b]" in problem
    path.write_text(text + "discard rest: flow *\n")
    assert rules.changed()[0] is not None
