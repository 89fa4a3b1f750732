"""Temperature scaling of the character network's logits, so that its probabilities can be believed.

Two questions are calibrated apart (Guo et al. 2017, arXiv:1706.04599, once for each): which shape it is, and which of
the characters of one shape. A ring is 0, o and O: how sure the network may be between them is a matter of what people
send, not of how well the ring was drawn, and one temperature for both is wrong for one of them.

Logits float32 (N, 62) in EMNIST ByClass order. Knows no network and no pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocr import Classes

ALPHABET = Classes.ALNUM.alphabet
LOOK_ALIKE = ("0Oo", "1lIi", "5Ss", "2Zz", "9gq")

Logits = NDArray[np.float32] | NDArray[np.float64]
Probabilities = NDArray[np.float64]


def group_numbers(names: list[str]) -> NDArray[np.int64]:
    """For each name the number of its group, in order of appearance."""
    numbers = {name: index for index, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)


# For each of the 62 classes the number of its shape: look-alikes, and the two cases of a letter, have the same. (62,)
SHAPES = group_numbers(
    [next((group for group in LOOK_ALIKE if character in group), character.lower()) for character in ALPHABET]
)


@dataclass(frozen=True, slots=True)
class Temperatures:
    """What logits are divided by: all of them by `shape`; then, among the characters of one shape, by `within`."""

    shape: float = 1.0
    within: float = 1.0

    def __post_init__(self) -> None:
        for name in ("shape", "within"):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"temperature {name} {getattr(self, name)} is not positive")


def calibrated_probabilities(
    logits: Logits, temperatures: Temperatures, classes: Classes = Classes.ALNUM
) -> Probabilities:
    """Calibrated probabilities of the allowed classes in their alphabet's order: (N, C), rows summing to 1."""
    allowed = [ALPHABET.index(character) for character in classes.alphabet]
    _, shapes = np.unique(SHAPES[allowed], return_inverse=True)
    members = np.eye(shapes.max() + 1)[shapes]  # (C, shapes): 1 where a class has the shape
    surprise = logits[:, allowed].astype(np.float64) / temperatures.shape  # (N, C)
    surprise -= surprise.max(axis=1, keepdims=True)
    # The best of its shape is taken off before the exponential: a shape that lost by far must not vanish.
    inside = surprise / temperatures.within
    best = np.full((len(logits), members.shape[1]), -np.inf)
    for column, shape in enumerate(shapes):
        np.maximum(best[:, shape], inside[:, column], out=best[:, shape])
    raised = np.exp(inside - best[:, shapes])
    of_shape = np.exp(surprise) @ members  # (N, shapes), not normalised
    of_shape /= of_shape.sum(axis=1, keepdims=True)
    return np.asarray(of_shape[:, shapes] * raised / (raised @ members)[:, shapes])


def entropies(probabilities: Probabilities) -> Probabilities:
    """How undecided each row is, in nats: (N,); 0 when one class has all, log 62 when all have the same."""
    return np.asarray(-(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1))
