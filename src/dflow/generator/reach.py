"""What a documented condition may ask of records that are being made or changed.

In: records, nearest first, and a header.  Out: answers, as `Lookups` asks for them.
This module does not know where the records come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

from dflow.catalogue.conditions import Answer, PartySide
from dflow.catalogue.roles import Roles
from dflow.envelope import Header

__all__ = ["HasItems", "Reach"]


class HasItems(Protocol):
    """A record whose items can be asked by J-code: a `Group`, or one still being made."""

    def get(self, jcode: str) -> str | None:
        """The value of an item; None if the record has no such item."""


@frozen
class Reach:
    """The records within a condition's reach (`dflow.catalogue.conditions.Lookups`).

    Attributes:
        records: nearest first.
        groups: which groups stand beside the subject; those left out may still come.
        header: the file's header.
        roles: what its role codes mean.
    """

    records: tuple[HasItems, ...]
    groups: Mapping[str, bool]
    header: Header
    roles: Roles

    def value(self, jcode: str) -> str | None:
        """The item's value in the nearest record that has it."""
        values = (record.get(jcode) for record in self.records)
        return next((value for value in values if value is not None), None)

    def present(self, code: str) -> bool | None:
        """Whether the group stands beside; None while it may still come."""
        return self.groups.get(code)

    def party(self, side: PartySide, label: str) -> Answer:
        """Whether the header's role code means the label."""
        party = self.header.sender if side == "sender" else self.header.recipient
        return self.roles.may_be(party.role, label)
