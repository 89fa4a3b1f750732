"""Ray's command line that takes the address 127.0.0.1 as it is given: several nodes can share the loopback interface.

    python -m cluster.local.ray_command start --head --node-ip-address 127.0.0.1

Ray's own replaces it by the address of an interface, and its processes would then listen on every interface. What
`ONE_NODE` changes is of no use here: with it Ray refuses to start a second node.
"""

from __future__ import annotations

from ray._private import services
from ray.scripts.scripts import main


def _as_given(host: str) -> str:
    return host


if __name__ == "__main__":
    services.resolve_ip_for_localhost = _as_given
    main()
