"""Who migrates where, told from a delivery.

In: a delivery's address and bytes.  Out: the supplier's MPID and the network.  This module
judges no file: what cannot be told is an empty word, which no plan knows.
"""

from __future__ import annotations

from contextlib import closing

from attrs import frozen

from dflow.exchange.journal import DeliveryRow
from dflow.parse import scan

__all__ = ["PartiesByAddress", "network_of"]

_MPAN_CORE = "J0003"


def network_of(content: bytes) -> str:
    r"""The distributor of a file's first meter point: two digits; empty if it names none.

    >>> network_of(b"ZHV|X|D0010002|D|READ|X|SUPL|20260601120000||||TR01|\n026|1212345678902|V|")
    '12'
    """
    with closing(scan(content)) as opened:
        for root in opened:
            for group in root.walk():
                if group.definition is None:
                    continue
                if any(place.item.jcode == _MPAN_CORE for place in group.definition.items):
                    return (group.get(_MPAN_CORE) or "")[:2]
    return ""


@frozen(kw_only=True)
class PartiesByAddress:
    """Reads the supplier from a word of the address, the network from there or the body.

    Attributes:
        supplier: a word of the address, such as ``sender``.
        network: ``mpan``, or a word of the address.
    """

    supplier: str = "sender"
    network: str = "mpan"

    def __call__(self, row: DeliveryRow, content: bytes) -> tuple[str, str]:
        """The supplier and the network."""
        who = str(row.address.get(self.supplier, ""))
        if self.network == "mpan":
            return who, network_of(content)
        return who, str(row.address.get(self.network, ""))
