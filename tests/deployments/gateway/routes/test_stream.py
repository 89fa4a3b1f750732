"""Frames over a WebSocket, in the same process, with a service that answers when it is told to."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from deployments.gateway.access.current_caller import CURRENT_FRAMES_WAITING
from deployments.messages.request import ReadRequest
from ocr import Page
from ocr.contract import CharacterAnswer, ErrorAnswer, FrameAnswer, TextAnswer
from ocr.errors import DeadlineExceeded
from tests.fakes.files import image_file, pdf
from tests.fakes.plain_service import PlainService, app_over, as_base64
from tests.fakes.sockets import Socket, connected


class Gated(PlainService):
    """Reads a page each time that the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Semaphore(0)
        self.begun = asyncio.Semaphore(0)
        self.waiting: list[int] = []

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        self.begun.release()
        self.waiting.append(CURRENT_FRAMES_WAITING.get())
        await self.gate.acquire()
        return await super().read_page(data, request)


def frame(number: int) -> bytes:
    return image_file("PNG", mark=number)


async def answer(socket: Socket) -> FrameAnswer:
    return FrameAnswer.model_validate(await socket.receive())


async def test_frames_are_answered_by_name_however_they_are_sent() -> None:
    async with connected(app_over(PlainService()), "/stream", task="text") as socket:
        socket.send({"image_id": "first", "image": as_base64(frame(1))})
        first = await answer(socket)
        socket.send({"image_id": "second"})
        socket.send(frame(2))
        second = await answer(socket)
        socket.send(frame(3))
        third = await answer(socket)
    assert [(each.image_id, each.status) for each in (first, second, third)] == [
        ("first", "read"),
        ("second", "read"),
        ("3", "read"),
    ]
    assert isinstance(first.answer, TextAnswer)


async def test_characters_are_the_task_unless_told_otherwise_and_options_count() -> None:
    service = PlainService()
    async with connected(app_over(service), "/stream", engines="a", classes="digits") as socket:
        socket.send(frame(1))
        assert isinstance((await answer(socket)).answer, CharacterAnswer)
    assert [(request.engines, request.recognition.classes) for request in service.requests] == [(("a",), "digits")]


async def test_the_newest_frames_win_and_those_overtaken_are_told() -> None:
    service = Gated()
    async with connected(app_over(service, stream_queue=2), "/stream", task="text") as socket:
        socket.send({"image_id": "1", "image": as_base64(frame(1))})
        await service.begun.acquire()  # the first is being read; two may wait
        for number in range(2, 7):
            socket.send({"image_id": str(number), "image": as_base64(frame(number))})
        overtaken = [await answer(socket) for _ in range(3)]
        assert [(each.image_id, each.status) for each in overtaken] == [(n, "dropped") for n in ("2", "3", "4")]
        for _ in range(3):
            service.gate.release()
        read = [await answer(socket) for _ in range(3)]
    assert [(each.image_id, each.status) for each in read] == [(n, "read") for n in ("1", "5", "6")]
    assert service.waiting == [0, 1, 0]


async def test_a_frame_that_looks_the_same_gets_the_last_answer_and_is_not_read_again() -> None:
    service = PlainService()
    async with connected(app_over(service), "/stream", task="text") as socket:
        seen = []
        for image in (frame(1), frame(1), image_file("BMP", mark=1), frame(2), frame(1)):
            socket.send(image)
            seen.append((await answer(socket)).status)
    assert seen == ["read", "unchanged", "unchanged", "read", "read"]
    assert len(service.images) == 3


async def test_a_frame_that_cannot_be_read_is_an_answer_and_the_next_one_is_read() -> None:
    service = PlainService()
    messages: list[Any] = [b"junk", pdf(1), "{", [1], {"image": "AA=="}, {"image_id": "x", "image": "no base64!"}]
    async with connected(app_over(service, max_request_mb=0.1), "/stream", task="text") as socket:
        for message in [*messages, b"\0" * 100_001]:
            socket.send(message)
            refused = await answer(socket)
            assert refused.status == "failed"
            assert refused.error is not None
            assert refused.error.hint
        service.failure = DeadlineExceeded("late", "more time")
        socket.send(frame(1))
        assert (await answer(socket)).status == "failed"
        service.failure = None
        socket.send(frame(1))
        assert (await answer(socket)).status == "read"


@pytest.mark.parametrize(
    "query", [{"engines": "oracle"}, {"colour": "red"}, {"task": "poem"}, {"task": "text", "pages": "1"}]
)
async def test_options_that_are_not_allowed_end_the_stream_before_it_begins(query: dict[str, str]) -> None:
    async with connected(app_over(PlainService()), "/stream", **query) as socket:
        ErrorAnswer.model_validate(await socket.receive())
        assert await socket.receive() == 1008


async def test_no_more_streams_than_allowed_are_open_and_a_closed_one_makes_room() -> None:
    app = app_over(PlainService(), max_streams=1)
    async with connected(app, "/stream") as first:
        async with connected(app, "/stream") as second:
            assert ErrorAnswer.model_validate(await second.receive()).error.code == "overloaded"
            assert await second.receive() == 1013
        first.send(frame(1))
        assert (await answer(first)).status == "read"
    async with connected(app, "/stream") as third:
        third.send(frame(1))
        assert (await answer(third)).status == "read"


async def test_whoever_hangs_up_is_not_read_for_any_more() -> None:
    service = Gated()
    async with connected(app_over(service), "/stream", task="text") as socket:
        socket.send(frame(1))
        await service.begun.acquire()
    assert service.images == []


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return app_over(PlainService())


_BODIES = st.fixed_dictionaries(
    {}, optional={"image_id": st.text(max_size=5), "image": st.text(max_size=9), "more": st.integers()}
)


@given(messages=st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=40), st.none(), _BODIES), max_size=6))
async def test_whatever_is_sent_is_answered_by_the_contract_and_the_next_frame_is_read(
    app: FastAPI, messages: list[object]
) -> None:
    async with connected(app, "/stream", task="text") as socket:
        for message in messages:
            socket.send(message)
        socket.send({"image_id": "the end", "image": as_base64(frame(1))})
        answers = [await answer(socket)]
        while answers[-1].image_id != "the end":
            answers.append(await answer(socket))
    assert answers[-1].status == "read"
    assert {each.status for each in answers[:-1]} <= {"failed", "dropped"}
    announced = [each for each in messages if isinstance(each, dict)]
    assert len(messages) - len(announced) <= len(answers) - 1 <= len(messages)


def film(text: str, noise_levels: float, seed: int) -> bytes:
    """A frame of 1280 x 720 px with a line of 18 px print, seen by a camera."""
    picture = PIL.Image.new("L", (1280, 720), 210)
    PIL.ImageDraw.Draw(picture).text((400, 340), text, fill=40, font=PIL.ImageFont.load_default(18))
    noise = np.random.default_rng(seed).normal(0.0, noise_levels, (720, 1280))
    file = io.BytesIO()
    seen = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    PIL.Image.fromarray(seen).save(file, "JPEG", quality=80)
    return file.getvalue()


async def test_one_caller_has_so_many_streams_and_others_have_theirs() -> None:
    app = app_over(PlainService(), max_streams=3, max_streams_per_caller=1)
    async with connected(app, "/stream", client="10.0.0.1"):
        async with connected(app, "/stream", client="10.0.0.1") as second:
            refused = ErrorAnswer.model_validate(await second.receive())
            assert "of yours" in refused.error.message
            assert await second.receive() == 1013
        async with connected(app, "/stream", client="10.0.0.2") as other:
            other.send(frame(1))
            assert (await answer(other)).status == "read"


async def test_a_stream_that_sends_nothing_is_closed() -> None:
    app = app_over(PlainService(), stream_idle_s=0.05)
    async with connected(app, "/stream") as socket:
        assert await socket.receive() == 1008


async def test_frames_count_like_requests() -> None:
    app = app_over(PlainService(), requests_per_minute=3)  # to connect is the first of them
    async with connected(app, "/stream", task="text") as socket:
        for number in (1, 2, 3):
            socket.send({"image_id": str(number), "image": as_base64(frame(number))})
        answers = {each.image_id: each for each in [await answer(socket) for _ in range(3)]}
    assert [answers[name].status for name in ("1", "2", "3")] == ["read", "read", "failed"]
    assert answers["3"].error is not None
    assert answers["3"].error.code == "rate_limited"


async def test_a_message_of_many_values_is_refused_before_it_is_parsed() -> None:
    async with connected(app_over(PlainService()), "/stream", task="text") as socket:
        socket.send({"image_id": "1", "image": [0] * 2000})
        refused = await answer(socket)
    assert refused.error is not None
    assert (refused.status, refused.error.code) == ("failed", "too_large")


async def test_messages_that_are_no_frames_count_for_the_rate_too() -> None:
    async with connected(app_over(PlainService(), requests_per_minute=3), "/stream", task="text") as socket:
        codes = []
        for _ in range(4):
            socket.send({"no": "frame"})
            refused = await answer(socket)
            assert refused.error is not None
            codes.append(refused.error.code)
    assert codes == ["invalid_request", "invalid_request", "rate_limited", "rate_limited"]


async def test_an_announced_image_that_does_not_follow_is_told() -> None:
    async with connected(app_over(PlainService()), "/stream", task="text") as socket:
        socket.send({"image_id": "first"})
        socket.send({"image_id": "second"})
        missing = await answer(socket)
        socket.send(frame(1))
        read = await answer(socket)
    assert (missing.image_id, missing.status) == ("first", "failed")
    assert (read.image_id, read.status) == ("second", "read")
