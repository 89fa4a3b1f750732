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

from fusion.network import ABSENT, Entries, Network, Row, linked_places
from fusion.stretches import from_the_middle, lay_out, lay_out_by_place, mean_known, spelling

_TOLERANCE = 0.75  # of the usual distance between neighbours: how far apart the same character may lie
_EVIDENCE = 8  # a run of k characters that n readings share is kept when k * n is at least this


def align(rows: Sequence[Row]) -> Network:
    """The network of different readings; its rows are those given, in the order of their texts."""
    ordered = tuple(sorted(rows, key=lambda row: row.texts))
    if any(one.texts == other.texts for one, other in pairwise(ordered)):
        raise ValueError("two rows with the same text; count them in one row")
    tolerance_px = _tolerance_px(ordered)
    columns: list[Entries] = []
    reached = (0,) * len(ordered)
    for starts, length in _anchors(ordered, tolerance_px):
        columns += _stretch(ordered, reached, starts, tolerance_px)
        columns += [tuple([start + offset for start in starts]) for offset in range(length)]
        reached = tuple([start + length for start in starts])
    columns += _stretch(ordered, reached, tuple([len(row.texts) for row in ordered]), tolerance_px)
    return Network(ordered, tuple(columns), linked_places(columns, ordered))


def _tolerance_px(rows: Sequence[Row]) -> float:
    steps = []
    for row in rows:
        known = [centre for centre in row.centres if not math.isnan(centre)]
        if len(known) > 1 and known[-1] > known[0]:
            steps.append((known[-1] - known[0]) / (len(known) - 1))
    return _TOLERANCE * median(steps) if steps else math.inf


# --- where all readings agree ---


def _anchors(rows: Sequence[Row], tolerance_px: float) -> Iterator[tuple[tuple[int, ...], int]]:
    """Runs in which all rows say the same, as (start in each row, length), from left to right.

    Runs at the two ends of the line are always right to keep (see laying). One in between is kept when it is long
    enough that no cheaper way around it is to be expected.
    """
    if not rows:
        return
    middle = rows[from_the_middle([row.texts for row in rows], [row.count for row in rows])[0]]
    runs: list[tuple[tuple[int, ...], int, int]] = [((), 0, len(middle.texts))]  # starts, start in the middle, length
    guide = spelling(middle.texts)
    for row in rows:
        blocks = Levenshtein.editops(guide, spelling(row.texts)).as_matching_blocks()
        runs = [
            ((*[start + first - at for start in starts], first + block.b - block.a), first, last - first)
            for starts, at, length in runs
            for block in blocks
            for first, last in [(max(at, block.a), min(at + length, block.a + block.size))]
            if first < last
        ]
    for starts, _, length in runs:
        if _is_anchor(rows, starts, length) and not _lie_apart(rows, starts, length, tolerance_px):
            yield starts, length


def _is_anchor(rows: Sequence[Row], starts: Sequence[int], length: int) -> bool:
    if length * len(rows) >= _EVIDENCE:
        return True
    return not any(starts) or all(start + length == len(row.texts) for row, start in zip(rows, starts, strict=True))


def _lie_apart(rows: Sequence[Row], starts: Sequence[int], length: int, tolerance_px: float) -> bool:
    """Whether the rows know different places for the first or the last character of a run."""
    if math.isinf(tolerance_px):
        return False
    for offset in (0, length - 1):
        centres = [row.centre(start + offset) for row, start in zip(rows, starts, strict=True)]
        if _spread(centres) > tolerance_px:
            return True
    return False


def _spread(centres: Iterable[float]) -> float:
    known = [centre for centre in centres if not math.isnan(centre)]
    return max(known) - min(known) if known else 0.0


# --- where they differ ---


def _stretch(rows: Sequence[Row], starts: Sequence[int], ends: Sequence[int], tolerance_px: float) -> list[Entries]:
    """The columns of what every row says between its start and its end."""
    extents = list(zip(rows, starts, ends, strict=True))
    if all(end - start == 1 for _, start, end in extents):
        return [tuple(starts)]
    said = [row.texts[start:end] for row, start, end in extents]
    different = sorted(set(said))
    members = [[extent for extent, texts in zip(extents, said, strict=True) if texts == one] for one in different]
    counts = tuple([sum([row.count for row, _, _ in same]) for same in members])
    laid = lay_out(tuple(different), counts)
    if not math.isinf(tolerance_px):
        centres = tuple([_mean_centres(same) for same in members])
        if any(_spread(_centres(column, centres)) > tolerance_px for column in laid):
            laid = lay_out_by_place(tuple(different), counts, centres, tolerance_px)
    which = [different.index(texts) for texts in said]
    return [
        tuple(
            [
                ABSENT if (own := column[part]) == ABSENT else own + start
                for part, start in zip(which, starts, strict=True)
            ]
        )
        for column in laid
    ]


def _mean_centres(same: Sequence[tuple[Row, int, int]]) -> tuple[float, ...]:
    """The centres of a stretch that several rows read alike; each row counts for its engines."""
    _, first, last = same[0]
    return tuple(
        [
            mean_known((row.centre(start + offset), row.count) for row, start, _ in same)
            for offset in range(last - first)
        ]
    )


def _centres(column: Entries, centres: Sequence[Sequence[float]]) -> list[float]:
    return [own[entry] for own, entry in zip(centres, column, strict=True) if entry != ABSENT]
