"""What a detector found, and comb fields: what lies in a field is taken away, as a field is a line of its own, and what
looks like a field within a line of text is none. Lengths are pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segmentation.comb_fields.finding import CombField
from segmentation.detection.quads import Quads, bounds, from_boxes

_HIGHER, _LONGER = 1.3, 1.0  # than a field, on one side of it: a line that is has its own letters there
_TALLER = 2.0  # than the field: a piece that is, is no text in it
_LABEL = 0.6  # of the height of a piece: what is longer beside a field is text


def outside_text(fields: Sequence[CombField], pieces: Quads) -> list[CombField]:
    """The fields that are not letters of a line among the pieces (N, 4, 2): of a line that is higher than the boxes and
    goes on beside them. Upright strokes of small coarse print stand on what joins them as boxes stand on their rule.
    """
    box = bounds(pieces)
    return [field for field in fields if not _goes_on(box, bounds(field.quad[np.newaxis])[0].tolist())]


def _goes_on(box: NDArray[np.float32], field: list[float]) -> bool:
    left, top, right, bottom = field
    wide, high = right - left, bottom - top
    middle = (box[:, 1] + box[:, 3]) / 2
    over = (top <= middle) & (middle <= bottom) & (box[:, 0] < right) & (left < box[:, 2])
    higher = box[:, 3] - box[:, 1] > _HIGHER * high
    longer = np.maximum(left - box[:, 0], box[:, 2] - right) > _LONGER * wide
    return bool((over & higher & longer).any())


def beside_fields(pieces: Quads, fields: Sequence[CombField]) -> Quads:
    """The pieces (N, 4, 2) of an upright page that lie in no field. Of one that reaches into a field, as a label with
    the boxes behind it may, what lies before and behind is kept.
    """
    for field in fields:
        pieces = _beside(pieces, bounds(field.quad[np.newaxis])[0].tolist())
    return pieces


def _beside(pieces: Quads, field: list[float]) -> Quads:
    left, top, right, bottom = field
    box = bounds(pieces)
    tall = box[:, 3] - box[:, 1]
    middle = (box[:, 1] + box[:, 3]) / 2
    inside = (top <= middle) & (middle <= bottom) & (tall <= _TALLER * (bottom - top))
    inside &= (box[:, 0] < right) & (left < box[:, 2])
    if not inside.any():
        return pieces
    before, behind = box[inside], box[inside]
    before[:, 2], behind[:, 0] = np.minimum(before[:, 2], left), np.maximum(behind[:, 0], right)
    rest = np.concatenate([before, behind])
    rest = rest[rest[:, 2] - rest[:, 0] > _LABEL * (rest[:, 3] - rest[:, 1])]
    return np.concatenate([pieces[~inside], from_boxes(rest).astype(np.float32)])
