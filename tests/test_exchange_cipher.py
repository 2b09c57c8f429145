"""Payloads sealed at rest: nothing of them is on the disk, and keys can be replaced."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dflow.cli import main
from dflow.errors import RefusedText
from dflow.exchange import Operations, load_wiring
from dflow.exchange.journal import (
    Cipher,
    JournalError,
    NewArrival,
    Outcome,
    Query,
    SqliteJournal,
    content_hash,
    new_key,
    open_journal,
)
from dflow.exchange.journal.payloads import Sealed
from dflow.transport import Secret
from support_wiring import configured

MPAN = b"1212345678902"
SMALL = b"026|" + MPAN + b"|V|\n"
LARGE = SMALL * 40
OLD, NEW = new_key(), new_key()


def cipher(*keys: str) -> Cipher:
    return Cipher.of(Secret(",".join(keys)))


def arrival(content: bytes) -> NewArrival:
    return NewArrival(at=1.0, source="s", name="n", content=content, outcome=Outcome.UNROUTED)


def journal(folder: Path, *keys: str) -> SqliteJournal:
    return open_journal(folder / "j.db", payloads_above=300, cipher=cipher(*keys) if keys else None)


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@given(content=st.binary(max_size=200), at=st.integers(0), flip=st.integers(1, 255))
def test_what_is_sealed_is_opened_whole_or_not_at_all(content: bytes, at: int, flip: int) -> None:
    box = cipher(NEW)
    sealed = box.seal(content)
    assert box.open(sealed) == content
    assert box.seal(content) != sealed, "a nonce is never used again"
    changed = bytearray(sealed)
    changed[at % len(sealed)] ^= flip
    with pytest.raises(JournalError):
        box.open(bytes(changed))
    with pytest.raises(JournalError):
        box.open(sealed[: at % len(sealed)])


def test_nothing_of_a_payload_is_on_the_disk(tmp_path: Path) -> None:
    with_key = journal(tmp_path, NEW)
    for content in (SMALL, LARGE):
        with_key.record(arrival(content))
        assert with_key.payload(content_hash(content)) == content
    with_key.close()
    assert MPAN not in on_disk(tmp_path)
    names = [path.name for path in (tmp_path / "j.db.payloads").rglob("*")]
    assert len(names) == 2
    assert content_hash(LARGE) not in names, "the hash of a file cannot be looked up by name"
    for path in (tmp_path / "j.db.payloads", *(tmp_path / "j.db.payloads").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_repeat_is_known_by_its_plain_bytes(tmp_path: Path) -> None:
    here = journal(tmp_path, NEW)
    first = here.record(arrival(LARGE))
    assert here.record(arrival(LARGE)).repeat_of == first.arrival
    here.close()


def test_plain_and_sealed_payloads_stand_side_by_side(tmp_path: Path) -> None:
    plain = journal(tmp_path)
    plain.record(arrival(SMALL))
    plain.record(arrival(LARGE))
    plain.close()
    mixed = journal(tmp_path, NEW)
    mixed.record(arrival(SMALL + b"2"))
    mixed.record(arrival(LARGE + b"2"))
    for content in (SMALL, LARGE, SMALL + b"2", LARGE + b"2"):
        assert mixed.payload(content_hash(content)) == content
    found = [row.id for row in mixed.arrivals(Query(text=MPAN.decode()))]
    assert found == [1, 2, 3, 4], "in the database and the folder, plain and sealed"
    assert not list(mixed.arrivals(Query(text="2011223344550")))
    assert [row.id for row in mixed.arrivals(Query(text=MPAN.decode(), after=2, limit=1))] == [3]
    mixed.close()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ((), "no key is given: name it in [journal] encrypt_with"),
        ((NEW,), "give older keys after it"),
    ],
)
def test_a_missing_or_wrong_key_is_told_before_anything_is_touched(
    tmp_path: Path, keys: tuple[str, ...], said: str
) -> None:
    journal(tmp_path, OLD).close()
    journal(tmp_path, *keys).close()  # nothing is sealed yet
    sealed = journal(tmp_path, OLD)
    sealed.record(arrival(SMALL))
    sealed.close()
    with pytest.raises(JournalError) as caught:
        journal(tmp_path, *keys)
    assert said in str(caught.value)
    assert f"encrypted with key {cipher(OLD).key_id}" in str(caught.value)
    assert OLD not in str(caught.value)


def test_a_key_is_replaced(tmp_path: Path) -> None:
    contents = SMALL, LARGE, SMALL + b"2", LARGE + b"2"
    for keys, some in (((), contents[:2]), ((OLD,), contents[2:])):
        here = journal(tmp_path, *keys)
        for content in some:
            here.record(arrival(content))
        here.close()
    left = next(path for path in tmp_path.rglob("*") if path.name == content_hash(LARGE))
    copy = left.read_bytes()
    both = journal(tmp_path, NEW, OLD)
    assert both.payload(content_hash(LARGE)) == LARGE
    mark, total = "", 0
    while True:
        part = both.seal(after=mark, limit=1)
        mark, total = part.mark, total + part.number
        if not mark:
            break
    assert total == 4
    left.write_bytes(copy)  # as if the process had died between the commit and the removal
    assert both.seal() == Sealed(mark="", number=0)
    both.close()
    alone = journal(tmp_path, NEW)
    for content in contents:
        assert alone.payload(content_hash(content)) == content
    alone.close()
    assert len([path for path in tmp_path.rglob("*/*") if path.is_file()]) == 2
    assert MPAN not in on_disk(tmp_path), "no plain bytes are left behind"


def test_a_sealed_payload_that_was_changed_is_an_error(tmp_path: Path) -> None:
    here = journal(tmp_path, NEW)
    here.record(arrival(LARGE))
    (path,) = (one for one in (tmp_path / "j.db.payloads").rglob("*") if one.is_file())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(JournalError, match="were changed"):
        here.payload(content_hash(LARGE))
    here.close()


@pytest.mark.parametrize("text", ["", "short", "not base64 at all!", "A" * 44])
def test_what_is_no_key_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(JournalError, match="32 bytes in base64") as caught:
        Cipher.of(Secret(text))
    assert not text or text not in str(caught.value)
    assert new_key() not in repr(cipher(NEW))


def test_the_configuration_names_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = "[journal]\nencrypt_with = { env = 'DFLOW_JOURNAL_KEY' }\n"
    config = configured(tmp_path, "discard all: flow D0010\n", {}, more=sealed)
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", "nonsense")
    with pytest.raises(RefusedText, match="32 bytes in base64") as caught:
        load_wiring(config)
    assert "nonsense" not in str(caught.value)
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", NEW)
    wiring = load_wiring(config)
    assert NEW not in repr(wiring)
    here = wiring.open_journal()
    here.record(arrival(SMALL))
    here.close()
    assert MPAN not in on_disk(tmp_path)


def test_who_seals_anew_leaves_an_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = "[journal]\nencrypt_with = { env = 'DFLOW_JOURNAL_KEY' }\n"
    config = configured(tmp_path, "discard all: flow D0010\n", {}, more=sealed)
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", OLD)
    with closing(load_wiring(config).open_journal()) as before:
        before.record(arrival(SMALL))
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", f"{NEW},{OLD}")
    words = ["journal", "encrypt", str(config), "--who", "ann"]
    assert main(words) == main(words) == 0
    with closing(load_wiring(config).open_journal()) as after:
        (event,) = after.events()
    assert (event.kind, event.who, event.detail) == ("encrypted", "ann", "1 payload")
    assert event.why == "the key is new"


def test_sealing_that_is_undone_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed = "[journal]\nencrypt_with = { env = 'DFLOW_JOURNAL_KEY' }\n"
    config = configured(tmp_path, "discard all: flow D0010\n", {}, more=sealed)
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", OLD)
    with closing(load_wiring(config).open_journal()) as before:
        before.record(arrival(SMALL))
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", f"{NEW},{OLD}")
    plain = Operations.note

    def noted_and_full(self: Operations, kind: str, *, detail: str = "") -> int:
        plain(self, kind, detail=detail)
        raise JournalError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Operations, "note", noted_and_full)
        assert main(["journal", "encrypt", str(config), "--who", "ann", "--json"]) == 2
    assert capsys.readouterr() == ("", "dflow: the disk is full\n")
    with closing(load_wiring(config).open_journal()) as after:
        assert not after.events()


def test_sealing_that_is_broken_off_has_told_how_far_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed = "[journal]\nencrypt_with = { env = 'DFLOW_JOURNAL_KEY' }\n"
    config = configured(tmp_path, "discard all: flow D0010\n", {}, more=sealed)
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", OLD)
    with closing(load_wiring(config).open_journal()) as before:
        for number in range(3):
            before.record(arrival(SMALL + b"%d" % number))
    (database,) = tmp_path.glob("*.db")
    with closing(sqlite3.connect(database)) as damaged, damaged:
        damaged.execute("UPDATE payload SET body = x'00' WHERE id = 3")
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", f"{NEW},{OLD}")
    monkeypatch.setattr("dflow.cli.journal._PART", 1)
    words = ["journal", "encrypt", str(config), "--who", "ann", "--why", "ann left"]
    assert main(words) == 2
    assert capsys.readouterr().out == "2 payloads sealed with the newest key\n"
    with closing(load_wiring(config).open_journal()) as after:
        told = [(event.kind, event.why, event.detail) for event in after.events()]
    assert told == [("encrypted", "ann left", "1 payload")] * 2


def test_a_damaged_payload_keeps_no_other_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed = "[journal]\npayloads_above = 10\nencrypt_with = { env = 'DFLOW_JOURNAL_KEY' }\n"
    config = configured(tmp_path, "discard all: flow D0010\n", {}, more=sealed)
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", OLD)
    with closing(load_wiring(config).open_journal()) as before:
        before.record(arrival(LARGE))
        (path,) = (one for one in tmp_path.rglob("*.payloads/*/*") if one.is_file())
        before.record(arrival(SMALL))
    path.write_bytes(b"damaged")
    monkeypatch.setenv("DFLOW_JOURNAL_KEY", f"{NEW},{OLD}")
    assert main(["journal", "encrypt", str(config)]) == 2
    out, err = capsys.readouterr()
    assert out == "1 payload sealed with the newest key\n"
    assert err.startswith(f"dflow: left as it is: payload {content_hash(LARGE)[:12]}: ")
    assert err.count("\n") == 1
    assert path.read_bytes() == b"damaged", "it is kept, for a person"
