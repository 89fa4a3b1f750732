"""The models `prebuilt-read` and `prebuilt-layout` of Azure's Document Intelligence over ASGI, with a worker that reads
what was sent.
"""

from __future__ import annotations

import asyncio
import io
import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import PIL.Image
import pytest

from deployments.config.api_keys import hashed
from deployments.gateway.formats import OutputPage, PdfPageText
from deployments.gateway.integrations.azure_result import StringIndex, content_of, page_of
from ocr.contract import LineAnswer, PageAnswer, WordAnswer
from tests.fakes.job_service import Service
from tests.fakes.plain_service import as_base64, asking
from tests.fakes.sized_pages import width_of, written_document

ANALYZE = "/documentintelligence/documentModels/prebuilt-read:analyze"
VERSION = {"api-version": "2024-11-30"}
KEY = "Ocp-Apim-Subscription-Key"


async def sent(client: httpx.AsyncClient, document: bytes, **query: str) -> str:
    """Where the result will be."""
    body = {"base64Source": as_base64(document)}
    response = await client.post(ANALYZE, params={**VERSION, **query}, json=body)
    assert response.status_code == 202, response.text
    assert response.headers["retry-after"] == "1"
    return response.headers["operation-location"]


async def ended(client: httpx.AsyncClient, result: str) -> dict[str, Any]:
    async with asyncio.timeout(30.0):
        while True:
            response = await client.get(result)
            answer: dict[str, Any] = response.json()
            if answer["status"] != "running":
                return answer
            assert response.headers["retry-after"] == "1"
            assert "analyzeResult" not in answer
            await asyncio.sleep(0.02)


async def test_a_document_is_sent_asked_for_and_read(client: httpx.AsyncClient, service: Service) -> None:
    result = await sent(client, written_document(12), locale="de-DE")
    assert (await client.get(result)).json()["status"] == "running"
    [waiting] = await service.store.of_owner("address 10.0.0.1", math.inf, 9)
    assert (waiting.options["lang"], waiting.priority) == ("de", "interactive")
    async with service.working():
        answer = await ended(client, result)
    assert answer["status"] == "succeeded"
    told = answer["analyzeResult"]
    assert (told["apiVersion"], told["modelId"]) == ("2024-11-30", "prebuilt-read")
    assert told["content"] == "\n".join(f"w{width_of(number)}" for number in range(1, 13))
    assert [page["pageNumber"] for page in told["pages"]] == list(range(1, 13))
    for page in told["pages"]:
        [word] = page["words"]
        span = word["span"]
        assert told["content"][span["offset"] : span["offset"] + span["length"]] == word["content"]
        assert (len(word["polygon"]), page["unit"]) == (8, "pixel")


async def test_some_pages_may_be_chosen_and_those_that_cannot_be_read_are_told(
    client: httpx.AsyncClient, service: Service
) -> None:
    result = await sent(client, written_document(4, p3="torn"), pages="2-3")
    async with service.working():
        answer = await ended(client, result)
    assert answer["status"] == "succeeded"
    assert answer["analyzeResult"]["content"] == f"w{width_of(2)}"
    [warning] = answer["analyzeResult"]["warnings"]
    assert (warning["target"], "torn" in warning["message"]) == ("#/pages/3", True)


async def test_a_document_of_which_nothing_can_be_read_has_failed_and_says_why(
    client: httpx.AsyncClient, service: Service
) -> None:
    result = await sent(client, b"no document")
    async with service.working():
        answer = await ended(client, result)
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == "NotAnImage"


LAYOUT = ANALYZE.replace("read", "layout")


async def test_the_layout_of_a_document_is_told_in_markdown(client: httpx.AsyncClient, service: Service) -> None:
    asked = {**VERSION, "outputContentFormat": "markdown"}
    response = await client.post(LAYOUT, params=asked, json={"base64Source": as_base64(written_document(3))})
    assert response.status_code == 202, response.text
    async with service.working():
        answer = await ended(client, response.headers["operation-location"])
    told = answer["analyzeResult"]
    assert (told["modelId"], told["contentFormat"]) == ("prebuilt-layout", "markdown")
    assert told["content"].split("\n\n<!-- PageBreak -->\n\n") == [f"w{width_of(number)}" for number in range(1, 4)]
    for page in told["pages"]:
        [word] = page["words"]
        span = word["span"]
        assert told["content"][span["offset"] : span["offset"] + span["length"]] == word["content"]


def test_words_are_found_in_markdown_where_signs_stand_between_them(answer: PageAnswer) -> None:
    """A heading, items whose first word became a sign, and letters that are escaped."""
    heading = line("A Heading").model_copy(update={"polygon": ((10, 10), (300, 10), (300, 80), (10, 80))})
    texts = ("1. first thing", "2. 2 of *them*", "\u2022 a bullet", "snake_case #1 <b>")
    page = OutputPage(1, answer.model_copy(update={"lines": [heading, *(line(text) for text in texts)]}))
    told, length = page_of(page, 0, "unicodeCodePoint", "markdown")
    content, _ = content_of(page, "markdown")
    assert content.startswith("# A Heading\n\n1. first thing\n2. 2 of \\*them\\*\n- a bullet")
    found = [content[span["offset"] :][: span["length"]] for span in (word["span"] for word in told["words"])]
    assert [text.replace("\\", "") for text in found] == [
        *("A", "Heading", "1.", "first", "thing", "2.", "2", "of", "*them*", "-", "a", "bullet"),
        *("snake_case", "#1", "<b>"),
    ]
    assert length == len(content)


async def test_the_body_may_be_the_document_itself(client: httpx.AsyncClient, service: Service) -> None:
    file = io.BytesIO()
    PIL.Image.new("L", (80, 40), 255).save(file, "PNG")
    headers = {"content-type": "application/octet-stream"}
    response = await client.post(ANALYZE, params=VERSION, content=file.getvalue(), headers=headers)
    assert response.status_code == 202
    [job] = await service.store.open_jobs()
    assert job.size == len(file.getvalue())


async def test_what_is_sent_may_be_larger_than_a_request(client: httpx.AsyncClient, service: Service) -> None:
    document = bytes(range(256)) * 3000
    await sent(client, document)
    [job] = await service.store.open_jobs()
    assert job.size == len(document)
    too_large = {"base64Source": as_base64(bytes(1_000_001))}
    assert (await client.post(ANALYZE, params=VERSION, json=too_large)).status_code == 413
    assert len(await service.files.folders()) == 1


DOCUMENT = {"base64Source": as_base64(b"scan")}


@pytest.mark.parametrize(
    ("query", "body", "status", "says"),
    [
        ({}, {"urlSource": "https://example.org/scan.pdf"}, 422, "nothing is fetched"),
        ({}, {}, 400, "base64Source"),
        ({}, {"base64Source": "%%"}, 400, "base64"),
        ({}, {**DOCUMENT, "colour": 1}, 400, "colour"),
        ({"api-version": "2023-07-31"}, DOCUMENT, 422, "2024-11-30"),
        ({"output": "figures"}, DOCUMENT, 422, "figures"),
        ({"outputContentFormat": "markdown"}, DOCUMENT, 422, "prebuilt-layout"),
        ({"outputContentFormat": "html"}, DOCUMENT, 422, "markdown"),
        ({"features": "barcodes"}, DOCUMENT, 422, "features"),
        ({"locale": "xx-XX"}, DOCUMENT, 422, "xx-XX"),
        ({"pages": "first"}, DOCUMENT, 422, "pages"),
        ({"stringIndexType": "bytes"}, DOCUMENT, 422, "textElements"),
        ({"splitMode": "auto"}, DOCUMENT, 400, "splitMode"),
    ],
)
async def test_what_is_wrong_is_said_in_azures_shape_and_nothing_is_kept(
    client: httpx.AsyncClient, service: Service, query: dict[str, str], body: dict[str, Any], status: int, says: str
) -> None:
    response = await client.post(ANALYZE, params={**VERSION, **query}, json=body)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"code", "message"}
    assert says in error["message"]
    assert await service.files.folders() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", ANALYZE.replace("prebuilt-read", "prebuilt-invoice"), 404),
        ("GET", ANALYZE.replace(":analyze", "/analyzeResults/unknown"), 404),
        ("GET", ANALYZE.replace(":analyze", "/analyzeResults/unknown/pdf"), 404),
        ("DELETE", ANALYZE.replace(":analyze", "/analyzeResults/unknown"), 404),
    ],
)
async def test_what_there_is_not_is_not_found(client: httpx.AsyncClient, method: str, path: str, status: int) -> None:
    response = await client.request(method, path, params=VERSION)
    assert (response.status_code, response.json()["error"]["code"]) == (status, "NotFound")


async def test_a_pdf_comes_where_it_was_asked_for(client: httpx.AsyncClient, service: Service) -> None:
    plain, with_pdf = await sent(client, written_document(1)), await sent(client, written_document(1), output="pdf")
    waiting = urlsplit(with_pdf)
    assert (await client.get(f"{waiting.path}/pdf", params=VERSION)).status_code == 409
    async with service.working():
        await ended(client, plain)
        await ended(client, with_pdf)
    refused = await client.get(f"{urlsplit(plain).path}/pdf", params=VERSION)
    assert (refused.status_code, "output=pdf" in refused.json()["error"]["message"]) == (404, True)


async def test_a_result_is_deleted_with_all_that_was_sent(client: httpx.AsyncClient, service: Service) -> None:
    result = await sent(client, written_document(1))
    async with service.working():
        await ended(client, result)
    path = urlsplit(result).path
    assert (await client.delete(path, params=VERSION)).status_code == 204
    assert (await client.get(result)).status_code == 404
    assert await service.files.folders() == []


async def test_the_key_is_taken_where_the_client_puts_it_and_results_are_the_keys_own(tmp_path: Path) -> None:
    service = Service(tmp_path, security={"api_key_required": True, "api_keys": [hashed("one"), hashed("two")]})
    async with asking(service.app) as client:
        asked = {"params": VERSION, "json": DOCUMENT}
        refused = await client.post(ANALYZE, **asked)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "Unauthorized")
        taken = await client.post(ANALYZE, **asked, headers={KEY: "one"})
        result = taken.headers["operation-location"]
        assert (await client.get(result, headers={KEY: "one"})).status_code == 200
        assert (await client.get(result, headers={KEY: "two"})).status_code == 404
        assert (await client.get(result)).status_code == 401


@pytest.mark.parametrize(
    ("headers", "proxies", "address"),
    [
        ({"host": "localhost:8000"}, (), "http://localhost:8000"),
        ({"host": "localhost", "x-forwarded-proto": "https"}, (), "http://localhost"),
        ({"host": "localhost", "x-forwarded-proto": "https"}, ("10.0.0.0/8",), "https://localhost"),
        ({"host": "localhost", "x-forwarded-proto": "gopher"}, ("10.0.0.0/8",), "http://localhost"),
    ],
)
async def test_the_result_lies_where_the_caller_asked(
    tmp_path: Path, headers: dict[str, str], proxies: tuple[str, ...], address: str
) -> None:
    service = Service(tmp_path, security={"trusted_proxies": proxies})
    async with asking(service.app) as client:
        asked = {**VERSION, "stringIndexType": "utf16CodeUnit"}
        response = await client.post(ANALYZE, params=asked, json=DOCUMENT, headers=headers)
    place = urlsplit(response.headers["operation-location"])
    assert f"{place.scheme}://{place.netloc}" == address
    assert place.path.startswith("/documentintelligence/documentModels/prebuilt-read/analyzeResults/")
    assert {name: value for name, [value] in parse_qs(place.query).items()} == asked


async def test_a_document_that_is_sent_again_under_its_key_is_the_same(client: httpx.AsyncClient) -> None:
    headers = {"idempotency-key": "mine"}
    first, second = [await client.post(ANALYZE, params=VERSION, json=DOCUMENT, headers=headers) for _ in range(2)]
    assert second.headers["idempotent-replayed"] == "true"
    assert first.headers["operation-location"] == second.headers["operation-location"]


def line(text: str) -> LineAnswer:
    words = [WordAnswer(text=word, confidence=0.9, polygon=None, votes={}) for word in text.split()]
    place = ((10.0, 10.0), (110.0, 10.0), (110.0, 30.0), (10.0, 30.0))
    return LineAnswer(text=text, confidence=0.9, polygon=place, block=0, words=words)


def page_with(answer: PageAnswer, *lines: str) -> PageAnswer:
    return answer.model_copy(update={"lines": [line(text) for text in lines]})


@pytest.fixture
async def answer(client: httpx.AsyncClient, service: Service) -> PageAnswer:
    """Of any page."""
    response = await client.post("/jobs", files={"file": ("a.pdf", written_document(1))})
    job = response.json()["id"]
    async with service.working(), asyncio.timeout(30.0):
        while (await client.get(f"/jobs/{job}")).json()["finished_at"] is None:
            await asyncio.sleep(0.02)
    told = (await client.get(f"/jobs/{job}/result?format=ndjson")).text.splitlines()[0]
    return PageAnswer.model_validate(json.loads(told)["answer"])


@pytest.mark.parametrize(
    ("index", "length_of"),
    [
        ("unicodeCodePoint", len),
        ("utf16CodeUnit", lambda text: len(text.encode("utf-16-le")) // 2),
        ("textElements", lambda text: {"e\u0301a": 2, "\U0001f468\u200d\U0001f469": 1, "ab": 2}[text]),
    ],
)
def test_places_in_the_text_are_counted_as_they_are_asked_for(
    answer: PageAnswer, index: StringIndex, length_of: Any
) -> None:
    page = OutputPage(1, page_with(answer, "e\u0301a \U0001f468\u200d\U0001f469", "ab"))
    told, length = page_of(page, 7, index)
    first, second, third = (word["span"] for word in told["words"])
    lengths = [length_of(text) for text in ("e\u0301a", "\U0001f468\u200d\U0001f469", "ab")]
    assert [first["length"], second["length"], third["length"]] == lengths
    assert [first["offset"], second["offset"]] == [7, 7 + lengths[0] + 1]
    assert third["offset"] == second["offset"] + lengths[1] + 1
    assert length == sum(lengths) + 2
    assert content_of(page)[0] == "e\u0301a \U0001f468\u200d\U0001f469\nab"


def test_a_page_of_a_pdf_is_measured_in_inches(answer: PageAnswer) -> None:
    text = PdfPageText("none", (), (), has_hidden=False, to_units=(1, 0, 0, 1, 0, 0))
    page = OutputPage(1, page_with(answer, "word"), pdf=text, dpi=(100.0, 200.0))
    told, _ = page_of(page, 0, "textElements")
    assert (told["unit"], told["height"]) == ("inch", page.answer.height / 200)
    assert told["lines"][0]["polygon"] == [0.1, 0.05, 1.1, 0.05, 1.1, 0.15, 0.1, 0.15]
