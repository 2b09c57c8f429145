"""The conformance kit for transports, as a class of pytest tests.

In: what makes a rig.  Out: a test class, one test a promise.  This module does not know
any transport.

    TestMine = check_transport(make)
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable

import pytest

from dflow.testing.transports import arriving, breaking, sending, working
from dflow.testing.transports.promise import Promise, unmet
from dflow.testing.transports.rig import MakeRig
from dflow.testing.transports.trial import Trial

__all__ = ["PROMISES", "check_transport", "keep"]

#: All of them, in the order in which they are tried.
PROMISES: tuple[Promise, ...] = (
    *sending.PROMISES,
    *arriving.PROMISES,
    *working.PROMISES,
    *breaking.PROMISES,
)


def check_transport(
    make: MakeRig,
    *,
    largest: int = 100_000_000,
    patience: float = 10.0,
    prefetch: int = 64,
    secrets: tuple[str, ...] = (),
) -> type:
    """A class of tests, one a promise, to be given a name that pytest collects.

    A promise that the outbox's capabilities do not make, or that the rig cannot show, is
    skipped, and says why.

    Args:
        make: makes a fresh, empty rig, as a context.
        largest: bytes of the largest parcel.
        patience: seconds in which what should come must come; longer than any wait after
            which the source gives a dead consumer's arrivals to another.
        prefetch: arrivals that an inbox may hold beyond those it handed out.
        secrets: passwords of the rig, which must not be shown anywhere.
    """

    def test_of(promise: Promise) -> Callable[[object], None]:
        def test(self: object) -> None:  # noqa: ARG001  the test class's
            with make() as rig:
                if reason := unmet(promise, rig):
                    pytest.skip(reason)
                trial = Trial(
                    rig=rig, largest=largest, patience=patience, prefetch=prefetch, secrets=secrets
                )
                keep(promise, trial)

        test.__doc__ = (inspect.getdoc(promise.run) or "").partition("\n")[0]
        return test

    tests = {f"test_{promise.name}": test_of(promise) for promise in PROMISES}
    return type("TransportPromises", (), {"__doc__": "What a transport promises.", **tests})


def keep(promise: Promise, trial: Trial) -> None:
    """Try one promise; raises `Broken` with words if it is not kept."""
    run = promise.run
    if not inspect.iscoroutinefunction(run):
        run(trial)
        return

    async def limited() -> None:
        async with asyncio.timeout(trial.patience * 12 + 30):
            await run(trial)

    trial.run(limited)
