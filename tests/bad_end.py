"""What an end that cannot be used is, as a user would have written it, and once it is mended."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from dflow.transport import Parcel
from http_server import SECRET as SIGNED
from mailserver import PASSWORD as MAIL_PASSWORD

#: What no output, journal, log or repr may hold; the environment has them under these names.
SECRETS = {
    "GOOD": "correct-horse-battery-staple",
    "WRONG": "hunter2-made-up-and-wrong",
    "MAIL": MAIL_PASSWORD,
    "SIGNED": SIGNED.reveal(),
}
GOOD, WRONG = {"env": "GOOD"}, {"env": "WRONG"}
Lines = dict[str, object]


@frozen(kw_only=True)
class Bad:
    """One end."""

    wrong: Lines
    right: Lines
    words: str
    mend: Callable[[], None] = lambda: None
    #: Whether a check can see it, which sends nothing.
    seen: bool = True
    more: dict[str, str] = field(factory=dict)


def parcel(number: int) -> Parcel:
    return Parcel(key=f"earlier-{number}", name=f"{number}.usr", content=b"x")
