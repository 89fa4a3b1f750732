"""Whose word counts how much, and how sure is sure enough.

A profile holds the voting weight of each engine for one kind of material, what each engine's scores are worth, and the
thresholds by which an answer is judged. Weights are relative: only their ratios among the engines that answered count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from fusion.evidence.calibration import IDENTITY, Calibration
from fusion.evidence.confidence import PLAIN_ASSURANCE, PLAIN_TRUST, Assurance, WordTrust
from fusion.evidence.engine_evidence import Evidence
from fusion.evidence.spelling_model import Spelling
from fusion.profiles.cascade import Cascade

SPELLING = "spelling"
"""Names the spelling model among the voters."""


class Band(StrEnum):
    """A confidence in one word."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidences in [0, 1]: below `accept` an answer is not accepted and its band is low, from `high` on its band is
    high, below `review` a person should look at it.
    """

    accept: float = 0.5
    review: float = 0.7
    high: float = 0.8

    def __post_init__(self) -> None:
        for name, value in (("accept", self.accept), ("review", self.review), ("high", self.high)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"threshold {name} is {value}; want 0 to 1")
        if self.accept > self.high:
            raise ValueError(f"threshold accept {self.accept} is above high {self.high}: an answer would be both")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to make of a confidence."""

    accepted: bool
    needs_review: bool
    band: Band


def judge(confidence: float, thresholds: Thresholds) -> Verdict:
    """The verdict on a fused confidence in [0, 1]."""
    accepted = confidence >= thresholds.accept
    band = Band.HIGH if confidence >= thresholds.high else Band.MEDIUM if accepted else Band.LOW
    return Verdict(accepted, confidence < thresholds.review, band)


@dataclass(frozen=True, slots=True)
class SpellingVote:
    """How the spelling model votes: a candidate has the support `slope` * (its log-probability + `per_symbol` * its
    length), above the least likely candidate. Without the second part, whatever is said would count against itself.
    """

    model: Spelling
    slope: float
    per_symbol: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope >= 0.0):
            raise ValueError(f"spelling: slope {self.slope} is not a number of at least 0")


class TuningSource(NamedTuple):
    """How to get a tuning again, in any process: `read(*arguments)`."""

    read: Callable[..., Tuning]
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was fitted to labelled lines, beside the weights: for each engine what its claims are worth where engines
    differ, and the weight that it had when that was fitted; the spelling model's vote; how sure a fused character is;
    and what that makes of words. One with a source travels between processes as that.
    """

    evidence: Mapping[str, Evidence]
    weights: Mapping[str, float]
    spelling: SpellingVote | None = None
    assurance: Assurance = PLAIN_ASSURANCE
    words: WordTrust = PLAIN_TRUST
    source: TuningSource | None = field(default=None, compare=False)

    def __reduce__(self) -> tuple[Callable[..., Tuning], tuple[object, ...]]:
        if self.source is not None:
            return self.source.read, self.source.arguments
        return Tuning, (self.evidence, self.weights, self.spelling, self.assurance, self.words)

    def __post_init__(self) -> None:
        for engine in self.evidence:
            if not self.weights.get(engine, 0.0) > 0.0:
                raise ValueError(f"tuning: evidence of {engine} without a weight above 0 that it was fitted at")


@dataclass(frozen=True, slots=True)
class Profile:
    """Voting weights (non-negative, by engine), thresholds, calibrations (by engine; identity where missing), and what
    was fitted to labelled lines, if anything. `character_weights` count where single characters are read; None means
    that the same weights do. `by_material` are the profiles that count on lines of a kind instead of this one, and
    `cascade` is how engines are asked one after the other, if that was tuned.

    An engine that the profile does not name has weight 0: it is heard and shown, and it counts only where all weights
    are 0, or in majority voting, which asks for no weights.
    """

    name: str
    weights: Mapping[str, float]
    thresholds: Thresholds = Thresholds()
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    tuning: Tuning | None = None
    character_weights: Mapping[str, float] | None = None
    by_material: Mapping[str, Profile] = field(default_factory=dict)
    cascade: Cascade | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a profile needs a name")
        for engine, weight in self.weights.items():
            if not (math.isfinite(weight) and weight >= 0.0):
                raise ValueError(f"profile {self.name}: weight of {engine} is {weight}; want a number of at least 0")

    def shares(self, engines: Iterable[str]) -> dict[str, float]:
        """The part of the vote that each of these engines has; together 1. Equal parts where all weights are 0."""
        weights = {engine: self.weights.get(engine, 0.0) for engine in engines}
        largest = max(weights.values(), default=0.0)
        if largest == 0.0:
            return dict.fromkeys(weights, 1.0 / len(weights)) if weights else {}
        scaled = {engine: weight / largest for engine, weight in weights.items()}  # so that the sum cannot overflow
        total = math.fsum(scaled.values())
        return {engine: weight / total for engine, weight in scaled.items()}

    def on(self, material: str) -> Profile:
        """What counts on a line of one kind."""
        return self.by_material.get(material, self)

    def for_characters(self) -> Profile:
        """What counts where single characters are read."""
        return self if self.character_weights is None else replace(self, weights=self.character_weights)

    def weighing(self, weights: Mapping[str, float]) -> Profile:
        """The same with other weights, on whatever is read."""
        kinds = {material: own.weighing(weights) for material, own in self.by_material.items()}
        return replace(self, weights=weights, character_weights=None, by_material=kinds)

    def multipliers(self, engines: Iterable[str]) -> dict[str, float]:
        """By what the evidence of each of these engines, and of the spelling model, is multiplied: 1 at the weights
        that it was fitted at, the same for weights that are all twice as large, in proportion for others.
        """
        assert self.tuning is not None
        engines = list(engines)
        ratios = {
            engine: self.weights.get(engine, 0.0) / (self.tuning.weights.get(engine, 0.0) or 1.0)
            for engine in (*engines, SPELLING)
        }
        largest = max([ratios[engine] for engine in engines], default=0.0)
        if largest == 0.0:
            return dict.fromkeys(engines, 1.0) | {SPELLING: 0.0}
        scaled = {engine: ratio / largest for engine, ratio in ratios.items()}
        counting = [scaled[engine] for engine in engines if scaled[engine] > 0.0]
        mean = sum(counting) / len(counting)
        return {engine: ratio / mean for engine, ratio in scaled.items()}

    def calibration(self, engine: str) -> Calibration:
        return self.calibrations.get(engine, IDENTITY)


def joined(profile: Profile, priors: Mapping[str, Mapping[str, float]]) -> Profile:
    """A tuned profile in which engines that it was not tuned for have their hand-made weight, so that they count as far
    as their makers say. `priors` is by engine, then by profile; engines that are not there keep their place.
    """
    new = {
        engine: weights.get(profile.name, 0.0) for engine, weights in priors.items() if engine not in profile.weights
    }
    return replace(profile, weights={**profile.weights, **new}) if new else profile


def automatic(profiles: Mapping[str, Profile], materials: Iterable[str]) -> Profile:
    """The profile "auto": on each line the one that is named after the line's material, else "general"."""
    general = profiles.get("general", Profile("general", {}))
    return replace(general, name="auto", by_material={kind: profiles[kind] for kind in materials if kind in profiles})


def profiles_from_priors(
    priors: Mapping[str, Mapping[str, float]],
    thresholds: Thresholds = Thresholds(),
) -> dict[str, Profile]:
    """The hand-made profiles, by name, from each engine's prior weights: `priors[engine][profile]`.

    Every profile that any engine names exists; an engine without a prior for it has weight 0 there.
    """
    names = sorted({name for weights in priors.values() for name in weights})
    return {
        name: Profile(
            name,
            {engine: weights.get(name, 0.0) for engine, weights in priors.items()},
            thresholds,
        )
        for name in names
    }
