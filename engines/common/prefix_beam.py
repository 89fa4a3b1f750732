"""CTC decoding by prefix beam search with a language model of characters.

A CTC network sees each column by itself; what is likely as a text decides where the picture leaves it open (Hannun et
al. 2014, arXiv:1408.2873; Graves 2012, "Supervised Sequence Labelling", section 7.5). A text has the score

    log p(text | picture) + LANGUAGE * log p(text | language) + LENGTH * its characters

in which p(text | picture) is the sum over all alignments of the text. The best texts of each step are kept. Their
final scores are taken for log-probabilities: from them come those of single characters.

The search walks over Python dictionaries: few characters are probable in a step, so that arrays would be mostly air.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from engines.common.character_ngrams import BITS, CharacterNgrams, log_shares, symbol
from engines.common.ctc import Run, Steps

LANGUAGE, LENGTH = 0.5, 1.1
"""Chosen on tune lines of two collections of letters (docs/log.md)."""
WIDTH = 32
"""Texts that are kept at each step."""
_MOST, _LEAST = 12, 2e-3  # characters of a step, and what they must have of the highest probability there
_SURELY_BLANK = 0.9995
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Text:
    """One of the texts that a line may have: the columns of its characters, and its score."""

    columns: tuple[int, ...]
    score: float


@dataclass(slots=True)
class _Prefixes:
    """All prefixes that a search came across, as a tree. Prefix 0 is empty: a line begins as after a space."""

    model: CharacterNgrams
    places: Sequence[int]  # of each column the symbol in the language
    shares: Sequence[float]
    parents: list[int] = field(default_factory=lambda: [-1])
    columns: list[int] = field(default_factory=lambda: [0])
    scores: list[float] = field(default_factory=lambda: [0.0])  # of language and length
    histories: list[int] = field(default_factory=lambda: [symbol(" ")])
    longer: list[dict[int, int]] = field(default_factory=lambda: [{}])

    def extended(self, prefix: int, column: int) -> int:
        """The prefix with one more character."""
        found = self.longer[prefix].get(column)
        if found is not None:
            return found
        history, place = self.histories[prefix], self.places[column]
        likelihood = self.model.log_probabilities(history)[place] + self.shares[column]
        new = self.longer[prefix][column] = len(self.parents)
        self.parents.append(prefix)
        self.columns.append(column)
        self.scores.append(self.scores[prefix] + LANGUAGE * likelihood + LENGTH)
        self.histories.append(self.model.after(history, place))
        self.longer.append({})
        return new

    def text(self, prefix: int) -> tuple[int, ...]:
        columns = []
        while prefix:
            columns.append(self.columns[prefix])
            prefix = self.parents[prefix]
        return tuple(reversed(columns))

    def at_its_end(self, prefix: int) -> float:
        """What a prefix scores as a whole line: lines end with words."""
        space, history = symbol(" "), self.histories[prefix]
        if history % 2**BITS == space:
            return self.scores[prefix]
        return self.scores[prefix] + LANGUAGE * self.model.log_probabilities(history)[space]


Beam = dict[int, tuple[float, float]]
"""By prefix, how likely the steps so far are as it: with a blank at the end, and without. Up to a common factor."""


def likeliest_texts(steps: Steps, characters: Sequence[str], model: CharacterNgrams, width: int = WIDTH) -> list[Text]:
    """Texts of a line, the best first. `steps` is (T, C) over columns whose characters these are, the blank first."""
    places = [symbol(character) for character in characters]
    prefixes = _Prefixes(model, places, log_shares(places))
    beam: Beam = {0: (1.0, 0.0)}
    for step, likely in zip(steps, _likely(steps), strict=True):
        if step[0] >= _SURELY_BLANK:
            beam = {prefix: (blank + other, 0.0) for prefix, (blank, other) in beam.items()}
            continue
        beam = _narrowed(_next(beam, prefixes, step, likely), prefixes.scores, width)
    found = [
        Text(prefixes.text(prefix), math.log(blank + other + _TINY) + prefixes.at_its_end(prefix))
        for prefix, (blank, other) in beam.items()
    ]
    return sorted(found, key=lambda text: -text.score)


def _likely(steps: Steps) -> Iterator[list[tuple[int, float]]]:
    """Of each step the columns that a text may go on with, and what they have."""
    most = min(_MOST, steps.shape[1] - 1)
    best = np.argpartition(-steps[:, 1:], most - 1, axis=1)[:, :most] + 1
    for step, columns in zip(steps, best, strict=True):
        least = _LEAST * step.max()
        yield [(int(column), float(step[column])) for column in columns if step[column] >= least]


def _next(beam: Beam, prefixes: _Prefixes, step: NDArray[np.float32], likely: Sequence[tuple[int, float]]) -> Beam:
    """The beam after one more step: each prefix as it is, and with one more character."""
    found: Beam = {}
    of_blank = float(step[0])
    for prefix, (blank, other) in beam.items():
        last = prefixes.columns[prefix]
        before = found.get(prefix, (0.0, 0.0))
        again = other * float(step[last]) if prefix else 0.0
        found[prefix] = before[0] + (blank + other) * of_blank, before[1] + again
        for column, probability in likely:
            # The same character once more is another one only after a blank.
            mass = (blank if prefix and column == last else blank + other) * probability
            if mass > 0.0:
                longer = prefixes.extended(prefix, column)
                before = found.get(longer, (0.0, 0.0))
                found[longer] = before[0], before[1] + mass
    return found


def _narrowed(beam: Beam, scores: Sequence[float], width: int) -> Beam:
    """The best prefixes, their probabilities divided by the highest."""
    if len(beam) > width:
        ranked = sorted(beam, key=lambda prefix: -math.log(sum(beam[prefix]) + _TINY) - scores[prefix])
        beam = {prefix: beam[prefix] for prefix in ranked[:width]}
    highest = max(map(sum, beam.values()))
    return {prefix: (blank / highest, other / highest) for prefix, (blank, other) in beam.items()}


def agreement(texts: Sequence[Text]) -> list[float]:
    """Of each character of the first text, how much of the probability of all texts lies on texts that have it too."""
    best = texts[0]
    weights = np.exp(np.array([text.score - best.score for text in texts]))
    weights /= weights.sum()
    shared = np.zeros(len(best.columns))
    for text, weight in zip(texts, weights, strict=True):
        for block in Levenshtein.opcodes(best.columns, text.columns):
            if block.tag == "equal":
                shared[block.src_start : block.src_end] += weight
    return [min(1.0, float(share)) for share in shared]


def aligned(steps: Steps, columns: Sequence[int]) -> list[Run]:
    """Where each character of a text is, by the likeliest of its alignments (Viterbi).

    Raises ValueError where the text has no alignment with so few steps.
    """
    states = [0]  # blank, character, blank, character, ..., blank
    for column in columns:
        states += [column, 0]
    emitted = np.log(np.maximum(steps[:, states], _LEAST * _LEAST))  # (T, S)
    skips = [index >= 2 and state != 0 and state != states[index - 2] for index, state in enumerate(states)]
    moves = _moves(emitted, np.array(skips))
    at = len(states) - 1
    if len(states) > 1 and moves.ends_in_character:
        at -= 1
    return _runs(moves.taken, at, columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Moves:
    """By step and state, how many states the best path to it came from before; and where the best path ends."""

    taken: NDArray[np.int8]  # (T, S)
    ends_in_character: bool


def _moves(emitted: NDArray[np.floating], skips: NDArray[np.bool_]) -> _Moves:
    steps, states = emitted.shape
    if steps < states // 2:
        raise ValueError(f"{states // 2} characters in {steps} steps")
    taken = np.zeros((steps, states), np.int8)
    score = np.full(states, -np.inf)
    score[:2] = emitted[0, :2]
    for step in range(1, steps):
        one = np.concatenate([[-np.inf], score[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], score])[:states], -np.inf)
        options = np.stack([score, one, two])
        taken[step] = options.argmax(axis=0)
        score = options.max(axis=0) + emitted[step]
    return _Moves(taken, bool(states > 1 and score[-2] > score[-1]))


def _runs(taken: NDArray[np.int8], at: int, columns: Sequence[int]) -> list[Run]:
    """The steps of each character on the path that ends in state `at`."""
    starts, ends = [0] * len(columns), [0] * len(columns)
    for step in range(len(taken) - 1, -1, -1):
        if at % 2:
            starts[at // 2] = step
            ends[at // 2] = ends[at // 2] or step + 1
        at -= int(taken[step, at])
    return [Run(column, start, end) for column, start, end in zip(columns, starts, ends, strict=True)]
