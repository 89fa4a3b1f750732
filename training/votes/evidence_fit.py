"""Fits each engine's evidence in disputed slots (fusion.evidence.engine_evidence), and the spelling model's.

The probability that a candidate of a slot is the right one is the softmax of the candidates' supports, a support being
the sum over its supporters of log(1 + e^(features @ parameters)), plus the spelling model's (a conditional logit).
Parameters maximise the likelihood of the right candidates, less a ridge that pulls them to `Start`: to plain values, or
for one kind of material to those of all material. A slot counts as many times as edits depend on it. Slots that cannot
be decided wrongly teach nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.accuracy.labelled_slots import DecisiveSlots, LabelledSlots
from fusion.evidence.engine_evidence import Coefficients, EngineEvidence, Kind, log_odds
from fusion.evidence.spelling_evidence import SpellingEvidence
from fusion.evidence.spelling_model import SpellingModel, context_of, symbols
from fusion.votes.disputed_slots import Arc
from fusion.votes.line_evidence import arc_supports, candidate_supports

MIN_DECISIVE = 150
"""Decisive slots below which nothing is fitted: a table of that few is noise."""
MIN_CONFUSIONS = 6
"""Times a pair must differ before it has a parameter of its own."""

Name = tuple[str, ...]
Floats = NDArray[np.float64]

_PLAIN = {
    "base": 0.0,
    "slope": 0.4,
    "spacing": 0.0,
    "agreement": 0.0,
    "confusion": 0.0,
    "spelling": 0.15,
    "symbol": 0.2,
}
_RIDGE = {"base": 0.1, "slope": 2.0, "spacing": 0.5, "agreement": 0.5, "confusion": 0.6, "spelling": 0.0, "symbol": 0.0}


@dataclass(frozen=True, slots=True)
class Fitted:
    """Parameters by name, and from how many decisive slots."""

    values: Mapping[Name, float]
    decisive_slots: int
    confusions: frozenset[Name] = field(default_factory=frozenset)

    def evidence(self, engine: str) -> EngineEvidence:
        coefficients = {
            kind: Coefficients(*[self._of(what, engine, kind) for what in ("base", "slope", "spacing")])
            for kind in Kind
        }
        confusions = {
            (name[2], name[3]): round(value, 3)
            for name, value in self.values.items()
            if name[0] == "confusion" and name[1] == engine
        }
        return EngineEvidence(coefficients, round(self.values.get(("agreement", engine), 0.0), 4), confusions)

    def _of(self, what: str, engine: str, kind: Kind) -> float:
        return round(self.values.get((what, engine, str(kind)), _PLAIN[what]), 4)

    def spelling_evidence(self, model: SpellingModel) -> SpellingEvidence:
        slope = max(0.0, self.values[("spelling",)])
        return SpellingEvidence(model, round(slope, 4), round(self.values[("symbol",)] / max(slope, 1e-6), 3))


def fit(
    lines: Sequence[LabelledSlots], spelling: SpellingModel, start: Fitted | None = None, strength: float = 1.0
) -> Fitted:
    """The parameters, or those of `start` where there are too few slots. The spelling model needs neighbours, and
    which they are needs parameters: so they are fitted three times, the first time without it.
    """
    decisive = [slots for line in lines for slots in line.decisive]
    if len(decisive) < MIN_DECISIVE and start is not None:
        return start
    if len(decisive) < MIN_DECISIVE:
        raise ValueError(f"{len(decisive)} places at which engines differ and one is right; want {MIN_DECISIVE}")
    confusions = start.confusions if start else frozenset(_confusions(decisive, lines))
    fitted = start or _maximise(_design(lines, decisive, confusions, None, None), None, 1.0)
    for _ in range(1 if start else 2):
        fitted = _maximise(_design(lines, decisive, confusions, spelling, fitted), start, strength)
    return Fitted(fitted.values, len(decisive), confusions)


def _confusions(decisive: Sequence[DecisiveSlots], lines: Sequence[LabelledSlots]) -> Iterator[Name]:
    counts: dict[Name, int] = {}
    for found in decisive:
        for engine, arc in zip(lines[found.line].engines, found.disputed.arcs, strict=True):
            for other in found.candidates:
                if other != arc.candidate:
                    name = ("confusion", engine, arc.candidate, other)
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
    lines: Sequence[LabelledSlots],
    decisive: Sequence[DecisiveSlots],
    confusions: frozenset[Name],
    spelling: SpellingModel | None,
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
    for number, found in enumerate(decisive):
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
        for engine, arc, agreement in zip(line.engines, found.disputed.arcs, line.agreements, strict=True):
            candidate.append(first + found.candidates.index(arc.candidate))
            for name, value in _features(engine, arc, found.candidates, agreement, confusions):
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
    engine: str, arc: Arc, candidates: Sequence[str], agreement: float, confusions: frozenset[Name]
) -> Iterator[tuple[Name, float]]:
    """The parts of an arc's log-odds, as EngineEvidence.support adds them."""
    yield ("base", engine, arc.kind), 1.0
    yield ("slope", engine, arc.kind), log_odds(arc.probability)
    if arc.spacing:
        yield ("spacing", engine, arc.kind), arc.spacing
    yield ("agreement", engine), agreement
    for other in candidates:
        if (name := ("confusion", engine, arc.candidate, other)) in confusions:
            yield name, 1.0 / (len(candidates) - 1)


def _likeliest(line: LabelledSlots, fitted: Fitted) -> list[str]:
    """The text of every slot group as the parameters alone decide, without the spelling model."""
    evidence = [fitted.evidence(engine) for engine in line.engines]
    texts = list(line.texts)
    for index, slots in line.disputed.items():
        sums = candidate_supports(slots, arc_supports(slots, evidence, line.agreements))
        texts[index] = max(sums, key=lambda candidate: (sums[candidate], candidate))
    return texts


def _spelt(found: DecisiveSlots, neighbours: Sequence[str], spelling: SpellingModel) -> list[tuple[float, float]]:
    before, after = context_of(neighbours, found.index, spelling.order - 1)
    spelt = [symbols(candidate) for candidate in found.candidates]
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
