"""Which points lie in which boxes, without comparing all with all: a page may have thousands of pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.floating]
Indices = NDArray[np.intp]

_SMALLEST = 1e-6
_ROUNDING = 1e-6


def points_in_boxes(low: Floats, high: Floats, points: Floats) -> tuple[Indices, Indices]:
    """The pairs of a box and a point with `low[box] <= points[point] <= high[box]`, as indices (P,) and (P,), in no
    particular order. Boxes (N, D) include their edges; there are D dimensions.

    Boxes of a like shape are asked for together, in a k-d tree of the points in units of that shape, so that hardly
    more points are looked at than there are in the boxes.
    """
    low, high, points = (np.asarray(corners, dtype=np.float64) for corners in (low, high, points))
    middle, half = (low + high) / 2, np.maximum((high - low) / 2, _SMALLEST)
    shapes, shape_of = np.unique(np.frexp(half)[1], axis=0, return_inverse=True)  # powers of two above the halves
    boxes, found = [np.zeros(0, dtype=np.intp)], [np.zeros(0, dtype=np.intp)]
    for number, exponents in enumerate(shapes):
        alike, unit = np.flatnonzero(shape_of.ravel() == number), np.exp2(exponents)
        tree, centres = cKDTree(points / unit), cKDTree(middle[alike] / unit)
        near = centres.sparse_distance_matrix(tree, 1.0 + _ROUNDING, p=np.inf, output_type="ndarray")
        box, point = alike[near["i"]], near["j"]
        inside = ((low[box] <= points[point]) & (points[point] <= high[box])).all(axis=1)
        boxes.append(box[inside])
        found.append(point[inside])
    return np.concatenate(boxes), np.concatenate(found)
