"""The header of a file is looked at in a thread: what a slow one takes, no other request waits for."""

from __future__ import annotations

import asyncio
import base64
import threading
from contextvars import ContextVar

import httpx
import pytest

from deployments.gateway import reading_api
from deployments.messages.capabilities import Capabilities
from ocr import Scope
from ocr.contract import BatchBody
from tests.fakes.files import image_file
from tests.fakes.plain_service import PlainService, app_over, plain_config, spec

IMAGE = base64.b64encode(image_file("PNG")).decode()


async def test_the_headers_of_hundreds_of_files_do_not_hold_up_one_of_another_caller(monkeypatch):
    looked: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def look(image, _max_pixels):
        looked.append(image.decode())
        begun.set()
        go_on.wait(10.0)

    monkeypatch.setattr(reading_api, "_require_image", look)
    caller = ContextVar("caller", default="")
    config = plain_config(limits={"max_batch": 50})
    capabilities = Capabilities.of(config, [spec(name, Scope.CHARACTER) for name in ("a", "b", "lines")])
    api = reading_api.ReadingApi(PlainService(), lambda: capabilities, caller.get)

    async def ask(who, images):
        caller.set(who)
        await api.batch_predict([image.encode() for image in images], BatchBody(images=["-"] * len(images)))

    asked = [asyncio.create_task(ask("a", ["a"] * 50)) for _ in range(4)]
    await asyncio.to_thread(begun.wait, 10.0)
    asked.append(asyncio.create_task(ask("b", ["b"])))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(*asked)
    assert looked.index("b") <= 4, "those that were begun, and one turn"


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
