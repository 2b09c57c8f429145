"""What travels beside the bytes, and values that are never shown."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.errors import RefusedText
from dflow.exchange.settings import TableReader
from dflow.tomltext import read_toml
from dflow.transport import Parcel, Secret
from dflow.transport.kinds import Option
from dflow.transport.wire import KEY, NAME, NOTES, SHA256, arrival_of, headers_of


@given(st.text(max_size=80), st.dictionaries(st.text(), st.text(), max_size=3), st.binary())
def test_a_parcel_comes_back_from_its_headers(
    name: str, notes: dict[str, str], content: bytes
) -> None:
    parcel = Parcel(key="k1", name=name, content=content, notes=notes)
    headers = headers_of(parcel)
    for value in headers.values():
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip()
    shouted = {key.upper(): value for key, value in headers.items()}
    arrival = arrival_of(shouted, content, token="t", name="given")
    assert arrival.name == (name or "given")
    assert (arrival.content, arrival.notes, arrival.problem) == (content, notes, "")


@pytest.mark.parametrize("value", ["%ff", "[1]", "{", '{"a":', "[" * 100_000, "%00", "\udcff"])
def test_hostile_headers_are_kept_as_they_came(value: str) -> None:
    arrival = arrival_of({NAME: value, NOTES: value, KEY: value}, b"x", token="t", name="given")
    assert arrival.content == b"x"
    assert arrival.name
    assert set(arrival.notes) == {"unreadable"}


def test_content_that_is_not_what_was_sent_is_a_problem() -> None:
    arrival = arrival_of({SHA256: "0" * 64}, b"x", token="t", name="given")
    assert arrival.problem
    assert not arrival.content


def test_a_secret_is_not_shown() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]} {secret!s:>20}"
    assert secret.reveal() == "hunter2"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


OPTION = Option(name="password", kind="secret", meaning="m")


def test_a_secret_comes_by_reference(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n", "utf-8")
    path = tmp_path / "c.toml"
    path.write_text('[a]\npassword = { env = "P" }\n[b]\npassword = { file = "key" }\n', "utf-8")
    reader = TableReader(read_toml(path), tmp_path, environment={"P": "from-outside"})
    assert reader.options(("a",), [OPTION])["password"] == Secret("from-outside")
    assert reader.options(("b",), [OPTION])["password"] == Secret("from-a-file")
    assert not reader.faults


def test_a_secret_in_the_configuration_is_refused_and_not_told(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[a]\npassword = "hunter2"\npasword = "hunter2"\n', "utf-8")
    reader = TableReader(read_toml(path), tmp_path)
    reader.options(("a",), [OPTION])
    with pytest.raises(RefusedText) as refused:
        reader.refuse()
    assert "hunter2" not in str(refused.value)
    assert "c.toml:2:" in str(refused.value)
