"""Where the next version of a replica may start before the old one ends.

Serve's `max_surge_percent` starts the extra replica without asking whether there is room for it, and where there is
none the upgrade waits. So it is asked here, of the cluster as it is: what is free on each node, its labels, and how
many replicas of a deployment it has. Knows no Ray, but its names of resources and its language of label selectors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_ONE_OF = re.compile(r"in\((.*)\)")


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """What one node has left: `free` by Ray's names (CPU, GPU, memory in bytes), and its replicas by deployment."""

    free: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)
    replicas: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needs:
    """What one more replica of a deployment needs. `replicas` is how many there are to be."""

    resources: Mapping[str, float]
    replicas: int
    labels: Mapping[str, str] = field(default_factory=dict)
    most_on_a_node: int | None = None

    @property
    def surge_percent(self) -> int:
        """One replica more, as Serve counts it, which rounds up to whole replicas."""
        return max(1, 100 // max(1, self.replicas))

    @classmethod
    def of(cls, deployment: Mapping[str, Any], replicas: int) -> Needs:
        """Those of a section of Serve's schema, of which so many replicas run."""
        options = deployment.get("ray_actor_options") or {}
        named = {"CPU": options.get("num_cpus"), "GPU": options.get("num_gpus"), "memory": options.get("memory")}
        named["CPU"] = 1.0 if named["CPU"] is None else named["CPU"]  # what Serve takes for a replica that says nothing
        resources = {**named, **(options.get("resources") or {})}
        wanted = {name: float(amount) for name, amount in resources.items() if amount}
        return cls(wanted, replicas, options.get("label_selector") or {}, deployment.get("max_replicas_per_node"))


def has_labels(node: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether a node is one that a label selector of Ray chooses: `a`, `!a`, `in(a,b)`, `!in(a,b)`."""
    return all(_chooses(condition, node.get(label)) for label, condition in wanted.items())


def _chooses(condition: str, value: str | None) -> bool:
    positive = condition.removeprefix("!")
    listed = _ONE_OF.fullmatch(positive)
    values = [each.strip() for each in listed[1].split(",")] if listed else [positive]
    return (value in values) == (positive == condition)


def with_room(needs: Mapping[str, Needs], nodes: Sequence[NodeRoom]) -> tuple[str, ...]:
    """The deployments of which one more replica each finds a place, all at the same time, in the order of `needs`."""
    free = [dict(node.free) for node in nodes]
    found = []
    for name, wanted in needs.items():
        for node, left in zip(nodes, free, strict=True):
            if _fits(name, wanted, node, left):
                for resource, amount in wanted.resources.items():
                    left[resource] -= amount
                found.append(name)
                break
    return tuple(found)


def _fits(name: str, needs: Needs, node: NodeRoom, left: Mapping[str, float]) -> bool:
    if not has_labels(node.labels, needs.labels):
        return False
    if needs.most_on_a_node is not None and node.replicas.get(name, 0) >= needs.most_on_a_node:
        return False
    return all(left.get(resource, 0.0) >= amount for resource, amount in needs.resources.items())


def surging(application: Mapping[str, Any], needs: Mapping[str, Needs], names: Collection[str]) -> dict[str, Any]:
    """The application of a Serve file in which these deployments start the next version first. What the file itself
    says of `max_surge_percent` stands.
    """
    sections = [
        {"max_surge_percent": needs[section["name"]].surge_percent if section["name"] in names else 0, **section}
        for section in application.get("deployments", ())
    ]
    return {**application, "deployments": sections}
