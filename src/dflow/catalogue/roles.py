"""Roles: which of the catalogue's labels a header's role code may stand for.

In: what `roles.toml` says.  Out: answers with three values.  This module does not know
headers; it is given a role code, one character, and a label, such as ``MOP``.

The catalogue's routes speak in labels (``Supplier``, ``MOP``), headers in the codes of
Market Domain Data (``X``, ``M``).  No publication maps all labels to codes, and the codes
of the newer roles are not known (facts, envelope section 10).  A label whose code was
seen in use is mapped; for every other label it cannot be told whether a code means it.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from dflow.catalogue.conditions import Answer
from dflow.catalogue.model import FlowDef, Provenance

__all__ = ["Basis", "RoleCode", "RoleLabel", "Roles"]

#: How a label came to its codes: ``seen`` in use in real files, ``name`` where Market
#: Domain Data calls a code by the same name, ``unknown`` where nothing maps it.
Basis = Literal["seen", "name", "unknown"]


@frozen(kw_only=True)
class RoleCode:
    """A role code of Market Domain Data.

    Attributes:
        code: one character, as headers have it.
        names: what Market Domain Data calls it, the latest name first; a code can have
            been given to another role over the years.
        seen: the snapshots in which it was seen, as texts such as ``2017-10-24``.
    """

    code: str
    names: tuple[str, ...]
    seen: tuple[str, ...] = ()


@frozen(kw_only=True)
class RoleLabel:
    """A role label of the catalogue's routes.

    Attributes:
        label: such as ``Supplier``.
        codes: the role codes that it is known to travel under; empty if not known.
        basis: how the codes are known.
        provenance: where that was seen.
    """

    label: str
    codes: tuple[str, ...] = ()
    basis: Basis = "unknown"
    provenance: Provenance


@frozen
class Roles:
    """The role codes and role labels of a catalogue.

    Attributes:
        codes: by code.
        known: the labels, by label.
    """

    codes: dict[str, RoleCode] = field(factory=dict)
    known: dict[str, RoleLabel] = field(factory=dict)

    def labels(self, code: str) -> tuple[str, ...] | None:
        """The labels that a header's role code is known to stand for.

        None where it cannot be told: no label is mapped to the code.  A code may stand for
        further labels, whose codes are not known: `may_be` says so.
        """
        found = tuple(label.label for label in self.known.values() if code in label.codes)
        return found or None

    def may_be(self, code: str, label: str) -> Answer:
        """Whether a header's role code stands for a label.

        Fails only where the label is known to travel under other codes, by use.
        """
        entry = self.known.get(label)
        if entry is None or not entry.codes:
            return Answer.CANNOT_TELL
        if code in entry.codes:
            return Answer.HOLDS
        return Answer.FAILS if entry.basis == "seen" else Answer.CANNOT_TELL

    def allows(self, flow: FlowDef, sender: str, recipient: str) -> Answer:
        """Whether a flow may travel between two role codes, by the catalogue's routes.

        A flow without routes, an envelope-only one, cannot be told.
        """
        if not flow.routes:
            return Answer.CANNOT_TELL
        return Answer.any(
            Answer.all((self.may_be(sender, route.sender), self.may_be(recipient, route.recipient)))
            for route in flow.routes
        )

    def __hash__(self) -> int:
        return hash((tuple(self.codes), tuple(self.known)))
