"""The conformance kit for transports: what one must keep to be trusted with settlement data.

In: a rig.  Out: a class of pytest tests.  This room does not know any transport.
"""

from dflow.testing.transports.kit import PROMISES, check_transport
from dflow.testing.transports.promise import Promise
from dflow.testing.transports.rig import Endpoint, MakeRig, Rig
from dflow.testing.transports.trial import Broken, Trial

__all__ = [
    "PROMISES",
    "Broken",
    "Endpoint",
    "MakeRig",
    "Promise",
    "Rig",
    "Trial",
    "check_transport",
]
