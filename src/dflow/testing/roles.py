"""Role codes for the roles that the catalogue's routes name.

In: a route's label, such as ``Supplier``.  Out: the one-character role code of headers,
where one is evidenced.  This module does not know parties; a label that is not here is
not known, and no code is guessed for it.

Source: the code stands in the headers of real files of flows with that route (facts,
DTC 15.4, role labels).
"""

from __future__ import annotations

from dflow.catalogue import FlowDef

__all__ = ["ROLE_CODES", "role_pairs"]

#: A route's label to the role code of headers.
ROLE_CODES: dict[str, str] = {
    "Supplier": "X",
    "MOP": "M",
    "Distributor": "R",
    "HHDC": "C",
    "NHHDC": "D",
    "MPAS": "P",
    "SFIC": "J",
    "GDCC": "Z",
    "DCC": "Z",
}

#: Where no route of a flow has two known codes: any two of the known ones.
_ANY = (("X", "M"), ("M", "X"), ("X", "D"), ("D", "X"), ("R", "X"), ("X", "R"), ("P", "X"))


def role_pairs(flow: FlowDef) -> tuple[tuple[str, str], ...]:
    """The pairs of role codes between which a flow may travel, as far as codes are known."""
    known = {
        (ROLE_CODES[route.sender], ROLE_CODES[route.recipient]): None
        for route in flow.routes
        if route.sender in ROLE_CODES and route.recipient in ROLE_CODES
    }
    return tuple(known) or _ANY
