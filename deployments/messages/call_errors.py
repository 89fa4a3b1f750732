"""How a call to another deployment can fail. `deployments.transport` raises these in place of Ray's own exceptions, so
that nobody else has to know those.
"""

from __future__ import annotations


class ReplicaLost(Exception):
    """The replica that was asked died before it answered. Asking again reaches another one."""


class QueueFull(Exception):
    """Every replica has as many requests waiting as it may."""


class NotDeployed(Exception):
    """No replica of the deployment can be started."""


class CropsLost(Exception):
    """The node that held the crops is gone, and the crops with it: the page has to be segmented again."""


class StoreFull(Exception):
    """The object store of a node has no room for what the call carries, and the node's disk has none either."""
