"""For whom a node is, as a label: `ray start --labels pool=gpu`, `labels:` of a node type or of a group of workers.

Replicas choose by it where they run (deployments/placement.py). A node without the label runs nothing that chooses.
"""

from __future__ import annotations

LABEL = "pool"
CPU, GPU = "cpu", "gpu"
ANY = "any"
"""For everything: one machine, with a card or without."""


def selector(pool: str) -> dict[str, str]:
    """Nodes of this pool, and those that are for everything, in Ray's language of label selectors."""
    return {LABEL: f"in({pool},{ANY})"}
