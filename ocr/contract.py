"""The HTTP contract as types: what a request may ask and what an answer holds.

The Gateway parses requests and renders answers with these classes, and the client builds requests and parses answers
with the same ones, so the two cannot drift. Field names are the wire's. Times are milliseconds, confidences
probabilities in [0, 1], places page pixels. Whether an engine, a profile or a method of that name exists is not known
here: that is the configuration of the service that is asked.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from ocr.image import Classes
from ocr.text.expressions import require_modest


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: Any) -> Any:  # noqa: ANN401 - whatever a form field or a query parameter brought
    """Accept "a,b" where the wire is a form field or a query parameter and lists cannot be written."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _mapped(value: Any) -> Any:  # noqa: ANN401 - whatever a form field or a query parameter brought
    """Accept a JSON object written as a string, for the same reason."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f'want a JSON object like {{"tesseract": 0.5}}, got {value[:40]!r}') from error
    return value


def _joined(value: Any) -> Any:  # noqa: ANN401 - whatever a JSON body brought
    """Accept ["de", "fr"] for "de,fr"."""
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    return value


Languages = Annotated[str, BeforeValidator(_joined), Field(max_length=60)]
"""'auto', or ISO 639-1 codes with commas between them. Which codes there are is in ocr/text/languages.py."""
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Steps = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(max_length=16)]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Weights = Annotated[dict[str, Weight], BeforeValidator(_mapped)]
Confidence = Annotated[float, Field(ge=0.0, le=1.0)]
PageChoice = Annotated[str, Field(max_length=10_000, pattern=r"^[0-9]{1,6}(-[0-9]{0,6})?(,[0-9]{1,6}(-[0-9]{0,6})?)*$")]
Dpi = Annotated[int, Field(ge=36, le=1200)]
ExistingText = Literal["use", "redo", "skip"]


MOST_PATTERN_CHARACTERS = 10_000
"""Of the different patterns of one request."""


class PageRegion(_Wire):
    """A part of a page that is read by itself and answered by its name."""

    name: str = Field(min_length=1, max_length=100)
    box: tuple[float, float, float, float] = Field(
        description="x, y, width and height: in pixels of the page, or, where none is above 1, in parts of it.",
        examples=[(0.1, 0.2, 0.4, 0.05)],
    )
    characters: str | None = Field(
        None, min_length=1, max_length=500, description="The characters that may stand there.", examples=["0123456789"]
    )
    pattern: str | None = Field(
        None, max_length=200, description="A regular expression that all of its text should match.", examples=[r"\d{4}"]
    )

    @field_validator("pattern")
    @classmethod
    def _is_an_expression(cls, pattern: str | None) -> str | None:
        require_modest(pattern or "")
        return pattern

    @field_validator("box")
    @classmethod
    def _has_a_size(cls, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        x, y, width, height = box
        if not (0.0 <= x < 1e6 and 0.0 <= y < 1e6 and 0.0 < width < 1e6 and 0.0 < height < 1e6):
            raise ValueError("a box is x, y, width and height, none below 0 and the last two above it")
        return box

    def pixels(self, page_width: int, page_height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom within a page of that size; empty (left = right) where it lies outside."""
        x, y, width, height = self.box
        if max(self.box) <= 1.0:
            x, y, width, height = x * page_width, y * page_height, width * page_width, height * page_height
        left, top = min(round(x), page_width), min(round(y), page_height)
        return left, top, min(round(x + width), page_width), min(round(y + height), page_height)


def _regions(value: Any) -> Any:  # noqa: ANN401 - whatever a form field or a query parameter brought
    """Accept a JSON list written as a string, where the wire is a form field or a query parameter."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError('expected JSON like [{"name": "total", "box": [0.6, 0.8, 0.3, 0.05]}]') from error
    return value


def _named_once(regions: tuple[PageRegion, ...]) -> tuple[PageRegion, ...]:
    names = [region.name for region in regions]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two regions have the name {name!r}")
    return regions


def _few_patterns(value: Any) -> Any:  # noqa: ANN401 - whatever a body brought
    """Before any of them is looked at: to compile many takes long."""
    told = value if isinstance(value, list | tuple) else ()
    patterns = {str(each.get("pattern") or "") for each in told if isinstance(each, dict)}
    if sum(map(len, patterns)) > MOST_PATTERN_CHARACTERS:
        raise ValueError(f"the patterns have more than {MOST_PATTERN_CHARACTERS} characters together; write less")
    return value


Regions = Annotated[
    tuple[PageRegion, ...],
    BeforeValidator(_few_patterns),
    BeforeValidator(_regions),
    Field(min_length=1, max_length=200),
    AfterValidator(_named_once),
]


class EnsembleOptions(_Wire):
    """What every kind of request may ask of the ensemble. None means: as the service is configured."""

    method: str | None = Field(None, description="How votes are counted.", examples=["confidence_weighted"])
    profile: str | None = Field(None, description="Whose weights count.", examples=["printed"])
    weights: Weights | None = Field(
        None, description="Voting weight per engine, instead of the profile's.", examples=[{"tesseract": 0.7}]
    )
    engines: Names | None = Field(None, description="Ask only these engines.", examples=[["tesseract", "paddleocr"]])
    timeout_s: float | None = Field(None, gt=0.0, le=600.0, description="Answer within this time.")
    explain: bool = Field(
        False, description="Add where the time went and, for a text, every engine's reading and every vote."
    )


class CharacterOptions(EnsembleOptions):
    """What a request for one character may ask."""

    classes: Classes = Field(Classes.ALNUM, description="Which characters may be the answer.")


class TextOptions(EnsembleOptions):
    """What a request for a page or a line may ask."""

    lang: Languages = Field(
        "auto",
        description="Languages of the text, ISO 639-1, with commas between them; auto: each line's is found out.",
        examples=["auto", "en", "de,fr"],
    )
    preprocess: Steps | None = Field(
        None, description="Preprocessing steps by name, in order, instead of the profile's.", examples=[["denoise"]]
    )
    policy: Literal["all", "cascade"] | None = Field(
        None, description="Ask all engines about every line, or the others only where the first ones are not sure."
    )
    regions: Regions | None = Field(
        None,
        description="Read only these parts of the page, and answer by their names too.",
        examples=[[{"name": "total", "box": [0.6, 0.8, 0.3, 0.05], "characters": "0123456789.,"}]],
    )
    pictures: bool = Field(
        False, description="Add pictures of what was done to the page: after each step, and each line as it was cut."
    )
    illegible: bool = Field(False, description="Keep lines that nobody can read in the text.")
    normalize: Names | None = Field(
        None,
        description="How the answer is written: ligatures (the default, ﬁ as fi), quotes, dashes, nfkc; or none.",
        examples=[["ligatures", "quotes"]],
    )


class DocumentOptions(TextOptions):
    """What a request for a whole file may ask: a PDF and a TIFF can hold many pages."""

    pages: PageChoice | None = Field(
        None, description="Read these pages, counted from 1; all of them by default.", examples=["1-3,7", "2-"]
    )
    dpi: Dpi | None = Field(
        None, description="Draw the pages of a PDF with so many pixels an inch, instead of by what is on them."
    )
    existing_text: ExistingText = Field(
        "use",
        description="What to do with text that a page of a PDF has already. use: a page is answered from the text that "
        "is seen on it, and an invisible layer of an earlier OCR is replaced. skip: a page is answered from any text, "
        "also an invisible one. redo: every page is read.",
    )


class ReadingOptions(DocumentOptions):
    """What a request to `POST /predict_text` may ask: how to read, and how to write the answer down."""

    format: str | None = Field(
        None, description="How the answer is written, instead of what Accept says.", examples=["json", "alto", "pdf"]
    )


class CharacterBody(CharacterOptions):
    """The JSON body of `POST /predict`."""

    image: str = Field(min_length=1, description="The image file, base64.")


class TextBody(ReadingOptions):
    """The JSON body of `POST /predict_text`."""

    image: str = Field(min_length=1, description="The image or the document, base64.")


class TaskOptions(_Wire):
    """What a request for many images may ask: the options of its task. None means: not asked."""

    task: Literal["character", "text"] = "character"
    method: str | None = None
    profile: str | None = None
    weights: Weights | None = None
    engines: Names | None = None
    timeout_s: float | None = Field(None, gt=0.0, le=600.0)
    explain: bool | None = None
    classes: Classes | None = Field(None, description="Only for the task `character`.")
    lang: Languages | None = Field(None, description="Only for the task `text`.")
    preprocess: Steps | None = Field(None, description="Only for the task `text`.")
    policy: Literal["all", "cascade"] | None = Field(None, description="Only for the task `text`.")
    pictures: bool | None = Field(None, description="Only for the task `text`.")
    illegible: bool | None = Field(None, description="Only for the task `text`.")
    normalize: Names | None = Field(None, description="Only for the task `text`.")
    pages: PageChoice | None = Field(None, description="Only for the task `text`: of each document in the batch.")
    dpi: Dpi | None = Field(None, description="Only for the task `text`.")
    existing_text: ExistingText | None = Field(None, description="Only for the task `text`.")
    regions: Regions | None = Field(None, description="Only for the task `text`.")


class BatchBody(TaskOptions):
    """The JSON body of `POST /batch_predict`."""

    images: tuple[str, ...] = Field(min_length=1, description="The image files, each base64.")


class FrameBody(_Wire):
    """One frame of `WS /stream`. Without an image it announces the next binary message, which is the image file."""

    image_id: str = Field(min_length=1, max_length=200, description="Comes back with the result.")
    image: str | None = Field(None, min_length=1, description="The image file, base64.")


class EnginePrediction(_Wire):
    """How one configured engine fared, whatever its status."""

    confidence: Confidence
    status: Literal["ok", "timeout", "error", "shed", "abstained", "skipped", "unavailable"]
    latency_ms: float = Field(ge=0.0, description="How long the request waited for this engine.")
    model: str = Field(description='The model that spoke, "name@version"; empty when none did.')
    detail: str = Field("", description="What went wrong, and what to do about it.")


class CharacterPrediction(EnginePrediction):
    """What one engine says the character is; null when it has no answer."""

    character: str | None
    alternatives: dict[str, Confidence] = Field(default_factory=dict, description="Its other guesses.")


class TextPrediction(EnginePrediction):
    """What one engine reads on the whole page."""

    text: str


class TimedPart(_Wire):
    """A part of the time that an answer took. It lies within the last one above it that is less deep."""

    name: str
    where: str = Field(description="The deployment that it was spent in, or the two that it lies between.")
    depth: int = Field(ge=0)
    start_ms: float = Field(ge=0.0, description="Since the request came.")
    duration_ms: float = Field(ge=0.0)
    critical: bool = Field(description="The answer waited for it. Those that it waited for add up to `wall_ms`.")


class Timings(_Wire):
    """Where the time went, from when the Gateway saw the request to when its answer was ready to be written out."""

    wall_ms: float = Field(ge=0.0)
    parts: list[TimedPart]


class _Judged(_Wire):
    """What every answer says of itself."""

    confidence: Confidence
    method: str
    profile: str
    processing_time_ms: float
    accepted: bool = Field(description="The confidence is not below the configured minimum.")
    needs_review: bool = Field(description="A person should look: too much of it is doubted.")
    band: Literal["high", "medium", "low"]
    success: Literal[True] = True
    degraded: bool = Field(description="An engine that was asked did not answer; the others voted.")
    config_version: int = Field(0, description="The version of the live configuration that the request began under.")
    timestamp: datetime


class CharacterAnswer(_Judged):
    """The answer of `POST /predict`. `character` is null when no engine reads one."""

    character: str | None
    engine_predictions: dict[str, CharacterPrediction]
    timings: Timings | None = Field(None, description="Only with `explain`.")


class VoteAnswer(_Wire):
    """What one engine said at one place: "" when it said that nothing is there."""

    text: str
    weight: float
    probability: Confidence


class CharacterPlace(_Wire):
    """One character of the text. `bounding_box` is null where no engine knows the place."""

    character: str
    confidence: Confidence
    bounding_box: tuple[int, int, int, int] | None = Field(description="x, y, width, height in page pixels.")
    votes: dict[str, VoteAnswer] | None = Field(None, description="Only with `explain`.")


class WordCorrection(_Wire):
    """What a person said of a word that the vote read as `was`: took a reading, of some engines or the vote's own,
    typed another text, or that nobody can read it. `text` stands there, "" where nothing does; of a word that nobody
    can read it is what the vote read.
    """

    kind: Literal["taken", "typed", "illegible"]
    was: str
    text: str
    engines: list[str] = Field(default_factory=list, description="Whose reading was taken.")
    by: str = Field(description="The caller: the name of a key or, without keys, an address.")
    reviewer: str = Field("", description="The name that the person gave.")
    at: datetime

    @property
    def who(self) -> str:
        """The name of the person, else of the caller."""
        return self.reviewer or self.by

    @property
    def is_change(self) -> bool:
        return self.kind != "illegible" and self.text != self.was


class WordAnswer(_Wire):
    """One word. `votes` is what each engine read in its place. One that a person looked at has a `correction`, and
    confidence 1, or 0 where nobody can read it; words that came of one have the same.
    """

    text: str
    confidence: Confidence
    polygon: tuple[tuple[float, float], ...] | None
    votes: dict[str, str]
    correction: WordCorrection | None = Field(None, exclude_if=lambda value: value is None)


class LineAnswer(_Wire):
    """One line. `polygon` starts at the text's top-left corner and goes clockwise as the text reads."""

    text: str
    confidence: Confidence
    polygon: tuple[tuple[float, float], ...]
    block: int
    row: int | None = Field(None, description="Lines of the same row stand side by side: in `text` they are one line.")
    legible: bool = Field(True, description="False: nobody can read it, or it is no text. `text` of the page lacks it.")
    language: str | None = Field(None, description="ISO 639-1: what it was read in, or turned out to be in.")
    words: list[WordAnswer]
    readings: dict[str, str] | None = Field(None, description="Every engine's reading; only with `explain`.")
    removed_words: list[WordAnswer] = Field(
        default_factory=list,
        description="Words of which a person said that nothing stands there, as they were read.",
        exclude_if=lambda value: not value,
    )


class Picture(_Wire):
    """What one step made of the page, or one line as the engines saw it."""

    name: str = Field(description="`sent`, the number and name of a step, `lines`, `line 1` and so on.")
    image: str = Field(description="A PNG file, base64.")


class RegionAnswer(_Wire):
    """What one part of the page says. `lines` are the indices of its lines in the page's; `matches` says whether all of
    its text matches the pattern, null where there is none.
    """

    text: str
    confidence: Confidence
    box: tuple[int, int, int, int] = Field(description="x, y, width, height in page pixels.")
    matches: bool | None
    lines: list[int]


class _JudgedText(_Judged):
    """What every answer of text says of itself."""

    doubted_words: int = Field(0, ge=0, description="Words of the text that are less sure than `thresholds.review`.")
    illegible_lines: int = Field(0, ge=0, description="Lines that nobody can read.")


class TextAnswer(_JudgedText):
    """The answer of `POST /predict_text` for an image."""

    text: str
    text_source: Literal["read", "existing"] = Field(
        "read", description="`existing`: the page of a PDF has this text itself, and no engine was asked."
    )
    width: int
    height: int
    lines: list[LineAnswer]
    characters: list[CharacterPlace]
    engine_predictions: dict[str, TextPrediction]
    regions: dict[str, RegionAnswer] | None = Field(None, description="Only with `regions`, by name.")
    pictures: list[Picture] | None = Field(None, description="Only with `pictures`.")
    timings: Timings | None = Field(None, description="Only with `explain`.")


class PageAnswer(TextAnswer):
    """One page of a document; places are pixels of the page as it was drawn."""

    page: int = Field(ge=1, description="Its number in the document.")


class Problem(_Wire):
    """What is wrong, and what to do next."""

    code: str
    message: str
    hint: str = ""
    max_pages: int | None = Field(
        None, description="Only where a document has more pages than one request may have read: how many it may."
    )


class ErrorAnswer(_Wire):
    """Every error of the service has this shape."""

    error: Problem


class FailedItem(ErrorAnswer):
    """One item of a batch that could not be read; the others are not touched by it."""

    success: Literal[False] = False


class FailedPage(FailedItem):
    """One page of a document that could not be read; it stands in its place among the others."""

    page: int = Field(ge=1)


class DocumentAnswer(_JudgedText):
    """The answer of `POST /predict_text` for a PDF, a TIFF of several pages, or when `pages` was asked.

    Every page that was asked for is there, in order, read or failed; `text` is what could be read.
    """

    text: str
    page_count: int = Field(ge=1, description="How many pages the document has, asked for or not.")
    pages: list[PageAnswer | FailedPage]
    succeeded: int
    engine_predictions: dict[str, TextPrediction]


class BatchAnswer(_Wire):
    """The answer of `POST /batch_predict`: one result per image, in order."""

    results: list[CharacterAnswer | TextAnswer | DocumentAnswer | FailedItem]
    count: int
    succeeded: int
    processing_time_ms: float


class StreamEnd(_Wire):
    """The last line of an NDJSON answer. An answer without it is incomplete."""

    end: Literal[True] = True
    count: int
    succeeded: int
    processing_time_ms: float


class FrameAnswer(_Wire):
    """What became of one frame of `WS /stream`.

    `unchanged` repeats the answer to the frame before; `dropped` was overtaken by newer frames and is not read.
    """

    image_id: str
    status: Literal["read", "unchanged", "dropped", "failed"]
    answer: CharacterAnswer | TextAnswer | None = None
    error: Problem | None = None


class CardStatus(_Wire):
    """What one replica of an engine holds of its card, in units of 1,000,000 bytes; null where nobody tells."""

    framework: str
    limit_mb: float = Field(description="The share that the framework is held to.")
    allocated_mb: float | None = Field(description="What tensors take.")
    reserved_mb: float | None = Field(description="With what the framework keeps for the next ones.")
    process_mb: float | None = Field(description="Everything that the driver counts for the process.")


class EngineStatus(_Wire):
    """One engine as `/status` shows it."""

    available: bool
    asleep: bool = Field(False, description="It has no replica at the moment; the next request wakes it.")
    model: str
    detail: str
    circuit: Literal["closed", "open", "half_open"] = Field(
        "closed",
        description="Open: left out because it kept failing, as the Router that was asked sees it.",
    )
    scopes: list[str]
    languages: list[str] = Field(
        default_factory=list, description="The languages that it reads, ISO 639-1; none where that is not known."
    )
    weight: dict[str, float] = Field(description="Its voting weight in each profile.")
    replicas: int
    cpus: float
    gpu_fraction: float
    card: CardStatus | None = None
    no_card: str = Field("", description="Why the engine holds no card, where it holds none.")
    threads: int
    load_seconds: float
    memory_mb: float = Field(description="Of the replica's own, without the object store.")
    memory_limit_mb: float | None = Field(None, description="A replica above this is replaced; null: none is.")


class ComponentStatus(_Wire):
    """One deployment as `/status` shows it."""

    status: str
    message: str
    replicas: int


class StatusAnswer(_Wire):
    """The answer of `GET /status`."""

    status: Literal["ready", "degraded", "not_ready"]
    version: str
    uptime_s: float
    engines: dict[str, EngineStatus]
    components: dict[str, ComponentStatus]
    methods: list[str]
    profiles: list[str]


class HealthAnswer(_Wire):
    """The answer of `GET /health`: the process lives."""

    status: Literal["alive"] = "alive"


class ReadyAnswer(_Wire):
    """The answer of `GET /ready`: enough engines are warm, and an ordinary page was read within the default deadline.

    `missing` are the engines that are configured and do not answer, each with the reason. `page_s` is how long the page
    took, None from a Router that started when the service was ready already.
    """

    status: Literal["ready"] = "ready"
    engines: list[str]
    missing: dict[str, str] = {}
    page_s: float | None = None


class WeightsBody(_Wire):
    """The JSON body of `POST /config/weights`: the weights of one profile or of all, for the whole cluster."""

    weights: dict[str, Weight] = Field(min_length=1, examples=[{"tesseract": 0.7, "paddleocr": 0.3}])
    profile: str | None = Field(None, min_length=1, max_length=60, description="Every profile, unless one is named.")


class ConfigValue(_Wire):
    """One value of the configuration."""

    value: Any
    layer: str = Field(description="Where it comes from: default, preset, file, .env, environment or live.")
    live: bool = Field(description="Whether `PUT /config` may change it.")


class ConfigAnswer(_Wire):
    """The answer of `GET /config`, `PUT /config` and `POST /config/weights`. The version is also the ETag."""

    version: int = Field(description="Counts the live changes; 0: none was made.")
    changed_at: datetime | None
    live: dict[str, Any] = Field(description="What the live layer says, as `PUT /config` takes it.")
    problem: str = Field("", description="Why the live layer does not count: it does not fit what was deployed since.")
    values: dict[str, ConfigValue] = Field(description="Every value by its path; secrets are masked.")


class LogRecord(_Wire):
    """One line of the logs of the cluster."""

    time: datetime
    level: str
    message: str
    component: str = Field(description="The deployment, or the part of Serve.")
    replica: str
    node: str
    request_id: str
    fields: dict[str, Any] = Field(default_factory=dict, description="What else the record holds.")


class LogsOptions(_Wire):
    """What `GET /logs` may be asked."""

    limit: int = Field(100, ge=1, le=1000, description="So many records at most.")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="This level and those above.")
    component: str = Field("", max_length=100, description="Only of this deployment.", examples=["Router"])
    request_id: str = Field("", max_length=200, description="Only of the request with this X-Request-ID.")


class LogsAnswer(_Wire):
    """The answer of `GET /logs`: the newest records of all nodes, oldest first."""

    records: list[LogRecord]
    nodes: int = Field(description="How many nodes answered.")
    missing_nodes: list[str] = Field(description="Nodes that did not.")


class Latency(_Wire):
    """Latencies in milliseconds, estimated from a histogram; null where nothing was measured."""

    count: int
    mean_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class RoutePerformance(Latency):
    """How one route does. Errors are answers of 500 and above."""

    by_status: dict[str, int]
    error_rate: float


class EnginePerformance(Latency):
    """How one engine does. `agreement` is the share of its readings that say what the fusion says."""

    outcomes: dict[str, int]
    agreement: float | None


class Bands(_Wire):
    """How many answers fell into each band of confidence."""

    high: int = 0
    medium: int = 0
    low: int = 0


class PerformanceAnswer(_Wire):
    """The answer of `GET /performance`: since the replicas that run now were started."""

    requests: int
    error_rate: float
    routes: dict[str, RoutePerformance]
    engines: dict[str, EnginePerformance]
    confidence: Bands
    mean_confidence: float | None


class SelfTestBody(_Wire):
    """The JSON body of `POST /test`."""

    samples: int = Field(10, ge=1, le=500, description="How many samples are drawn and read.")
    task: Literal["character", "text"] = "text"
    engines: Names | None = Field(None, description="Ask only these engines.")


class SelfTestAnswer(_Wire):
    """The answer of `POST /test`. A sample succeeds when it is answered with the text that was drawn."""

    samples: int
    answered: int
    succeeded: int
    success_rate: float
    average_confidence: float | None
    throughput_per_s: float
    seconds: float
    failures: dict[str, int] = Field(description="Why samples were not answered, by the code of the error.")
