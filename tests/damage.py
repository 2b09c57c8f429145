"""Damage: small, made-up faults put into the bytes of a file, each chosen by a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["VALUES", "damaged"]

#: Values that sit at the edges of formats, lists and identifiers.
VALUES = (
    b"",
    b"0",
    b"00",
    b"01",
    b"-1",
    b"+",
    b"+.",
    b".",
    b".5",
    b"5.",
    b"05.5",
    b"1.25",
    b"1234567890123",
    b"1200000000018",
    b"7800000000000",
    b"9900000000009",
    b"20240229",
    b"20230229",
    b"20240431",
    b"19491231",
    b"21991231",
    b"20240229235959",
    b"20240229240000",
    b"21000229000000",
    b"20240131120000.123456",
    b"T",
    b"F",
    b"A",
    b"zz",
    b" ",
    b"x" * 300,
    b"caf\xe9",
    b"a\tb",
    b"a\0b",
    b"a\rb",
)


def damaged(data: bytes, choices: Sequence[tuple[int, int, int]]) -> bytes:
    """The file with some faults: which, where and what, each a number of any size."""
    lines = data.split(b"\n")
    for which, where, what in choices:
        if len(lines) > 2:
            _KINDS[which % len(_KINDS)](lines, 1 + where % (len(lines) - 1), what)
    return b"\n".join(lines)


def _drop(lines: list[bytes], at: int, _what: int) -> None:
    del lines[at]


def _double(lines: list[bytes], at: int, _what: int) -> None:
    lines.insert(at, lines[at])


def _swap(lines: list[bytes], at: int, what: int) -> None:
    other = 1 + what % (len(lines) - 1)
    lines[at], lines[other] = lines[other], lines[at]


def _copy(lines: list[bytes], at: int, what: int) -> None:
    lines.insert(at, lines[1 + what % (len(lines) - 1)])


def _blank(lines: list[bytes], at: int, _what: int) -> None:
    lines.insert(at, b"")


def _stranger(lines: list[bytes], at: int, what: int) -> None:
    known = (b"999|a|", b"ZPT|1|", b"ZHV|", b"no pipes", b"|", b"||||", lines[0])
    lines.insert(at, known[what % len(known)])


def _value(lines: list[bytes], at: int, what: int) -> None:
    fields = lines[at].split(b"|")
    fields[what % len(fields)] = VALUES[what // 7 % len(VALUES)]
    lines[at] = b"|".join(fields)


def _field(lines: list[bytes], at: int, what: int) -> None:
    fields = lines[at].split(b"|")
    if what % 2:
        fields.insert(what % len(fields), b"")
    else:
        del fields[what % len(fields)]
    lines[at] = b"|".join(fields)


def _byte(lines: list[bytes], at: int, what: int) -> None:
    line = lines[at]
    if line:
        place = what % len(line)
        lines[at] = line[:place] + bytes([what // 3 % 256]) + line[place + 1 :]


def _cut(lines: list[bytes], at: int, what: int) -> None:
    lines[at] = lines[at][: what % (len(lines[at]) + 1)]


def _terminator(lines: list[bytes], at: int, _what: int) -> None:
    lines[at] = lines[at].removesuffix(b"\r") if lines[at].endswith(b"\r") else lines[at] + b"\r"


_KINDS: tuple[Callable[[list[bytes], int, int], None], ...] = (
    _value,
    _value,
    _value,
    _drop,
    _double,
    _swap,
    _copy,
    _blank,
    _stranger,
    _field,
    _byte,
    _cut,
    _terminator,
)
