"""Ray's command line that takes the address 127.0.0.1 as it is given, so that several nodes can share the loopback
interface, and that has patience with a busy machine.

    python -m cluster.local.ray_command start --head --node-ip-address 127.0.0.1

Ray's own replaces the address by that of an interface, and its processes would then listen on every interface. What
`ONE_NODE` changes is of no use here: with it Ray refuses to start a second node. A raylet has 30 s to register itself
with Ray's own, whatever the settings say. Times are seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from ray._private import services
from ray.scripts.scripts import main

_PATIENCE_S = 100.0
_AGAIN_S = 0.5

GetNode = Callable[..., Mapping[str, Any]]


def _as_given(host: str) -> str:
    return host


def patient(get_node: GetNode, patience_s: float = _PATIENCE_S) -> GetNode:
    """Ask again for a node that has not registered itself yet, where Ray raises RuntimeError."""

    @wraps(get_node)
    def asked(*arguments: object, **options: object) -> Mapping[str, Any]:
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return get_node(*arguments, **options)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_AGAIN_S)

    return asked


if __name__ == "__main__":
    services.resolve_ip_for_localhost = _as_given
    services.get_node = patient(services.get_node)
    main()
