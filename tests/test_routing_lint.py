"""The remarks of lint, one small rule set each."""

from __future__ import annotations

from datetime import date

import pytest

from dflow.catalogue import bundled
from dflow.findings import Severity
from dflow.routing import Routes
from dflow.routing.lint import lint
from dflow.routing.remark import REMARKS, Remark

FRAME = "destination a\ndestination b\ndestination bench test\n"


def remarks(rules: str, **more: object) -> list[Remark]:
    known = {"at": date(2019, 6, 1), "catalogue": bundled(), **more}
    routes = Routes.parse(FRAME + rules, predicates={"odd": lambda header, flow: True})
    found = lint(routes, **known)  # type: ignore[arg-type]  # keywords by name
    return [one for one in found if one.code != "unused-destination"]


def codes(rules: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.code, one.rule, one.others) for one in remarks(rules)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("route x: deliver a\nhold y: flow D0010 test none\n", ("never-fires", "y", ("x",))),
        ("route x: deliver a\nroute y: flow D0010 deliver a\n", ("redundant", "y", ("x",))),
        (
            "hold x: flow D0010 v<003\nhold y: flow D0010 v>=003\nroute z: flow D0010 deliver a\n",
            ("never-fires", "z", ("x", "y")),
        ),
        ("hold x: from X/AAAA except X/*\n", ("empty-selector", "x", ())),
        ("hold x: from X/AAAA\nrefuse y: to M/BBBB\n", ("conflict", "y", ("x",))),
        ("clone x: flow D0010 copy a\n", ("endless-clone", "x", ())),
        (
            (
                "clone x: to X/AAAA during .. 2020-01-01 copy a readdressed to M/BBBB\n"
                "clone y: to M/BBBB during .. 2020-01-01 copy a readdressed to X/AAAA\n"
            ),
            ("clone-loop", "x", ("y",)),
        ),
        ("hold x: during .. 2019-01-01\n", ("window-over", "x", ())),
        (
            "hold x: during .. 2019-06-26\nroute y: during 2019-06-27 .. deliver a\n",
            ("window-gap", "x", ("y",)),
        ),
        ("list l = D0010\n", ("unused-list", "l", ())),
        ("route x: deliver a, bench\n", ("test-live-mixed", "x", ())),
        ("hold x: flow D9999\n", ("unknown-flow", "x", ())),
        ("hold x: flow D0010 v007\n", ("unknown-version", "x", ())),
        ("hold x: flow D0217 v002 during .. 2019-06-27\n", ("not-live", "x", ())),
        ("route x: flow D0217 v002 from M/* to X/* deliver a\n", ("role-pair", "x", ())),
        ("hold x: when odd\n", ("opaque", "x", ())),
    ],
)
def test_each_kind(rules: str, expected: tuple[str, str, tuple[str, ...]]) -> None:
    assert expected in codes(rules)


@pytest.mark.parametrize(
    "rules",
    [
        "route x: flow D0010 deliver a\nhold y:\n",
        "hold x: when odd\nhold y: flow D0010\n",
        "list l = 1212345678902\nclone c: where J0003 in l during .. 2020-01-01 copy a\nhold y:\n",
        "hold x: during .. 2019-06-27\nroute y: during 2019-06-27 .. deliver a\n",
        "clone x: to X/AAAA during .. 2020-01-01 copy a readdressed to M/BBBB\n",
        "route x: flow D0217 v002 from P/* to X/* during 2019-06-27 .. deliver a\n",
        "hold x: flow 017 v13.00\n",
    ],
)
def test_no_false_alarm(rules: str) -> None:
    assert [one for one in remarks(rules) if one.severity > Severity.INFO] == []


def test_unused_destinations_are_told() -> None:
    found = lint(Routes.parse(FRAME + "route x: deliver a else b\n"))
    assert [(one.code, one.rule) for one in found] == [("unused-destination", "bench")]


def test_every_kind_has_its_meaning_and_json() -> None:
    for code, (severity, meaning) in REMARKS.items():
        one = Remark(code=code, message="x", rule="r", line=3)
        assert one.severity is severity
        assert meaning.endswith(".")
        assert one.as_json()["code"] == code
        assert str(one) == f"3: {severity.value}: x [{code}]"
