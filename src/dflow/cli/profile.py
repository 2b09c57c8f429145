"""Severity profiles as people write them: a TOML file to a `Profile`.

In: a file such as::

    [severities]
    missing-group = "error"

    [partners.UDMS]
    mpan-check-digit = "warning"

Out: a `Profile`, or `RefusedText` with every mistake in its place.
"""

from __future__ import annotations

from pathlib import Path

from dflow.errors import RefusedText, TextFault
from dflow.findings import KINDS, Severity
from dflow.tomltext import TomlText, TomlValue, read_toml
from dflow.validate import Profile

__all__ = ["load_profile"]

_WORDS = {severity.value: severity for severity in Severity}


def load_profile(path: Path) -> Profile:
    """The profile that a file states.

    Raises:
        RefusedText: with every unknown key, finding code and severity, and its near misses.
        SourceError: if the file cannot be read.
    """
    toml = read_toml(path)
    faults: list[TextFault] = []
    for key in toml.data:
        if key not in ("severities", "partners"):
            known = ("severities", "partners")
            faults.append(toml.fault((key,), f"unknown key {key!r}", near_to=key, known=known))
    severities = _mapping(toml, ("severities",), toml.data.get("severities", {}), faults)
    partners = {}
    tables = toml.data.get("partners", {})
    if isinstance(tables, dict):
        for mpid, table in tables.items():
            partners[mpid] = _mapping(toml, ("partners", mpid), table, faults)
    else:
        faults.append(toml.fault(("partners",), "'partners' holds no tables"))
    if faults:
        raise RefusedText(faults)
    return Profile(severities=severities, partners=partners)


def _mapping(
    toml: TomlText, path: tuple[str, ...], table: TomlValue, faults: list[TextFault]
) -> dict[str, Severity]:
    if not isinstance(table, dict):
        faults.append(toml.fault(path, f"{path[-1]!r} is no table"))
        return {}
    found: dict[str, Severity] = {}
    for code, word in table.items():
        if code not in KINDS:
            message = f"no finding code {code!r}"
            faults.append(toml.fault((*path, code), message, near_to=code, known=tuple(KINDS)))
        elif not isinstance(word, str) or word not in _WORDS:
            expected = tuple(_WORDS)
            message = f"{word!r} is no severity"
            faults.append(toml.fault((*path, code), message, expected=expected))
        else:
            found[code] = _WORDS[word]
    return found
