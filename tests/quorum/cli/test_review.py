"""`quorum review` and the client behind it, against the application over real HTTP and a worker beside it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from evaluation.pages.ground_truth import read_pages
from quorum.cli import jobs, review
from quorum.client import AsyncClient, Client
from tests.fakes.job_worker import with_a_worker
from tests.fakes.plain_service import PlainService, png
from tests.fakes.served import over_http

pytestmark = pytest.mark.processes

app = typer.Typer()
review.register(app)
jobs.register(app)

LINK = re.compile(r"(http://\S+)/\?review=(\w+)#(\S+)")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        with_a_worker(PlainService(), tmp_path_factory.mktemp("jobs"), draw_timeout_s=60.0) as whole,
        over_http(whole.app()) as url,
    ):
        yield url


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two pictures, on each of which the service reads `Hi` and is sure of it by 0.9."""
    folder = tmp_path_factory.mktemp("letters")
    for number in (1, 2):
        (folder / f"letter {number}.png").write_bytes(png(60, 60))
    return folder


def quorum(url: str, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*arguments, "--url", url])
    return result.exit_code, result.stdout


@pytest.fixture(scope="module")
def link(url: str, letters: Path) -> re.Match[str]:
    """The link of a review of that folder, in which `Hey` was typed for the first word."""
    code, said = quorum(url, "review", str(letters), "--below", "0.95", "--no-open")
    assert code == 0
    found = LINK.search(said)
    assert found is not None
    assert "2 of 2 words are asked" in said
    assert "is expected to bring the errors from 10.0% to 0.0%" in " ".join(said.split())
    decisions = [{"number": 0, "kind": "typed", "text": "Hey"}]
    answer = httpx.post(
        f"{url}/jobs/{found[2]}/review/decisions", json={"session": "ann", "reviewer": "Ann", "decisions": decisions}
    )
    assert answer.json()["kept"] == [0]
    return found


def test_what_was_said_is_written_as_truth_that_tuning_and_training_read(
    url: str, link: re.Match[str], tmp_path: Path
) -> None:
    code, said = quorum(url, "review", "--job", link[2][:8], "--truth", str(tmp_path / "truth"))
    assert (code, said.split()[0]) == (0, "1")
    [page] = read_pages(tmp_path / "truth")
    assert [line.text for line in page.lines] == ["Hey"]
    assert page.pixels().shape == (60, 60, 3)


def test_the_result_of_the_job_has_what_was_said(url: str, link: re.Match[str]) -> None:
    assert quorum(url, "jobs", "fetch", link[2], "--file", "0") == (0, "Hey\n")
    assert quorum(url, "jobs", "fetch", link[2], "--file", "1") == (0, "Hi\n")


def test_tasks_for_label_studio_name_pictures_that_are_there_and_what_was_annotated_is_taken(
    url: str, link: re.Match[str], tmp_path: Path
) -> None:
    folder = tmp_path / "tasks"
    assert quorum(url, "review", "--job", link[2], "--label-studio", str(folder))[0] == 0
    tasks = json.loads((folder / "tasks.json").read_text())
    names = [task["data"]["ocr"].rpartition("/")[2] for task in tasks]
    assert sorted(path.name for path in (folder / "pictures").iterdir()) == sorted(names)
    assert "<Rectangle" in (folder / "label_config.xml").read_text()
    result = tasks[1]["predictions"][0]["result"]
    result[-1]["value"]["text"] = ["Ho"]
    exported = tmp_path / "export.json"
    exported.write_text(json.dumps([{**tasks[1], "annotations": [{"result": result}]}]))
    code, said = quorum(url, "review", "--job", link[2], "--take", str(exported))
    assert (code, said) == (0, "1 words are kept; 0 are left\n")
    assert quorum(url, "jobs", "fetch", link[2], "--file", "1") == (0, "Ho\n")


def test_others_take_part_by_the_key_in_the_link(url: str, link: re.Match[str]) -> None:
    with Client(url) as client:
        found = client.review(link[2], link[3])
        assert found.look().decided >= 1
        assert found.link(url) == link[0]

    async def asked() -> int:
        async with AsyncClient(url) as client:
            review = await client.review(link[2], link[3])
            assert (await review.look(0)).estimate.words == 0
            assert b"Hey" in await review.truth()
            assert (await review.picture(0, 1))[:2] in (b"\xff\xd8", b"\x89P")
            return len(await review.label_studio_tasks())

    assert asyncio.run(asked()) == 2


def test_without_a_folder_or_a_job_the_command_says_what_it_needs(url: str) -> None:
    result = CliRunner().invoke(app, ["review", "--url", url])
    assert result.exit_code == 2
    assert "--job" in result.output


def test_an_export_that_is_none_is_refused_with_what_to_do(url: str, link: re.Match[str], tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("[")
    result = CliRunner().invoke(app, ["review", "--job", link[2], "--take", str(path), "--url", url])
    assert result.exit_code == 1
    assert "export the project of Label Studio as JSON" in result.output
