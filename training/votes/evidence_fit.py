"""Fits what each engine's claims are worth where engines differ (fusion.evidence.engine_evidence), and how the spelling
model votes.

A contest is an election between candidates; the probability that a candidate is the right one is the softmax of their
supports, a support being the sum over its supporters of log(1 + e^(features @ parameters)), plus the spelling model's
(a conditional logit). Parameters maximise the likelihood of the right candidates, less a ridge that pulls them to
`Start`: to plain values, or for one kind of material to those of all material. A contest counts as many times as edits
depend on it. Contests that cannot be decided wrongly teach nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.accuracy.labelled_contests import LabelledContest, LabelledContests
from fusion.evidence.engine_evidence import Evidence, Kind, Worth, log_odds
from fusion.evidence.spelling_model import Spelling, around, symbols
from fusion.profiles.profile import SpellingVote
from fusion.votes.contests import Saying
from fusion.votes.supports import candidates_of, supports_of

MIN_CONTESTS = 150
"""Decisive contests below which nothing is fitted: a table of that few is noise."""
MIN_CONFUSIONS = 6
"""Times a pair must differ before it has a parameter of its own."""

Name = tuple[str, ...]
Floats = NDArray[np.float64]

_PLAIN = {"base": 0.0, "slope": 0.4, "room": 0.0, "agreement": 0.0, "confusion": 0.0, "spelling": 0.15, "symbol": 0.2}
_RIDGE = {"base": 0.1, "slope": 2.0, "room": 0.5, "agreement": 0.5, "confusion": 0.6, "spelling": 0.0, "symbol": 0.0}


@dataclass(frozen=True, slots=True)
class Fitted:
    """Parameters by name, and from how many decisive contests."""

    values: Mapping[Name, float]
    contests: int
    confusions: frozenset[Name] = field(default_factory=frozenset)

    def evidence(self, engine: str) -> Evidence:
        worth = {kind: Worth(*[self._of(what, engine, kind) for what in ("base", "slope", "room")]) for kind in Kind}
        confusions = {
            (name[2], name[3]): round(value, 3)
            for name, value in self.values.items()
            if name[0] == "confusion" and name[1] == engine
        }
        return Evidence(worth, round(self.values.get(("agreement", engine), 0.0), 4), confusions)

    def _of(self, what: str, engine: str, kind: Kind) -> float:
        return round(self.values.get((what, engine, str(kind)), _PLAIN[what]), 4)

    def vote(self, model: Spelling) -> SpellingVote:
        slope = max(0.0, self.values[("spelling",)])
        return SpellingVote(model, round(slope, 4), round(self.values[("symbol",)] / max(slope, 1e-6), 3))


def fit(
    lines: Sequence[LabelledContests], spelling: Spelling, start: Fitted | None = None, strength: float = 1.0
) -> Fitted:
    """The parameters, or those of `start` where there are too few contests. The spelling model needs neighbours, and
    which they are needs parameters: so they are fitted three times, the first time without it.
    """
    contests = [found for line in lines for found in line.decisive]
    if len(contests) < MIN_CONTESTS and start is not None:
        return start
    if len(contests) < MIN_CONTESTS:
        raise ValueError(f"{len(contests)} places at which engines differ and one is right; want {MIN_CONTESTS}")
    confusions = start.confusions if start else frozenset(_confusions(contests, lines))
    fitted = start or _maximise(_design(lines, contests, confusions, None, None), None, 1.0)
    for _ in range(1 if start else 2):
        fitted = _maximise(_design(lines, contests, confusions, spelling, fitted), start, strength)
    return Fitted(fitted.values, len(contests), confusions)


def _confusions(contests: Sequence[LabelledContest], lines: Sequence[LabelledContests]) -> Iterator[Name]:
    counts: dict[Name, int] = {}
    for found in contests:
        for engine, saying in zip(lines[found.line].engines, found.contest.sayings, strict=True):
            for rival in found.candidates:
                if rival != saying.form:
                    name = ("confusion", engine, saying.form, rival)
                    counts[name] = counts.get(name, 0) + 1
    yield from (name for name, count in counts.items() if count >= MIN_CONFUSIONS)


# --- the design ---


@dataclass(frozen=True, slots=True, eq=False)
class _Design:
    """V votes for C candidates of E elections. `features` (V, P) sparse, `candidate` (V,) of each vote, `spelt` (C, 2):
    the spelling model's log-probability and the length, `election` (C,), `right` (C,), `stake` (E,) edits.
    """

    names: tuple[Name, ...]
    features: Any
    candidate: NDArray[np.intp]
    spelt: Floats
    election: NDArray[np.intp]
    right: NDArray[np.bool_]
    stake: Floats


def _design(
    lines: Sequence[LabelledContests],
    contests: Sequence[LabelledContest],
    confusions: frozenset[Name],
    spelling: Spelling | None,
    fitted: Fitted | None,
) -> _Design:
    from scipy import sparse

    names: dict[Name, int] = {}
    entries: list[tuple[int, int, float]] = []
    candidate: list[int] = []
    spelt: list[tuple[float, float]] = []
    election: list[int] = []
    right: list[bool] = []
    stake: list[int] = []
    neighbours: dict[int, list[str]] = {}
    votes = 0
    for number, found in enumerate(contests):
        line = lines[found.line]
        first = len(election)
        if spelling is not None and fitted is not None:
            if found.line not in neighbours:
                neighbours[found.line] = _likeliest(line, fitted)
            spelt += _spelt(found, neighbours[found.line], spelling)
        else:
            spelt += [(0.0, 0.0)] * len(found.candidates)
        least = min(found.excesses)
        right += [excess == least for excess in found.excesses]
        election += [number] * len(found.candidates)
        stake.append(min(2, max(found.excesses) - least))
        for engine, saying, agreement in zip(line.engines, found.contest.sayings, line.agreements, strict=True):
            candidate.append(first + found.candidates.index(saying.form))
            for name, value in _features(engine, saying, found.candidates, agreement, confusions):
                entries.append((votes, names.setdefault(name, len(names)), value))
            votes += 1
    rows, columns, values = zip(*entries, strict=True)
    return _Design(
        tuple(names),
        sparse.csr_matrix((values, (rows, columns)), shape=(votes, len(names))),
        np.array(candidate),
        np.array(spelt, dtype=np.float64),
        np.array(election),
        np.array(right),
        np.array(stake, dtype=np.float64),
    )


def _features(
    engine: str, saying: Saying, candidates: Sequence[str], agreement: float, confusions: frozenset[Name]
) -> Iterator[tuple[Name, float]]:
    """The parts of a claim's log-odds, as Evidence.support adds them."""
    yield ("base", engine, saying.kind), 1.0
    yield ("slope", engine, saying.kind), log_odds(saying.probability)
    if saying.room:
        yield ("room", engine, saying.kind), saying.room
    yield ("agreement", engine), agreement
    for rival in candidates:
        if (name := ("confusion", engine, saying.form, rival)) in confusions:
            yield name, 1.0 / (len(candidates) - 1)


def _likeliest(line: LabelledContests, fitted: Fitted) -> list[str]:
    """What stands in every group of places as the parameters alone decide, without the spelling model."""
    evidence = [fitted.evidence(engine) for engine in line.engines]
    said = list(line.plain)
    for index, found in line.contests.items():
        sums = candidates_of(found, supports_of(found, evidence, line.agreements))
        said[index] = max(sums, key=lambda form: (sums[form], form))
    return said


def _spelt(found: LabelledContest, neighbours: Sequence[str], spelling: Spelling) -> list[tuple[float, float]]:
    before, after = around(neighbours, found.index, spelling.order - 1)
    spelt = [symbols(said) for said in found.candidates]
    return [(spelling.log_probability(before, own, after), float(len(own))) for own in spelt]


# --- the fit ---


def _maximise(design: _Design, start: Fitted | None, strength: float) -> Fitted:
    from scipy.optimize import minimize

    spelled = bool(design.spelt.any())
    names: tuple[Name, ...] = (*design.names, ("spelling",), ("symbol",))
    centre = np.array([start.values.get(name, _PLAIN[name[0]]) if start else _PLAIN[name[0]] for name in names])
    ridge = np.array([_RIDGE[name[0]] * strength for name in names])
    if start is not None:
        ridge[-2:] = strength  # not the scale of the others, and it has much data
    bounds: list[tuple[float | None, float | None]] = [
        (0.0, None) if name[0] in ("slope", "spelling") else (None, None) for name in names
    ]
    if not spelled:
        bounds[-2:] = [(0.0, 0.0)] * 2
        centre[-2:] = 0.0
    found = minimize(
        _loss, centre, (design, centre, ridge), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}
    )
    return Fitted(dict(zip(names, map(float, found.x), strict=True)), len(design.stake))


def _loss(values: Floats, design: _Design, centre: Floats, ridge: Floats) -> tuple[float, Floats]:
    """Minus the log-likelihood with the ridge, and its gradient."""
    odds = design.features @ values[:-2]  # (V,)
    supports = np.bincount(design.candidate, np.logaddexp(0.0, odds), len(design.election)) + design.spelt @ values[-2:]
    highest = np.full(len(design.stake), -np.inf)
    np.maximum.at(highest, design.election, supports)
    power = np.exp(supports - highest[design.election])
    every = np.bincount(design.election, power, len(design.stake))
    good = np.bincount(design.election, power * design.right, len(design.stake)) + 1e-12
    off = values - centre
    loss = float(design.stake @ (np.log(every) - np.log(good)) + ridge @ off**2)
    pull = power / every[design.election] - np.where(design.right, power / good[design.election], 0.0)
    pull *= design.stake[design.election]  # (C,) derivative by support
    by_vote = pull[design.candidate] / (1.0 + np.exp(-odds))
    gradient = np.concatenate([design.features.T @ by_vote, pull @ design.spelt]) + 2.0 * ridge * off
    return loss, gradient
