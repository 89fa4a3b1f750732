"""What deployments ask each other. Plain frozen values with every name checked and every default filled in (see
`deployments.messages.capabilities`); nothing here knows Serve or HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from deployments.config.schema import CircuitBreakerConfig, LimitsConfig
from fusion import Cascade, Method, Profile, Step
from ocr import Classes
from ocr.contract import PageRegion
from ocr.job_contract import Priority
from ocr.text.languages import DEFAULT
from ocr.text.normal_forms import DEFAULT_FORMS

_BATCH_COUNTS = 8.0
# Who has asked for many pages waits for the last of them anyway; who has asked for one waits for it.
MOST_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom work is done, where work waits in line: callers take turns by their shares, and work of priority
    `batch` gives way. Programs on the cluster have no name and count as one caller.
    """

    caller: str = ""
    priority: Priority = "interactive"
    share: float = 1.0

    @property
    def is_batch(self) -> bool:
        return self.priority == "batch"

    @property
    def counts(self) -> float:
        """How many seconds one second that was computed for it counts, where what each has had is compared."""
        return (_BATCH_COUNTS if self.is_batch else 1.0) / self.share

    @property
    def line(self) -> str:
        """Whose turns its work takes: what waits as a batch takes none of its caller's other turns."""
        return f"{self.caller} {self.priority}" if self.is_batch else self.caller


NOBODY = Asker()


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """What the engines are asked about some crops: the languages of the text, which single characters may answer, and
    for whom.
    """

    languages: tuple[str, ...] = (DEFAULT,)
    classes: Classes = Classes.ALNUM
    asker: Asker = NOBODY


@dataclass(frozen=True, slots=True)
class SegmentationRequest:
    """How a page is prepared: `steps` by name (None: the profile's own), what is too large or takes too long, and the
    moment (epoch seconds) after which nobody waits for it. `sent_at` is as in ReadRequest. With `regions` only these
    parts of the page are looked at.
    """

    profile: str
    steps: tuple[str, ...] | None
    max_pixels: int
    deadline: float
    max_lines: int = LimitsConfig().max_lines
    max_processor_s: float = LimitsConfig().max_page_processor_s
    max_decoding_mb: float = LimitsConfig().max_decoding_mb
    max_decoding_s: float = LimitsConfig().max_decoding_s
    regions: tuple[PageRegion, ...] = ()
    asker: Asker = NOBODY
    sent_at: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One request, resolved. `engines` are the ones to ask, `steps` the preprocessing (None: the profile's own);
    `deadline` is wall-clock time in epoch seconds, and `sent_at` when the request left, by the same clock; both are
    stated anew on each node (see deadlines.py). `config_version` is the live configuration that it began under, and
    holds until it is answered. Without a `cascade` all engines are asked at once. `illegible` lines stay in the text.
    `normal_forms` are those that the answer is written in (ocr/text/normal_forms.py). With `finds_languages` lines that
    turn out to be in another language than `recognition` names are read again in it. `at_once` is how many pages its
    caller had asked for at the same time when it began.
    """

    method: Method
    profile: Profile
    engines: tuple[str, ...]
    deadline: float
    recognition: RecognitionOptions
    steps: tuple[str, ...] | None = None
    explain: bool = False
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    config_version: int = 0
    circuit: CircuitBreakerConfig = field(default_factory=CircuitBreakerConfig)
    cascade: Cascade | None = None
    illegible: bool = False
    regions: tuple[PageRegion, ...] = ()
    finds_languages: bool = False
    normal_forms: tuple[str, ...] = DEFAULT_FORMS
    at_once: int = 1
    sent_at: float = 0.0

    def asked_by(self, caller: str, priority: Priority = "interactive") -> ReadRequest:
        """The same for this caller, whose share is the smaller the more pages it has asked for at once."""
        share = self.limits.share_of(caller) / max(1, min(MOST_AT_ONCE, self.at_once))
        asker = Asker(caller, priority, share)
        return replace(self, recognition=replace(self.recognition, asker=asker))

    def tiers(self, engines: Sequence[str]) -> tuple[list[Step], list[str]]:
        """These engines as the cascade asks them (see Cascade.among); all at once where there is none."""
        return ([], list(engines)) if self.cascade is None else self.cascade.among(engines)

    @property
    def segmentation(self) -> SegmentationRequest:
        limits = self.limits
        return SegmentationRequest(
            self.profile.name,
            self.steps,
            limits.max_pixels,
            self.deadline,
            limits.max_lines,
            limits.max_page_processor_s,
            limits.max_decoding_mb,
            limits.max_decoding_s,
            self.regions,
            self.recognition.asker,
        )
