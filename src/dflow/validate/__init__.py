"""Checking: a file in, every fault of it out, whatever its bytes are."""

from dflow.validate.check import check
from dflow.validate.profile import Profile

__all__ = ["Profile", "check"]
