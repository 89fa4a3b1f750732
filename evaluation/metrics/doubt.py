"""How well doubt finds wrong words: what a person who looks at the most doubtful words finds, and what is left.

Where words are equally sure, which of them is looked at is left to chance: figures are means over that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ScoredWords:
    """How sure each word was, (N,) in [0, 1], and whether it is right, (N,). `missed` true words were not read at all:
    they are errors that no doubt can find. `holds` are the true words in each word, (N,), more than one where spaces
    were missed; None for one each. Whoever looks at a wrong word mends all that it holds.
    """

    confidences: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    right: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    missed: int = 0
    holds: NDArray[np.intp] | None = None

    @classmethod
    def joined(cls, parts: Sequence[ScoredWords]) -> ScoredWords:
        """All words of some parts."""
        return cls(
            np.concatenate([np.zeros(0), *[part.confidences for part in parts]]),
            np.concatenate([np.zeros(0, dtype=np.bool_), *[part.right for part in parts]]),
            sum(part.missed for part in parts),
            np.concatenate([np.zeros(0, dtype=np.intp), *[part.held for part in parts]]),
        )

    @property
    def held(self) -> NDArray[np.intp]:
        """The true words in each word, (N,)."""
        return np.ones(len(self.right), dtype=np.intp) if self.holds is None else self.holds

    @property
    def mended(self) -> NDArray[np.intp]:
        """How many errors a look at each word mends, (N,): none where it is right, else one at least."""
        return np.where(self.right, 0, np.maximum(1, self.held))

    @property
    def errors(self) -> int:
        """Wrong words, by the true words that they hold, and missed ones."""
        return int(self.mended.sum()) + self.missed


def auroc(words: ScoredWords) -> float | None:
    """How likely a right word is surer than a wrong one (area under the ROC curve; equally sure counts half). None
    where all words are right, or none is.
    """
    rights = int(words.right.sum())
    wrongs = len(words.right) - rights
    if not rights or not wrongs:
        return None
    _, rank, count = np.unique(words.confidences, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2.0  # mean rank of equally sure words, from 1
    ranks = float(middle[rank][words.right].sum())
    return (ranks - rights * (rights + 1) / 2.0) / (rights * wrongs)


def errors_left(words: ScoredWords, share: float) -> float:
    """The part of the errors that is left after the most doubtful `share` of the words was corrected."""
    if not words.errors:
        return 0.0
    _, rank, count = np.unique(words.confidences, return_inverse=True, return_counts=True)
    wrong = np.bincount(rank, words.mended, len(count))
    looked_at = np.concatenate([[0.0], np.cumsum(count)])
    found = np.interp(share * len(words.right), looked_at, np.concatenate([[0.0], np.cumsum(wrong)]))
    return 1.0 - float(found) / words.errors


def least_left(words: ScoredWords, share: float) -> float:
    """What `errors_left` would be if all wrong words were the most doubtful, those that hold most first."""
    mended = np.concatenate([[0], np.cumsum(np.sort(words.mended)[::-1])])
    found = float(np.interp(share * len(words.right), np.arange(len(mended)), mended))
    return 1.0 - found / words.errors if words.errors else 0.0


@dataclass(frozen=True, slots=True)
class ReviewFigures:
    """Of the words below a threshold: how many there are, how many of them are wrong (precision), and which part of all
    errors is among them (recall).
    """

    words: int
    precision: float
    recall: float


def review(words: ScoredWords, threshold: float) -> ReviewFigures:
    """What a person finds who looks at every word below the threshold."""
    below = words.confidences < threshold
    found = int((below & ~words.right).sum())
    mended = int(words.mended[below].sum())
    return ReviewFigures(int(below.sum()), found / max(1, int(below.sum())), mended / max(1, words.errors))
