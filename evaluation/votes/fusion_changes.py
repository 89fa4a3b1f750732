"""Where the fusion chose otherwise than the best engine, who said so, and whether that was right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.readings.labelled_lines import LabelledLine
from evaluation.votes.labelled_slots import label_slots
from fusion import FusedLine
from fusion.alignment.similarity import folded


@dataclass(frozen=True, slots=True)
class FusionChanges:
    """In how many slots the fusion is right where the best engine is wrong, by whoever said so; and the other way."""

    corrected: Mapping[str, int]
    broken: Mapping[str, int]


def fusion_changes(lines: Sequence[tuple[LabelledLine, FusedLine]], best: str) -> FusionChanges:
    """Over the slots in which engines differ and one of them is right."""
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
    """In each decisive slot: the excess of what was chosen, of what the best engine reads, and who reads the first."""
    labelled = label_slots(line, 0, list(line.hypotheses))
    if labelled is None or best not in labelled.engines:
        return
    by_slot = {character.slot: character.text for character in fused.characters}
    for found in labelled.decisive:
        chosen = folded("".join(by_slot.get(slot, "") for slot in found.disputed.slots))
        if chosen not in found.candidates:
            continue  # a space that was dropped beside another
        read = [arc.candidate for arc in found.disputed.arcs]
        excess = dict(zip(found.candidates, found.excesses, strict=True))
        supporters = [engine for engine, text in zip(labelled.engines, read, strict=True) if text == chosen]
        yield excess[chosen], excess[read[labelled.engines.index(best)]], supporters
