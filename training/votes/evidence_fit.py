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
from dataclasses import dataclass, field
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
    lines = list(_decisive_lines(pages, leading, best))
    claims = _claims(lines)
    for _ in range(_ROUNDS):
        values, candidate_values = _minimise(claims, _of_candidates(lines, fitted))
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


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with something decisive on it: the language of its page, what is known of the engines, and how much the
    edits in each of its slots count.
    """

    labelled: LabelledSlots
    language: PageLanguage
    engines: tuple[EngineOnLine, ...]
    stake: float


def _decisive_lines(pages: Sequence[LabelledPage], leading: frozenset[str], best: Mapping[str, int]) -> Iterator[_Line]:
    for page in pages:
        for line in page.lines:
            if line.decisive:
                engines = engines_on_line(line.line, page.evidence, leading)
                yield _Line(line, page.language, engines, (best.get(line.set_name, 0) + _FEW_EDITS) ** -_BY_SET)


@dataclass(frozen=True, slots=True, eq=False)
class _Claims:
    """V claims for C candidates of S slots: what stays the same while parameters are fitted. `features` (V, P) sparse,
    `candidate` (V,) of each claim, `slot` (C,), `excess` (C,) edits beyond the best, `stake` (S,).
    """

    names: tuple[Name, ...]
    features: Any
    candidate: NDArray[np.intp]
    slot: NDArray[np.intp]
    excess: Floats
    stake: Floats


@dataclass(slots=True)
class _Rows:
    """The claims as they grow. `claims`, `places` and `values` are the entries of the sparse features."""

    names: dict[Name, int] = field(default_factory=dict)
    claims: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    candidate: list[int] = field(default_factory=list)
    slot: list[int] = field(default_factory=list)
    excess: list[int] = field(default_factory=list)
    stake: list[float] = field(default_factory=list)

    def add(self, index: int, features: Iterator[tuple[Name, float]]) -> None:
        for name, value in features:
            self.claims.append(len(self.candidate))
            self.places.append(self.names.setdefault(name, len(self.names)))
            self.values.append(value * _PARAMETERS[name[0]][2])
        self.candidate.append(index)


def _claims(lines: Sequence[_Line]) -> _Claims:
    from scipy import sparse

    rows = _Rows()
    for line in lines:
        for found in line.labelled.decisive:
            _add_slot(rows, found, line)
    stake = np.array(rows.stake)
    shape = (len(rows.candidate), len(rows.names))
    return _Claims(
        tuple(rows.names),
        sparse.csr_matrix((rows.values, (rows.claims, rows.places)), shape=shape),
        np.array(rows.candidate),
        np.array(rows.slot),
        np.array(rows.excess, dtype=np.float64),
        stake / stake.sum(),
    )


def _add_slot(rows: _Rows, found: DecisiveSlots, line: _Line) -> None:
    first, least = len(rows.slot), min(found.excesses)
    index_of = {candidate: first + number for number, candidate in enumerate(found.candidates)}
    for excess in found.excesses:
        rows.slot.append(len(rows.stake))
        rows.excess.append(min(_MAX_EDITS, excess - least))
    rows.stake.append(line.stake)
    for own, arc in zip(line.engines, found.disputed.arcs, strict=True):
        rows.add(index_of[arc.candidate], _choice_features(own, arc))
        for candidate, probability in arc.alternatives:
            rows.add(index_of[candidate], _alternative_features(own, arc, probability))


def _choice_features(own: EngineOnLine, arc: Arc) -> Iterator[tuple[Name, float]]:
    """The parts of the log-odds, as ClaimEvidence.odds adds them."""
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


def _of_candidates(lines: Sequence[_Line], fitted: Fitted) -> Floats:
    """(C, 6): the features of candidates in the order of _CANDIDATE_NAMES, where what is fitted so far decides what
    stands around them.
    """
    rows = [row for line in lines for row in _candidate_rows(line, _decided(line, fitted))]
    return np.asarray(np.array(rows) * _CANDIDATE_UNITS, dtype=np.float64)


def _candidate_rows(line: _Line, texts: Sequence[str]) -> Iterator[tuple[float, ...]]:
    """Of all decisive slots of a line; `texts` are those of its slot groups."""
    language = line.language
    for found in line.labelled.decisive:
        around = surroundings(texts, found.index, language)
        spelt = {candidate: symbols(candidate) for candidate in found.candidates}
        of_spelling, of_words = log_probabilities(language, around.context, around.word, spelt)
        led = {arc.candidate for own, arc in zip(line.engines, found.disputed.arcs, strict=True) if own.leads}
        for candidate in found.candidates:
            spelling, words = of_spelling[candidate], of_words[candidate]
            known = (spelling, spelling * language.known, words, words * language.known)
            yield (*known, float(len(spelt[candidate])), float(candidate in led))


def _decided(line: _Line, fitted: Fitted) -> list[str]:
    """The text of every slot group as what is fitted so far decides it."""
    by_engines = {
        index: candidate_supports(slots, arc_supports(slots, fitted.evidence, line.engines))
        for index, slots in line.labelled.line.disputed.items()
    }
    return spelling_supports(line.labelled.texts, by_engines, fitted.spelling, line.language)[1]


# --- the fit ---


def _minimise(claims: _Claims, of_candidates: Floats) -> tuple[dict[Name, float], dict[str, float]]:
    """The parameters of claims by name, and those of candidates, for features in their own units; `of_candidates` are
    the candidates' features, (C, 6).
    """
    from scipy.optimize import minimize

    of_names = [_PARAMETERS[name[0]] for name in claims.names]
    more = len(_CANDIDATE_NAMES)
    centre = np.array([centre for centre, _, _ in of_names] + [0.0] * more)
    ridge = np.array([strength for _, strength, _ in of_names] + [_CANDIDATE_RIDGE] * more) * _STRENGTH
    bounded = [name[0] in ("slope", "alternative slope") for name in claims.names] + [
        name != "symbol" for name in _CANDIDATE_NAMES
    ]
    bounds = [(0.0, None) if own else (None, None) for own in bounded]
    arguments = (claims, of_candidates, centre, ridge)
    found = minimize(_risk, centre, arguments, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}).x
    values = {name: float(value) * _PARAMETERS[name[0]][2] for name, value in zip(claims.names, found, strict=False)}
    more_values = found[len(claims.names) :] * _CANDIDATE_UNITS
    return values, dict(zip(_CANDIDATE_NAMES, map(float, more_values), strict=True))


def _risk(
    values: Floats, claims: _Claims, of_candidates: Floats, centre: Floats, ridge: Floats
) -> tuple[float, Floats]:
    """The expected edits of a slot with the ridge, and its gradient."""
    more = len(_CANDIDATE_NAMES)
    odds = claims.features @ values[:-more]  # (V,)
    supports: Floats = np.bincount(claims.candidate, np.logaddexp(0.0, odds), len(claims.slot)).astype(np.float64)
    supports += of_candidates @ values[-more:]
    highest = np.full(len(claims.stake), -np.inf)
    np.maximum.at(highest, claims.slot, supports)
    power = np.exp(supports - highest[claims.slot])
    chance = power / np.bincount(claims.slot, power, len(claims.stake))[claims.slot]
    expected = np.bincount(claims.slot, chance * claims.excess, len(claims.stake))
    off = values - centre
    pull = claims.stake[claims.slot] * chance * (claims.excess - expected[claims.slot])  # (C,) derivative by support
    by_claim = pull[claims.candidate] / (1.0 + np.exp(-odds))
    gradient = np.concatenate([claims.features.T @ by_claim, pull @ of_candidates]) + 2.0 * ridge * off
    return float(claims.stake @ expected + ridge @ off**2), gradient
