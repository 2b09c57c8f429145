"""Promises of one who sends: what arrives, how often, and what a probe says.

In: a trial.  Out: nothing, or the words of what is broken.  This module does not know
any network.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter

from dflow.testing.transports.promise import Promise
from dflow.testing.transports.trial import Trial, require
from dflow.transport import Parcel, Presence, Refused

__all__ = [
    "HOSTILE_NAMES",
    "PROMISES",
    "a_key_sent_again_after_it_was_taken_does_not_arrive_again",
    "a_key_sent_twice_arrives_once",
    "a_large_parcel_arrives_whole",
    "a_name_that_attacks_does_no_harm",
    "a_probe_knows_before_and_after",
    "a_probe_that_promises_nothing_says_unknown",
    "any_bytes_arrive_as_they_were",
    "keys_that_look_alike_are_different",
    "notes_travel_beside_the_bytes",
    "parcel",
]

#: Names that break file systems, headers, shells, templates and terminals.
HOSTILE_NAMES: tuple[str, ...] = (
    "",
    ".",
    "..",
    "../../outside.usr",
    "/outside.usr",
    "..\\outside.usr",
    "C:\\outside.usr",
    "folder/inside.usr",
    "a\x00b.usr",
    "a\r\nInjected: yes\r\n\r\n.usr",
    "-rf *.usr",
    "$(reboot)`reboot`;|&.usr",
    "%2e%2e%2foutside.usr",
    "{name}{key}.usr",
    "CON",
    "con.usr",
    " leading and trailing ",
    "trailing.",
    ".hidden.usr",
    ".dflow",
    "half.part",
    "x" * 3000 + ".usr",
    "caf\u00e9 \u6f22\u5b57 \U0001f525.usr",
    "right\u202eto left.usr",
    "\x1b[2J\x07.usr",
    "lone \udcff surrogate.usr",
    "'; DROP TABLE deliveries; --.usr",
    "a*b?c>d.usr",
)


def parcel(number: int, content: bytes | None = None, *, name: str | None = None) -> Parcel:
    """A parcel of a key that is as an exchange's keys are; the same number, the same key."""
    key = hashlib.sha256(f"parcel {number}".encode()).hexdigest()[:32]
    return Parcel(
        key=key,
        name=f"parcel-{number}.usr" if name is None else name,
        content=b"content %d" % number if content is None else content,
    )


def _shown(contents: list[bytes]) -> str:
    few = ", ".join(f"{len(one)} bytes {one[:24]!r}" for one in contents[:6])
    return f"{len(contents)}: {few}" if contents else "nothing"


async def any_bytes_arrive_as_they_were(trial: Trial) -> None:
    """None, one, all 256 values, line ends, text that is none, a hundred thousand."""
    chance = random.Random(7)  # noqa: S311  the same bytes in every run
    contents = [
        b"",
        b"\x00",
        bytes(range(256)),
        b"ZHV|1|\r\nZPT|1|\r\n",
        b"\n.\r\n..\n",
        b"\xff\xfe\xef\xbb\xbf",
        chance.randbytes(4096),
        chance.randbytes(100_000),
    ]
    outbox = trial.outbox()
    for number, content in enumerate(contents):
        receipt = await outbox.send(parcel(number, content))
        want = parcel(number).key
        require(receipt.key == want, f"the receipt is for {receipt.key!r}, not for {want!r}")
        require(not receipt.repeat, "the receipt of a first sending says that it is a repeat")
    found = await trial.arrived(len(contents))
    lost, extra = Counter(contents) - Counter(found), Counter(found) - Counter(contents)
    require(not lost, f"sent, and not arrived as it was: {_shown(list(lost.elements()))}")
    require(not extra, f"arrived, and never sent like this: {_shown(list(extra.elements()))}")


async def a_large_parcel_arrives_whole(trial: Trial) -> None:
    """As large as the trial says."""
    chance = random.Random(11)  # noqa: S311  the same bytes in every run
    content = chance.randbytes(trial.largest)
    await trial.outbox().send(parcel(1, content))
    found = await trial.arrived(1)
    require(len(found) == 1, f"one large parcel was sent, and {len(found)} arrived")
    require(
        len(found[0]) == len(content), f"{len(content)} bytes were sent, {len(found[0])} arrived"
    )
    require(found[0] == content, "a large parcel arrived with other bytes")


async def a_name_that_attacks_does_no_harm(trial: Trial) -> None:
    """Taken, and arrived like any other; or refused, and nothing arrives."""
    outbox, taken = trial.outbox(), []
    for number, name in enumerate(HOSTILE_NAMES):
        one = parcel(number, name=name)
        try:
            await outbox.send(one)
        except Refused as error:
            require(str(error), f"the name {name[:40]!r} was refused without a word")
        except Exception as error:  # noqa: BLE001  the transport under trial may raise anything
            words = f"{type(error).__name__}: {error}"
            require(kept=False, words=f"the name {name[:40]!r} let send raise {words}")
        else:
            taken.append(one)
    found = Counter(await trial.arrived(len(taken)))
    for one in taken:
        count = found.pop(one.content, 0)
        require(count == 1, f"sent under the name {one.name[:40]!r}, and arrived {count} times")
    require(not found, f"arrived, and never taken: {_shown(list(found.elements()))}")


async def notes_travel_beside_the_bytes(trial: Trial) -> None:
    """Every note, whatever its text; the bytes are as they were."""
    notes = {"kind": "copy", "rule": 'a rule: of "mine"', "empty": "", "far": "\u6f22\r\nX: y"}
    one = parcel(1)
    outbox = trial.outbox()
    await outbox.send(Parcel(key=one.key, name=one.name, content=one.content, notes=notes))
    found = await trial.take(trial.inbox(), 1)
    require(len(found) == 1, f"one parcel was sent, and {len(found)} arrived")
    require(found[0].content == one.content, "notes changed the bytes")
    require(dict(found[0].notes) == notes, f"the notes arrived as {dict(found[0].notes)!r}")


async def a_key_sent_twice_arrives_once(trial: Trial) -> None:
    """Of one outbox, and of another; the second receipt says that it is a repeat."""
    first = trial.outbox()
    for outbox, which in ((first, "the same outbox"), (trial.outbox(), "another outbox")):
        if which == "the same outbox":
            receipt = await outbox.send(parcel(1))
            require(not receipt.repeat, "the receipt of a first sending says that it is a repeat")
        again = await outbox.send(parcel(1))
        require(
            again.repeat, f"sent again by {which}, the receipt does not say that it is a repeat"
        )
    await first.send(parcel(2))
    found = Counter(await trial.arrived(2))
    once = found[parcel(1).content]
    require(once == 1, f"a key was sent three times, and arrived {once} times")
    require(found[parcel(2).content] == 1, "another key did not arrive once")


async def a_key_sent_again_after_it_was_taken_does_not_arrive_again(trial: Trial) -> None:
    """The destination remembers keys, not what lies there."""
    await trial.outbox().send(parcel(1))
    require(len(await trial.arrived(1)) == 1, "a parcel was sent, and did not arrive once")
    again = await trial.outbox().send(parcel(1))
    require(again.repeat, "sent again after it was taken, the receipt does not say repeat")
    found = await trial.arrived(0)
    require(not found, "a key was sent again after it was taken, and arrived again")


async def keys_that_look_alike_are_different(trial: Trial) -> None:
    """Case, blanks, slashes, dots, wildcards and length are all part of a key."""
    keys = ["key", "KEY", "key ", "key/a", "key.a", "key*", "key>", "k" * 300, "k" * 301, "\u00e9"]
    outbox = trial.outbox()
    for number, key in enumerate(keys):
        await outbox.send(Parcel(key=key, name="one.usr", content=b"%d" % number))
    found = Counter(await trial.arrived(len(keys)))
    for number, key in enumerate(keys):
        count = found[b"%d" % number]
        require(count == 1, f"the parcel of the key {key[:20]!r} arrived {count} times")


async def a_probe_knows_before_and_after(trial: Trial) -> None:
    """ABSENT before, PRESENT after, and PRESENT still when the consumer took it."""
    outbox = trial.outbox()
    answer = await outbox.probe(parcel(1).key)
    require(answer is Presence.ABSENT, f"of a key never sent, probe says {answer.value}")
    await outbox.send(parcel(1))
    for one, which in ((outbox, "its sender"), (trial.outbox(), "another outbox")):
        answer = await one.probe(parcel(1).key)
        require(answer is Presence.PRESENT, f"of a key that was sent, {which} says {answer.value}")
    answer = await outbox.probe(parcel(2).key)
    require(answer is Presence.ABSENT, f"of another key, probe says {answer.value}")
    require(len(await trial.arrived(1)) == 1, "a parcel was sent, and did not arrive once")
    answer = await trial.outbox().probe(parcel(1).key)
    words = f"after the consumer took the parcel, probe says {answer.value}"
    require(answer is Presence.PRESENT, words)


async def a_probe_that_promises_nothing_says_unknown(trial: Trial) -> None:
    """Never a guess either way."""
    outbox = trial.outbox()
    for when in ("before", "after"):
        answer = await outbox.probe(parcel(1).key)
        words = f"the outbox does not promise to probe, and {when} sending it says {answer.value}"
        require(answer is Presence.UNKNOWN, words)
        if when == "before":
            await outbox.send(parcel(1))


#: In the order in which they are tried.
PROMISES: tuple[Promise, ...] = (
    Promise(any_bytes_arrive_as_they_were),
    Promise(a_large_parcel_arrives_whole),
    Promise(a_name_that_attacks_does_no_harm),
    Promise(notes_travel_beside_the_bytes, ("notes", "inbox")),
    Promise(a_key_sent_twice_arrives_once, ("idempotent",)),
    Promise(a_key_sent_again_after_it_was_taken_does_not_arrive_again, ("idempotent", "inbox")),
    Promise(keys_that_look_alike_are_different),
    Promise(a_probe_knows_before_and_after, ("probes",)),
    Promise(a_probe_that_promises_nothing_says_unknown, ("no-probes",)),
)
