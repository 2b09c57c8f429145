"""Wrong calls of the front door say what is wrong and what to do instead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import dflow
from dflow import edit
from dflow.errors import LookupMiss, SourceError

_DATA = (
    b"ZHV|FRONTDOOR1|D0010002|D|READ|X|SUPL|20190601120000||||OPER|\n"
    b"026|1212345678902|V|\n"
    b"ZPT|FRONTDOOR1|1||1|20190601120001|\n"
)
_FLOW = dflow.read(_DATA)
_ROUTES = dflow.Routes.parse("destination b\nroute r: flow D0010 deliver b\n")
# What mypy would refuse is called here as somebody without mypy would call it.
_CATALOGUE: Any = dflow.bundled()
_ANY: Any = dflow
_EDIT: Any = edit
_RULES: Any = _ROUTES


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: dflow.read(_DATA.decode("latin-1")),
            SourceError,
            (
                "a text of 119 characters was given, which cannot be a path; give the bytes of a"
                " file as bytes, such as text.encode('latin-1')"
            ),
        ),
        (
            lambda: dflow.check("ZHV|FRONTDOOR1|D0010002|D|READ|"),
            SourceError,
            (
                "a text of 31 characters was given, which cannot be a path; give the bytes of a"
                " file as bytes, such as text.encode('latin-1')"
            ),
        ),
        (
            lambda: _CATALOGUE["D0010"],
            LookupMiss,
            (
                "'D0010' is no flow and version; ask for them as two texts, such as ['D0010',"
                " '002'], or for latest('D0010')"
            ),
        ),
        (
            lambda: _CATALOGUE["D0010", 2],
            LookupMiss,
            (
                "('D0010', 2) is no flow and version; ask for them as two texts, such as"
                " ['D0010', '002'], or for latest('D0010')"
            ),
        ),
        (
            lambda: _FLOW.groups[0]["J9999"],
            KeyError,
            "'group 026 has no item J9999; known: J0003 MPAN Core, J0022 BSC Validation Status'",
        ),
        (
            lambda: _FLOW.groups[0]["MPAN Core"],
            KeyError,
            "'group 026 has no item MPAN Core; ask for it by its J-code, J0003'",
        ),
        (
            lambda: dflow.read(b"026|\n").groups[0]["J0003"],
            KeyError,
            "'the layout of line 1 is not known, so nor is J0003'",
        ),
        (
            lambda: dflow.read(_DATA.replace(b"|V|", b"")).groups[0]["J0022"],
            KeyError,
            "'the record of group 026 has no field for J0022'",
        ),
        (
            lambda: _ANY.Routes.parse(b"destination b\n"),
            TypeError,
            "rules are a text, not bytes; read a file of rules by Routes.load",
        ),
        (
            lambda: _RULES.decide(None, at=date(2019, 6, 1)),
            TypeError,
            "a decision needs a Header, not NoneType; a file without a header has no address",
        ),
        (
            lambda: _RULES.decide(_FLOW, at=date(2019, 6, 1)),
            TypeError,
            "a decision needs a Header, not Flow; a flow's is its attribute header",
        ),
        (
            lambda: _RULES.decide(_FLOW.header, at="2019-06-01"),
            TypeError,
            "an instant is an aware datetime or a date, not str",
        ),
        (
            lambda: _EDIT.set_value(_FLOW, 2, "J0003", 1212345678902),
            TypeError,
            "the value of J0003 is a text, not int",
        ),
        (lambda: _ANY.write(None), TypeError, "a Flow is written, not NoneType"),
        (
            lambda: _ANY.check(_DATA, profile="profile.toml"),
            TypeError,
            "a profile is a Profile or a mapping, not str",
        ),
        (
            lambda: _ANY.Profile(severities={"group-count": "warning"}),
            TypeError,
            "the severity of group-count is a Severity, such as Severity.WARNING, not 'warning'",
        ),
    ],
)
def test_a_wrong_call_says_what_to_do(
    call: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == words
    # What a file holds may be personal, and is not told.
    assert "1212345678902" not in str(raised.value)


def test_an_overlay_may_be_named_by_a_text(tmp_path: Path) -> None:
    assert _CATALOGUE.over(str(tmp_path))["D0010", "002"].name == "Meter Readings"
    with pytest.raises(SourceError, match="no such folder of catalogue files"):
        _CATALOGUE.over(str(tmp_path / "nothing"))["D0010", "002"]


def test_the_kits_name_their_extra() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "try: from dflow.testing import check_transport\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said == "check_transport needs pytest, of the extra: pip install dflow[testing]\n"
