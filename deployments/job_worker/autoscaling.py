"""How many replicas of the worker there are: by the pages that wait, which Serve does not see as requests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

PAGES_WAITING = "pages_waiting"
PAGES_OF_A_REPLICA = 50
"""One replica more for so many pages that wait. A replica only draws pages and waits for the Router, so a few keep all
engines busy.
"""


def replicas_for_pages(context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
    """A policy of Serve's: the number of replicas, and its state, which is none. Each replica tells how many pages
    wait in all, so the newest of what they say is what counts.
    """
    told = (context.aggregated_metrics or {}).get(PAGES_WAITING, {})
    wanted = math.ceil(max(told.values(), default=0.0) / PAGES_OF_A_REPLICA)
    least, most = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
    return max(least, min(most, wanted)), {}
