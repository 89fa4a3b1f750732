"""The layers of configuration, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deployments.config.schema import ClusterConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"engine": []},
        {"engines": []},
        {"engines": [{"name": "tesseract"}, {"name": "tesseract"}], "ready_engines": 1},
        {"engines": [{"name": "tesseract"}], "ready_engines": 2},
        {"engines": [{"name": "tesseract", "at_zero": "unavailable"}, {"name": "easyocr"}], "ready_engines": 2},
        {"limits": {"timeout_s": 0}},
        {"thresholds": {"accept": 0.9, "high": 0.8}},
        {"profiles": {"mine": {"tesseract": -1}}},
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ClusterConfig.model_validate(wrong)
