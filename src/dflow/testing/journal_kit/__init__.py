"""The conformance kit for journals: what one must keep for an exchange to rely on it.

In: a rig.  Out: a class of pytest tests.  This room does not know any journal.
"""

from dflow.testing.journal_kit.kit import PROMISES, check_journal
from dflow.testing.journal_kit.promise import JournalPromise
from dflow.testing.journal_kit.rig import JournalRig, MakeJournalRig

__all__ = ["PROMISES", "JournalPromise", "JournalRig", "MakeJournalRig", "check_journal"]
