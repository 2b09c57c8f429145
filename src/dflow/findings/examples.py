"""The smallest broken file for every kind of finding, all made up.

In: nothing.  Out: `EXAMPLES`, from a finding's code to the text of a whole file in which
it is found.  The reference page and the tests of messages are made from them.  This
module does not check anything.
"""

from __future__ import annotations

__all__ = ["EXAMPLES"]

_HEADER = "ZHV|0000000001|D0010002|D|UDMS|X|MRCY|20260302153151||||OPER|"
_MPAN = "026|1200000000011|V|"
_METER = "028|METER1|C|"
_READING = "030|01|20260228000000|88285.0|||T|N|"
_VERDICT = "032|01|T|"
_BODY = (_MPAN, _METER, _READING, _VERDICT)


def _file(
    *body: str, header: str = _HEADER, trailer: str | None = None, instances: int | None = None
) -> str:
    """A file with this body; its counts are right unless a trailer is given."""
    flows = sum(line.startswith("026|") for line in body) if instances is None else instances
    end = f"ZPT|0000000001|{len(body)}||{flows}||" if trailer is None else trailer
    return "\n".join([header, *body, *([end] if end else [])]) + "\n"


def _header(flow: str, sender: str = "D|UDMS", recipient: str = "X|MRCY") -> str:
    return f"ZHV|0000000001|{flow}|{sender}|{recipient}|20260302153151||||OPER|"


_CLEAN = _file(*_BODY)

#: A whole file for each finding's code.
EXAMPLES: dict[str, str] = {
    "empty-file": "",
    "byte-order-mark": "\xef\xbb\xbf" + _CLEAN,
    "control-character": _file(_MPAN, "028|MET\tER1|C|", _READING, _VERDICT),
    "non-ascii": _file(_MPAN, "028|MET\xc9R1|C|", _READING, _VERDICT),
    "blank-line": _CLEAN.replace("028|", "\n028|"),
    "blank-line-at-end": _CLEAN + "\n",
    "no-last-terminator": _CLEAN.removesuffix("\n"),
    "mixed-terminators": _CLEAN.replace(_METER + "\n", _METER + "\r\n"),
    "overlong-record": _file(_MPAN, f"028|{'X' * 1_048_576}|C|", _READING, _VERDICT),
    "header-missing": _file(*_BODY).partition("\n")[2],
    "fixed-length": _file(header="ZHF0000000001D0010002DUDMSXMRCY20260302153151"),
    "header-fields": _file(*_BODY, header=_HEADER + "|"),
    "header-value": _file(*_BODY, header=_HEADER.replace("20260302153151", "20261302153151")),
    "header-repeated": _file(*_BODY, _HEADER),
    "trailer-missing": _file(*_BODY, trailer=""),
    "trailer-fields": _file(*_BODY, trailer="ZPT|0000000001|4||1|"),
    "after-trailer": _CLEAN + _VERDICT + "\n",
    "file-id-differs": _file(*_BODY, trailer="ZPT|0000000002|4||1||"),
    "group-count": _file(*_BODY, trailer="ZPT|0000000001|5||1||"),
    "flow-count": _file(*_BODY, trailer="ZPT|0000000001|4||2||"),
    "flow-count-unsure": _file(
        "ZPI|1|", header=_header("D0019001"), trailer="ZPT|0000000001|1||2||"
    ),
    "checksum": _file(*_BODY, trailer="ZPT|0000000001|4|1|1||"),
    "role-pair": _file(
        "121|1200000000011|20260518|3|20260518|A|20260518|",
        header=_header("D0052001", sender="X|UDMS", recipient="M|MRCY"),
        instances=1,
    ),
    "unknown-flow": _file(*_BODY, header=_header("D9999001")),
    "unknown-version": _file(*_BODY, header=_header("D0010001")),
    "other-catalogue": _file("SUB|H|", header=_header("P0142001")),
    "envelope-only": _file("123|1|", header=_header("D0312002")),
    "unknown-group": _file(*_BODY, "999|1|"),
    "misplaced-group": _file(_METER, *_BODY),
    "group-order": _file(*_BODY, "027|01||"),
    "too-many-groups": _file(*_BODY, _VERDICT),
    "missing-group": _file(_MPAN),
    "unclosed-record": _file(_MPAN, "028|METER1|C", _READING, _VERDICT),
    "too-few-fields": _file(_MPAN, "028|METER1|", _READING, _VERDICT),
    "too-many-fields": _file(_MPAN, "028|METER1|C||", _READING, _VERDICT),
    "missing-value": _file(_MPAN, "028||C|", _READING, _VERDICT),
    "blank-expected": _file(
        "ZPI|1|",
        "ZIN|1|AB01|1200000000011|20200101|20200101|",
        "ISD|20200101|",
        header=_header("D0209001", sender="P|UDMS", recipient="B|MRCY"),
        instances=1,
    ),
    "format": _file(_MPAN, _METER, _READING.replace("20260228", "20260230"), _VERDICT),
    "too-long": _file(_MPAN, "028|METER000001|C|", _READING, _VERDICT),
    "not-in-code-list": _file("026|1200000000011|W|", _METER, _READING, _VERDICT),
    "leading-zero": _file(_MPAN, _METER, _READING.replace("|88285.0|", "|088285.0|"), _VERDICT),
    "mpan-check-digit": _file("026|1200000000012|V|", _METER, _READING, _VERDICT),
    "unknown-distributor": _file("026|9900000000006|V|", _METER, _READING, _VERDICT),
    "condition": _file(
        "757|1|",
        "758|1|AB01|1200000000011|20260101|1|||||||||||||||||N|",
        "60M|1200000000011|1200000000011|",
        header=_header("D0260002", sender="P|UDMS"),
        instances=1,
    ),
}
