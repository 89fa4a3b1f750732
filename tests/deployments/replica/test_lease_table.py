"""Leases."""

from __future__ import annotations

from deployments.replica.lease_table import LeaseTable


def test_a_lease_belongs_to_one_holder_until_it_runs_out() -> None:
    now = [0.0]
    leases = LeaseTable(lambda: now[0])
    assert leases.acquire("monitor", "a", 30.0)
    assert not leases.acquire("monitor", "b", 30.0)
    assert leases.acquire("other", "b", 30.0)
    now[0] = 20.0
    assert leases.acquire("monitor", "a", 30.0)
    now[0] = 45.0
    assert not leases.acquire("monitor", "b", 30.0)
    now[0] = 50.0
    assert leases.acquire("monitor", "b", 30.0)
    assert not leases.acquire("monitor", "a", 30.0)
