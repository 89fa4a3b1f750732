"""A server with one model of each kind, and the store that they are fetched to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.weights.store.model_store import ModelStore
from cluster.weights.store.pulling import DownloadSource
from tests.fakes.makers import download_source_from, published
from tests.fakes.model_server import ModelServer, serving


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with serving(ModelServer(published())) as running:
        yield running


@pytest.fixture
def source(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> DownloadSource:
    """The server in place of all makers, and nobody who waits between attempts."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    # huggingface_hub writes, and so goes on from, multiples of this; 10 MB would be longer than our files.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)
    return download_source_from(server.url)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")
