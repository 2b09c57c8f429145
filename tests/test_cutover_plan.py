"""A cut-over plan on paper: what it means, and what is refused before anything is moved."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dflow.cutover import load_plan
from dflow.errors import DflowError, RefusedText
from dflow.operation import instant_from
from support import swapped

HERE = Path(__file__).parents[1] / "examples" / "stage_0"
PLAN = (HERE / "plan.toml").read_text("utf-8")


def write(folder: Path, text: str) -> Path:
    (folder / "dflow.toml").write_text("", "utf-8")
    path = folder / "plan.toml"
    path.write_text(text, "utf-8")
    return path


def changed(old: str, new: str) -> str:
    return swapped(PLAN, old, new, 1)


def test_the_plan_of_the_example_is_sound(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, PLAN))
    assert plan.closure == datetime(2019, 6, 27, 17, tzinfo=UTC)
    assert len(plan.flows) == 13
    assert ("D0386", "001") in plan.flows
    assert plan.start == instant_from("2019-06-20T09:00")
    assert plan.end == instant_from("2019-07-01T18:00")
    assert list(plan.over(instant_from("2019-06-19"))) == []


def test_windows_that_are_over_are_told(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, PLAN))
    told = list(plan.over(instant_from("2019-06-28")))
    assert told[0] == "the gateway's closure, Thu 27 Jun 2019 18:00, is in the past"
    assert told[1] == "the window of step routes ended Wed 26 Jun 2019 17:00"


STEP = '[[step]]\nname = "{}"\nwhat = "w"\nowner = "o"\nfrom = {}\nto = {}\n{}\n'


#: What is wrong, what stands in the plan, what stands there instead, what is said of it.
SWAPS = [
    ("release unknown", 'release = "12.5"', 'release = "12.55"', "12.55"),
    ("role unknown", 'id = "P/XXXX"', 'id = "PP/XXXX"', "no role 'PP'"),
    ("party", 'id = "P/XXXX"', 'id = "XXXX"', "is no participant"),
    ("hostile", 'id = "P/XXXX"', 'id = "P/../X"', "is no participant"),
    ("everyone", 'id = "P/XXXX"', 'id = "P/*"', "is no participant"),
    (
        "files twice",
        'name = "relations-udms"',
        'name = "meters-xxxx"',
        "there are two files meters-xxxx",
    ),
    ("flow unknown", 'flow = "D0312"', 'flow = "D0999"', "the catalogue has no flow D0999"),
    (
        "version unknown",
        'contact = "the',
        'flows = ["D0217 v009"]\ncontact = "the',
        "the catalogue has no D0217 v009",
    ),
    (
        "version of another release",
        'contact = "the',
        'flows = ["D0010 v002"]\ncontact = "the',
        "release 12.5 does not start D0010 v002",
    ),
    (
        "version of made-up files",
        'version = "001"\ncount',
        'version = "077"\ncount',
        "the catalogue has no D0386 v077",
    ),
    ("for", 'for = "X/UDMS"', 'for = "X/NEWS"', "the plan has no party X/NEWS"),
    ("step unknown", 'after = ["files"]', 'after = ["filse"]', "there is no step filse"),
    (
        "a ring",
        'after = ["files"]',
        'after = ["fetched"]',
        "wait for each other, for ever: fetched",
    ),
    (
        "before what it depends on",
        'after = ["restrict"]',
        'after = ["related"]',
        "before related, which it depends on",
    ),
    ("window", "to = 2019-06-28T10:15:00", "to = 2019-06-28T07:00:00", "to is not after from"),
    (
        "outage too long",
        "to = 2019-06-28T20:00:00",
        "to = 2019-06-28T20:30:00",
        "step deploy may last 2 h 30 min, and enquiry service may be out for 2 h only",
    ),
    ("outage of nothing", 'step = "deploy"', 'step = "deplyo"', "there is none"),
    (
        "release before the closure",
        'from = 2019-06-27T18:00:00\nto = 2019-06-27T20:00:00\nafter = ["routes"]',
        'from = 2019-06-27T17:00:00\nto = 2019-06-27T20:00:00\nafter = ["routes"]',
        "releases what the gate holds, and begins before the gateway closes",
    ),
    (
        "gate after the closure",
        "to = 2019-06-26T17:00:00",
        "to = 2019-06-28T17:00:00",
        "after the gateway closes",
    ),
    ("name twice", 'name = "restrict"', 'name = "routes"', "two steps routes"),
    ("action", 'do = "routes"', 'do = "rotues"', "a step cannot do 'rotues'"),
    (
        "files from two places",
        'table = "out/enquiry.csv"',
        'folder = "x"\ntable = "out/enquiry.csv"',
        "one of folder, table, flow",
    ),
    ("hours", "hours = 2", "hours = -2", "above 0"),
    ("hours as a text", "hours = 2", 'hours = "2"', "above 0"),
    ("time", "closure = 2019-06-27T18:00:00", "closure = 27", "must be a time"),
    (
        "a time that the clocks skip",
        "closure = 2019-06-27T18:00:00",
        "closure = 2019-03-31T01:30:00",
        "the clocks skip that time",
    ),
    ("zone", 'zone = "Europe/London"', 'zone = "Mars/Base"', "no time zone"),
    ("file", 'exchange = "dflow.toml"', 'exchange = "gone.toml"', "is not there"),
    ("table unknown", "[outage]", "[outrage]", "no key 'outrage'"),
    ("flag", "alone = true", "alone = 1", "true or false"),
    ("side of a merger", 'prefer = "right"', 'prefer = "both"', 'must be "left" or'),
    ("re-pointed", 'to = "P/XXXX"', 'to = "L/*"', "is the old one"),
]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(pytest.param(changed(old, new), said, id=what) for what, old, new, said in SWAPS),
        pytest.param(
            PLAN
            + STEP.format(
                "look",
                "2019-06-28T19:00:00",
                "2019-06-28T19:30:00",
                'uses = ["enquiry service"]',
            ),
            "enquiry service, and one of them wants it alone",
            id="overlap where none may be",
        ),
        pytest.param(
            changed("alone = true\n", "")
            + STEP.format(
                "look",
                "2019-06-28T19:00:00",
                "2019-06-28T19:30:00",
                'uses = ["enquiry service"]',
            ),
            "step look uses enquiry service, which is out while deploy lasts",
            id="use of what is out",
        ),
        pytest.param(
            PLAN
            + '[[restriction]]\nsystem = "enquiry service"\nfrom = 2019-06-28\nto = 2019-06-30\n',
            "two restrictions of enquiry service overlap",
            id="restrictions overlap",
        ),
        pytest.param(PLAN[: PLAN.index("[[step]]")], "no [[step]]", id="no steps"),
        pytest.param("[plan]\n", "name must be a text", id="nothing"),
        pytest.param("plan = 3\n", "plan is no table", id="no table"),
        pytest.param("step = 3\n" + PLAN[: PLAN.index("[[step]]")], "a list of tables", id="list"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RefusedText) as refused:
        load_plan(write(tmp_path, text))
    assert message in str(refused.value)
    assert "plan.toml:" in str(refused.value)


def test_a_plan_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DflowError):
        load_plan(tmp_path / "gone.toml")
