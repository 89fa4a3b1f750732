"""The percentiles that every benchmark of times reports, in one way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def percentile(values: Sequence[float], percent: int) -> float:
    """What so many percent of the values do not exceed, in proportion between neighbours; 0 where there are none."""
    return float(np.percentile(values, percent)) if len(values) else 0.0
