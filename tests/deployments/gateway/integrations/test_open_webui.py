"""`PUT /process` over ASGI: what Open WebUI's external document loader sends and wants back."""

from __future__ import annotations

import httpx

from tests.deployments.gateway.integrations.test_mistral_ocr import tiff
from tests.fakes.plain_service import PlainService, png


async def test_each_page_is_a_text_with_where_it_comes_from(client: httpx.AsyncClient):
    headers = {"Content-Type": "image/tiff", "X-Filename": "My%20letter.tif"}
    pages = (await client.put("/process", content=tiff(2), headers=headers)).json()
    assert [page["page_content"] for page in pages] == ["Hi", "Hi"]
    assert [page["metadata"]["page"] for page in pages] == [1, 2]
    assert pages[0]["metadata"]["source"] == "My letter.tif"


async def test_a_page_without_text_is_refused_in_the_words_that_make_it_fall_back(
    client: httpx.AsyncClient, service: PlainService
):
    service.is_blank = True
    response = await client.put("/process", content=png(), headers={"Content-Type": "image/png"})
    assert response.status_code == 422
    assert "No extractable text" in response.text


async def test_what_is_no_image_is_refused_with_a_remedy(client: httpx.AsyncClient):
    response = await client.put("/process", content=b"words", headers={"Content-Type": "application/octet-stream"})
    assert response.status_code == 400
    assert response.json()["error"]["hint"]
