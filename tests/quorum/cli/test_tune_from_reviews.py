"""`quorum tune --from reviews` against a running service: what it says, what it puts in force, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from deployments.config.api_keys import hashed
from deployments.jobs.job_files import JobFiles
from deployments.jobs.job_queue import JobQueue
from evaluation.readings.reader import Reader
from quorum.cli import tune
from tests.fakes.memory_jobs import MemoryJobStore
from tests.fakes.plain_service import PlainService, Whole, plain_config
from tests.fakes.reviewed_jobs import agreed, disputed, finished_job, page_saying
from tests.fakes.served import over_http
from tests.training.votes.scripted_pages import Erring

pytestmark = pytest.mark.processes

ADMIN = "boss-key-0123456789"

app = typer.Typer()
tune.register(app)
app.command("other")(lambda: None)


@pytest.fixture(autouse=True)
def scripted_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "engine", property(lambda reader: Erring(reader.name)))
    monkeypatch.setattr(Reader, "fingerprint", "scripted")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A service with a job of the administrator's that was read."""
    import asyncio

    config = plain_config(security={"admin_api_keys": [hashed(ADMIN)]})
    queue = JobQueue(MemoryJobStore(), JobFiles(str(tmp_path / "files")), lambda: config.jobs)
    page = page_saying([agreed("Harbour"), disputed("Qvay", "Quay", 0.3)])
    owner = f"key {hashed(ADMIN)[7:15]}"
    asyncio.run(finished_job(queue, page, owner=owner, job_id="a" * 32))
    with over_http(Whole(PlainService(), config, jobs=queue).app()) as url:
        yield url


def review_it(url: str) -> None:
    headers = {"X-API-Key": ADMIN}
    path = f"{url}/jobs/{'a' * 32}/review"
    assert httpx.post(path, json={"sure_share": 0.0}, headers=headers).status_code == 201
    said = {"session": "ann", "decisions": [{"number": 1, "kind": "typed", "text": "Quay"}]}
    assert httpx.post(f"{path}/decisions", json=said, headers=headers).json()["kept"] == [1]


def in_force(url: str) -> str:
    values = httpx.get(f"{url}/config", headers={"X-API-Key": ADMIN}).json()["values"]
    return str(values["tuned"]["value"])


def tuning(url: str, folder: Path, *more: str) -> tuple[int, str]:
    asked = ["--out", str(folder / "tuned"), "--readings", str(folder / "readings"), "--engines", "tesseract,paddleocr"]
    result = CliRunner().invoke(app, ["tune", "--from", "reviews", *asked, *more, "--url", url, "--api-key", ADMIN])
    return result.exit_code, " ".join(result.output.split())


def test_it_says_what_it_would_bring_and_changes_nothing_unless_it_is_told_to(url: str, tmp_path: Path) -> None:
    review_it(url)
    code, said = tuning(url, tmp_path)
    assert code == 0, said
    assert "1 words that people looked at" in said
    assert "cross-validated by document" in said
    assert in_force(url) == "bundled"
    assert (tmp_path / "tuned" / "reviews-1.json").exists()


def test_it_goes_into_force_without_a_restart_and_is_taken_back(url: str, tmp_path: Path) -> None:
    review_it(url)
    code, said = tuning(url, tmp_path, "--apply")
    assert code == 0, said
    assert "in force since version 1 of the configuration" in said
    path = tmp_path / "tuned" / "reviews-1.json"
    assert in_force(url) == str(path)
    assert json.loads(path.read_text())["made"]["before"] == "bundled"
    result = CliRunner().invoke(app, ["tune", "--take-back", "--url", url, "--api-key", ADMIN])
    assert result.exit_code == 0, result.output
    assert in_force(url) == "bundled"
    again = CliRunner().invoke(app, ["tune", "--take-back", "--url", url, "--api-key", ADMIN])
    assert again.exit_code == 1
    assert "was not made from reviews" in " ".join(again.output.split())


def test_without_a_review_it_says_how_to_make_one(url: str, tmp_path: Path) -> None:
    code, said = tuning(url, tmp_path)
    assert code == 1
    assert "quorum review FOLDER" in said


def test_reviews_and_folders_are_not_mixed(url: str, tmp_path: Path) -> None:
    code, said = tuning(url, tmp_path, str(tmp_path))
    assert code == 2
    assert "leave out the folders" in said
