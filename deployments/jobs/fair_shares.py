"""Whose pages are read next: interactive jobs before those of batches, which are not starved, and within each the
callers in turn, by their shares (weighted round robin).

Each worker counts by itself. That the pages which all workers read are shared as well comes of the store, which says
how many each caller has under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from deployments.jobs.job import JobSummary

BATCH_EVERY = 8
"""While both wait, one turn in so many is a batch's."""


class FairShares:
    """The turns of one worker. `share` gives how large a share a caller has, 1 for most."""

    def __init__(self, share: Callable[[str], float] = lambda _: 1.0) -> None:
        self._share = share
        self._served: dict[str, float] = {}
        self._turns_without_batch = 0

    def in_order(self, jobs: Sequence[JobSummary], now: float) -> list[JobSummary]:
        """The jobs with a page that may be read now, the one whose turn it is first."""
        ready = [job for job in jobs if _is_ready(job, now)]
        under_way = Counter[str]()
        for job in jobs:
            under_way[job.owner] += job.leased
        owners = {job.owner for job in ready}
        least = min((self._served[owner] for owner in owners if owner in self._served), default=0.0)
        # Who comes has saved up nothing, and owes nothing.
        self._served = {owner: max(self._served.get(owner, least), least) for owner in owners}
        batch_first = self._turns_without_batch >= BATCH_EVERY - 1

        def place(job: JobSummary) -> tuple[bool, float, float, float]:
            return (
                (job.priority == "interactive") == batch_first,
                under_way[job.owner] / self._share(job.owner),
                self._served[job.owner],
                job.created_at,
            )

        return sorted(ready, key=place)

    def served(self, job: JobSummary, pages: int) -> None:
        """So many pages of a job were taken."""
        self._served[job.owner] = self._served.get(job.owner, 0.0) + pages / self._share(job.owner)
        self._turns_without_batch = 0 if job.priority == "batch" else self._turns_without_batch + 1


def _is_ready(job: JobSummary, now: float) -> bool:
    has_free = job.waiting > 0 or (job.next_lease_end is not None and job.next_lease_end <= now)
    return has_free and job.paused_until <= now
