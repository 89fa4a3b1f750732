"""The comparison of protocols: what is sent is the same page, and each is compared with the file of its own turn."""

from __future__ import annotations

import json

import httpx
import numpy as np
import PIL.Image
import pytest

from benchmarks.harness.serving import QUICK
from benchmarks.scaling.protocol_cost import BINARY, FILE, NUMBERS, Body, bodies, measured, more_than_the_file, report
from tests.fakes.plain_service import PlainService, app_over, asking


@pytest.fixture(scope="module")
def page() -> dict[str, Body]:
    return bodies(QUICK)


def test_each_way_brings_the_same_pixels(page: dict[str, Body]) -> None:
    with PIL.Image.open(QUICK) as image:
        pixels = np.asarray(image.convert("RGB"))
    head = int(page[BINARY].headers["inference-header-content-length"])
    assert page[BINARY].content[head:] == pixels.tobytes()
    assert json.loads(page[NUMBERS].content)["inputs"][0]["data"] == pixels.ravel().tolist()
    assert page[FILE].content == QUICK.read_bytes()


async def test_each_way_is_answered(page: dict[str, Body]) -> None:
    service = PlainService()
    known = {"engines": "a"}
    async with asking(app_over(service)) as client:
        for body in page.values():
            content = body.content.replace(b'["tesseract", "paddleocr"]', b'["a"]         '.ljust(26))
            path = httpx.URL(body.path)
            asked = path.copy_with(params=known) if path.query else path
            response = await client.post(str(asked), content=content, headers=dict(body.headers))
            assert response.status_code == 200, response.text
    assert len(service.images) == 3


def test_the_kinds_take_turns_and_the_first_turns_do_not_count(page: dict[str, Body]) -> None:
    asked: list[Body] = []

    def ask(body: Body) -> float:
        asked.append(body)
        return float(len(asked))

    times = measured(ask, page, 3)
    assert asked[:3] == asked[3:6] == list(page.values())
    assert times[FILE] == [7.0, 10.0, 13.0]
    assert times[BINARY] == [8.0, 11.0, 14.0]


def test_a_kind_is_compared_with_the_file_of_its_own_turn(page: dict[str, Body]) -> None:
    times = {FILE: [1.0, 2.0, 4.0], BINARY: [1.1, 2.2, 4.4], NUMBERS: [2.0, 4.0, 8.0]}
    assert more_than_the_file(times, BINARY) == pytest.approx(0.1)
    text = report({"quick.png": times}, {"quick.png": page})
    assert "| quick.png | binary tensor |" in text
    assert "+10.0 %" in text
    assert "+100.0 %" in text
