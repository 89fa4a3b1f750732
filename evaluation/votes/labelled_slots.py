"""The slots of a line's confusion network in which the engines differ, and which of their texts are right.

Disputed slots are decisive where the text that wins there changes how many edits the line needs: weights are fitted to
those, and corrections are counted over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluation.metrics.lattice_oracle import lattice_oracle
from evaluation.readings.labelled_lines import LabelledLine
from fusion import Profile
from fusion.alignment.similarity import folded
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.disputed_slots import DisputedSlots
from fusion.votes.page_evidence import ReadLine
from fusion.votes.weighted_hypotheses import weighted_hypotheses


@dataclass(frozen=True, slots=True)
class DecisiveSlots:
    """Its line's number, its index in the network's slot groups, and its candidates with their excesses."""

    line: int
    index: int
    candidates: tuple[str, ...]
    excesses: tuple[int, ...]
    disputed: DisputedSlots


@dataclass(frozen=True, slots=True)
class LabelledSlots:
    """A line's: its set, what is read on it, the text of each slot group where the engines agree, the decisive slots,
    and the edits of the best path through all candidates.
    """

    set_name: str
    line: ReadLine
    texts: tuple[str, ...]
    decisive: tuple[DecisiveSlots, ...]
    edits: int

    @property
    def engines(self) -> tuple[str, ...]:
        return tuple(hypothesis.engine for hypothesis in self.line.aligned.hypotheses)


def label_slots(line: LabelledLine, number: int, engines: Sequence[str]) -> LabelledSlots | None:
    """What some engines read on a line, which is to be called `number`; None when no engine reads anything."""
    hypotheses = {name: line.hypotheses[name] for name in engines if name in line.hypotheses}
    aligned = AlignedHypotheses.of(weighted_hypotheses(hypotheses, Profile("even", dict.fromkeys(hypotheses, 1.0))))
    if not aligned.network.slots:
        return None
    read = ReadLine.of(aligned)
    texts = tuple(aligned.network.texts[slots.start][0] for slots in aligned.network.slot_groups)
    oracle = lattice_oracle([_candidates(index, read.disputed, texts, line) for index in range(len(texts))], line.truth)
    decisive = tuple(_decisive(number, read.disputed, oracle.excesses, line))
    return LabelledSlots(line.set_name, read, texts, decisive, oracle.edits)


def best_path_edits(lines: Iterable[LabelledLine]) -> int:
    """Of the best paths through the networks of some lines; all of a line that no engine reads is missing."""
    found = ((line, label_slots(line, 0, list(line.hypotheses))) for line in lines)
    return sum(len(line.truth) if labelled is None else labelled.edits for line, labelled in found)


def _as_compared(text: str, line: LabelledLine) -> str:
    plain = folded(text)
    return plain.upper() if line.ignore_case else plain


def _candidates(
    index: int, disputed: Mapping[int, DisputedSlots], texts: Sequence[str], line: LabelledLine
) -> list[str]:
    candidates = disputed[index].candidates if index in disputed else [texts[index]]
    return sorted({_as_compared(candidate, line) for candidate in candidates})


def _decisive(
    number: int, disputed: Mapping[int, DisputedSlots], excesses: Sequence[Sequence[int]], line: LabelledLine
) -> Iterator[DecisiveSlots]:
    for index, slots in disputed.items():
        if len(set(excesses[index])) == 1:
            continue
        excess = dict(zip(_candidates(index, disputed, (), line), excesses[index], strict=True))
        by_candidate = tuple(excess[_as_compared(candidate, line)] for candidate in slots.candidates)
        yield DecisiveSlots(number, index, slots.candidates, by_candidate, slots)
