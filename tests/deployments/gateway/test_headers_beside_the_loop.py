"""The header of a file is looked at in a thread: what a slow one takes, no other request waits for."""

from __future__ import annotations

import asyncio
import base64
import threading

import httpx
import pytest

from deployments.gateway import reading_api
from tests.fakes.files import image_file
from tests.fakes.plain_service import PlainService, app_over

IMAGE = base64.b64encode(image_file("PNG")).decode()


@pytest.mark.parametrize(
    ("route", "look", "body"),
    [
        ("/predict", "_require_image", {"content": image_file("PNG"), "headers": {"Content-Type": "image/png"}}),
        ("/predict_text", "has_pages", {"content": image_file("PNG"), "headers": {"Content-Type": "image/png"}}),
        ("/batch_predict", "_require_image", {"json": {"task": "character", "images": [IMAGE]}}),
    ],
)
async def test_the_event_loop_runs_while_a_header_is_looked_at(route, look, body, monkeypatch):
    loop_ran = threading.Event()
    seen: list[bool] = []
    real = getattr(reading_api, look)

    def slow_look(*args):
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).add_done_callback(lambda _: loop_ran.set())
        seen.append(loop_ran.wait(5.0))
        return real(*args)

    monkeypatch.setattr(reading_api, look, slow_look)
    loop = asyncio.get_running_loop()
    transport = httpx.ASGITransport(app_over(PlainService()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.post(route, **body)
    assert response.status_code == 200, response.text
    assert seen == [True]
