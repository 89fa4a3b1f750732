"""How soon a cluster notices that a node is gone: what the head is told with `RAY_*` variables when it starts.

Until the head knows, a replica that answers a call of the lost node waits to be rid of its answer, and everybody else
who calls the replica waits with it; Ray's own settings let that last fifteen seconds for a node whose processes are
gone, and most of a minute for one that is silent. The head asks every node each half second and waits a second: a node
that refuses is lost after a second and a half, a silent one after four and a half.
"""

from __future__ import annotations

from collections.abc import Mapping

ENVIRONMENT: Mapping[str, str] = {
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
