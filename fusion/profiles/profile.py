"""Whose vote counts how much.

A profile holds the voting weight of each engine for one kind of material, what each engine's scores are worth, and the
thresholds by which an answer is judged. Weights are relative: only their ratios among the engines that answered count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fusion.evidence.calibration import IDENTITY, Calibration
from fusion.evidence.spelling_evidence import SPELLING
from fusion.profiles.acceptance import DEFAULT_THRESHOLDS, Thresholds
from fusion.profiles.cascade import Cascade
from fusion.profiles.tuning import Tuning


@dataclass(frozen=True, slots=True)
class Profile:
    """Voting weights (non-negative, by engine), thresholds, calibrations (by engine; identity where missing), and what
    was fitted to labelled lines, if anything. `character_weights` count where single characters are read; None means
    that the same weights do. `by_material` are the profiles that count on lines of a kind instead of this one, and
    `cascade` is how engines are asked one after the other, if that was tuned.

    An engine that the profile does not name has weight 0: its text is shown, and it counts only where all weights are
    0, or in majority voting, which asks for no weights.
    """

    name: str
    weights: Mapping[str, float]
    thresholds: Thresholds = DEFAULT_THRESHOLDS
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

    def normalised_weights(self, engines: Iterable[str]) -> dict[str, float]:
        """The weights of these engines, scaled so that their sum is 1. Equal where all weights are 0."""
        weights = {engine: self.weights.get(engine, 0.0) for engine in engines}
        largest = max(weights.values(), default=0.0)
        if largest == 0.0:
            return dict.fromkeys(weights, 1.0 / len(weights)) if weights else {}
        scaled = {engine: weight / largest for engine, weight in weights.items()}  # so that the sum cannot overflow
        total = math.fsum(scaled.values())
        return {engine: weight / total for engine, weight in scaled.items()}

    def for_material(self, material: str) -> Profile:
        """What counts on a line of one kind."""
        return self.by_material.get(material, self)

    def for_characters(self) -> Profile:
        """What counts where single characters are read."""
        return self if self.character_weights is None else replace(self, weights=self.character_weights)

    def with_weights(self, weights: Mapping[str, float]) -> Profile:
        """The same with other weights, on whatever is read."""
        kinds = {material: own.with_weights(weights) for material, own in self.by_material.items()}
        return replace(self, weights=weights, character_weights=None, by_material=kinds)

    def for_models(self, models: Mapping[str, str]) -> Profile:
        """The same where engines read with these models, by engine. One that the profile was not tuned with counts as
        an engine of which nothing is known: it does not lead, and has the mean of all weights. Weights that somebody
        set stay.
        """
        tuning = self.tuning
        if tuning is None:
            return self
        others = frozenset(name for name, model in models.items() if tuning.models.get(name, model) != model)
        if not others:
            return self
        plain = {engine: weight for engine, weight in tuning.weights.items() if engine != SPELLING}
        mean = sum(plain.values()) / len(plain)
        tuned = {engine: mean if engine in others else weight for engine, weight in tuning.weights.items()}
        weights = {
            engine: tuned[engine] if weight == tuning.weights.get(engine) else weight
            for engine, weight in self.weights.items()
        }
        characters = self.character_weights
        if characters:
            mean = sum(characters.values()) / len(characters)
            characters = {engine: mean if engine in others else weight for engine, weight in characters.items()}
        return replace(
            self,
            weights=weights,
            tuning=replace(tuning, weights=tuned, other_models=others, source=None),
            character_weights=characters,
            by_material={material: own.for_models(models) for material, own in self.by_material.items()},
        )

    def evidence_multipliers(self, engines: Iterable[str]) -> dict[str, float]:
        """The factor of the evidence of each of these engines, and of the spelling model: 1 at the weights
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


def with_prior_weights(profile: Profile, priors: Mapping[str, Mapping[str, float]]) -> Profile:
    """A tuned profile in which engines that it was not tuned for have their hand-made weight. `priors` is by engine,
    then by profile; engines that are not in it keep their weight.
    """
    new = {
        engine: weights.get(profile.name, 0.0) for engine, weights in priors.items() if engine not in profile.weights
    }
    return replace(profile, weights={**profile.weights, **new}) if new else profile


def automatic_profile(profiles: Mapping[str, Profile], materials: Iterable[str]) -> Profile:
    """The profile "auto": on each line the one that is named after the line's material, else "general"."""
    general = profiles.get("general", Profile("general", {}))
    return replace(general, name="auto", by_material={kind: profiles[kind] for kind in materials if kind in profiles})


def profiles_from_priors(
    priors: Mapping[str, Mapping[str, float]],
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
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
