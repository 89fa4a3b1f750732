"""The routes of jobs over ASGI, with a worker beside them that reads what was submitted."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import time
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.config.api_keys import hashed
from deployments.gateway.gateway_api import GatewayApi
from deployments.gateway.jobs.jobs_api import JobsApi
from deployments.gateway.rendering import document_of_pages
from deployments.gateway.requests.kept_uploads import KeptUpload, UploadLimits
from deployments.gateway.routes.jobs import _listed
from deployments.jobs.job_files import JobFiles
from ocr.contract import DocumentAnswer, DocumentOptions, PageAnswer
from ocr.errors import InternalFailure, NotReady
from ocr.job_contract import JobAnswer, JobPage, JobPause, JobsAnswer
from tests.fakes.files import image_file
from tests.fakes.job_service import Service, make_quick
from tests.fakes.plain_service import as_base64, asking
from tests.fakes.sized_pages import width_of, written_document

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLBACK = {"url": "https://hooks.example/ocr", "secret": SECRET}
HOOK = json.dumps(CALLBACK)
PACKED_JSON = {"content-type": "application/json", "content-encoding": "gzip"}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Service]:
    make_quick(monkeypatch)
    return lambda **settings: Service(tmp_path / "files", **settings)


@pytest.fixture
def service(make: Callable[..., Service]) -> Service:
    return make(jobs={"max_pages": 50}, limits={"max_pages": 5, "max_job_mb": 1.0, "max_request_mb": 0.1})


@pytest.fixture
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(service.app) as client:
        yield client


async def submitted(client: httpx.AsyncClient, *files: bytes, **options: Any) -> JobAnswer:
    sent = [("file", (f"{number}.pdf", content)) for number, content in enumerate(files)]
    response = await client.post("/jobs", files=sent, data=options)
    assert response.status_code == 202, response.text
    answer = JobAnswer.model_validate(response.json())
    assert response.headers["location"] == f"/jobs/{answer.id}"
    return answer


async def ended(client: httpx.AsyncClient, job: JobAnswer) -> JobAnswer:
    async with asyncio.timeout(30.0):
        while True:
            answer = JobAnswer.model_validate((await client.get(f"/jobs/{job.id}")).json())
            if answer.finished_at is not None:
                return answer
            await asyncio.sleep(0.02)


async def lines_of(client: httpx.AsyncClient, job: JobAnswer, **asked: Any) -> tuple[list[JobPage], JobPause]:
    response = await client.get(f"/jobs/{job.id}/result", params={"format": "ndjson", **asked})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    *pages, pause = response.text.splitlines()
    return [JobPage.model_validate_json(line) for line in pages], JobPause.model_validate_json(pause)


def widths(pages: list[JobPage]) -> list[int]:
    return [page.answer.width for page in pages if isinstance(page.answer, PageAnswer)]


async def test_a_long_document_is_read_and_fetched(client: httpx.AsyncClient, service: Service) -> None:
    job = await submitted(client, written_document(12))
    assert (job.state, job.pages_total, job.files[0].name) == ("queued", None, "0.pdf")
    async with service.working():
        done = await ended(client, job)
    assert (done.state, done.pages_total, done.pages_done, done.errors) == ("succeeded", 12, 12, [])
    pages, pause = await lines_of(client, job)
    assert widths(pages) == [width_of(number) for number in range(1, 13)]
    assert [page.answer.page for page in pages if isinstance(page.answer, PageAnswer)] == list(range(1, 13))
    assert (pause.end, pause.state) == (True, "succeeded")


async def test_the_pages_that_are_done_come_while_others_are_read_and_later_only_the_rest(
    client: httpx.AsyncClient, service: Service
) -> None:
    go_on = asyncio.Event()

    async def stop_at_the_sixth(width: int) -> None:
        if width == width_of(6):
            await go_on.wait()

    service.pages.before_answer = stop_at_the_sixth
    job = await submitted(client, written_document(9))
    async with service.working():
        seen: list[JobPage] = []
        resume = ""
        async with asyncio.timeout(30.0):
            while len(seen) < 5:
                if (await client.get(f"/jobs/{job.id}/result")).status_code == 409:
                    await asyncio.sleep(0.02)
                    continue
                more, pause = await lines_of(client, job, resume=resume, wait_s=0.1)
                seen += more
                resume = pause.resume
                assert (pause.end, pause.state) == (False, "running")
        assert (await client.get(f"/jobs/{job.id}/result?format=json")).status_code == 409
        go_on.set()
        rest, pause = await lines_of(client, job, resume=resume, wait_s=20.0)
    assert pause.end
    assert widths(seen + rest) == [width_of(number) for number in range(1, 10)]
    again, _ = await lines_of(client, job, resume=seen[2].resume)
    assert widths(again) == [width_of(number) for number in range(4, 10)]


async def test_several_files_are_one_job_and_each_has_its_pages(client: httpx.AsyncClient, service: Service) -> None:
    job = await submitted(client, written_document(2), b"no document", written_document(1))
    async with service.working():
        done = await ended(client, job)
    assert (done.state, done.pages_total) == ("partly", 3)
    pages, _ = await lines_of(client, job)
    assert [(page.file, page.name, page.answer.success) for page in pages] == [
        (0, "0.pdf", True),
        (0, "0.pdf", True),
        (1, "1.pdf", False),
        (2, "2.pdf", True),
    ]
    assert (await client.get(f"/jobs/{job.id}/result?format=json")).json()["error"]["code"] == "out_of_range"
    second = await client.get(f"/jobs/{job.id}/result?format=json&file=2")
    assert DocumentAnswer.model_validate(second.json()).text == f"w{width_of(1)}"
    refused = await client.get(f"/jobs/{job.id}/result?format=json&file=1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ({"content": written_document(2)[:1] + b" " + written_document(2)[1:]}, None),
        ({"content": b"\x89" + b"a scan", "headers": {"content-type": "image/png"}}, [""]),
        ({"json": {"image": as_base64(b"a scan"), "lang": "de"}}, [""]),
        ({"json": {"images": [as_base64(b"one"), as_base64(b"two")]}}, ["", ""]),
        ({"content": b" \n" * 5000 + json.dumps({"image": as_base64(b"a scan")}).encode()}, [""]),
        ({"json": {"image": as_base64(b"a scan" * 100_000)}}, [""]),
        ({"content": gzip.compress(b'{"image": "QUJD"}'), "headers": PACKED_JSON}, [""]),
        ({"files": [("image", ("one.png", b"one")), ("files", ("two.png", b"two"))]}, ["one.png", "two.png"]),
        ({"files": [("file", ("ümlaut.png", b"one"))], "data": {"lang": "de"}}, ["ümlaut.png"]),
    ],
    ids=[
        "JSON that is none of ours",
        "bytes",
        "JSON",
        "JSON of several",
        "JSON behind blanks",
        "JSON of more than a request",
        "JSON that is compressed",
        "form",
        "form with options",
    ],
)
async def test_files_come_in_every_way_in_which_other_routes_take_them(
    client: httpx.AsyncClient, sent: dict[str, Any], names: list[str] | None
) -> None:
    response = await client.post("/jobs", **sent)
    if names is None:
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
        return
    assert [file["name"] for file in response.json()["files"]] == names


async def test_a_large_upload_is_kept_as_it_was_sent(client: httpx.AsyncClient, service: Service) -> None:
    content = bytes(range(256)) * 3500
    job = await submitted(client, content)
    [kept] = [job async for job in _jobs(service)]
    path = service.files._at(f"{kept.folder}/0")
    assert hashlib.sha256(Path(path).read_bytes()).digest() == hashlib.sha256(content).digest()
    assert job.files[0].bytes == len(content)


async def _jobs(service: Service) -> AsyncIterator[Any]:
    for summary in await service.store.open_jobs():
        yield await service.store.get(summary.id)


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"lang": "english"}, 422, "out_of_range"),
        ({"colour": "red"}, 400, "invalid_request"),
        ({"engines": "oracle"}, 422, "out_of_range"),
        ({"classes": "digits"}, 400, "invalid_request"),
        ({"task": "character", "pages": "1"}, 400, "invalid_request"),
        ({"formats": "json,docx"}, 422, "out_of_range"),
        ({"priority": "now"}, 422, "out_of_range"),
        ({"expires_s": "0"}, 422, "out_of_range"),
        ({"expires_s": "1e9"}, 422, "out_of_range"),
        ({"callback": "https://hooks.example"}, 422, "out_of_range"),
        ({"callback": json.dumps({**CALLBACK, "url": "ftp://hooks.example"})}, 422, "out_of_range"),
        ({"callback": json.dumps({**CALLBACK, "secret": "short"})}, 422, "out_of_range"),
    ],
)
async def test_what_is_wrong_is_said_at_once_and_nothing_is_kept(
    client: httpx.AsyncClient, service: Service, options: dict[str, str], status: int, code: str
) -> None:
    response = await client.post("/jobs", files={"file": ("a.pdf", b"scan")}, data=options)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert await service.files.folders() == []
    assert (await client.get("/jobs")).json()["jobs"] == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"content": b""}, 400),
        ({"files": {"file": ("a.pdf", b"")}}, 400),
        ({"files": {"page": ("a.pdf", b"scan")}}, 400),
        ({"data": {"file": "scan"}}, 400),
        ({"content": b"--x\r\nnonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"x" * 1_000_001}, 413),
        ({"files": {"file": ("a.pdf", b"x" * 1_000_001)}}, 413),
        ({"json": {"image": as_base64(b"x" * 1_000_001)}}, 413),
        ({"content": gzip.compress(b'{"image": "' + b"QUJD" * 30_000), "headers": PACKED_JSON}, 413),
        ({"json": {"image": "", "images": []}}, 400),
        ({"json": {"images": "abc"}}, 400),
        ({"content": b"scan", "headers": {"content-encoding": "gzip"}}, 415),
    ],
)
async def test_an_upload_that_cannot_be_one_is_refused_and_leaves_nothing(
    client: httpx.AsyncClient, service: Service, sent: dict[str, Any], status: int
) -> None:
    response = await client.post("/jobs", **sent)
    assert response.status_code == status, response.text
    assert response.json()["error"]["hint"]
    assert await service.files.folders() == []


async def test_blanks_that_come_without_end_are_not_gathered(client: httpx.AsyncClient, service: Service) -> None:
    sent: list[int] = []

    async def blanks() -> AsyncIterator[bytes]:
        for number in range(20):
            sent.append(number)
            yield b" " * 20_000

    response = await client.post("/jobs", content=blanks())
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")
    assert len(sent) == 6  # with the sixth they are more than a request may hold in memory
    assert await service.files.folders() == []


async def test_an_unknown_job_and_somebody_elses_are_not_found(client: httpx.AsyncClient, service: Service) -> None:
    job = await submitted(client, written_document(1))
    async with asking(service.app, "10.0.0.2") as other:
        for asked in ("/jobs/unknown", f"/jobs/{job.id}", f"/jobs/{job.id}/result"):
            response = await other.get(asked)
            assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")
        assert (await other.delete(f"/jobs/{job.id}")).status_code == 404
        assert (await other.get("/jobs")).json()["jobs"] == []
    assert (await client.get(f"/jobs/{job.id}")).status_code == 200


async def test_each_key_has_its_own_jobs_from_wherever_it_asks(make: Callable[..., Service]) -> None:
    keys = {"api_key_required": True, "api_keys": [hashed("one"), hashed("two")]}
    service = make(security=keys)
    async with asking(service.app) as here, asking(service.app, "10.9.9.9") as there:
        sent = {"files": {"file": ("a.pdf", b"scan")}, "headers": {"x-api-key": "one"}}
        job = (await here.post("/jobs", **sent)).json()["id"]
        assert (await there.get(f"/jobs/{job}", headers={"x-api-key": "one"})).status_code == 200
        assert (await here.get(f"/jobs/{job}", headers={"x-api-key": "two"})).status_code == 404
        assert (await here.get(f"/jobs/{job}")).status_code == 401


async def test_a_result_before_any_page_is_a_conflict(client: httpx.AsyncClient) -> None:
    job = await submitted(client, written_document(1))
    response = await client.get(f"/jobs/{job.id}/result")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "not_finished")


async def test_what_is_over_is_gone_and_after_a_while_forgotten(client: httpx.AsyncClient, service: Service) -> None:
    job = await submitted(client, written_document(1), expires_s="60")
    async with service.working():
        await ended(client, job)
    service.skipped_s = 61.0
    await service.keeper.look()
    shown = JobAnswer.model_validate((await client.get(f"/jobs/{job.id}")).json())
    assert (shown.state, shown.files[0].name) == ("expired", "file 0")
    gone = await client.get(f"/jobs/{job.id}/result")
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "expired")
    assert await service.files.folders() == []
    service.skipped_s += 90_000.0
    await service.keeper.look()
    assert (await client.get(f"/jobs/{job.id}")).status_code == 404


async def test_a_job_that_is_not_done_in_its_time_expires(client: httpx.AsyncClient, service: Service) -> None:
    job = await submitted(client, written_document(1), expires_s="60")
    service.skipped_s = 61.0
    await service.keeper.look()
    assert (await client.get(f"/jobs/{job.id}")).json()["state"] == "expired"
    assert (await client.get(f"/jobs/{job.id}/result")).status_code == 410


async def test_delete_cancels_what_is_not_done_and_forgets_what_is(client: httpx.AsyncClient, service: Service) -> None:
    waiting = await submitted(client, written_document(1))
    cancelled = await client.delete(f"/jobs/{waiting.id}")
    assert cancelled.json()["state"] == "cancelled"
    assert (await client.get(f"/jobs/{waiting.id}/result")).status_code == 410
    assert await service.files.folders() == []
    done = await submitted(client, written_document(1))
    async with service.working():
        await ended(client, done)
    assert (await client.delete(f"/jobs/{done.id}")).json()["state"] == "succeeded"
    assert (await client.get(f"/jobs/{done.id}")).status_code == 404
    assert await service.files.folders() == []


async def test_ones_own_jobs_are_listed_in_parts_the_newest_first(client: httpx.AsyncClient) -> None:
    made = [(await submitted(client, b"scan")).id for _ in range(5)]
    first = JobsAnswer.model_validate((await client.get("/jobs?limit=3")).json())
    assert first.next is not None
    rest = JobsAnswer.model_validate((await client.get("/jobs", params={"before": first.next})).json())
    assert [job.id for job in (*first.jobs, *rest.jobs)] == made[::-1]
    assert rest.next is None


@pytest.mark.parametrize(
    "limits", [{"max_jobs": 2}, {"max_waiting_pages": 2}, {"max_kept_mb": 0.0005}], ids=["jobs", "pages", "bytes"]
)
async def test_a_caller_with_too_much_is_told_when_to_come_back(
    make: Callable[..., Service], limits: dict[str, Any]
) -> None:
    service = make(jobs=limits)
    async with asking(service.app) as client:
        for _ in range(2):
            assert (await client.post("/jobs", files={"file": ("a", b"x" * 200)})).status_code == 202
        refused = await client.post("/jobs", files={"file": ("a", b"x" * 200)})
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0
        async with asking(service.app, "10.0.0.2") as other:
            assert (await other.post("/jobs", files={"file": ("a", b"x" * 200)})).status_code == 202
    assert len(await service.files.folders()) == 3


async def test_while_the_store_is_away_callers_are_told_to_come_back_and_nothing_is_lost(
    client: httpx.AsyncClient, service: Service
) -> None:
    job = await submitted(client, written_document(1))
    service.store.is_away = True
    for request in (
        client.post("/jobs", files={"file": ("a", b"scan")}),
        client.get("/jobs"),
        client.get(f"/jobs/{job.id}"),
        client.get(f"/jobs/{job.id}/result"),
        client.delete(f"/jobs/{job.id}"),
    ):
        response = await request
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    service.store.is_away = False
    async with service.working():
        assert (await ended(client, job)).state == "succeeded"


async def test_where_other_nodes_would_not_see_a_job_it_is_refused_before_its_files_are_sent(service: Service) -> None:
    async def not_shared() -> str:
        return "the cluster has 2 nodes, and jobs would be kept on one of them alone"

    api = GatewayApi(service.pages, lambda: service.capabilities, "1.2.3")
    jobs = JobsApi(service.queue, api.readings, not_shared=not_shared)

    async def take(files: JobFiles, folder: str, limits: UploadLimits) -> KeptUpload:
        raise AssertionError("nothing is received")

    with pytest.raises(NotReady, match="2 nodes") as refused:
        await jobs.receive("somebody", None, 100, take)
    assert "REDIS_URL" in refused.value.hint


async def test_the_same_request_under_one_key_is_one_job_and_another_is_refused(
    client: httpx.AsyncClient, service: Service
) -> None:
    key = {"idempotency-key": "mine"}
    first, second = [
        await client.post("/jobs", files={"file": ("a.pdf", b"scan")}, data={"lang": "de"}, headers=key)
        for _ in range(2)
    ]
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"
    other = await client.post("/jobs", files={"file": ("a.pdf", b"another")}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "out_of_range")
    assert len(await service.files.folders()) == 1
    async with asking(service.app, "10.0.0.2") as somebody:
        theirs = await somebody.post("/jobs", files={"file": ("a.pdf", b"scan")}, headers=key)
    assert theirs.json()["id"] != first.json()["id"]


async def test_a_result_is_written_in_the_formats_of_other_routes(client: httpx.AsyncClient, service: Service) -> None:
    job = await submitted(client, written_document(12, p3="torn"), formats="markdown,json")
    async with service.working():
        assert (await ended(client, job)).state == "partly"
    part = await client.get(f"/jobs/{job.id}/result?pages=1-5")
    assert part.headers["content-type"].startswith("text/markdown")
    assert part.headers["quorum-failed-pages"] == "3"
    assert f"w{width_of(5)}" in part.text
    whole = await client.get(f"/jobs/{job.id}/result?pages=1-3&format=json")
    document = DocumentAnswer.model_validate(whole.json())
    assert (document.page_count, document.succeeded, len(document.pages)) == (12, 2, 3)
    by_accept = await client.get(f"/jobs/{job.id}/result?pages=7", headers={"accept": "text/plain"})
    assert by_accept.text.strip() == f"w{width_of(7)}"
    assert (await client.get(f"/jobs/{job.id}/result?pages=77")).status_code == 422
    assert (await client.get(f"/jobs/{job.id}/result?format=docx")).status_code == 422
    assert (await client.get(f"/jobs/{job.id}/result", headers={"accept": "audio/ogg"})).status_code == 406


@pytest.mark.parametrize("form", ["text", "markdown", "hocr", "hocr.zip", "alto", "alto.zip", "page"])
async def test_a_format_that_is_written_page_by_page_has_all_pages_however_many(
    client: httpx.AsyncClient, service: Service, form: str
) -> None:
    job = await submitted(client, written_document(12, p3="torn"))
    async with service.working():
        await ended(client, job)
    whole = await client.get(f"/jobs/{job.id}/result?format={form}")
    assert whole.status_code == 200
    assert (whole.headers["quorum-failed-pages"], whole.headers["quorum-illegible-lines"]) == ("3", "0")
    words = [f"w{width_of(number)}".encode() for number in range(1, 13) if number != 3]
    if whole.headers["content-type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
            texts = [archive.read(name) for name in archive.namelist()]
        assert all(word in text for word, text in zip(words, texts, strict=True))
    else:
        places = [whole.content.index(word) for word in words]
        assert places == sorted(places)


async def test_json_has_all_pages_however_many_and_says_of_them_what_an_answer_in_one_piece_says(
    client: httpx.AsyncClient, service: Service
) -> None:
    job = await submitted(client, written_document(12, p3="torn"))
    async with service.working():
        await ended(client, job)
    pages, _ = await lines_of(client, job)
    response = await client.get(f"/jobs/{job.id}/result?format=json")
    assert response.headers["quorum-failed-pages"] == "3"
    document = DocumentAnswer.model_validate(response.json())
    assert document.pages == [page.answer for page in pages]
    request = service.capabilities.text_request(DocumentOptions(), time.time())
    at_once = document_of_pages(document.pages, 12, request, document.processing_time_ms)
    assert document == at_once.model_copy(update={"timestamp": document.timestamp})
    assert document.text.split() == [f"w{width_of(number)}" for number in range(1, 13) if number != 3]


def test_a_header_has_room_for_the_pages_that_failed_however_many() -> None:
    assert _listed([3, 4, 17]) == "3,4,17"
    many = _listed(range(1, 10_001))
    assert len(many) < 4010
    *numbers, more = many.split(",")
    assert [int(number) for number in numbers] == list(range(1, len(numbers) + 1))
    assert more == "..."


async def test_a_fault_on_a_page_is_told_by_page(client: httpx.AsyncClient, service: Service) -> None:
    service.pages.failures = {width_of(2): [InternalFailure("a fault")] * 99}
    job = await submitted(client, written_document(3))
    async with service.working():
        done = await ended(client, job)
    assert [(error.file, error.page, error.error.code) for error in done.errors] == [(0, 2, "internal_failure")]


async def test_a_callback_that_may_not_be_made_is_tried_again_and_each_try_is_told(
    client: httpx.AsyncClient, service: Service
) -> None:
    hook = json.dumps({**CALLBACK, "url": "http://127.0.0.1:9/"})
    job = await submitted(client, written_document(1), callback=hook)
    async with service.working():
        await ended(client, job)
    await service.keeper.look()
    await service.queue.calls_made()
    callback = JobAnswer.model_validate((await client.get(f"/jobs/{job.id}")).json()).callback
    assert callback is not None
    assert (callback.state, len(callback.tries)) == ("waiting", 1)
    assert "not public" in callback.tries[0].problem
    assert SECRET not in (await client.get(f"/jobs/{job.id}")).text


async def test_a_character_of_each_image_is_fetched_as_lines(client: httpx.AsyncClient, service: Service) -> None:
    job = await submitted(client, image_file("PNG"), image_file("PNG"), task="character")
    async with service.working():
        await ended(client, job)
    response = await client.get(f"/jobs/{job.id}/result")
    assert [json.loads(line)["answer"]["character"] for line in response.text.splitlines()[:-1]] == ["Q", "Q"]
