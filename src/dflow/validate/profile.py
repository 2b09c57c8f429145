"""Severity profiles: what a kind of finding weighs, for everybody or for one partner.

In: mappings from finding codes to severities.  Out: a `Profile`.  This module does not
know files; a profile changes how much a finding matters, never whether it is found.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from dflow.errors import LookupMiss, near_misses
from dflow.findings import KINDS, Severity

__all__ = ["Profile", "as_profile"]

_Severities = Mapping[str, Severity]


def _known(mapping: _Severities) -> dict[str, Severity]:
    for code in mapping:
        if code not in KINDS:
            near = near_misses(code, KINDS)
            hint = f"; near: {', '.join(near)}" if near else ""
            raise LookupMiss(f"no finding code {code!r}{hint}")
        if not isinstance(mapping[code], Severity):
            wanted = "a Severity, such as Severity.WARNING"
            raise TypeError(f"the severity of {code} is {wanted}, not {mapping[code]!r}")
    return dict(mapping)


def _all_known(partners: Mapping[str, _Severities]) -> dict[str, dict[str, Severity]]:
    return {mpid: _known(mapping) for mpid, mapping in partners.items()}


@frozen(kw_only=True)
class Profile:
    """Severities that differ from the table's.

    >>> strict = Profile(severities={"missing-group": Severity.ERROR})
    >>> strict.severity("missing-group", sender="UDMS")
    <Severity.ERROR: 'error'>

    Attributes:
        severities: from finding code to severity, for every file.
        partners: for files sent by one market participant id: its own mapping, which goes
            before `severities`.
    """

    severities: _Severities = field(factory=dict, converter=_known)
    partners: Mapping[str, _Severities] = field(factory=dict, converter=_all_known)

    def severity(self, code: str, *, sender: str = "") -> Severity:
        """What a finding of this code weighs in a file from `sender` (an MPID)."""
        own = self.partners.get(sender, {})
        return own.get(code) or self.severities.get(code) or KINDS[code].severity


def as_profile(profile: Profile | _Severities | None) -> Profile:
    """A profile from what a caller gives: one, a plain mapping, or nothing."""
    if isinstance(profile, Profile):
        return profile
    if profile is not None and not isinstance(profile, Mapping):
        raise TypeError(f"a profile is a Profile or a mapping, not {type(profile).__name__}")
    return Profile(severities=profile or {})
