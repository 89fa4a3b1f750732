"""Where the fusion chose otherwise than the best engine, who said so, and whether that was right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.accuracy.labelled_contests import label_contests
from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine
from fusion.alignment.similarity import folded


@dataclass(frozen=True, slots=True)
class FusionChanges:
    """At how many places the fusion is right where the best engine is wrong, by whoever said so; and the other way."""

    corrected: Mapping[str, int]
    broken: Mapping[str, int]


def fusion_changes(lines: Sequence[tuple[LabelledLine, FusedLine]], best: str) -> FusionChanges:
    """Over the places at which engines differ and one of them is right."""
    corrected: dict[str, int] = {}
    broken: dict[str, int] = {}
    for line, fused in lines:
        for chosen, of_best, supporters in _decided(line, fused, best):
            if chosen == of_best:
                continue
            counts = corrected if chosen < of_best else broken
            for engine in supporters:
                counts[engine] = counts.get(engine, 0) + 1
    return FusionChanges(corrected, broken)


def _decided(line: LabelledLine, fused: FusedLine, best: str) -> Iterator[tuple[int, int, list[str]]]:
    """At each decisive place: the excess of what was chosen, of what the best engine reads, and who reads the first."""
    labelled = label_contests(line, 0, list(line.claims))
    if labelled is None or best not in labelled.engines:
        return
    by_place = {character.place: character.text for character in fused.characters}
    for found in labelled.decisive:
        chosen = folded("".join(by_place.get(place, "") for place in found.contest.group))
        if chosen not in found.candidates:
            continue  # a space that was dropped beside another
        read = [saying.form for saying in found.contest.sayings]
        excess = dict(zip(found.candidates, found.excesses, strict=True))
        supporters = [engine for engine, form in zip(labelled.engines, read, strict=True) if form == chosen]
        yield excess[chosen], excess[read[labelled.engines.index(best)]], supporters
