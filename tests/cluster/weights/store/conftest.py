"""A server with one model of each kind, and the shelf that they are fetched to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.weights.store.pulling import Supply
from cluster.weights.store.shelf import Shelf
from tests.fakes.makers import published, supply_from
from tests.fakes.model_server import ModelServer, serving


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(ModelServer(published())) as running:
        yield running


@pytest.fixture
def supply(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Supply:
    """The server in place of all makers, and nobody who waits between attempts."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    # huggingface_hub writes, and so goes on from, multiples of this; 10 MB would be longer than our files.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    return supply_from(server.url)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")
