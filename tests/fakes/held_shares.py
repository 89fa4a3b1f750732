"""Shares of a node's processors that are given to nobody until the test says so."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from deployments.replica.processor_shares import NotShared


class HeldShares(NotShared):
    """Lets those compute who are in `may`, and notes what it is told. `others` are those who want the node too."""

    def __init__(self, *may: str) -> None:
        self.may = set(may)
        self.wanted: list[dict[str, float]] = []
        self.charged: list[tuple[str, float]] = []
        self.others: set[str] = set()

    def want(self, threads: Mapping[str, float], gives_way: Collection[str] = ()) -> None:
        self.wanted.append(dict(threads))

    def had(self, caller: str, seconds: float, counts: float) -> float:
        self.charged.append((caller, seconds))
        return super().had(caller, seconds, counts)

    def may_compute(self, caller: str) -> bool:
        return caller in self.may

    def are_wanted_by_others(self, callers: Collection[str]) -> bool:
        return not self.others <= set(callers)
