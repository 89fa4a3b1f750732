"""`POST /v1/ocr` over ASGI, in the shape of Mistral's OCR API."""

from __future__ import annotations

import io
from typing import Any

import httpx
import PIL.Image
import pytest

from tests.fakes.plain_service import PlainService, as_base64, png


def tiff(pages: int) -> bytes:
    file = io.BytesIO()
    page = PIL.Image.new("L", (60, 60), 255)
    page.save(file, "TIFF", save_all=True, append_images=[page] * (pages - 1))
    return file.getvalue()


def of_image(**more: Any) -> dict[str, Any]:
    url = "data:image/png;base64," + as_base64(png(60, 60))
    return {"model": "mistral-ocr-latest", "document": {"type": "image_url", "image_url": url}, **more}


def of_document(count: int, **more: Any) -> dict[str, Any]:
    url = "data:image/tiff;base64," + as_base64(tiff(count))
    return {"model": "any", "document": {"type": "document_url", "document_url": url}, **more}


async def test_an_image_is_one_page_of_markdown(client: httpx.AsyncClient):
    answer = (await client.post("/v1/ocr", json=of_image())).json()
    [page] = answer["pages"]
    assert (page["index"], page["markdown"], page["images"]) == (0, "Hi", [])
    assert (page["dimensions"]["width"], page["dimensions"]["height"]) == (60, 60)
    assert answer["model"] == "mistral-ocr-latest"
    assert answer["usage_info"] == {"pages_processed": 1, "doc_size_bytes": len(png(60, 60))}


@pytest.mark.parametrize(
    "body",
    [
        of_image(include_image_base64=True),
        of_document(1, id="1", pages=None, include_image_base64=False),
        {
            "model": "mistral-ocr-latest",
            "document": {
                "type": "document_url",
                "document_name": "scan.tiff",
                "document_url": "data:image/tiff;base64," + as_base64(tiff(1)),
            },
        },
    ],
    ids=["paperless-gpt", "Open WebUI with base64", "n8n"],
)
async def test_what_other_clients_send_is_answered(client: httpx.AsyncClient, body: dict[str, Any]):
    """Their bodies, as they stand in their public sources."""
    answer = (await client.post("/v1/ocr", json=body)).json()
    assert [page["markdown"] for page in answer["pages"]] == ["Hi"]


@pytest.mark.parametrize(("asked", "read"), [(None, [0, 1, 2]), ([0, 2], [0, 2]), ("1-2", [1, 2]), ("0,2", [0, 2])])
async def test_pages_are_counted_from_zero(client: httpx.AsyncClient, asked: Any, read: list[int]):
    answer = (await client.post("/v1/ocr", json=of_document(3, pages=asked))).json()
    assert [page["index"] for page in answer["pages"]] == read


async def test_an_image_may_stand_in_an_object_as_in_chat_messages(client: httpx.AsyncClient):
    body = of_image()
    body["document"]["image_url"] = {"url": body["document"]["image_url"]}
    assert (await client.post("/v1/ocr", json=body)).status_code == 200


async def test_blocks_and_confidences_come_when_asked(client: httpx.AsyncClient):
    body = of_image(include_blocks=True, confidence_scores_granularity="word", include_image_base64=True)
    [page] = (await client.post("/v1/ocr", json=body)).json()["pages"]
    [block] = page["blocks"]
    assert (block["content"], block["top_left_x"], block["bottom_right_y"]) == ("Hi", 10, 40)
    assert page["confidence_scores"]["word_confidence_scores"] == [{"text": "Hi", "confidence": 0.9}]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"document": {"type": "document_url", "document_url": "https://example.org/a.pdf"}}, 422, "data URLs"),
        ({"document": {"type": "document_url"}}, 400, "document_url"),
        ({"document": {"type": "file"}}, 400, "file_id"),
        ({"document": {"type": "file", "file_id": "nobodys"}}, 404, "nobodys"),
        ({"model": "x"}, 400, "document"),
        (of_image(pages=[-1]), 422, "counted from 0"),
        (of_image(pages="first"), 422, "first"),
        (of_image(pages=[10**9]), 422, "pages"),
        ({"document": {"type": "image_url", "image_url": "data:image/png;base64,%%"}}, 400, "base64"),
    ],
)
async def test_what_is_wrong_is_said_in_mistrals_shape(client: httpx.AsyncClient, body: Any, status: int, says: str):
    response = await client.post("/v1/ocr", json=body)
    assert response.status_code == status
    told = response.json()
    assert told["object"] == "error"
    assert says in told["message"]


async def test_it_counts_as_reading(client: httpx.AsyncClient, service: PlainService):
    """The same key gives the same answer without reading again."""
    headers = {"Idempotency-Key": "one"}
    first = await client.post("/v1/ocr", json=of_image(), headers=headers)
    again = await client.post("/v1/ocr", json=of_image(), headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json() == again.json()
    assert len(service.requests) == 1
