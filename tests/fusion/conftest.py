"""Property tests here are the same on every run and do not watch the clock; those marked slow try many more."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("quorum", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("quorum")
