"""The conformance kit for journals, as a class of pytest tests.

In: what makes a rig.  Out: a test class, one test a promise.  This module does not know
any journal.

    TestMine = check_journal(make)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest

from dflow.testing.journal_kit import finding, keeping, killing, sharing
from dflow.testing.journal_kit.promise import JournalPromise
from dflow.testing.journal_kit.rig import MakeJournalRig

__all__ = ["PROMISES", "check_journal"]

#: All of them, in the order in which they are tried.
PROMISES: tuple[JournalPromise, ...] = (
    *keeping.PROMISES,
    *finding.PROMISES,
    *sharing.PROMISES,
    *killing.PROMISES,
)


def check_journal(make: MakeJournalRig) -> type:
    """A class of tests, one a promise, to be given a name that pytest collects.

    What is promised only by journals that outlive their process, or that several workers
    share, is skipped for others, and says so.

    Args:
        make: makes a fresh, empty rig, as a context.
    """

    def test_of(promise: JournalPromise) -> Callable[[object], None]:
        def test(self: object) -> None:  # noqa: ARG001  the test class's
            with make() as made, (made.hurried() if promise.waits else made).closing() as rig:
                if promise.lasting and not rig.lasting:
                    pytest.skip("this journal ends with its process")
                if promise.shared and rig.open().lease is None:
                    pytest.skip("this journal has one worker")
                promise.run(rig)

        test.__doc__ = (inspect.getdoc(promise.run) or "").partition("\n")[0]
        return test

    tests = {f"test_{promise.name}": test_of(promise) for promise in PROMISES}
    return type("JournalPromises", (), {"__doc__": "What a journal promises.", **tests})
