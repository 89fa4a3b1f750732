"""Aligns the transcriptions of one line, so that the engines vote on the same place.

The aim is the network with the smallest sum of pairwise costs (`ConfusionNetwork.cost`). Runs that all transcriptions
share, the anchors, stay as they are. The segments between them go to `multiple_alignment.py`.

Where engines know the horizontal centre of their characters, in crop pixels, aligning characters that lie apart costs
extra: it decides where the gap goes in "llll" against "lll".

The result depends on the set of transcriptions only: not on their order, not on who read them, not on weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from rapidfuzz.distance import Levenshtein

from fusion.alignment.confusion_network import ABSENT, ConfusionNetwork, Slot, Transcription, linked_slots
from fusion.alignment.multiple_alignment import (
    align_texts,
    align_texts_by_position,
    as_string,
    mean_centre,
    order_from_medoid,
)

_TOLERANCE = 0.75  # of the pitch: how far apart the same character may lie
_MIN_ANCHOR = 8  # a run of k characters that n transcriptions share is kept when k * n is at least this


def align(transcriptions: Sequence[Transcription]) -> ConfusionNetwork:
    """The network of different transcriptions, which it holds in the order of their texts."""
    ordered = tuple(sorted(transcriptions, key=lambda transcription: transcription.texts))
    if any(one.texts == other.texts for one, other in pairwise(ordered)):
        raise ValueError("two transcriptions with the same text; make them one, with the sum of the counts")
    tolerance_px = _tolerance_px(ordered)
    slots: list[Slot] = []
    aligned: Slot = (0,) * len(ordered)  # how far each transcription has come
    for starts, length in _anchors(ordered, tolerance_px):
        slots += _segment(ordered, aligned, starts, tolerance_px)
        slots += zip(*[range(start, start + length) for start in starts], strict=True)
        aligned = tuple([start + length for start in starts])
    ends = tuple([len(transcription.texts) for transcription in ordered])
    slots += _segment(ordered, aligned, ends, tolerance_px)
    return ConfusionNetwork(ordered, tuple(slots), linked_slots(slots, ordered))


def _tolerance_px(transcriptions: Sequence[Transcription]) -> float:
    pitches = [pitch for one in transcriptions if one.spans and (pitch := one.pitch()) > 0.0]
    return _TOLERANCE * median(pitches) if pitches else math.inf


# --- anchors: where all transcriptions agree ---


def _anchors(transcriptions: Sequence[Transcription], tolerance_px: float) -> Iterator[tuple[Slot, int]]:
    """Runs of characters that all transcriptions have, as (start in each, length), from left to right.

    Runs at the two ends of the line are always right to keep (see `network_alignment._common_end`). One in between is
    kept when it is long enough that no cheaper way around it is to be expected.
    """
    for starts, length in _common_runs(transcriptions):
        if _is_anchor(transcriptions, starts, length) and not _lie_apart(transcriptions, starts, length, tolerance_px):
            yield starts, length


def _common_runs(transcriptions: Sequence[Transcription]) -> list[tuple[Slot, int]]:
    """Runs of characters of the medoid that all transcriptions have side by side, as the fewest edits from the medoid
    to each of them have it, as (first characters, length).
    """
    strings = [as_string(transcription.texts) for transcription in transcriptions]
    counts = [transcription.count for transcription in transcriptions]
    medoid = strings[order_from_medoid(strings, counts)[0]] if transcriptions else ""
    runs: list[tuple[int, int, Slot]] = [(0, len(medoid), ())]  # in the medoid, and how far ahead each other one is
    for string in strings:
        blocks = [
            (block.a, block.a + block.size, block.b - block.a)
            for block in Levenshtein.editops(medoid, string).as_matching_blocks()
        ]
        runs = [
            (max(start, first), min(end, last), (*ahead, by))
            for start, end, ahead in runs
            for first, last, by in blocks
            if first < end and start < last
        ]
    return [(tuple([start + by for by in ahead]), end - start) for start, end, ahead in runs]


def _is_anchor(transcriptions: Sequence[Transcription], starts: Sequence[int], length: int) -> bool:
    if length * len(transcriptions) >= _MIN_ANCHOR:
        return True
    at_end = all(start + length == len(one.texts) for one, start in zip(transcriptions, starts, strict=True))
    return at_end or not any(starts)


def _lie_apart(
    transcriptions: Sequence[Transcription], starts: Sequence[int], length: int, tolerance_px: float
) -> bool:
    """Whether the transcriptions know different positions for the first or the last character of a run."""
    if math.isinf(tolerance_px):
        return False
    for offset in {0, length - 1}:
        centres = [one.centre(start + offset) for one, start in zip(transcriptions, starts, strict=True)]
        if _spread(centres) > tolerance_px:
            return True
    return False


def _spread(centres: Iterable[float]) -> float:
    known = [centre for centre in centres if centre == centre]  # NaN is not equal to itself
    return max(known) - min(known) if known else 0.0


# --- segments: where they differ ---


def _segment(transcriptions: Sequence[Transcription], starts: Slot, ends: Slot, tolerance_px: float) -> list[Slot]:
    """The slots of what every transcription has between its start and its end."""
    if starts == ends:
        return []
    if all(end - start == 1 for start, end in zip(starts, ends, strict=True)):
        return [starts]
    parts = [one.texts[start:end] for one, start, end in zip(transcriptions, starts, ends, strict=True)]
    different = sorted(set(parts))
    which = [different.index(texts) for texts in parts]
    counts = [0] * len(different)
    for part, transcription in zip(which, transcriptions, strict=True):
        counts[part] += transcription.count
    slots = align_texts(tuple(different), tuple(counts))
    if not math.isinf(tolerance_px) and any(ABSENT in slot for slot in slots):
        centres = _mean_centres(transcriptions, starts, which, different)
        if any(_spread(_centres(slot, centres)) > tolerance_px for slot in slots):
            slots = align_texts_by_position(tuple(different), tuple(counts), centres, tolerance_px)
    offsets = list(zip(which, starts, strict=True))
    return [
        tuple([ABSENT if slot[part] == ABSENT else slot[part] + start for part, start in offsets]) for slot in slots
    ]


def _mean_centres(
    transcriptions: Sequence[Transcription], starts: Slot, which: Sequence[int], different: Sequence[tuple[str, ...]]
) -> tuple[tuple[float, ...], ...]:
    """The centres of the different texts of a segment; a transcription counts for its engines."""
    same = [
        [(one, start) for one, start, own in zip(transcriptions, starts, which, strict=True) if own == part]
        for part in range(len(different))
    ]
    return tuple([_centres_of(group, len(texts)) for texts, group in zip(different, same, strict=True)])


def _centres_of(group: Sequence[tuple[Transcription, int]], length: int) -> tuple[float, ...]:
    """The centres of as many characters, from a start on, in transcriptions that are the same there; most often it is
    one.
    """
    if len(group) == 1 and group[0][0].count == 1:
        (transcription, start), *_ = group
        return tuple([transcription.centre(start + offset) for offset in range(length)])
    return tuple(
        [mean_centre([(one.centre(start + offset), one.count) for one, start in group]) for offset in range(length)]
    )


def _centres(slot: Slot, centres: Sequence[Sequence[float]]) -> list[float]:
    return [own[index] for own, index in zip(centres, slot, strict=True) if index != ABSENT]
