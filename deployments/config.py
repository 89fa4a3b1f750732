"""The configuration of the cluster as types: what `args:` in serve_config.yaml may say.

Layers, lowest first: the defaults here, `args:` of the file, environment variables (secrets, paths and limits that
differ between places), the typed fields of a request. How many replicas a deployment has and what each asks of its
node is not here: that is Serve's own `deployments:` section, in the same file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fusion import Method
from ocr.errors import OutOfRange

ENGINES = ("emnist_cnn", "tesseract", "easyocr", "trocr", "paddleocr")
"""The five engine keys, in the order in which everything lists them."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineConfig(_Settings):
    """One engine: which, with what model, and how it uses its replica's share of the node."""

    name: str = Field(description="Key of a file in engines/, or the import path of a module with a SPEC.")
    model: str = Field("auto", description="auto | bundled | official | a path")
    languages: tuple[str, ...] = ("en",)
    threads: int = Field(1, ge=1, description="CPU threads of its framework. Ray sets one unless told otherwise.")
    batch_size: int | None = Field(None, ge=1, description="Most crops of one call; the engine's own by default.")
    memory_limit_mb: int | None = Field(
        None, ge=64, description="A replica above this is replaced at its next health check; it leaks."
    )
    hung_after_s: float = Field(
        180.0, gt=0.0, description="A replica that reads one batch for longer is replaced: its engine hangs."
    )


class SegmentationConfig(_Settings):
    """How lines are found."""

    model: str = Field("auto", description="auto | bundled | official | a path, of PaddleOCR's text detector")
    threads: int = Field(1, ge=1)


class LimitsConfig(_Settings):
    """What a request may cost."""

    max_request_mb: float = Field(10.0, gt=0.0, description="Largest request body, in units of 1,000,000 bytes.")
    max_pixels: int = Field(100_000_000, ge=1, description="Most pixels of one image, checked in the file's header.")
    max_batch: int = Field(256, ge=1, description="Most images of one batch request.")
    max_requests: int = Field(128, ge=1, description="Most requests that one gateway reads at once; more are refused.")
    timeout_s: float = Field(30.0, gt=0.0, le=600.0, description="Answer within this time unless the request says.")
    batch_timeout_s: float = Field(
        600.0,
        gt=0.0,
        le=600.0,
        description="Answer a whole batch within this time; `timeout_s` is for each of its pages.",
    )


class ThresholdsConfig(_Settings):
    """Confidences: below `accept` an answer is not accepted, below `review` a person should look, from `high` it is
    high.
    """

    accept: Probability = 0.5
    review: Probability = 0.7
    high: Probability = 0.8


def _default_engines() -> tuple[EngineConfig, ...]:
    return tuple(EngineConfig(name=name) for name in ENGINES)


class ClusterConfig(_Settings):
    """Everything `deployments.app:build` can be told."""

    engines: tuple[EngineConfig, ...] = Field(default_factory=_default_engines, min_length=1)
    segmentation: SegmentationConfig = SegmentationConfig()
    limits: LimitsConfig = LimitsConfig()
    thresholds: ThresholdsConfig = ThresholdsConfig()
    method: Method = Field(Method.CONFIDENCE_WEIGHTED, description="How votes are counted unless the request says.")
    # Not `general`: its hand-made weight for the character network, .35, makes printed pages worse (docs/log.md).
    profile: str = Field("printed", description="Whose weights count unless the request says.")
    profiles: dict[str, dict[str, Annotated[float, Field(ge=0.0, allow_inf_nan=False)]]] = Field(
        default_factory=dict, description="Weights per engine under a profile's name; add to or replace the built-in."
    )
    ready_engines: int = Field(2, ge=1, description="How many engines must be warm for /ready to say 200.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    model_dir: Path = Path("~/.cache/quorum/models")
    cache_dir: Path = Path("~/.cache/quorum")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        names = [engine.name for engine in self.engines]
        if len(set(names)) != len(names):
            raise ValueError(f"an engine is listed twice: {', '.join(names)}")
        if self.thresholds.accept > self.thresholds.high:
            raise ValueError("thresholds.accept is above thresholds.high: an answer would be both refused and sure")
        if self.ready_engines > len(names):
            raise ValueError(f"ready_engines is {self.ready_engines}, but only {len(names)} engines are configured")
        return self


# Environment variable -> where it lands. `TESSERACT_CMD`, `TESSERACT_CONFIG` and `REDIS_URL` are read where they are
# used.
_ENVIRONMENT: Mapping[str, tuple[str, ...]] = {
    "MAX_REQUEST_SIZE_MB": ("limits", "max_request_mb"),
    "API_TIMEOUT": ("limits", "timeout_s"),
    "MODEL_DIR": ("model_dir",),
    "CACHE_DIR": ("cache_dir",),
    "LOG_LEVEL": ("log_level",),
}


def with_environment(config: ClusterConfig, environment: Mapping[str, str]) -> ClusterConfig:
    """`config` with what the environment says over it. Raises OutOfRange naming the variable that is wrong."""
    values = config.model_dump()
    for variable, path in _ENVIRONMENT.items():
        if variable not in environment:
            continue
        changed = _changed(values, path, environment[variable])
        try:
            ClusterConfig.model_validate(changed)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise OutOfRange(
                f"environment variable {variable} is {environment[variable]!r}: {reason}", f"change or unset {variable}"
            ) from error
        values = changed
    return ClusterConfig.model_validate(values)


def _changed(values: dict[str, object], path: tuple[str, ...], value: str) -> dict[str, object]:
    name, *rest = path
    if not rest:
        return {**values, name: value}
    inner = values[name]
    assert isinstance(inner, dict)
    return {**values, name: _changed(inner, tuple(rest), value)}
