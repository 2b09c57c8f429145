"""Confirmations: to each party, which of its files were processed again.

In: what was processed again.  Out: a list for each affected party, as CSV and as JSON.
This module sends nothing, and a confirmation is no market flow: it is a list for people
and their programs, and says so.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import frozen

from dflow.cutover.plan import CutoverPlan
from dflow.cutover.releasing import Affected
from dflow.envelope import Party

__all__ = ["Confirmation", "confirmations"]

_HEADS = (
    *("file_id", "flow", "version", "sender", "recipient", "name", "sha256"),
    *("arrival", "arrived", "processed_again", "how", "deliveries"),
)


@frozen(kw_only=True)
class Confirmation:
    """What one party is told.

    Attributes:
        party: whom.
        files: how many files it is about.
        name: of the files, without their ending.
        csv: the list.
        json: the same list, with what it is.
    """

    party: Party
    files: int
    name: str
    csv: bytes
    json: bytes


def confirmations(plan: CutoverPlan, done: Sequence[Affected]) -> tuple[Confirmation, ...]:
    """One for each party of the plan that sent or was sent one of the files (capability 40)."""
    found = []
    for party in plan.parties:
        mine = [one for one in done if _about(one, party)]
        if mine:
            found.append(_confirmation(plan, party, mine))
    return tuple(found)


def _about(one: Affected, party: Party) -> bool:
    words = one.row.address
    return any(
        (words.get(f"{side}_role"), words.get(side)) == (party.role, party.mpid)
        for side in ("sender", "recipient")
    )


def _confirmation(plan: CutoverPlan, party: Party, mine: Sequence[Affected]) -> Confirmation:
    rows = [_row(one) for one in mine]
    text = io.StringIO()
    writer = csv.DictWriter(text, _HEADS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    words = {
        "what": "a confirmation of files that were processed again; no market flow",
        "cutover": plan.name,
        "party": str(party),
        "files": rows,
    }
    return Confirmation(
        party=party,
        files=len(mine),
        name=f"confirmation-{party.role}-{party.mpid}",
        csv=text.getvalue().encode(),
        json=(json.dumps(words, indent=2, ensure_ascii=False) + "\n").encode(),
    )


def _row(one: Affected) -> dict[str, str]:
    words = one.row.address
    return {
        "file_id": words.get("file_id", ""),
        "flow": words.get("flow", ""),
        "version": words.get("version", ""),
        "sender": f"{words.get('sender_role', '')}/{words.get('sender', '')}",
        "recipient": f"{words.get('recipient_role', '')}/{words.get('recipient', '')}",
        "name": _plain(one.row.name),
        "sha256": one.row.hash,
        "arrival": str(one.arrival),
        "arrived": _utc(datetime.fromtimestamp(one.row.at, UTC)),
        "processed_again": _utc(one.at),
        "how": one.how,
        "deliveries": ", ".join(one.states),
    }


def _plain(name: str) -> str:
    """A hostile name as text that no spreadsheet takes for a formula."""
    shown = "".join(char if char.isprintable() else "_" for char in name)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")
