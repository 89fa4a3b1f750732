"""What every engine and the fusion read on real pages, counted: on true lines, and from the page image.

A `Sample` is what is compared as one string: a true line, or a group of lines that lie in the same place (see
matching).
Here readings become samples and samples become figures; nothing is read and nothing is printed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.bootstrap import Interval, interval, paired
from evaluation.pages.labelled import LabelledLine
from evaluation.pages.matching import Group
from evaluation.text_comparison import Count, characters, right_words, words
from fusion import FusedLine, Profile
from fusion.alignment.similarity import folded
from training.votes.cascade_fit import walk
from training.votes.evidence_fit import Heard, hear

FUSED = "fused"
BINS = 10
_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """A truth, and what each reader read there; all as they are compared."""

    set_name: str
    truth: str
    reads: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate with its interval, and the edits of each sample."""

    count: Count
    within: Interval
    edits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetFigures:
    """Of one set: each reader's character and word error rates, who of the engines is best, how likely it is that the
    fusion differs from it by chance, and the edits of the best path through the networks (None from the page).
    """

    samples: int
    characters: Mapping[str, Rate]
    words: Mapping[str, Rate]
    best: str
    chance: float
    oracle: int | None = None

    @property
    def reduction(self) -> float:
        """The part of the best engine's character errors that the fusion does not make."""
        best, fused = self.characters[self.best].count.edits, self.characters[FUSED].count.edits
        return 1.0 - fused / best if best else 0.0

    @property
    def share(self) -> float | None:
        """How far the fusion comes from the best engine towards the best path."""
        best, fused = self.characters[self.best].count.edits, self.characters[FUSED].count.edits
        if self.oracle is None or best <= self.oracle:
            return None
        return (best - fused) / (best - self.oracle)


def figures(samples: Sequence[Sample], oracle: int | None = None) -> SetFigures:
    """Of the samples of one set. Readers that some sample lacks are left out."""
    names = [name for name in samples[0].reads if all(name in sample.reads for sample in samples)]
    by_character = {name: _rate([characters(own.reads[name], own.truth) for own in samples]) for name in names}
    by_word = {name: _rate([words(own.reads[name], own.truth) for own in samples]) for name in names}
    best = min((name for name in names if name != FUSED), key=lambda name: by_character[name].count.edits)
    chance = paired(by_character[FUSED].edits, by_character[best].edits)
    return SetFigures(len(samples), by_character, by_word, best, chance, oracle)


def _rate(counts: Sequence[Count]) -> Rate:
    edits = [count.edits for count in counts]
    total = sum(counts, Count())
    return Rate(total, interval(edits, [count.length for count in counts]), tuple(edits))


def line_sample(line: LabelledLine, fused: FusedLine, name: str) -> Sample:
    """A true line."""
    reads = {engine: line.compared(claim.text) for engine, claim in line.claims.items()}
    return Sample(name, line.truth, {**reads, FUSED: line.compared(fused.text)})


def group_sample(
    name: str, group: Group, truths: Sequence[str], reads: Mapping[str, Sequence[str]], compared: Mapping[str, str]
) -> Sample:
    """A group of lines of a page: what is true there, and what each reader read of the found ones. `compared` has each
    text as it is compared.
    """
    return Sample(
        name,
        _together([compared[truths[index]] for index in group.true]),
        {reader: _together([compared[texts[index]] for index in group.found]) for reader, texts in reads.items()},
    )


def _together(texts: Sequence[str]) -> str:
    return " ".join(text for text in texts if text)


# --- who saved and who spoiled ---


@dataclass(frozen=True, slots=True)
class Turns:
    """At how many places the fusion is right where the best engine is wrong, by whoever said so; and the other way."""

    saved: Mapping[str, int]
    spoiled: Mapping[str, int]


def turns(lines: Sequence[tuple[LabelledLine, FusedLine]], best: str) -> Turns:
    """Over the places at which engines differ and one of them is right."""
    saved: dict[str, int] = {}
    spoiled: dict[str, int] = {}
    for line, fused in lines:
        for chosen, of_best, sayers in _decided(line, fused, best):
            if chosen == of_best:
                continue
            counts = saved if chosen < of_best else spoiled
            for engine in sayers:
                counts[engine] = counts.get(engine, 0) + 1
    return Turns(saved, spoiled)


def _decided(line: LabelledLine, fused: FusedLine, best: str) -> Iterator[tuple[int, int, list[str]]]:
    """At each decisive place: the excess of what was chosen, of what the best engine says, and who says the former."""
    heard: Heard | None = hear(line, 0, list(line.claims))
    if heard is None or best not in heard.engines:
        return
    by_place = {character.place: character.text for character in fused.characters}
    for found in heard.decisive:
        chosen = folded("".join(by_place.get(place, "") for place in found.found.group))
        if chosen not in found.candidates:
            continue  # a space that was dropped beside another
        said = [saying.form for saying in found.found.sayings]
        excess = dict(zip(found.candidates, found.excesses, strict=True))
        sayers = [engine for engine, form in zip(heard.engines, said, strict=True) if form == chosen]
        yield excess[chosen], excess[said[heard.engines.index(best)]], sayers


# --- how sure ---


@dataclass(frozen=True, slots=True)
class Sureness:
    """The expected calibration error of fused words in ten equal bins (Naeini et al. 2015), how many words, and the
    error that so many words would show if every confidence were true.
    """

    error: float
    words: int
    by_chance: float


def sureness(lines: Sequence[tuple[LabelledLine, FusedLine]]) -> Sureness:
    """Of the words of fused lines."""
    sure: list[float] = []
    right: list[bool] = []
    for line, fused in lines:
        text = line.compared(fused.text)
        if len(text) == len(fused.text):
            sure += [word.confidence for word in fused.words]
            right += right_words(text, line.truth)
    if not sure:
        return Sureness(0.0, 0, 0.0)
    confidences = np.array(sure)
    drawn = np.random.default_rng(0).random((_DRAWS, len(sure))) < confidences
    by_chance = float(np.mean([_gap(confidences, one) for one in drawn]))
    return Sureness(_gap(confidences, np.array(right)), len(sure), by_chance)


def _gap(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    gaps = np.abs(np.bincount(bins, confidences, BINS) - np.bincount(bins, right.astype(np.float64), BINS))
    return float(gaps.sum() / len(confidences))


# --- asking fewer engines ---


@dataclass(frozen=True, slots=True)
class CascadeSet:
    """Of one set: the edits of its best engine, of all engines together and of the cascade, and the part of the
    core-seconds that the cascade takes.
    """

    best: int
    together: int
    edits: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CascadeFigures:
    """What a cascade, said in words, keeps of the gain (mean over the sets) at which part of the core-seconds; for each
    engine the core-milliseconds that it takes for one line, and the part of the lines about which it is asked.
    """

    said: str
    kept: float
    seconds: float
    line_ms: Mapping[str, float]
    asked: Mapping[str, float]
    sets: Mapping[str, CascadeSet]

    def as_json(self) -> dict[str, object]:
        return {"kept": round(self.kept, 4), "seconds": round(self.seconds, 4), "line_ms": dict(self.line_ms)}


def cascade_figures(
    lines: Mapping[str, Sequence[tuple[LabelledLine, FusedLine]]], profile: Profile
) -> CascadeFigures | None:
    """The profile's cascade on true lines, by set; None where it has none, or engines are missing."""
    every = [line for own in lines.values() for line, _ in own]
    cascade = profile.cascade
    named = [] if cascade is None else [engine for step in cascade.steps for engine in step.engines]
    if cascade is None or not every or not all(engine in every[0].claims for engine in named):
        return None
    sets = {}
    asked: Counter[str] = Counter()
    spent = 0.0
    for name, own in lines.items():
        walked = [walk(line, cascade, profile) for line, _ in own]
        seconds = sum(line.seconds[engine] for (line, _), one in zip(own, walked, strict=True) for engine in one.asked)
        sets[name] = CascadeSet(
            min(_edits_of(engine, own) for engine in every[0].claims),
            sum(characters(line.compared(fused.text), line.truth).edits for line, fused in own),
            sum(one.edits for one in walked),
            seconds / (sum(sum(line.seconds.values()) for line, _ in own) or 1.0),
        )
        spent += seconds
        asked.update(engine for one in walked for engine in one.asked)
    gains = [(own.best - own.together) / max(1, own.best) for own in sets.values()]
    kept = [(own.best - own.edits) / max(1, own.best) for own in sets.values()]
    whole = {engine: sum(line.seconds[engine] for line in every) for engine in every[0].claims}
    return CascadeFigures(
        f"{cascade.said()}.",
        sum(kept) / sum(gains) if sum(gains) > 0.0 else 0.0,
        spent / (sum(whole.values()) or 1.0),
        {engine: 1000.0 * seconds / len(every) for engine, seconds in whole.items()},
        {engine: asked[engine] / len(every) for engine in whole},
        sets,
    )


def _edits_of(engine: str, lines: Sequence[tuple[LabelledLine, FusedLine]]) -> int:
    return sum(characters(line.compared(line.claims[engine].text), line.truth).edits for line, _ in lines)
