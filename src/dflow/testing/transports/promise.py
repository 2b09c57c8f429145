"""A promise of a transport: its name, what it needs, and how it is tried.

In: a trial.  Out: nothing, or the words of what is broken.  This module does not know
how promises are run.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Literal

from attrs import frozen

from dflow.testing.transports.rig import Rig
from dflow.testing.transports.trial import Trial

__all__ = ["Need", "Promise", "unmet"]

#: What a promise supposes: a capability, a way in, a server that a proxy can stand before.
Need = Literal["probes", "no-probes", "idempotent", "ordered", "notes", "inbox", "network"]

_WORDS: dict[Need, str] = {
    "probes": "the outbox does not promise to probe",
    "no-probes": "the outbox promises to probe",
    "idempotent": "the outbox does not promise to be idempotent",
    "ordered": "the outbox does not promise order",
    "notes": "the outbox does not promise that notes travel",
    "inbox": "nothing can be received",
    "network": "there is no network between",
}


@frozen
class Promise:
    """One promise.

    Attributes:
        run: tries it, and raises `Broken` if it is not kept; its name is the promise's.
        needs: what it supposes; it is not made without.
    """

    run: Callable[[Trial], Coroutine[object, object, None] | None]
    needs: tuple[Need, ...] = ()

    @property
    def name(self) -> str:
        """What is promised, in words that make a name."""
        return self.run.__name__


def unmet(promise: Promise, rig: Rig) -> str:
    """Why a promise is not made on a rig; empty if it is."""
    capabilities = rig.outbox().capabilities
    met: dict[Need, bool] = {
        "probes": capabilities.probes,
        "no-probes": not capabilities.probes,
        "idempotent": capabilities.idempotent,
        "ordered": capabilities.ordered,
        "notes": capabilities.notes,
        "inbox": rig.inbox() is not None,
        "network": rig.server is not None,
    }
    return "; ".join(_WORDS[need] for need in promise.needs if not met[need])
