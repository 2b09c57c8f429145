"""Hypothesis profiles: quick by default, ci, deep.  Nothing else lives here."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW_MACHINE = [HealthCheck.too_slow]

settings.register_profile(
    "quick", max_examples=50, deadline=None, suppress_health_check=_SLOW_MACHINE
)
settings.register_profile(
    "ci", max_examples=100, deadline=None, suppress_health_check=_SLOW_MACHINE, derandomize=True
)
settings.register_profile(
    "deep", max_examples=5_000, deadline=None, suppress_health_check=_SLOW_MACHINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
