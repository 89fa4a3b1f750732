"""From labelled lines to a profile: evidence, weights, and how sure a fused character or word is.

Everything that the vote knows of an engine on a page it knows from that page, so lines are fitted to by page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.accuracy.fused_lines import by_page, fused_lines
from evaluation.metrics.text_comparison import character_edits, correct_characters, correct_words
from evaluation.readings.labelled_lines import LabelledLine
from evaluation.votes.labelled_slots import DecisiveSlots, LabelledSlots, label_slots
from fusion import SPELLING, Calibration, FusedLine, Profile
from fusion.evidence.claim_evidence import log_odds
from fusion.evidence.confidence import (
    UNTUNED_CHARACTERS,
    CharacterConfidence,
    WordConfidence,
)
from fusion.evidence.language import Languages
from fusion.profiles.tuning import Tuning, best_engines
from fusion.votes.abilities import is_contested
from training.votes.evidence_fit import MIN_DECISIVE, LabelledPage, fit

_KNOTS = 16
_WORD_RIDGE = 0.3  # what scikit-learn calls C: the inverse of the ridge's strength
_MIN_WORDS = 300
_LEAST_WEIGHT = 0.01
GENERAL = "general"
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class FittedProfile:
    """A profile, and how many lines and decisive slots it was fitted to."""

    profile: Profile
    lines: int
    decisive_slots: int


def tune(lines: Sequence[LabelledLine], engines: Sequence[str], languages: Languages) -> FittedProfile:
    """The profile "general" of all lines. Lines of one page stand together; what the vote knows of an engine it knows
    from the page.
    """
    pages = [
        [_among_able(found) for line in page if (found := label_slots(line, 0, engines))] for page in by_page(lines)
    ]
    labelled = [line for page in pages for line in page]
    weights = fit_weights(labelled, engines)
    fitted = fit(
        [LabelledPage.of(page, languages) for page in pages if page],
        languages,
        best_engines(weights),
        best_edits(lines),
    )
    complete = {**weights, SPELLING: 1.0}
    profile = Profile(GENERAL, complete, tuning=Tuning(fitted.evidence, complete, fitted.spelling))
    return FittedProfile(with_confidences(profile, lines), len(lines), fitted.decisive_slots)


def _among_able(line: LabelledSlots) -> LabelledSlots:
    """Without the decisive slots in which an engine cannot write what another one reads. It does not vote there, and
    would teach nothing but that engines are to be doubted that have no accents: however many, against the one that
    has them.
    """
    alphabets = [hypothesis.alphabet for hypothesis in line.line.aligned.hypotheses]
    decisive = [
        found for found in line.decisive if not is_contested([arc.candidate for arc in found.disputed.arcs], alphabets)
    ]
    return replace(line, decisive=tuple(decisive))


def with_confidences(profile: Profile, lines: Sequence[LabelledLine]) -> Profile:
    """The profile with the confidences of characters and words that the lines show."""
    assert profile.tuning is not None
    characters = replace(profile.tuning, character_confidence=fit_character_confidence(lines, profile))
    profile = replace(profile, tuning=characters)
    return replace(profile, tuning=replace(characters, word_confidence=fit_word_confidence(lines, profile)))


def best_edits(lines: Iterable[LabelledLine]) -> dict[str, int]:
    """The edits of each set's best engine on its lines."""
    edits: dict[str, Counter[str]] = {}
    for line in lines:
        own = edits.setdefault(line.set_name, Counter())
        for engine, hypothesis in line.hypotheses.items():
            own[engine] += character_edits(line.normalised(hypothesis.text), line.truth).edits
    return {name: min(own.values()) for name, own in edits.items()}


# --- weights ---


def fit_weights(labelled: Sequence[LabelledSlots], engines: Sequence[str]) -> dict[str, float]:
    """How much an engine's word counts whatever it says: weights that together make 1. Of a few thousand drawn at
    random, and those that let one engine always decide, the ones under which the heaviest candidates are wrong least.

    Edits count by set in units of those of its best engine, so that no set decides alone. A search, because the edits
    are a step function of the weights; likelihood, which is not, prefers weights under which two weak engines outvote
    a strong one.
    """
    decisive = [(line, found) for line in labelled for found in line.decisive]
    if len(decisive) < MIN_DECISIVE:
        return dict.fromkeys(engines, round(1.0 / len(engines), 4))
    votes, excesses = _ballots(decisive, engines)
    sets = [line.set_name for line, _ in decisive]
    names, set_of = np.unique(sets, return_inverse=True)
    drawn = np.random.default_rng(0).dirichlet(np.full(len(engines), 0.7), _DRAWS)
    alone = np.eye(len(engines)) * (1.0 - _LEAST_WEIGHT * len(engines)) + _LEAST_WEIGHT
    candidates = np.concatenate([alone, np.maximum(drawn, _LEAST_WEIGHT)])
    edits = np.array([_edits_by_set(votes, excesses, set_of, len(names), own) for own in candidates])  # (K, sets)
    best = np.maximum(1.0, edits[: len(engines)].min(axis=0))
    chosen = candidates[int((edits / best).sum(axis=1).argmin())]
    return {engine: round(float(share), 4) for engine, share in zip(engines, chosen / chosen.sum(), strict=True)}


def _ballots(
    decisive: Sequence[tuple[LabelledSlots, DecisiveSlots]], engines: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Who says which candidate, (N, C, E), and how many edits each costs, (N, C), infinite where there is none."""
    places = {engine: index for index, engine in enumerate(engines)}
    most = max(len(found.candidates) for _, found in decisive)
    votes = np.zeros((len(decisive), most, len(engines)))
    excesses = np.full((len(decisive), most), np.inf)
    for number, (line, found) in enumerate(decisive):
        excesses[number, : len(found.candidates)] = found.excesses
        for engine, arc in zip(line.engines, found.disputed.arcs, strict=True):
            votes[number, found.candidates.index(arc.candidate), places[engine]] = 1.0
    return votes, excesses


def _edits_by_set(
    votes: NDArray[np.float64],
    excesses: NDArray[np.float64],
    set_of: NDArray[np.intp],
    sets: int,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    supports = votes.reshape(-1, len(weights)) @ weights  # many times quicker than (N, C, E) as it is
    chosen = supports.reshape(votes.shape[:2]).argmax(axis=1)
    return np.asarray(np.bincount(set_of, excesses[np.arange(len(chosen)), chosen], sets), dtype=np.float64)


# --- how sure ---


def fit_character_confidence(lines: Sequence[LabelledLine], profile: Profile) -> CharacterConfidence:
    """From the supports of candidates, and how much a line's engines agree, to the probability that a fused character
    is right (logistic regression). The profile's own is the untuned one.
    """
    from sklearn.linear_model import LogisticRegression

    seen: list[tuple[float, float]] = []
    right: list[bool] = []
    for line, found in fused_lines(lines, profile):
        shared = found.aligned.agreements()
        mean = sum(shared) / len(shared) if shared else 0.0
        seen += [(log_odds(character.confidence), mean) for character in found.characters for _ in character.text]
        right += correct_characters(_same_length(line, found), line.truth)
    if len(set(right)) < 2:
        return UNTUNED_CHARACTERS
    model = LogisticRegression(C=1e6).fit(np.array(seen), np.array(right))
    base, (slope, agreement) = float(model.intercept_[0]), map(float, model.coef_[0])
    return CharacterConfidence(round(base, 4), round(max(0.0, slope), 4), round(agreement, 4))


def _same_length(line: LabelledLine, found: FusedLine) -> str:
    """The fused text as it is compared, if that has as many letters; else as it is."""
    text = line.normalised(found.text)
    return text if len(text) == len(found.text) else found.text


def fit_word_confidence(lines: Sequence[LabelledLine], profile: Profile) -> WordConfidence | None:
    """From what the vote knows of a fused word to the probability that it is right (logistic, then isotonic
    regression). The words of a set together count as much as those of any other; None where there are too few.
    """
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    seen: list[tuple[float, ...]] = []
    right: list[bool] = []
    sets: list[str] = []
    for line, found in fused_lines(lines, profile):
        seen += [word.features.terms() for word in found.words if word.features is not None]
        right += correct_words(_same_length(line, found), line.truth)
        sets += [line.set_name] * len(found.words)
    if len(seen) < _MIN_WORDS or len(set(right)) < 2:
        return None
    terms = np.array(seen)
    _, number, count = np.unique(sets, return_inverse=True, return_counts=True)
    counting = len(seen) / (len(count) * count[number])  # 1 in the mean
    mean, scale = terms.mean(axis=0), terms.std(axis=0) + 1e-9
    model = LogisticRegression(C=_WORD_RIDGE, max_iter=1000)
    model.fit((terms - mean) / scale, np.array(right), sample_weight=counting)
    slopes = model.coef_[0] / scale
    base = float(model.intercept_[0] - slopes @ mean)
    fitted = WordConfidence(round(base, 4), tuple(round(float(slope), 4) for slope in slopes))
    scores = 1.0 / (1.0 + np.exp(-(fitted.base + terms @ np.array(fitted.slopes))))
    table = IsotonicRegression(out_of_bounds="clip").fit(scores, np.array(right, dtype=float), sample_weight=counting)
    return replace(fitted, table=_knots(scores, table.predict(scores), counting))


def _knots(
    scores: NDArray[np.float64], probabilities: NDArray[np.float64], weights: NDArray[np.float64]
) -> Calibration:
    """The mean score and probability of parts that weigh as much each."""
    order = np.argsort(scores, kind="stable")
    places = np.cumsum(weights[order]) / weights.sum() * _KNOTS
    raw: list[float] = []
    means: list[float] = []
    for number in range(_KNOTS):
        part = order[(places > number) & (places <= number + 1 + 1e-9)]
        score = round(float(scores[part].mean()), 4) if len(part) else -1.0
        if not len(part) or (raw and score <= raw[-1]):
            continue
        raw.append(score)
        means.append(round(float(probabilities[part].mean()), 4))
    return Calibration(tuple(raw), tuple(means))
