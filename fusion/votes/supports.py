"""What a tuned profile makes of the claims of a line: the support of every claim, and of the spelling model.

The spelling model is asked about a contest with what stands around it, and there other contests may be open. They are
taken as the fitted evidence alone would decide them, then once more as evidence and spelling would: never by the
weights, so that more weight for an engine moves nothing but its own support.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fusion.alignment.confusion_network import Network
from fusion.alignment.similarity import folded
from fusion.evidence.confidence import Assurance
from fusion.evidence.engine_evidence import LEAST_LOG_ODDS, MOST_LOG_ODDS, Evidence, Kind, kind_of
from fusion.evidence.spelling_model import around, symbols
from fusion.profiles.profile import SPELLING, Profile, SpellingVote
from fusion.votes.contests import Contest, agreements, contest, rivals_of
from fusion.votes.voices import Voice
from ocr import Vote

_ROUNDS = 2
_LEAST = 1e-9
_KIND_NUMBERS = {kind: number for number, kind in enumerate(Kind)}
_UNTUNED = Evidence()

Candidates = dict[str, float]
"""What is said in a contest, in plain typographic forms, with a support in nats."""


@dataclass(frozen=True, slots=True)
class Open:
    """A contest with the support of each of its sayings and the leanings of the spelling model, both multiplied."""

    contest: Contest
    supports: tuple[float, ...]
    leanings: Candidates


@dataclass(frozen=True, slots=True)
class Supports:
    """Of one line: its open contests by their first place, and what is needed to judge the places that all agree on."""

    open: Mapping[int, Open]
    evidence: tuple[Evidence, ...]
    multipliers: tuple[float, ...]
    agreements: tuple[float, ...]
    assurance: Assurance

    @classmethod
    def of(cls, heard: Sequence[Voice], rows: Sequence[int], network: Network, profile: Profile) -> Supports:
        """For the voices of a line; `heard[k]` reads row `rows[k]`."""
        tuning = profile.tuning
        assert tuning is not None
        agreed = set(network.agreed)
        multipliers = profile.multipliers([voice.engine for voice in heard])
        shared = tuple(agreements(rows, network))
        evidence = tuple([tuning.evidence.get(voice.engine, _UNTUNED) for voice in heard])
        contests = {
            index: contest(heard, rows, network, group)
            for index, group in enumerate(network.groups)
            if len(group) > 1 or group.start not in agreed
        }
        supports = {index: supports_of(found, evidence, shared) for index, found in contests.items()}
        spelled = dict.fromkeys(contests, Candidates())
        if tuning.spelling is not None and multipliers[SPELLING] > 0.0:
            plain = [network.said[group.start][0] for group in network.groups]
            spelled = _spelled(plain, contests, supports, tuning.spelling)
        own = tuple([multipliers[voice.engine] for voice in heard])
        return cls(
            {
                found.group.start: Open(
                    found,
                    tuple([multiplier * support for multiplier, support in zip(own, supports[index], strict=True)]),
                    {form: multipliers[SPELLING] * support for form, support in spelled[index].items()},
                )
                for index, found in contests.items()
            },
            evidence,
            own,
            shared,
            tuning.assurance.on_line(sum(shared) / len(shared)),
        )

    def confidences(self, texts: Sequence[str], probabilities: Sequence[Sequence[float]]) -> list[float]:
        """In each of some characters that all engines say; `probabilities[k]` are those of voice k."""
        if not texts:
            return []
        kinds = list(map(_kind_number, texts))
        sure = np.minimum(np.maximum(np.array(probabilities), _LEAST), 1.0 - _LEAST)  # (V, N) of N characters
        odds = np.minimum(np.maximum(np.log(sure / (1.0 - sure)), LEAST_LOG_ODDS), MOST_LOG_ODDS)
        own = np.array([evidence.by_kind for evidence in self.evidence])[:, :, kinds]  # (V, 2, N): base, slope
        shared = [
            evidence.agreement * agreement for evidence, agreement in zip(self.evidence, self.agreements, strict=True)
        ]
        odds = own[:, 0] + own[:, 1] * odds + np.array(shared)[:, None]
        total = np.array(self.multipliers) @ np.logaddexp(0.0, odds)  # (N,)
        value = np.minimum(np.maximum(self.assurance.base + self.assurance.slope * total, -700.0), 700.0)
        confidences: list[float] = (1.0 / (1.0 + np.exp(-value))).tolist()
        return confidences

    @property
    def spelled(self) -> dict[int, Vote]:
        """The votes of the spelling model, by place: what it prefers in each contest that it was asked about."""
        return dict(vote for found in self.open.values() for vote in _vote(found))


@lru_cache(maxsize=4096)
def _kind_number(text: str) -> int:
    """The place in Kind of what all engines say."""
    return _KIND_NUMBERS[kind_of(folded(text), ())]


def supports_of(found: Contest, evidence: Sequence[Evidence], shared: Sequence[float]) -> tuple[float, ...]:
    """What each saying of a contest is worth; `shared` are the voices' agreements in log-odds."""
    rivals = rivals_of(found.forms)
    return tuple(
        [
            own.support(said.kind, said.form, rivals[said.form], said.probability, said.room, agreement)
            for own, said, agreement in zip(evidence, found.sayings, shared, strict=True)
        ]
    )


def _spelled(
    said: list[str],
    contests: Mapping[int, Contest],
    supports: Mapping[int, tuple[float, ...]],
    vote: SpellingVote,
) -> dict[int, Candidates]:
    """The leanings of the spelling model in each contest; `said[k]` is what stands in group k where all agree."""
    candidates = {index: candidates_of(found, supports[index]) for index, found in contests.items()}
    spelt = {index: {form: symbols(form) for form in own} for index, own in candidates.items()}
    leanings: dict[int, Candidates] = {}
    beside: dict[int, tuple[str, str]] = {}
    for _ in range(_ROUNDS):
        for index, own in candidates.items():
            lean = leanings.get(index, {})
            said[index] = max(own, key=lambda form: (own[form] + lean.get(form, 0.0), form))
        for index, forms in spelt.items():
            neighbours = around(said, index, vote.model.order - 1)
            if beside.get(index) != neighbours:
                beside[index] = neighbours
                leanings[index] = _leanings(*neighbours, forms, vote)
    return leanings


def candidates_of(found: Contest, supports: Sequence[float]) -> Candidates:
    """What is said in a contest, with the sum of the supports."""
    sums: Candidates = dict.fromkeys(found.forms, 0.0)
    for said, support in zip(found.sayings, supports, strict=True):
        sums[said.form] += support
    return sums


def _leanings(before: str, after: str, spelt: Mapping[str, str], vote: SpellingVote) -> Candidates:
    """How much more likely each candidate is than the least likely one; nothing where they are spelt alike. `spelt` has
    the symbols of each.
    """
    if len(set(spelt.values())) == 1:
        return {}
    scores = {
        form: vote.model.log_probability(before, own, after) + vote.per_symbol * len(own) for form, own in spelt.items()
    }
    least = min(scores.values())
    return {form: vote.slope * (score - least) for form, score in scores.items()}


def _vote(found: Open) -> Iterator[tuple[int, Vote]]:
    if not any(found.leanings.values()):
        return
    preferred = max(found.leanings, key=lambda form: (found.leanings[form], form))
    support = found.leanings[preferred]
    certain = 1.0 / sum([math.exp(other - support) for other in found.leanings.values()])
    yield found.contest.group.start, Vote(SPELLING, preferred, support / (support + sum(found.supports)), certain)
