"""Lays the readings of one line side by side, so that engines vote on the same place.

The aim is the network with the smallest sum of pairwise costs (`Network.cost`). Runs that all readings share stay as
they are. In the stretches between, `stretches` lays them out.

Where readings know the horizontal centre of their characters, in crop pixels, holding characters together that
lie apart costs extra: it decides where the gap goes in "llll" against "lll".

The result depends on the set of readings only: not on their order, not on who read them, not on weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from rapidfuzz.distance import Levenshtein

from fusion.alignment.confusion_network import ABSENT, Entries, Network, Row, linked_places
from fusion.alignment.multiple_alignment import from_the_middle, lay_out, lay_out_by_place, mean_known, spelling

_TOLERANCE = 0.75  # of the usual distance between neighbours: how far apart the same character may lie
_EVIDENCE = 8  # a run of k characters that n readings share is kept when k * n is at least this


def align(rows: Sequence[Row]) -> Network:
    """The network of different readings; its rows are those given, in the order of their texts."""
    ordered = tuple(sorted(rows, key=lambda row: row.texts))
    if any(one.texts == other.texts for one, other in pairwise(ordered)):
        raise ValueError("two rows with the same text; count them in one row")
    tolerance_px = _tolerance_px(ordered)
    columns: list[Entries] = []
    reached: Entries = (0,) * len(ordered)
    for starts, length in _anchors(ordered, tolerance_px):
        columns += _stretch(ordered, reached, starts, tolerance_px)
        columns += zip(*[range(start, start + length) for start in starts], strict=True)
        reached = tuple([start + length for start in starts])
    columns += _stretch(ordered, reached, tuple([len(row.texts) for row in ordered]), tolerance_px)
    return Network(ordered, tuple(columns), linked_places(columns, ordered))


def _tolerance_px(rows: Sequence[Row]) -> float:
    pitches = [pitch for row in rows if row.spans and (pitch := row.pitch()) > 0.0]
    return _TOLERANCE * median(pitches) if pitches else math.inf


# --- where all readings agree ---


def _anchors(rows: Sequence[Row], tolerance_px: float) -> Iterator[tuple[Entries, int]]:
    """Runs in which all rows say the same, as (start in each row, length), from left to right.

    Runs at the two ends of the line are always right to keep (see laying). One in between is kept when it is long
    enough that no cheaper way around it is to be expected.
    """
    for starts, length in _runs(rows):
        if _is_anchor(rows, starts, length) and not _lie_apart(rows, starts, length, tolerance_px):
            yield starts, length


def _runs(rows: Sequence[Row]) -> list[tuple[Entries, int]]:
    """Runs of characters of the middle row that all rows have side by side, as the fewest edits from the middle row to
    each row have it, as (first characters, length).
    """
    readings = [spelling(row.texts) for row in rows]
    middle = readings[from_the_middle(readings, [row.count for row in rows])[0]] if rows else ""
    runs: list[tuple[int, int, Entries]] = [(0, len(middle), ())]  # in the middle row, and how far ahead each row is
    for reading in readings:
        blocks = [
            (block.a, block.a + block.size, block.b - block.a)
            for block in Levenshtein.editops(middle, reading).as_matching_blocks()
        ]
        runs = [
            (max(start, first), min(end, last), (*ahead, by))
            for start, end, ahead in runs
            for first, last, by in blocks
            if first < end and start < last
        ]
    return [(tuple([start + by for by in ahead]), end - start) for start, end, ahead in runs]


def _is_anchor(rows: Sequence[Row], starts: Sequence[int], length: int) -> bool:
    if length * len(rows) >= _EVIDENCE:
        return True
    return not any(starts) or all(start + length == len(row.texts) for row, start in zip(rows, starts, strict=True))


def _lie_apart(rows: Sequence[Row], starts: Sequence[int], length: int, tolerance_px: float) -> bool:
    """Whether the rows know different places for the first or the last character of a run."""
    if math.isinf(tolerance_px):
        return False
    for offset in {0, length - 1}:
        centres = [row.centre(start + offset) for row, start in zip(rows, starts, strict=True)]
        if _spread(centres) > tolerance_px:
            return True
    return False


def _spread(centres: Iterable[float]) -> float:
    known = [centre for centre in centres if centre == centre]  # NaN is not equal to itself
    return max(known) - min(known) if known else 0.0


# --- where they differ ---


def _stretch(rows: Sequence[Row], starts: Entries, ends: Entries, tolerance_px: float) -> list[Entries]:
    """The columns of what every row says between its start and its end."""
    if starts == ends:
        return []
    if all(end - start == 1 for start, end in zip(starts, ends, strict=True)):
        return [starts]
    said = [row.texts[start:end] for row, start, end in zip(rows, starts, ends, strict=True)]
    different = sorted(set(said))
    which = [different.index(texts) for texts in said]
    counts = [0] * len(different)
    for part, row in zip(which, rows, strict=True):
        counts[part] += row.count
    laid = lay_out(tuple(different), tuple(counts))
    if not math.isinf(tolerance_px) and any(ABSENT in column for column in laid):
        centres = _mean_centres(rows, starts, which, different)
        if any(_spread(_centres(column, centres)) > tolerance_px for column in laid):
            laid = lay_out_by_place(tuple(different), tuple(counts), centres, tolerance_px)
    parts = list(zip(which, starts, strict=True))
    return [
        tuple([ABSENT if column[part] == ABSENT else column[part] + start for part, start in parts]) for column in laid
    ]


def _mean_centres(
    rows: Sequence[Row], starts: Entries, which: Sequence[int], different: Sequence[tuple[str, ...]]
) -> tuple[tuple[float, ...], ...]:
    """The centres of the different readings of a stretch; a row counts for its engines."""
    same = [
        [(row, start) for row, start, own in zip(rows, starts, which, strict=True) if own == part]
        for part in range(len(different))
    ]
    return tuple([_centres_of(group, len(texts)) for texts, group in zip(different, same, strict=True)])


def _centres_of(group: Sequence[tuple[Row, int]], length: int) -> tuple[float, ...]:
    """The centres of as many characters from a start on in rows that read the same there; most often it is one row."""
    if len(group) == 1 and group[0][0].count == 1:
        (row, start), *_ = group
        return tuple([row.centre(start + offset) for offset in range(length)])
    return tuple(
        [mean_known([(row.centre(start + offset), row.count) for row, start in group]) for offset in range(length)]
    )


def _centres(column: Entries, centres: Sequence[Sequence[float]]) -> list[float]:
    return [own[entry] for own, entry in zip(centres, column, strict=True) if entry != ABSENT]
