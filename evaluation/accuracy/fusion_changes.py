"""Where the fusion chose otherwise than the best engine, who said so, and whether that was right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.accuracy.labelled_contests import Heard, hear
from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine
from fusion.alignment.similarity import folded


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
