"""Answers go out in pieces, and one that nobody reads is given up."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope, Send

from deployments.gateway.access.serve_proxy import drained_answers
from deployments.gateway.access.serve_proxy.drained_answers import PIECE_BYTES, DrainedAnswers

START = {"type": "http.response.start", "status": 200}


async def sent_of(*messages: Message, taken: int = 1000) -> tuple[list[Message], Message]:
    """What reaches the server of these messages when the caller takes so many, and what the application is told."""
    sent: list[Message] = []
    told: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)
        told.append(await receive())

    async def send(message: Message) -> None:
        if len(sent) == taken:
            await asyncio.Event().wait()
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await DrainedAnswers(app)({"type": "http"}, receive, send)
    return sent, told[0]


async def test_a_large_body_goes_out_in_pieces_that_are_the_same_bytes() -> None:
    body = bytes(range(256)) * 5000
    sent, _ = await sent_of(START, {"type": "http.response.body", "body": body})
    assert b"".join(message.get("body", b"") for message in sent) == body
    assert max(len(message.get("body", b"")) for message in sent) == PIECE_BYTES
    assert [message["more_body"] for message in sent[1:]] == [True] * 4 + [False]


async def test_a_small_message_passes_as_it_is() -> None:
    last = {"type": "http.response.body", "body": b"x", "more_body": True}
    sent, told = await sent_of(START, last)
    assert sent == [START, last]
    assert told == {"type": "http.request"}


async def test_an_answer_that_nobody_reads_is_given_up_and_the_application_is_told(monkeypatch) -> None:
    monkeypatch.setattr(drained_answers, "_PATIENCE_S", 0.01)
    body = {"type": "http.response.body", "body": b"x" * 9 * PIECE_BYTES}
    sent, told = await sent_of(START, body, {**body}, taken=3)
    assert len(sent) == 3
    assert told == {"type": "http.disconnect"}
