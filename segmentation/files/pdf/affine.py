"""Matrices of PDF: a, b, c, d, e, f with x' = ax + cy + e and y' = bx + dy + f (PDF 32000-1, 8.3.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

Matrix = tuple[float, float, float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def times(first: Sequence[float], then: Sequence[float]) -> Matrix:
    """`first`, and then `then`."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def applied(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def inverse(matrix: Matrix) -> Matrix:
    """Raises ZeroDivisionError for one that makes everything a line or a point."""
    a, b, c, d, e, f = matrix
    size = a * d - b * c
    return d / size, -b / size, -c / size, a / size, (c * f - d * e) / size, (b * e - a * f) / size


def lengths(matrix: Matrix) -> tuple[float, float]:
    """How long a unit across and a unit up become."""
    a, b, c, d, _, _ = matrix
    return math.hypot(a, b), math.hypot(c, d)


def area(matrix: Matrix) -> float:
    """How large a square of one unit becomes."""
    a, b, c, d, _, _ = matrix
    return abs(a * d - b * c)
