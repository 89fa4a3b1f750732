"""Fences for every test: unit tests can neither start Ray nor reach the network, and property tests do not vary.

A test that needs a cluster carries the marker `cluster`; only then is `ray.init` the real one. Connections to loopback
are always allowed (a test may run its own server), connections to anywhere else never.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The same examples on every run, and no watching of the clock; tests marked slow try many more.
settings.register_profile("quorum", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("quorum")

_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _no_ray_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("cluster") or "ray" not in sys.modules:
        return

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("a unit test tried to start Ray; mark it with @pytest.mark.cluster")

    monkeypatch.setattr("ray.init", refuse)


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise RuntimeError(f"a test tried to reach {address!r}; tests stay on this machine")
        real_connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = real_connect  # type: ignore[method-assign]
