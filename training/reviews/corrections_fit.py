"""Fits the vote of a profile anew to corrections alone, as little away from the profile as they ask for.

Corrections are few, so few things move: how much each engine's evidence counts, and the languages'; what the leading
engine has more, and which engine leads; how much letters, digits, marks, spaces and nothing count. A ridge pulls each
back to the profile. The expected edits in the slots about which people said something are minimised, each slot
with the weight of its word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fusion import Profile
from fusion.evidence.claim_evidence import GROUP_OF, ClaimEvidence, Coefficients, Kind, KindGroup
from fusion.evidence.spelling_evidence import SPELLING
from fusion.votes.disputed_slots import Arc
from fusion.votes.line_evidence import (
    EngineOnLine,
    arc_supports,
    candidate_supports,
    engines_on_line,
    spelling_supports,
)
from fusion.votes.page_evidence import PageEvidence
from training.reviews.reviewed_lines import WeightedSlots

Floats = NDArray[np.float64]

_GROUPS = tuple(KindGroup)
_MAX_EDITS = 3
_UNITS = {"engine": 0.5, "spelling": 0.5, "lead": 1.0, "group": 0.5}
"""By how much each kind of parameter moves for one edit of the ridge, times the strength."""
_FURTHEST = 1.5  # in those units: no fit to a handful of slots goes further


@dataclass(frozen=True, slots=True)
class ReviewedSlots:
    """The weighted slots of some lines, each line with what is known of its page."""

    lines: tuple[tuple[WeightedSlots, PageEvidence], ...]

    def __len__(self) -> int:
        return sum(len(line.slots) for line, _ in self.lines)


@dataclass(frozen=True, slots=True, eq=False)
class _Claims:
    """What engines say in S slots. A row for each engine's text in a slot: its engine, its kind's group, its odds under
    the profile, whether the engine leads, and its candidate. Alternatives have the row of their engine's own text too.
    """

    engine: NDArray[np.intp]
    group: NDArray[np.intp]
    odds: Floats
    leads: Floats
    candidate: NDArray[np.intp]
    choice: NDArray[np.intp]
    lead: float
    spelling: Floats
    slot: NDArray[np.intp]
    excess: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class Moves:
    """How far a profile moves: the log of the factor of each engine and of the languages, nats for the leading engine,
    nats for each group of kinds; and who leads, None for who did.
    """

    engines: Mapping[str, float]
    spelling: float
    lead: float
    groups: Mapping[KindGroup, float]
    leader: str | None = None


def fit_moves(slots: ReviewedSlots, profile: Profile, engines: Sequence[str], strength: float) -> Moves:
    """The moves that bring the least expected edits with the ridge, of every engine as the leader."""
    assert profile.tuning is not None
    best: tuple[float, Moves] | None = None
    for leader in (None, *[engine for engine in engines if engine not in profile.tuning.leading]):
        risk, moves = _fitted(_claims(slots, profile, engines, leader), engines, strength, leader)
        risk += strength * (leader is not None)  # another leader is a move as well
        if best is None or risk < best[0]:
            best = risk, moves
    assert best is not None
    return best[1]


def moved(profile: Profile, moves: Moves) -> Profile:
    """The profile after some moves."""
    tuning = profile.tuning
    assert tuning is not None
    evidence = replace(
        tuning.evidence,
        coefficients={
            kind: _moved_kind(tuning.evidence.coefficients.get(kind), moves.groups.get(GROUP_OF[kind], 0.0))
            for kind in Kind
        },
        lead=round(max(0.0, tuning.evidence.lead + moves.lead), 4),
    )
    tuned = dict(tuning.weights)
    if moves.leader is not None:
        tuned[moves.leader] = round(1.01 * max(weight for name, weight in tuned.items() if name != SPELLING), 6)
    factors = {**moves.engines, SPELLING: moves.spelling}
    weights = {name: round(weight * math.exp(factors.get(name, 0.0)), 6) for name, weight in tuned.items()}
    return replace(profile, weights=weights, tuning=replace(tuning, evidence=evidence, weights=tuned, source=None))


def edits_in(slots: ReviewedSlots, profile: Profile, engines: Sequence[str]) -> list[float]:
    """The edits that a profile makes in the slots of each line, by their weights."""
    multipliers = profile.evidence_multipliers(engines)
    values = np.zeros(len(engines) + 2 + len(_GROUPS))
    values[: len(engines) + 1] = np.log([max(1e-9, multipliers[name]) for name in (*engines, SPELLING)])
    found = []
    for line in slots.lines:
        claims = _claims(ReviewedSlots((line,)), profile, engines, None)
        supports = _supports(claims, values, len(engines))
        chosen = [
            min(np.flatnonzero(claims.slot == slot), key=lambda candidate: -supports[candidate])
            for slot in range(len(claims.weight))
        ]
        found.append(float(claims.weight @ claims.excess[chosen]))
    return found


def _moved_kind(own: Coefficients | None, by: float) -> Coefficients:
    own = own or Coefficients()
    return replace(own, base=round(own.base + by, 4))


# --- the claims ---


def _claims(slots: ReviewedSlots, profile: Profile, engines: Sequence[str], leader: str | None) -> _Claims:
    tuning = profile.tuning
    assert tuning is not None
    leading = tuning.leading if leader is None else frozenset({leader})
    rows = _Rows({engine: number for number, engine in enumerate(engines)}, tuning.evidence)
    for line, page in slots.lines:
        on_line = engines_on_line(line.labelled.line, page, leading)
        spelling = _spelling(line, page, profile, on_line)
        names = line.labelled.engines
        for found, weight in line.slots:
            rows.begin(found.candidates, found.excesses, spelling.get(found.index, {}), weight)
            for name, own, arc in zip(names, on_line, found.disputed.arcs, strict=True):
                rows.add(name, own, arc)
    return rows.claims()


def _spelling(
    line: WeightedSlots, page: PageEvidence, profile: Profile, on_line: Sequence[EngineOnLine]
) -> dict[int, dict[str, float]]:
    """What the languages give the candidates of each disputed slot group, with the evidence of the profile."""
    tuning = profile.tuning
    assert tuning is not None
    if tuning.spelling is None or page.language is None:
        return {}
    disputed = line.labelled.line.disputed
    by_engines = {
        index: candidate_supports(slots, arc_supports(slots, tuning.evidence, on_line))
        for index, slots in disputed.items()
    }
    return spelling_supports(line.labelled.texts, by_engines, tuning.spelling, page.language)[0]


class _Rows:
    """The claims as they grow."""

    def __init__(self, numbers: Mapping[str, int], evidence: ClaimEvidence) -> None:
        self._numbers = numbers
        self._evidence = evidence
        self._claims: list[tuple[int, int, float, bool, int, int]] = []
        self._candidates: list[tuple[float, int, int]] = []
        self._weights: list[float] = []
        self._index: dict[str, int] = {}

    def begin(
        self, candidates: Sequence[str], excesses: Sequence[int], spelling: Mapping[str, float], weight: float
    ) -> None:
        least = min(excesses)
        self._index = {}
        for candidate, excess in zip(candidates, excesses, strict=True):
            self._index[candidate] = len(self._candidates)
            more = min(_MAX_EDITS, excess - least)
            self._candidates.append((spelling.get(candidate, 0.0), len(self._weights), more))
        self._weights.append(weight)

    def add(self, name: str, own: EngineOnLine, arc: Arc) -> None:
        number, group = self._numbers[name], _GROUPS.index(GROUP_OF[arc.kind])
        choice = len(self._claims)
        self._claims.append((number, group, self._odds(own, arc, None), own.leads, self._index[arc.candidate], choice))
        for candidate, probability in arc.alternatives:
            odds = self._odds(own, arc, probability)
            self._claims.append((number, group, odds, False, self._index[candidate], choice))

    def _odds(self, own: EngineOnLine, arc: Arc, alternative: float | None) -> float:
        known = (own.conduct.reliability[GROUP_OF[arc.kind]], own.agreement, own.conduct.certainty)
        if alternative is None:
            return self._evidence.odds(arc.kind, arc.probability, *known)
        return self._evidence.alternative_odds(arc.kind, alternative, *known)

    def claims(self) -> _Claims:
        engine, group, odds, leads, candidate, choice = map(np.array, zip(*self._claims, strict=True))
        spelling, slot, excess = map(np.array, zip(*self._candidates, strict=True))
        return _Claims(
            engine,
            group,
            odds,
            leads.astype(np.float64),
            candidate,
            choice,
            self._evidence.lead,
            spelling,
            slot,
            excess.astype(np.float64),
            np.array(self._weights),
        )


# --- the fit ---


def _fitted(claims: _Claims, engines: Sequence[str], strength: float, leader: str | None) -> tuple[float, Moves]:
    """The least expected edits with the ridge, and the moves for them."""
    from scipy.optimize import minimize

    units = np.array(
        [_UNITS["engine"]] * len(engines) + [_UNITS["spelling"], _UNITS["lead"]] + [_UNITS["group"]] * len(_GROUPS)
    )

    def risk(steps: Floats) -> tuple[float, Floats]:
        expected, gradient = _expected(claims, steps * units, len(engines))
        return expected + strength * float(steps @ steps), gradient * units + 2.0 * strength * steps

    bounds = [(-_FURTHEST, _FURTHEST)] * len(units)
    start = np.zeros(len(units))
    found = minimize(risk, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60})
    values = found.x * units
    return float(found.fun), _moves(values, engines, leader)


def _moves(values: Floats, engines: Sequence[str], leader: str | None) -> Moves:
    own = values[: len(engines)] - values[: len(engines)].mean()  # only their ratios count
    more = values[len(engines) :]
    return Moves(
        {engine: float(value) for engine, value in zip(engines, own, strict=True)},
        float(more[0] - values[: len(engines)].mean()),
        float(more[1]),
        {group: float(value) for group, value in zip(_GROUPS, more[2:], strict=True)},
        leader,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """What claims give their candidates: `own` nats each before the engine's factor, and what of it moves with the
    group (its slope there) and with the lead (1 or 0).
    """

    factors: Floats
    own: Floats
    by_group: Floats
    by_lead: Floats


def _parts(claims: _Claims, values: Floats, engines: int) -> _Parts:
    """An alternative gives no more than the engine's own text, so that it moves with that where it is as large."""
    more = values[engines:]
    odds = claims.odds + more[2:][claims.group]
    plain, slope = np.logaddexp(0.0, odds), 1.0 / (1.0 + np.exp(-odds))
    lead = claims.lead + float(more[1])
    choices = plain + claims.leads * max(0.0, lead)
    is_own = (claims.choice == np.arange(len(odds))) | (plain < choices[claims.choice])
    leads = claims.leads * (lead > 0.0)
    is_choice = claims.choice == np.arange(len(odds))
    return _Parts(
        np.exp(values[:engines])[claims.engine],
        np.where(is_choice, choices, np.where(is_own, plain, choices[claims.choice])),
        np.where(is_own, slope, slope[claims.choice]),
        np.where(is_choice, leads, np.where(is_own, 0.0, leads[claims.choice])),
    )


def _supports(claims: _Claims, values: Floats, engines: int) -> Floats:
    """Of each candidate, in nats."""
    parts = _parts(claims, values, engines)
    supports = np.bincount(claims.candidate, parts.factors * parts.own, len(claims.slot))
    return np.asarray(supports + math.exp(values[engines]) * claims.spelling, dtype=np.float64)


def _expected(claims: _Claims, values: Floats, engines: int) -> tuple[float, Floats]:
    """The edits that are expected in all slots, by their weights, and their gradient."""
    parts = _parts(claims, values, engines)
    of_spelling = math.exp(values[engines]) * claims.spelling
    supports = np.bincount(claims.candidate, parts.factors * parts.own, len(claims.slot)) + of_spelling
    highest = np.full(len(claims.weight), -np.inf)
    np.maximum.at(highest, claims.slot, supports)
    power = np.exp(supports - highest[claims.slot])
    chance = power / np.bincount(claims.slot, power, len(claims.weight))[claims.slot]
    expected = np.bincount(claims.slot, chance * claims.excess, len(claims.weight))
    pull = claims.weight[claims.slot] * chance * (claims.excess - expected[claims.slot])  # by the support
    by_claim = pull[claims.candidate] * parts.factors
    gradient = np.concatenate(
        [
            np.bincount(claims.engine, by_claim * parts.own, engines),
            [float(pull @ of_spelling), float(by_claim @ parts.by_lead)],
            np.bincount(claims.group, by_claim * parts.by_group, len(_GROUPS)),
        ]
    )
    return float(claims.weight @ expected), gradient
