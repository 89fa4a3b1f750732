"""What a profile has learnt from labelled lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fusion.evidence.claim_evidence import ClaimEvidence
from fusion.evidence.confidence import UNTUNED_CHARACTERS, CharacterConfidence, WordConfidence
from fusion.evidence.spelling_evidence import SpellingEvidence


class TuningSource(NamedTuple):
    """How to get a tuning again, in any process: `read(*arguments)`."""

    read: Callable[..., Tuning]
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was fitted to labelled lines, beside the weights: the evidence of what any engine reads, the weight that
    each engine had when that was fitted, which ranks the models that are known; the evidence of spelling and words; the
    confidence of fused characters, and of words (None: that of their characters). A tuning with a source travels
    between processes as that.
    """

    evidence: ClaimEvidence
    weights: Mapping[str, float]
    spelling: SpellingEvidence | None = None
    character_confidence: CharacterConfidence = UNTUNED_CHARACTERS
    word_confidence: WordConfidence | None = None
    source: TuningSource | None = field(default=None, compare=False)

    def __reduce__(self) -> tuple[Callable[..., Tuning], tuple[object, ...]]:
        if self.source is not None:
            return self.source.read, self.source.arguments
        return Tuning, (self.evidence, self.weights, self.spelling, self.character_confidence, self.word_confidence)
