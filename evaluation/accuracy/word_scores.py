"""How sure each word of a line is: as the fusion says, as an engine says, and by agreement of the engines alone.

Agreement alone is the mean likeness of what each engine reads in the place of a word to the word that was fused: what
Consensus Entropy (arXiv 2504.11101) judges readings by, for words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from rapidfuzz.distance import Levenshtein

from evaluation.accuracy.error_rates import FUSED, Sample
from evaluation.metrics.doubt import ScoredWords
from evaluation.metrics.text_comparison import correct_words, held_words
from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine
from ocr import Hypothesis

AGREEMENT = "agreement"


def engine_scores(hypothesis: Hypothesis) -> tuple[float, ...]:
    """Of each word that an engine reads, the geometric mean of its characters' probabilities."""
    words: list[list[float]] = [[]]
    for character in hypothesis.characters:
        if character.text.isspace():
            words.append([])
        else:
            words[-1].append(character.probability)
    return tuple([math.prod(own) ** (1.0 / len(own)) for own in words if own])


def fused_scores(fused: FusedLine) -> tuple[float, ...]:
    """Of each fused word its confidence."""
    return tuple([word.confidence for word in fused.words])


def agreement_scores(fused: FusedLine) -> tuple[float, ...]:
    """Of each fused word the mean likeness to it of what each engine reads there, in [0, 1]."""
    scores = []
    for word in fused.words:
        characters = fused.characters[word.start : word.end]
        text = "".join(character.text for character in characters)
        read: dict[str, str] = {}
        for slot in range(characters[0].slot, characters[-1].slot + 1):
            for hypothesis, own, _ in fused.aligned.slot(slot):
                read[hypothesis.engine] = read.get(hypothesis.engine, "") + own
        scores.append(sum(Levenshtein.normalized_similarity(text, own) for own in read.values()) / len(read))
    return tuple(scores)


def line_sample(line: LabelledLine, fused: FusedLine, name: str) -> Sample:
    """A line of the ground truth as a sample of the set `name`."""
    texts = {engine: line.normalised(hypothesis.text) for engine, hypothesis in line.hypotheses.items()}
    texts[FUSED] = line.normalised(fused.text)
    return Sample(name, line.truth, texts, word_scores(line.hypotheses, fused), fused.legible)


def word_scores(hypotheses: Mapping[str, Hypothesis], fused: FusedLine) -> dict[str, tuple[float, ...]]:
    """Of one line, by each engine, the fusion and agreement."""
    by_engine = {engine: engine_scores(hypothesis) for engine, hypothesis in hypotheses.items()}
    return {**by_engine, FUSED: fused_scores(fused), AGREEMENT: agreement_scores(fused)}


def scored_words(samples: Iterable[Sample], reader: str, scores: str) -> ScoredWords:
    """The words that a reader reads, and how sure each is by the scores of that name. A true word of which nothing is
    read is missed. Samples in which a word cannot be told from its neighbours once it is normalised are left out.
    """
    return ScoredWords.joined(
        [_of_sample(sample, sample.texts[reader], sample.word_scores.get(scores, ())) for sample in samples]
    )


def _of_sample(sample: Sample, text: str, scores: tuple[float, ...]) -> ScoredWords:
    right = list(correct_words(text, sample.truth))
    if len(right) != len(scores):
        return ScoredWords()
    held, missed = held_words(text, sample.truth)
    return ScoredWords(np.array(scores), np.array(right, dtype=np.bool_), missed, np.array(held, dtype=np.intp))
