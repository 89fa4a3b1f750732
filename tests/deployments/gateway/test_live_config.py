"""The configuration in force in one Gateway."""

from __future__ import annotations

from deployments.config.layers import resolve_settings
from deployments.config.versions import ConfigVersion
from deployments.gateway.live_config import LiveConfiguration
from deployments.messages.capabilities import Capabilities
from ocr import Scope
from tests.fakes.plain_service import plain_config, spec


def test_a_version_that_does_not_fit_a_new_deployment_counts_as_empty_and_that_is_told() -> None:
    settings = resolve_settings(plain_config(), {})
    live = LiveConfiguration(settings, Capabilities.of(settings.config, [spec("a", Scope.LINE), spec("b", Scope.LINE)]))
    live.apply(ConfigVersion(5, {"profiles": {"mine": {"gone": 1.0}}, "method": "majority_voting"}, 9.0))
    assert live.capabilities.version == 5
    assert live.settings.config.method == settings.config.method
    assert "gone" in live.problem
    live.apply(ConfigVersion(6, {"method": "majority_voting"}, 10.0))
    assert live.problem == ""
    assert live.capabilities.config.method == "majority_voting"
