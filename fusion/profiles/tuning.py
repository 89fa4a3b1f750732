"""What a profile has learnt from labelled lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fusion.evidence.claim_evidence import ClaimEvidence
from fusion.evidence.confidence import UNTUNED_CHARACTERS, CharacterConfidence, WordConfidence
from fusion.evidence.spelling_evidence import SPELLING, SpellingEvidence


class TuningSource(NamedTuple):
    """How to get a tuning again, in any process: `read(*arguments)`."""

    read: Callable[..., Tuning]
    arguments: tuple[object, ...]


def best_engines(weights: Mapping[str, float]) -> frozenset[str]:
    """Those that share the largest weight, if it is above 0."""
    own = {engine: weight for engine, weight in weights.items() if engine != SPELLING and weight > 0.0}
    most = max(own.values(), default=0.0)
    return frozenset(engine for engine, weight in own.items() if weight == most)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was fitted to labelled lines, beside the weights: the evidence of what any engine reads, the weight that
    each engine had when that was fitted, which ranks the models that are known; the evidence of spelling and words; the
    confidence of fused characters, and of words (None: that of their characters). A tuning with a source travels
    between processes as that. `models` are those that engines read with then, where that is known, and `other_models`
    the engines that read with another one now.
    """

    evidence: ClaimEvidence
    weights: Mapping[str, float]
    spelling: SpellingEvidence | None = None
    character_confidence: CharacterConfidence = UNTUNED_CHARACTERS
    word_confidence: WordConfidence | None = None
    source: TuningSource | None = field(default=None, compare=False)
    models: Mapping[str, str] = field(default_factory=dict)
    other_models: frozenset[str] = frozenset()

    @property
    def leading(self) -> frozenset[str]:
        """The engine of most weight, or those that share it; none where it reads with another model."""
        return best_engines(self.weights) - self.other_models

    def __reduce__(self) -> tuple[Callable[..., Tuning], tuple[object, ...]]:
        if self.source is not None:
            return self.source.read, self.source.arguments
        own = (self.evidence, self.weights, self.spelling, self.character_confidence, self.word_confidence)
        return Tuning, (*own, None, dict(self.models), self.other_models)
