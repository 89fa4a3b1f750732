"""Fits the weights with which engines vote on single characters.

Weights let the ensemble be right most often on printed, photographed and noisy characters; on handwriting, which one
engine was made for, it may lose no more than LOSS to that one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.characters.character_sets import CharacterSet
from fusion import Method, Profile
from training.votes.character_sets import HANDWRITING

LOSS = 0.003


_CONCENTRATIONS = (0.8, 2.0)  # of the weights drawn: first some near one engine, then some that are more even


_DRAWS = 80


def fit_character_weights(sets: Sequence[CharacterSet], engines: Sequence[str]) -> dict[str, float]:
    """Weights that together make 1, for the two methods that ask for weights alike. On handwriting the best engine
    decides what the ensemble may lose, by either of them.
    """
    rng = np.random.default_rng(0)
    drawn = [np.eye(len(engines))[index] for index in range(len(engines))]
    for concentration in _CONCENTRATIONS:
        drawn += list(rng.dirichlet(np.full(len(engines), concentration), _DRAWS))
    written = [own for own in sets if own.name == HANDWRITING]
    others = [own for own in sets if own.name != HANDWRITING]
    least = [max(min(_right(own, engines, one)) for one in drawn[: len(engines)]) - LOSS for own in written]
    allowed = [
        weights
        for weights in drawn
        if all(min(_right(own, engines, weights)) >= least[index] for index, own in enumerate(written))
    ]
    best = max(allowed, key=lambda weights: sum(sum(_right(own, engines, weights)) for own in others))
    return {engine: round(float(weight), 4) for engine, weight in zip(engines, best, strict=True)}


def _right(own: CharacterSet, engines: Sequence[str], weights: NDArray[np.float64]) -> tuple[float, float]:
    profile = Profile("drawn", dict(zip(engines, map(float, weights), strict=True)))
    return own.right(profile, Method.CONFIDENCE_WEIGHTED), own.right(profile, Method.WEIGHTED_VOTING)
