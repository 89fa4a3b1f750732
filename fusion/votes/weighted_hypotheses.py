"""What each engine reads on a line, with its weight in the vote and calibrated probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fusion.profiles.profile import Profile
from fusion.votes.normalisation import normalised
from ocr import Alphabet, Alternative, Hypothesis, Span

NO_SCORE = 0.5
"""The probability of what an engine gives no score for: that a line is empty, that there is no space."""


@dataclass(frozen=True, slots=True)
class WeightedHypothesis:
    """One engine's hypothesis of a line: its weight in [0, 1], and for each character the text, the calibrated
    probability, where known the span in crop pixels, and the engine's alternatives. `alphabet` is what it can write;
    None for everything. `specialised` is whether a model for this kind of line read it, which the profile knows.
    """

    engine: str
    weight: float
    texts: tuple[str, ...]
    probabilities: tuple[float, ...]
    spans: tuple[Span | None, ...]
    alternatives: tuple[tuple[Alternative, ...], ...]
    alphabet: Alphabet | None = None
    specialised: bool = False

    def null_probability(self, index: int, *, of_space: bool = False) -> float:
        """How sure the engine is that there is nothing before its character `index`: as sure as of the characters
        around. Where the others read no more than a space, that tells nothing: how well a letter was read does not
        measure a gap.
        """
        around = self.probabilities[max(0, index - 1) : index + 1]
        if of_space or not around:
            return NO_SCORE
        return sum(around) / len(around)


def weighted_hypotheses(hypotheses: Mapping[str, Hypothesis], profile: Profile) -> tuple[WeightedHypothesis, ...]:
    """Those of the engines that did not abstain, in the order of their names, so that nothing depends on the caller's
    order.
    """
    engines = sorted(engine for engine, hypothesis in hypotheses.items() if not hypothesis.abstained)
    weights = profile.normalised_weights(engines)
    return tuple(_weighted(engine, weights[engine], hypotheses[engine], profile) for engine in engines)


def _weighted(engine: str, weight: float, hypothesis: Hypothesis, profile: Profile) -> WeightedHypothesis:
    characters = normalised(hypothesis)
    probabilities = profile.calibration(engine).of_all([character.probability for character in characters])
    return WeightedHypothesis(
        engine,
        weight,
        tuple([character.text for character in characters]),
        probabilities,
        tuple([character.span for character in characters]),
        tuple([character.alternatives for character in characters]),
        hypothesis.alphabet,
        hypothesis.specialised and (profile.tuning is None or engine not in profile.tuning.other_models),
    )
