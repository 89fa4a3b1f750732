"""Fences for every test: unit tests load neither Ray nor a framework, nobody reaches the network, and property tests
do not vary.

A test that needs a cluster carries the marker `cluster`; only then is `ray.init` the real one. Connections within
this machine are always allowed (a test may run its own server), connections to anywhere else never.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from cluster.local.ray_folder import ONE_NODE

# Ray reads it when it is imported: every Ray of the tests stays on loopback.
os.environ.update(ONE_NODE)

# The same examples on every run, and no watching of the clock. `make test-all` tries more, by --hypothesis-profile.
settings.register_profile("quorum", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("long", max_examples=500, deadline=None, derandomize=True)
settings.load_profile("quorum")

_HEAVY = frozenset({"ray", "torch", "tensorflow", "paddlex", "easyocr", "transformers", "schemathesis"})
_MAY_LOAD = ("processes", "engines", "cluster")

# The last is where hosts in network namespaces of this machine are (cluster/local/hosts.py).
_THIS_MACHINE = ("127.", "::1", "localhost", "198.18.")


@pytest.fixture(autouse=True)
def _no_ray_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("cluster") or "ray" not in sys.modules:
        return

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("a unit test tried to start Ray; mark it with @pytest.mark.cluster")

    monkeypatch.setattr("ray.init", refuse)


# What is made while tests are collected stays until the end: without the collector looking through all of it again and
# again, unit tests take a fifth less.
gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    gc.enable()
    if loaded := _HEAVY & sys.modules.keys():
        raise pytest.UsageError(f"a test file loads {sorted(loaded)} before any test runs; import it in the test")


@pytest.fixture(autouse=True)
def _nothing_heavy_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    before = _HEAVY & sys.modules.keys()
    yield
    loaded = (_HEAVY & sys.modules.keys()) - before
    if loaded and not any(request.node.get_closest_marker(name) for name in _MAY_LOAD):
        pytest.fail(f"a unit test loaded {sorted(loaded)}; mark it as one that may: {', '.join(_MAY_LOAD)}")


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_THIS_MACHINE):
            raise RuntimeError(f"a test tried to reach {address!r}; tests stay on this machine")
        real_connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = real_connect  # type: ignore[method-assign]
