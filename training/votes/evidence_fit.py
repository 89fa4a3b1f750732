"""Fits the evidence of what engines read in disputed slots (fusion.evidence.claim_evidence), and of spelling and words.

The probability that a candidate of a slot wins is the softmax of the candidates' supports: the sums over those who read
it of log(1 + e^(features @ parameters)), what the leading engine has more, and what spelling and words add. Parameters
minimise the edits that are expected then (minimum risk), with a ridge that pulls them to plain values: likelihood would
rather be right about noise that nobody can read than about the few slots on which a page depends. No parameter belongs
to an engine: those that did were worse on collections that they were not fitted to.

A set's edits count in units of its best engine's to the power `_BY_SET`, so that no set decides alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.votes.labelled_slots import DecisiveSlots, LabelledSlots
from fusion.evidence.claim_evidence import GROUP_OF, ClaimEvidence, Coefficients, Kind, log_odds
from fusion.evidence.language import Languages, PageLanguage
from fusion.evidence.spelling_evidence import SpellingEvidence, log_probabilities
from fusion.evidence.spelling_model import symbols
from fusion.votes.disputed_slots import Arc
from fusion.votes.line_evidence import (
    EngineOnLine,
    arc_supports,
    candidate_supports,
    engines_on_line,
    spelling_supports,
    surroundings,
)
from fusion.votes.page_evidence import PageEvidence

MIN_DECISIVE = 150
"""Decisive slots below which nothing is fitted: a table of that few is noise."""

Name = tuple[str, ...]
Floats = NDArray[np.float64]

_ROUNDS = 3
_STRENGTH = 0.0015  # of the ridge, against the edits of a slot
_MAX_EDITS = 3
_BY_SET, _FEW_EDITS = 0.7, 60.0

# By the first part of a name: the value that the ridge pulls to, how strongly, and the unit of its feature.
_PARAMETERS: Mapping[str, tuple[float, float, float]] = {
    "base": (0.0, 1.0, 1.0),
    "slope": (0.4, 5.0, 0.5),
    "slope of kind": (0.0, 5.0, 0.5),
    "reliability": (0.3, 3.0, 0.5),
    "reliability of kind": (0.0, 3.0, 0.5),
    "agreement": (0.0, 0.5, 1 / 3),
    "certainty": (0.0, 0.5, 1 / 3),
    "alternative base": (0.0, 0.5, 1.0),
    "alternative slope": (0.2, 0.5, 0.5),
}
_CANDIDATE_NAMES = ("spelling", "spelling if known", "words", "words if known", "symbol", "lead")
_CANDIDATE_UNITS = np.array([0.2, 0.2, 0.2, 0.2, 1.0, 1.0])
_CANDIDATE_RIDGE = 0.3
_START = ClaimEvidence({kind: Coefficients(0.0, 0.2, 0.15) for kind in Kind}, lead=2.0)


@dataclass(frozen=True, slots=True)
class LabelledPage:
    """The lines of a page with what is decisive on them, and what the vote knows of the page."""

    lines: tuple[LabelledSlots, ...]
    evidence: PageEvidence

    @classmethod
    def of(cls, lines: Sequence[LabelledSlots], languages: Languages) -> LabelledPage:
        return cls(tuple(lines), PageEvidence.of([line.line for line in lines], languages))

    @property
    def language(self) -> PageLanguage:
        assert self.evidence.language is not None
        return self.evidence.language


@dataclass(frozen=True, slots=True)
class Fitted:
    """The evidence of what engines read, that of spelling and words, and from how many decisive slots."""

    evidence: ClaimEvidence
    spelling: SpellingEvidence
    decisive_slots: int


def fit(
    pages: Sequence[LabelledPage], languages: Languages, leading: frozenset[str], best: Mapping[str, int]
) -> Fitted:
    """`leading` is the engine that leads, `best` has the edits of each set's best engine. Spelling needs neighbours,
    and which they are needs parameters: so they are fitted a few times. Raises ValueError where too little is decisive.
    """
    count = sum(len(line.decisive) for page in pages for line in page.lines)
    if count < MIN_DECISIVE:
        raise ValueError(f"{count} places at which engines differ and one is right; want {MIN_DECISIVE}")
    fitted = Fitted(_START, SpellingEvidence(languages, 0.0), count)
    for _ in range(_ROUNDS):
        values, candidate_values = _minimise(_design(pages, fitted, leading, best))
        fitted = Fitted(_evidence(values, candidate_values), _spelling(languages, candidate_values), count)
    return fitted


def _evidence(values: Mapping[Name, float], candidate_values: Mapping[str, float]) -> ClaimEvidence:
    def of_kind(what: str, kind: Kind) -> float:
        return values[(what,)] + values.get((f"{what} of kind", kind), 0.0)

    coefficients = {
        kind: Coefficients(
            round(values.get(("base", kind), 0.0), 4),
            round(max(0.0, of_kind("slope", kind)), 4),
            round(of_kind("reliability", kind), 4),
        )
        for kind in Kind
    }
    return ClaimEvidence(
        coefficients,
        round(values[("agreement",)], 4),
        round(values[("certainty",)], 4),
        round(values.get(("alternative base",), 0.0), 4),
        round(max(0.0, values.get(("alternative slope",), 0.0)), 4),
        round(max(0.0, candidate_values["lead"]), 4),
    )


def _spelling(languages: Languages, values: Mapping[str, float]) -> SpellingEvidence:
    spelling, if_known, words, words_if_known = [round(max(0.0, values[name]), 4) for name in _CANDIDATE_NAMES[:4]]
    return SpellingEvidence(languages, spelling, if_known, words, words_if_known, round(values["symbol"], 4))


# --- the design ---


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
    """V claims for C candidates of S slots. `features` (V, P) sparse, `candidate` (V,) of each claim, `of_candidates`
    (C, 6) in the order of _CANDIDATE_NAMES, `slot` (C,), `excess` (C,) edits beyond the best, `stake` (S,).
    """

    names: tuple[Name, ...]
    features: Any
    candidate: NDArray[np.intp]
    of_candidates: Floats
    slot: NDArray[np.intp]
    excess: Floats
    stake: Floats


@dataclass(slots=True)
class _Rows:
    """The design as it grows."""

    names: dict[Name, int]
    entries: list[tuple[int, int, float]]
    candidate: list[int]
    of_candidates: list[tuple[float, ...]]
    slot: list[int]
    excess: list[int]
    stake: list[float]

    def add(self, index: int, features: Iterator[tuple[Name, float]]) -> None:
        for name, value in features:
            unit = _PARAMETERS[name[0]][2]
            self.entries.append((len(self.candidate), self.names.setdefault(name, len(self.names)), value * unit))
        self.candidate.append(index)


def _design(pages: Sequence[LabelledPage], fitted: Fitted, leading: frozenset[str], best: Mapping[str, int]) -> _Design:
    from scipy import sparse

    rows = _Rows({}, [], [], [], [], [], [])
    for page in pages:
        for line in page.lines:
            if line.decisive:
                engines = engines_on_line(line.line, page.evidence, leading)
                texts = _decided(line, page.language, engines, fitted)
                stake = (best.get(line.set_name, 0) + _FEW_EDITS) ** -_BY_SET
                for found in line.decisive:
                    _add_slot(rows, found, page.language, engines, texts, stake)
    at, names, values = zip(*rows.entries, strict=True)
    stake = np.array(rows.stake)
    return _Design(
        tuple(rows.names),
        sparse.csr_matrix((values, (at, names)), shape=(len(rows.candidate), len(rows.names))),
        np.array(rows.candidate),
        np.array(rows.of_candidates) * _CANDIDATE_UNITS,
        np.array(rows.slot),
        np.array(rows.excess, dtype=np.float64),
        stake / stake.sum(),
    )


def _decided(line: LabelledSlots, language: PageLanguage, engines: Sequence[EngineOnLine], fitted: Fitted) -> list[str]:
    """The text of every slot group as what is fitted so far decides it."""
    by_engines = {
        index: candidate_supports(slots, arc_supports(slots, fitted.evidence, engines))
        for index, slots in line.line.disputed.items()
    }
    return spelling_supports(line.texts, by_engines, fitted.spelling, language)[1]


def _add_slot(
    rows: _Rows,
    found: DecisiveSlots,
    language: PageLanguage,
    engines: Sequence[EngineOnLine],
    texts: Sequence[str],
    stake: float,
) -> None:
    first, least = len(rows.slot), min(found.excesses)
    index_of = {candidate: first + number for number, candidate in enumerate(found.candidates)}
    around = surroundings(texts, found.index, language)
    spelt = {candidate: symbols(candidate) for candidate in found.candidates}
    of_spelling, of_words = log_probabilities(language, around.context, around.word, spelt)
    led = {arc.candidate for own, arc in zip(engines, found.disputed.arcs, strict=True) if own.leads}
    for candidate, excess in zip(found.candidates, found.excesses, strict=True):
        spelling, words = of_spelling[candidate], of_words[candidate]
        known = language.known
        rows.of_candidates.append(
            (spelling, spelling * known, words, words * known, float(len(spelt[candidate])), float(candidate in led))
        )
        rows.slot.append(len(rows.stake))
        rows.excess.append(min(_MAX_EDITS, excess - least))
    rows.stake.append(stake)
    for own, arc in zip(engines, found.disputed.arcs, strict=True):
        rows.add(index_of[arc.candidate], _choice_features(own, arc))
        for candidate, probability in arc.alternatives:
            rows.add(index_of[candidate], _alternative_features(own, arc, probability))


def _choice_features(own: EngineOnLine, arc: Arc) -> Iterator[tuple[Name, float]]:
    """The parts of the log-odds, as ClaimEvidence.support adds them."""
    score = log_odds(arc.probability)
    yield ("slope",), score
    yield ("slope of kind", arc.kind), score
    yield from _known_features(own, arc)


def _alternative_features(own: EngineOnLine, arc: Arc, probability: float) -> Iterator[tuple[Name, float]]:
    yield ("alternative base",), 1.0
    yield ("alternative slope",), log_odds(probability)
    yield from _known_features(own, arc)


def _known_features(own: EngineOnLine, arc: Arc) -> Iterator[tuple[Name, float]]:
    reliability = own.conduct.reliability[GROUP_OF[arc.kind]]
    yield ("base", arc.kind), 1.0
    yield ("reliability",), reliability
    yield ("reliability of kind", arc.kind), reliability
    yield ("agreement",), own.agreement
    yield ("certainty",), own.conduct.certainty


# --- the fit ---


def _minimise(design: _Design) -> tuple[dict[Name, float], dict[str, float]]:
    """The parameters of claims by name, and those of candidates, for features in their own units."""
    from scipy.optimize import minimize

    of_names = [_PARAMETERS[name[0]] for name in design.names]
    more = len(_CANDIDATE_NAMES)
    centre = np.array([centre for centre, _, _ in of_names] + [0.0] * more)
    ridge = np.array([strength for _, strength, _ in of_names] + [_CANDIDATE_RIDGE] * more) * _STRENGTH
    bounded = [name[0] in ("slope", "alternative slope") for name in design.names] + [
        name != "symbol" for name in _CANDIDATE_NAMES
    ]
    bounds = [(0.0, None) if own else (None, None) for own in bounded]
    found = minimize(
        _risk, centre, (design, centre, ridge), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}
    ).x
    values = {name: float(value) * _PARAMETERS[name[0]][2] for name, value in zip(design.names, found, strict=False)}
    of_candidates = found[len(design.names) :] * _CANDIDATE_UNITS
    return values, dict(zip(_CANDIDATE_NAMES, map(float, of_candidates), strict=True))


def _risk(values: Floats, design: _Design, centre: Floats, ridge: Floats) -> tuple[float, Floats]:
    """The expected edits of a slot with the ridge, and its gradient."""
    more = len(_CANDIDATE_NAMES)
    odds = design.features @ values[:-more]  # (V,)
    supports: Floats = np.bincount(design.candidate, np.logaddexp(0.0, odds), len(design.slot)).astype(np.float64)
    supports += design.of_candidates @ values[-more:]
    highest = np.full(len(design.stake), -np.inf)
    np.maximum.at(highest, design.slot, supports)
    power = np.exp(supports - highest[design.slot])
    chance = power / np.bincount(design.slot, power, len(design.stake))[design.slot]
    expected = np.bincount(design.slot, chance * design.excess, len(design.stake))
    off = values - centre
    pull = design.stake[design.slot] * chance * (design.excess - expected[design.slot])  # (C,) derivative by support
    by_claim = pull[design.candidate] / (1.0 + np.exp(-odds))
    gradient = np.concatenate([design.features.T @ by_claim, pull @ design.of_candidates]) + 2.0 * ridge * off
    return float(design.stake @ expected + ridge @ off**2), gradient
