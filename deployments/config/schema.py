"""The configuration of the cluster as types: what `args:` in serve_config.yaml may say, and what may change live.

Where each value comes from (defaults, preset, file, .env, environment, live) is `deployments.config.layers`. How many
replicas a deployment has and what each asks of its node is not here: that is Serve's own `deployments:` section, in
the same file.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from cluster.weights.models import DEFAULT_MODEL_DIR
from deployments.config.gpu_fractions import require_engines_fit_their_cards
from fusion import Method
from ocr.interfaces import MAX_LINES, Runtime

ENGINES = ("emnist_cnn", "tesseract", "easyocr", "trocr", "paddleocr")
"""The five engine keys, in the order in which everything lists them."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, le=1000.0)]
KeyHash = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
"""An API key as it is kept: only its hash. `deployments.config.api_keys` makes it."""


def _network(text: str) -> str:
    ipaddress.ip_network(text, strict=False)  # its ValueError says what is wrong
    return text


Network = Annotated[str, AfterValidator(_network)]
"""An address or a network: 10.1.2.3, 10.0.0.0/8, fd00::/8."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AtZeroPolicy(StrEnum):
    """What a request finds that wants an engine without a replica. Either way it wakes the engine."""

    UNAVAILABLE = "unavailable"  # the others vote now; who asks later has the engine again
    WAIT = "wait"  # as long as its deadline allows


class EngineConfig(_Settings):
    """One engine: which, with what model, and how it uses its replica's share of the node."""

    name: str = Field(description="Key of a file in engines/, or the import path of a module with a SPEC.")
    model: str = Field("auto", description="auto | bundled | official | a path")
    handwriting: str = Field(
        "auto",
        description="auto | none | bundled | a path: the network with which easyocr reads lines that look written by "
        "hand. auto: the one in the folder `handwriting` of its model, if there is one.",
    )
    languages: tuple[str, ...] = ("en",)
    runtime: Runtime = Field(
        Runtime.AUTO,
        description="auto | native | openvino: what computes its network on a CPU; a card always has native.",
    )
    threads: int = Field(1, ge=1, description="CPU threads of its framework. Ray sets one unless told otherwise.")
    batch_size: int | None = Field(None, ge=1, description="Most crops of one call; the engine's own by default.")
    memory_limit_mb: int | None = Field(
        None, ge=64, description="A replica above this is replaced: it leaks. None: its `memory` in ray_actor_options."
    )
    hung_after_s: float = Field(
        180.0, gt=0.0, description="A replica that reads one batch for longer is replaced: its engine hangs."
    )
    gpu: float = Field(
        0.0, ge=0.0, le=1.0, description="Fraction of a card; no more than this of its memory is taken by a replica."
    )
    card: str = Field("shared", min_length=1, description="Engines of the same card must fit on one together.")
    at_zero: AtZeroPolicy | None = Field(
        None, description="The engine may scale to zero replicas, and what a request finds then; None: it may not."
    )


class SegmentationConfig(_Settings):
    """How lines are found."""

    model: str = Field("auto", description="auto | bundled | official | a path, of PaddleOCR's text detector")
    threads: int = Field(1, ge=1)
    hung_after_s: float = Field(
        120.0, gt=0.0, description="A page that takes longer is given up, and the process that hangs with it is ended."
    )


class LimitsConfig(_Settings):
    """What a request may cost, and what the service spends on it."""

    max_request_mb: float = Field(
        50.0, gt=0.0, le=1000.0, description="Largest request body, in units of 1,000,000 bytes."
    )
    max_job_mb: float = Field(
        1000.0, gt=0.0, description="Largest upload of one job, its files together, in units of 1,000,000 bytes."
    )
    max_bodies_mb: float = Field(
        200.0, gt=0.0, description="Largest size of all request bodies together that one gateway reads at once."
    )
    # A4 at 450 dpi has 19.6 million. Decoding, cleaning and finding lines take up to 45 bytes a pixel: less than 1 GB.
    max_pixels: int = Field(
        20_000_000, ge=1, description="Most pixels of one page that is read; a larger image is reduced to so many."
    )
    # Without a page the segmentation has half a gigabyte. 48 million pixels take 110 to 450 MB, by format.
    max_decoding_mb: float = Field(
        500.0, gt=0.0, le=10_000.0, description="Most memory to decode one image, estimated from the file's header."
    )
    max_decoding_s: float = Field(
        6.0, gt=0.0, le=600.0, description="Most processor time to decode one image, estimated from the file's header."
    )
    max_lines: int = Field(
        MAX_LINES, ge=1, le=50_000, description="Most lines of text of one page; a cell of a table is one."
    )
    max_page_processor_s: float = Field(
        20.0, gt=0.0, le=600.0, description="Most processor time that finding the lines of one page may take."
    )
    max_batch: int = Field(256, ge=1, description="Most images of one batch request.")
    max_pages: int = Field(100, ge=1, le=1000, description="Most pages of one document that a request may have read.")
    max_document_processor_s: float = Field(
        60.0, gt=0.0, le=3600.0, description="Most processor time that drawing the pages of one document may take."
    )
    pages_drawn_at_once: int = Field(
        2,
        ge=1,
        le=64,
        description="How many pages of documents one gateway draws at once; callers take turns.",
    )
    documents_at_once: int = Field(4, ge=1, le=64, description="How many documents one gateway has open.")
    max_streams: int = Field(16, ge=1, description="Most connections to /stream that one gateway takes.")
    max_streams_per_caller: int = Field(4, ge=1, description="Most of them of one key or, without keys, one address.")
    stream_idle_s: float = Field(60.0, gt=0.0, le=3600.0, description="Close a stream that sends nothing for so long.")
    stream_queue: int = Field(2, ge=1, le=64, description="How many frames of a stream wait; the newest win.")
    # A page that only computes is given up sooner, by its processor time: see segmentation/files/page_renderer.py.
    draw_timeout_s: float = Field(8.0, gt=0.0, le=60.0, description="Give up a page that takes longer to be drawn.")
    max_requests: int = Field(128, ge=1, description="Most requests that one gateway reads at once; more are refused.")
    caller_share: float = Field(
        0.75, gt=0.0, le=1.0, description="Most of these that one key or, without keys, one address may have at once."
    )
    pages_at_once: int = Field(
        64, ge=1, le=1024, description="How many pages one gateway has read at once; the others wait for their turn."
    )
    pages_beside_others: int = Field(
        16, ge=1, description="Most of these that one caller may have while others read too."
    )
    body_timeout_s: float = Field(60.0, gt=0.0, le=600.0, description="Refuse a body that takes longer to arrive.")
    body_kb_per_s: float = Field(
        16.0, ge=0.0, description="Refuse a body that arrives more slowly, after its first 5 seconds; 0: never."
    )
    timeout_s: float = Field(30.0, gt=0.0, le=600.0, description="Answer within this time unless the request says.")
    batch_timeout_s: float = Field(
        600.0,
        gt=0.0,
        le=600.0,
        description="Answer a whole batch or document within this time; `timeout_s` is for each of its pages.",
    )
    retries: int = Field(2, ge=0, le=10, description="How often a call is made again when its replica died.")
    batch_workers: int = Field(4, ge=1, le=64, description="How many pages of one request are read at once.")
    shares: dict[str, Share] = Field(
        default_factory=dict,
        description='How many turns a caller has for one of others, by its name in the logs, as "key 1a2b3c4d".',
    )
    requests_per_minute: int = Field(
        0, ge=0, description="Most requests a minute of one key or, without keys, of one address; 0: no limit."
    )

    @property
    def max_bytes(self) -> int:
        return int(self.max_request_mb * 1e6)

    @property
    def max_job_bytes(self) -> int:
        return int(self.max_job_mb * 1e6)

    def share_of(self, caller: str) -> float:
        """How many turns the caller has for one of others."""
        return self.shares.get(caller, 1.0)


class JobsConfig(_Settings):
    """What jobs may cost, and how they are read. A caller is a key or, without keys, an address."""

    max_files: int = Field(1000, ge=1, le=10_000, description="Most files of one job.")
    max_pages: int = Field(10_000, ge=1, le=100_000, description="Most pages of one job.")
    max_jobs: int = Field(100, ge=1, description="Most jobs of one caller that have not ended.")
    max_remembered: int = Field(
        20_000, ge=1, description="Most jobs of one caller of which anything is known, also of those that have ended."
    )
    max_waiting_pages: int = Field(20_000, ge=1, description="Most pages of one caller that wait to be read.")
    max_kept_mb: float = Field(5000.0, gt=0.0, description="Most that is kept for one caller, files and results.")
    expires_s: float = Field(86_400.0, gt=0.0, description="A job is deleted so long after it came, unless it says.")
    max_expires_s: float = Field(604_800.0, gt=0.0, description="The longest time that a job may ask for.")
    remembered_s: float = Field(
        86_400.0,
        ge=0.0,
        description="For how long it is known that there was a job, when what it held is deleted.",
    )
    lease_s: float = Field(30.0, ge=1.0, le=3600.0, description="A page whose reader is silent for so long is free.")
    pages_at_once: int = Field(
        4,
        ge=1,
        le=64,
        description="Most pages of one caller that a replica of the job worker reads at once, and one more of others.",
    )
    page_timeout_s: float = Field(
        120.0, gt=0.0, le=600.0, description="A page is read with what has answered by then, unless the job says."
    )
    max_attempts: int = Field(5, ge=1, le=100, description="A page whose readers died so often has failed.")
    reviewed_expires_s: float = Field(
        2_592_000.0,
        gt=0.0,
        description="A job that people review is kept for so long after they said something.",
    )
    callback_networks: tuple[Network, ...] = Field(
        (), description="Private addresses or networks that callbacks may go to; without it only to public ones."
    )


class ThresholdsConfig(_Settings):
    """Confidences: below `accept` an answer is not accepted, below `review` a person should look at a word, from `high`
    it is high. `doubted` is the part of a page's words that may be below `review` before a person should look at it.
    """

    accept: Probability = 0.5
    review: Probability = 0.7
    high: Probability = 0.8
    doubted: Probability = 0.05


class CircuitBreakerConfig(_Settings):
    """When an engine that keeps failing is left out for a while; deployments/router/circuit_breaker.py says how."""

    failures: int = Field(5, ge=0, le=100, description="Least failures within the window that open it; 0: never.")
    share: float = Field(0.5, gt=0.0, le=1.0, description="And least share of what the engine was asked in it.")
    window_s: float = Field(30.0, gt=0.0, le=3600.0, description="Seconds in which failures are counted.")
    cool_down_s: float = Field(5.0, gt=0.0, le=600.0, description="Seconds until an engine left out is tried again.")
    patience_s: float = Field(
        2.0, ge=0.0, le=600.0, description="A timeout counts where the engine was given at least so many seconds."
    )


class CacheConfig(_Settings):
    """Results of identical requests, kept by each Gateway replica. Off while `entries` is 0."""

    entries: int = Field(0, ge=0, le=1_000_000, description="Most results kept; 0: none.")
    max_mb: float = Field(64.0, gt=0.0, description="Most memory that they may take.")


class IdempotencyConfig(CacheConfig):
    """Answers to requests with an Idempotency-Key, kept by each Gateway replica in case they are sent again."""

    entries: int = Field(1000, ge=0, le=1_000_000, description="Most answers kept; 0: none.")
    seconds: float = Field(120.0, gt=0.0, le=86_400.0, description="For how long.")


class MonitorConfig(_Settings):
    """What the cluster does by the clock. One Gateway replica does it for all."""

    enabled: bool = False
    health_s: float = Field(300.0, ge=1.0, description="Seconds between two looks at every component.")
    self_test_s: float = Field(3600.0, ge=1.0, description="Seconds between two self-tests.")
    self_test_samples: int = Field(50, ge=1, le=500)
    export_s: float = Field(86_400.0, ge=1.0, description="Seconds between two exports of all metrics.")
    retention_days: float = Field(30.0, gt=0.0, description="Exports and reports older than this are deleted.")


class SecurityConfig(_Settings):
    """Who may ask. Keys come from the environment or from a file, and are held as hashes only."""

    api_key_required: bool = Field(False, description="Whether reading needs a key. Administration always does.")
    api_keys: tuple[KeyHash, ...] = ()
    admin_api_keys: tuple[KeyHash, ...] = ()
    cors_origins: tuple[str, ...] = Field((), description="Origins whose pages may call the service from a browser.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Names the service answers to, besides addresses and localhost: a name, *.name, or * for any."
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )


class Policy(StrEnum):
    """Which engines are asked about a line: all of them, or the others only where the first ones are not sure."""

    ALL = "all"
    CASCADE = "cascade"


class LiveConfig(_Settings):
    """What may be changed while the cluster runs, with `PUT /config`."""

    limits: LimitsConfig = LimitsConfig()
    thresholds: ThresholdsConfig = ThresholdsConfig()
    method: Method = Field(Method.CONFIDENCE_WEIGHTED, description="How votes are counted unless the request says.")
    profile: str = Field(
        "auto", description="Whose weights count unless the request says; `auto`: by each line's kind."
    )
    tuned: str = Field(
        "bundled",
        description="Tuned profiles: `bundled`, `none` (hand-made weights), or a document that `quorum tune` wrote.",
    )
    profiles: dict[str, dict[str, Weight]] = Field(
        default_factory=dict, description="Weights per engine under a profile's name; add to or replace the built-in."
    )
    policy: Policy = Field(Policy.ALL, description="Which engines are asked about a line, unless the request says.")
    ready_engines: int = Field(2, ge=1, description="How many engines must be warm for /ready to say 200.")
    ready_page: bool = Field(True, description="Whether /ready also waits until an ordinary page was read in time.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_text: bool = Field(False, description="Whether recognised text may stand in the logs.")
    circuit: CircuitBreakerConfig = CircuitBreakerConfig()
    cache: CacheConfig = CacheConfig()
    repeats: IdempotencyConfig = IdempotencyConfig()
    monitor: MonitorConfig = MonitorConfig()
    jobs: JobsConfig = JobsConfig()


def _default_engines() -> tuple[EngineConfig, ...]:
    return tuple(EngineConfig(name=name) for name in ENGINES)


class ClusterConfig(LiveConfig):
    """The arguments of `deployments.app:build`."""

    preset: Literal["production", "development", "testing"] | None = Field(
        None, description="A set of values below the file's; see deployments/config/layers.py."
    )
    engines: tuple[EngineConfig, ...] = Field(default_factory=_default_engines, min_length=1)
    segmentation: SegmentationConfig = SegmentationConfig()
    batch_size: int | None = Field(None, ge=1, description="For every engine that does not say; None: its own.")
    queue: int | None = Field(None, ge=1, description="Most requests that wait for one deployment; None: its own.")
    gpu_memory_mb: int | None = Field(None, ge=64, description="Most GPU memory of one engine, under its fraction.")
    security: SecurityConfig = SecurityConfig()
    redis_url: str | None = Field(
        None, description="Where live configuration, rate limits and jobs are kept; None: in files of this machine."
    )
    jobs_files: str | None = Field(
        None,
        description="Where the files of jobs and their results lie: a folder, or an address of fsspec such as "
        "s3://bucket/path; None: below state_dir.",
    )
    model_dir: Path = DEFAULT_MODEL_DIR
    cache_dir: Path = Path("~/.cache/quorum")
    state_dir: Path = Path("~/.local/state/quorum")
    tesseract_cmd: str | None = Field(None, description="The program; None: `tesseract` on the PATH.")
    tesseract_config: str | None = Field(None, description="Options added to each of its calls.")

    @model_validator(mode="after")
    def _require_consistency(self) -> Self:
        names = [engine.name for engine in self.engines]
        if len(set(names)) != len(names):
            raise ValueError(f"an engine is listed twice: {', '.join(names)}")
        if self.thresholds.accept > self.thresholds.high:
            raise ValueError("thresholds.accept is above thresholds.high; give it at most the same value")
        if self.ready_engines > len(names):
            raise ValueError(f"ready_engines is {self.ready_engines}, but only {len(names)} engines are configured")
        dependable = [engine for engine in self.engines if engine.at_zero is not AtZeroPolicy.UNAVAILABLE]
        if self.ready_engines > len(dependable):
            raise ValueError(
                f"ready_engines is {self.ready_engines}, but only {len(dependable)} engines count: those that never "
                "sleep, and those with at_zero: wait"
            )
        require_engines_fit_their_cards((engine.card, engine.name, engine.gpu) for engine in self.engines)
        return self

    @property
    def program_environment(self) -> dict[str, str]:
        """Environment variables of the programs that engines start."""
        chosen = {"TESSERACT_CMD": self.tesseract_cmd, "TESSERACT_CONFIG": self.tesseract_config}
        return {name: value for name, value in chosen.items() if value is not None}
