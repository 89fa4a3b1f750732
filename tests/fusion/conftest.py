"""Profiles of hypothesis for the property tests: few examples by default, many in those marked slow."""

from __future__ import annotations

import pytest

from fusion import Profile


@pytest.fixture
def even() -> Profile:
    """Five voters of the same weight."""
    return Profile("even", dict.fromkeys("abcde", 1.0))
