"""`/v1/files` over ASGI, in the shape of Mistral's API: a document is sent, named, read by that name and deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.config.api_keys import hashed
from tests.fakes.job_service import Service, make_quick
from tests.fakes.plain_service import asking
from tests.fakes.sized_pages import width_of, written_document


async def sent(client: httpx.AsyncClient, document: bytes, **headers: str) -> str:
    """The id of a file."""
    form = {"files": {"file": ("my scan.pdf", document, "application/pdf")}, "data": {"purpose": "ocr"}}
    response = await client.post("/v1/files", **form, headers=headers)
    assert response.status_code == 200, response.text
    told = response.json()
    assert (told["object"], told["filename"], told["bytes"]) == ("file", "my scan.pdf", len(document))
    return str(told["id"])


async def text_of(client: httpx.AsyncClient, document: dict[str, Any], **more: Any) -> httpx.Response:
    return await client.post("/v1/ocr", json={"model": "mistral-ocr-latest", "document": document, **more})


async def test_a_document_is_sent_named_read_and_deleted(client: httpx.AsyncClient, service: Service) -> None:
    """More pages than one request may have."""
    file = await sent(client, written_document(12))
    url = (await client.get(f"/v1/files/{file}/url", params={"expiry": 1})).json()["url"]
    async with service.working(), asyncio.timeout(30.0):
        answer = (await text_of(client, {"type": "document_url", "document_url": url})).json()
    assert [page["index"] for page in answer["pages"]] == list(range(12))
    assert [page["markdown"] for page in answer["pages"]] == [f"w{width_of(number)}" for number in range(1, 13)]
    assert answer["usage_info"] == {"pages_processed": 12, "doc_size_bytes": len(written_document(12))}
    deleted = await client.delete(f"/v1/files/{file}")
    assert deleted.json() == {"id": file, "object": "file", "deleted": True}
    assert (await client.get(f"/v1/files/{file}")).status_code == 404
    assert await service.files.folders() == []


async def test_some_pages_are_told_by_the_id_alone_and_those_that_cannot_be_read_are_named(
    client: httpx.AsyncClient, service: Service
) -> None:
    file = await sent(client, written_document(4, p3="torn"))
    assert (await client.get(f"/v1/files/{file}")).json()["deleted"] is False
    async with service.working(), asyncio.timeout(30.0):
        answer = (await text_of(client, {"type": "file", "file_id": file}, pages="1-2")).json()
        none = await text_of(client, {"type": "file", "file_id": file}, pages=[7])
    assert [page["index"] for page in answer["pages"]] == [1]
    [failed] = answer["failed_pages"]
    assert (failed["index"], "torn" in failed["message"]) == (2, True)
    assert (none.status_code, none.json()["object"]) == (422, "error")


async def test_a_document_of_which_nothing_can_be_read_is_refused_with_the_reason(
    client: httpx.AsyncClient, service: Service
) -> None:
    file = await sent(client, b"no document")
    async with service.working(), asyncio.timeout(30.0):
        answer = await text_of(client, {"type": "file", "file_id": file})
    assert answer.status_code == 400
    assert "nothing of this file could be read" in answer.json()["message"]


async def test_who_asks_before_it_is_read_is_told_to_ask_again(tmp_path: Path, monkeypatch: Any) -> None:
    make_quick(monkeypatch)
    service = Service(tmp_path, limits={"batch_timeout_s": 0.1})
    async with asking(service.app) as client:
        file = await sent(client, written_document(2))
        waiting = await text_of(client, {"type": "file", "file_id": file})
        assert (waiting.status_code, waiting.headers["retry-after"]) == (504, "1")
        await client.delete(f"/v1/files/{file}")
        assert (await text_of(client, {"type": "file", "file_id": file})).status_code == 410


@pytest.mark.parametrize(
    ("form", "status", "says"),
    [
        ({"files": {"file": b"x"}, "data": {"purpose": "batch"}}, 422, "purpose=ocr"),
        ({"files": [("file", b"x"), ("file", b"y")]}, 422, "by itself"),
        ({"data": {"purpose": "ocr"}}, 415, "multipart/form-data"),
        ({"files": {"purpose": (None, b"ocr")}}, 400, "no file"),
        ({"files": {"file": bytes(1_000_001)}}, 413, "limit is 1000000"),
        ({"files": {"picture": b"x"}}, 400, "picture"),
    ],
)
async def test_what_is_wrong_is_said_in_mistrals_shape_and_nothing_is_kept(
    client: httpx.AsyncClient, service: Service, form: dict[str, Any], status: int, says: str
) -> None:
    response = await client.post("/v1/files", **form)
    assert (response.status_code, response.json()["object"]) == (status, "error")
    assert says in response.json()["message"]
    assert await service.files.folders() == []


async def test_files_are_their_keys_own(tmp_path: Path) -> None:
    service = Service(tmp_path, security={"api_key_required": True, "api_keys": [hashed("one"), hashed("two")]})
    async with asking(service.app) as client:
        file = await sent(client, written_document(1), authorization="Bearer one")
        document = {"model": "any", "document": {"type": "document_url", "document_url": f"quorum-file:{file}"}}
        other = {"authorization": "Bearer two"}
        refused = [
            await client.get(f"/v1/files/{file}", headers=other),
            await client.get(f"/v1/files/{file}/url", headers=other),
            await client.delete(f"/v1/files/{file}", headers=other),
            await client.post("/v1/ocr", json=document, headers=other),
        ]
        assert [(each.status_code, each.json()["object"]) for each in refused] == [(404, "error")] * 4


async def test_a_file_that_is_sent_again_under_its_key_is_the_same(client: httpx.AsyncClient) -> None:
    key = {"idempotency-key": "mine"}
    assert await sent(client, b"scan", **key) == await sent(client, b"scan", **key)
