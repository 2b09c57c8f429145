"""Sets of texts and of versions, closed under union, intersection and complement.

In: literals, prefixes, ranges.  Out: values in one canonical form, so that equal sets are
equal values.  This module does not know rules.

**Texts.**  Every set that can be made of single texts and prefixes is a decision by the
longest mention: the text itself if it is mentioned, else the longest mentioned prefix of
it; the empty prefix is always mentioned.  So ``U* except UDMS`` is
``{"": no, "U": yes}`` and ``{UDMS: no}``.  Two sets combine by deciding for the mentions of
both.  A mention that says what its parent says already is left out: that is the canonical
form.

**Versions** are ordered by `version_key`; a set of them is a row of cuts, and for every cut
and every gap between cuts whether it is in.

The universe of texts is infinite: behind every prefix lies some text that nobody has
mentioned.  So the algebra never takes a set for covered because the market happens to use
few of its members.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from attrs import field, frozen

from dflow.routing.selectors import VersionRange, version_key

__all__ = ["TextSet", "VersionSet"]


def _combination(first: bool, second: bool, op: str) -> bool:  # noqa: FBT001  a truth table
    if op == "and":
        return first and second
    return (first or second) if op == "or" else (first and not second)


@frozen(eq=False)
class TextSet:
    """A set of texts.

    Attributes:
        points: texts that differ from their longest mentioned prefix; whether each is in.
        prefixes: prefixes that differ from the longest shorter one, and the empty prefix.
    """

    points: Mapping[str, bool]
    prefixes: Mapping[str, bool]
    _key: tuple[frozenset[tuple[str, bool]], frozenset[tuple[str, bool]]] = field(
        init=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        key = (frozenset(self.points.items()), frozenset(self.prefixes.items()))
        object.__setattr__(self, "_key", key)  # a frozen value sets its derived field once

    @classmethod
    def all(cls) -> TextSet:
        """Every text."""
        return cls({}, {"": True})

    @classmethod
    def none(cls) -> TextSet:
        """No text."""
        return cls({}, {"": False})

    @classmethod
    def of(cls, *texts: str) -> TextSet:
        """These texts."""
        return cls(dict.fromkeys(texts, True), {"": False})

    @classmethod
    def starting(cls, prefix: str) -> TextSet:
        """The texts that start so."""
        return cls({}, {"": False, prefix: True}) if prefix else cls.all()

    @classmethod
    def pattern(cls, text: str) -> TextSet:
        """A text, or the texts with a prefix if it ends with a star."""
        return cls.starting(text[:-1]) if text.endswith("*") else cls.of(text)

    @classmethod
    def deciding(cls, points: Mapping[str, bool], prefixes: Mapping[str, bool]) -> TextSet:
        """The set in which each mention is decided, brought to its canonical form.

        Args:
            points: for each text mentioned, whether it is in.
            prefixes: for each prefix mentioned, whether the texts behind it that nobody
                mentions are in; the empty prefix is among them.
        """
        kept = {"": prefixes[""]}
        for prefix in sorted(prefixes, key=len):
            if prefixes[prefix] != _behind(kept, prefix):
                kept[prefix] = prefixes[prefix]
        return cls(
            {point: is_in for point, is_in in points.items() if is_in != _behind(kept, point)}, kept
        )

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        found = self.points.get(text)
        return _behind(self.prefixes, text) if found is None else found

    def behind(self, prefix: str) -> bool:
        """Whether the texts behind a prefix that nobody mentions are in."""
        return _behind(self.prefixes, prefix)

    def _combined(self, other: TextSet, op: str) -> TextSet:
        return TextSet.deciding(
            {
                text: _combination(text in self, text in other, op)
                for text in self.points.keys() | other.points.keys()
            },
            {
                text: _combination(self.behind(text), other.behind(text), op)
                for text in self.prefixes.keys() | other.prefixes.keys()
            },
        )

    def __and__(self, other: TextSet) -> TextSet:
        return self._combined(other, "and")

    def __or__(self, other: TextSet) -> TextSet:
        return self._combined(other, "or")

    def __sub__(self, other: TextSet) -> TextSet:
        return self._combined(other, "minus")

    def __bool__(self) -> bool:
        return True in self.points.values() or True in self.prefixes.values()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSet) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def everything(self) -> bool:
        """Whether every text is in."""
        return not self.points and len(self.prefixes) == 1 and self.prefixes[""]

    def __str__(self) -> str:
        """The set in the words of a rules file: ``U* except UDMS``."""
        if self.everything:
            return "*"
        yes = [f"{prefix}*" for prefix, is_in in sorted(self.prefixes.items()) if is_in]
        no = [f"{prefix}*" for prefix, is_in in sorted(self.prefixes.items()) if not is_in]
        yes += [_shown(point) for point, is_in in sorted(self.points.items()) if is_in]
        no += [_shown(point) for point, is_in in sorted(self.points.items()) if not is_in]
        no = [text for text in no if text != "*"]
        text = ", ".join(yes) or "nothing"
        return f"{text} except {', '.join(no)}" if no else text


def _shown(text: str) -> str:
    return text or "none"


def _behind(prefixes: Mapping[str, bool], text: str) -> bool:
    """What the longest mentioned prefix of a text says."""
    if len(prefixes) == 1:
        return prefixes[""]
    for length in range(len(text), 0, -1):
        found = prefixes.get(text[:length])
        if found is not None:
            return found
    return prefixes[""]


@frozen
class VersionSet:
    """A set of versions.

    Attributes:
        cuts: versions at which something changes, in order.
        on: for each cut, whether the version itself is in.
        gaps: whether those below the first cut are in, between each two, above the last.
    """

    cuts: tuple[str, ...] = ()
    on: tuple[bool, ...] = ()
    gaps: tuple[bool, ...] = (True,)

    @classmethod
    def all(cls) -> VersionSet:
        """Every version, and none stated."""
        return cls()

    @classmethod
    def none(cls) -> VersionSet:
        """No version at all."""
        return cls(gaps=(False,))

    @classmethod
    def range(cls, versions: VersionRange | None) -> VersionSet:
        """The versions of a range; all for None."""
        if versions is None:
            return cls.all()
        below, on, above = {
            "=": (False, True, False),
            ">=": (False, True, True),
            "<=": (True, True, False),
            ">": (False, False, True),
            "<": (True, False, False),
        }[versions.operator]
        return cls((versions.version,), (on,), (below, above))

    def __contains__(self, version: object) -> bool:
        if not isinstance(version, str):
            return False
        if not self.cuts:
            return self.gaps[0]
        place, exact = _place(self.cuts, version)
        return self.on[place] if exact else self.gaps[place]

    def _combined(self, other: VersionSet, op: str) -> VersionSet:
        if not self.cuts and not other.cuts:
            return VersionSet(gaps=(_combination(self.gaps[0], other.gaps[0], op),))
        cuts = sorted({*self.cuts, *other.cuts}, key=version_key)
        kept: list[str] = []
        on: list[bool] = []
        gaps = [_combination(self.gaps[0], other.gaps[0], op)]
        for cut in cuts:
            here = _combination(cut in self, cut in other, op)
            after = _combination(self.above(cut), other.above(cut), op)
            if here == gaps[-1] == after:
                continue
            kept.append(cut)
            on.append(here)
            gaps.append(after)
        return VersionSet(tuple(kept), tuple(on), tuple(gaps))

    def above(self, cut: str) -> bool:
        """Whether the versions just above `cut` are in."""
        place, exact = _place(self.cuts, cut)
        return self.gaps[place + 1] if exact else self.gaps[place]

    def __and__(self, other: VersionSet) -> VersionSet:
        return self._combined(other, "and")

    def __or__(self, other: VersionSet) -> VersionSet:
        return self._combined(other, "or")

    def __sub__(self, other: VersionSet) -> VersionSet:
        return self._combined(other, "minus")

    def __bool__(self) -> bool:
        return True in self.on or True in self.gaps

    @property
    def everything(self) -> bool:
        """Whether every version is in."""
        return self.gaps == (True,)

    def __str__(self) -> str:
        """The set in words: ``v002``, ``v>=002``, ``v<002 or v003``."""
        if self.everything:
            return "all versions"
        return " or ".join(self._parts()) or "no version"

    def _parts(self) -> Iterator[str]:
        start = "" if self.gaps[0] else None
        for cut, on, after in zip(self.cuts, self.on, self.gaps[1:], strict=True):
            if start is None:
                if on and not after:
                    yield f"v{cut}"
                elif on or after:
                    start = f"v>={cut}" if on else f"v>{cut}"
            elif not (on and after):
                upper = f"v<={cut}" if on else f"v<{cut}"
                yield f"{start} {upper}".strip()
                start = f"v>{cut}" if after else None
        if start is not None:
            yield start


def _place(cuts: tuple[str, ...], version: str) -> tuple[int, bool]:
    """Index of the cut, or of the gap that holds the version, and whether it is a cut."""
    keys = [version_key(cut) for cut in cuts]
    key = version_key(version)
    place = bisect_left(keys, key)
    return place, place < len(keys) and keys[place] == key
