"""What a detector found where comb fields are, taken away: a field is a line of its own. Lengths are pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmentation.comb_fields.finding import CombField
from segmentation.detection.quads import Quads, bounds, from_boxes

_TALLER = 2.0  # than the field: a piece that is, is no text in it
_LABEL = 0.6  # of the height of a piece: what is longer beside a field is text


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
