"""The questions as plain methods, over any transport: once for a caller that waits, once for an event loop.

A transport carries one call to the service and its reply back. A call that met a cut connection or a service in trouble
is sent again where that is safe (retrying.py); then the error of ocr.errors comes out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Unpack

from ocr.contract import (
    BatchAnswer,
    CharacterAnswer,
    ConfigAnswer,
    DocumentAnswer,
    PerformanceAnswer,
    SelfTestAnswer,
    StatusAnswer,
    TextAnswer,
)
from ocr.errors import ServiceError, TooManyPages
from quorum.client.calls import (
    ALL_PAGES,
    CONFIG_CALL,
    PERFORMANCE_CALL,
    STATUS_CALL,
    Answer,
    BatchKeywords,
    Call,
    CharacterKeywords,
    DocumentKeywords,
    Readable,
    Task,
    TextKeywords,
    batch_call,
    change_call,
    character_call,
    document_call,
    encoded,
    name_of,
    self_test_call,
    text_call,
    weights_call,
)
from quorum.client.parts import FileInParts, PageChoice, joined
from quorum.client.retrying import Retries


class Transport(Protocol):
    """Carries one call to the service and its reply back, as decoded JSON. Raises an error of the tree."""

    def send(self, call: Call[Any]) -> object: ...


class AsyncTransport(Protocol):
    """The same for a caller with an event loop."""

    async def send(self, call: Call[Any]) -> object: ...


class Operations:
    """The questions as plain methods over any transport."""

    def __init__(self, transport: Transport, retries: Retries, sleep: Callable[[float], None] = time.sleep) -> None:
        self._transport = transport
        self._retries = retries
        self._sleep = sleep

    def read(self, image: Readable, **options: Unpack[TextKeywords]) -> TextAnswer:
        """Read a page or a line. Raises an error of ocr.errors, or OSError for a path that cannot be read."""
        return self._ask(text_call(image, options))

    def read_document(self, document: Readable, **options: Unpack[DocumentKeywords]) -> DocumentAnswer:
        """Read a PDF, a TIFF of several pages or an image, page by page, in several requests where it has more pages
        than one may have read. A page that cannot be read is a FailedPage in its place. Raises as `read` does.
        """
        file, left = encoded(document), PageChoice.of(options.get("pages", ALL_PAGES))
        parts: list[DocumentAnswer] = []
        while True:
            try:
                return joined([*parts, self._ask(document_call(file, {**options, "pages": str(left)}))])
            except TooManyPages as error:
                part, left = left.split(error.max_pages)
            parts.append(self._ask(document_call(file, {**options, "pages": str(part)})))

    def read_as(self, document: Readable, format: str, **options: Unpack[DocumentKeywords]) -> bytes:
        """The reading of a file, written down by the service: text, markdown, hocr, hocr.zip, alto, alto.zip, page or
        pdf; a long one in several requests. A path is named to formats that name the file. Only over HTTP. Raises as
        `read` does, and OutOfRange for a format that there is not.
        """
        writing = FileInParts(encoded(document), name_of(document), format, options)
        while True:
            try:
                return writing.whole(self._ask(writing.next_call()).content)
            except TooManyPages as error:
                part = writing.split(error)
            writing.add(self._ask(part).content)

    def read_character(self, image: Readable, **options: Unpack[CharacterKeywords]) -> CharacterAnswer:
        """Read one character. Raises as `read` does."""
        return self._ask(character_call(image, options))

    def read_batch(
        self, images: Sequence[Readable], task: Task = "text", **options: Unpack[BatchKeywords]
    ) -> BatchAnswer:
        """Read many images: one result per image, in order; one that cannot be read is a FailedItem in its place."""
        return self._ask(batch_call(images, task, options))

    def status(self) -> StatusAnswer:
        """Engines, deployments and weights of the service, also while it warms up."""
        return self._ask(STATUS_CALL)

    def ready(self) -> bool:
        """Whether enough engines are warm to answer. Raises Unreachable when nobody is there to ask."""
        return self.status().status != "not_ready"

    def config(self) -> ConfigAnswer:
        """Every value of the configuration and the layer that it comes from.

        Only over HTTP and with an admin's key, as all that follows.
        """
        return self._ask(CONFIG_CALL)

    def change_config(self, live: Mapping[str, Any], version: int | None = None) -> ConfigAnswer:
        """Replace the live layer for the whole cluster. With `version`, raises Outdated when another one is in force.

        Never sent twice: when the connection breaks, `config` tells whether it was made.
        """
        return self._ask(change_call(live, version))

    def change_weights(
        self, weights: Mapping[str, float], profile: str | None = None, version: int | None = None
    ) -> ConfigAnswer:
        """Set the voting weights of one profile, or of all; otherwise as `change_config`."""
        return self._ask(weights_call(weights, profile, version))

    def performance(self) -> PerformanceAnswer:
        """Latency, errors, agreement and confidence since the replicas were started."""
        return self._ask(PERFORMANCE_CALL)

    def self_test(self, samples: int = 10, task: Task = "text") -> SelfTestAnswer:
        """Have the service draw samples with a known text, read them and compare."""
        return self._ask(self_test_call(samples, task))

    def _ask(self, call: Call[Answer]) -> Answer:
        tries = self._retries.start(call)
        while True:
            try:
                return call.parse(self._transport.send(call))
            except ServiceError as error:
                self._sleep(tries.pause_s(error))


class AsyncOperations:
    """The same for a caller with an event loop."""

    def __init__(self, transport: AsyncTransport, retries: Retries) -> None:
        self._transport = transport
        self._retries = retries

    async def read(self, image: Readable, **options: Unpack[TextKeywords]) -> TextAnswer:
        """Read a page or a line; see Operations.read."""
        return await self._ask(text_call(image, options))

    async def read_document(self, document: Readable, **options: Unpack[DocumentKeywords]) -> DocumentAnswer:
        """Read a file page by page; see Operations.read_document."""
        file, left = encoded(document), PageChoice.of(options.get("pages", ALL_PAGES))
        parts: list[DocumentAnswer] = []
        while True:
            try:
                return joined([*parts, await self._ask(document_call(file, {**options, "pages": str(left)}))])
            except TooManyPages as error:
                part, left = left.split(error.max_pages)
            parts.append(await self._ask(document_call(file, {**options, "pages": str(part)})))

    async def read_as(self, document: Readable, format: str, **options: Unpack[DocumentKeywords]) -> bytes:
        """The reading of a file, written down by the service; see Operations.read_as."""
        writing = FileInParts(encoded(document), name_of(document), format, options)
        while True:
            try:
                return writing.whole((await self._ask(writing.next_call())).content)
            except TooManyPages as error:
                part = writing.split(error)
            writing.add((await self._ask(part)).content)

    async def read_character(self, image: Readable, **options: Unpack[CharacterKeywords]) -> CharacterAnswer:
        """Read one character; see Operations.read_character."""
        return await self._ask(character_call(image, options))

    async def read_batch(
        self, images: Sequence[Readable], task: Task = "text", **options: Unpack[BatchKeywords]
    ) -> BatchAnswer:
        """Read many images; see Operations.read_batch."""
        return await self._ask(batch_call(images, task, options))

    async def status(self) -> StatusAnswer:
        """Engines, deployments and weights of the service, also while it warms up."""
        return await self._ask(STATUS_CALL)

    async def ready(self) -> bool:
        """Whether enough engines are warm to answer; see Operations.ready."""
        return (await self.status()).status != "not_ready"

    async def config(self) -> ConfigAnswer:
        """The configuration in force; see Operations.config."""
        return await self._ask(CONFIG_CALL)

    async def change_config(self, live: Mapping[str, Any], version: int | None = None) -> ConfigAnswer:
        """Replace the live layer; see Operations.change_config."""
        return await self._ask(change_call(live, version))

    async def change_weights(
        self, weights: Mapping[str, float], profile: str | None = None, version: int | None = None
    ) -> ConfigAnswer:
        """Set the voting weights of one profile, or of all; otherwise as `change_config`."""
        return await self._ask(weights_call(weights, profile, version))

    async def performance(self) -> PerformanceAnswer:
        """Latency, errors, agreement and confidence since the replicas were started."""
        return await self._ask(PERFORMANCE_CALL)

    async def self_test(self, samples: int = 10, task: Task = "text") -> SelfTestAnswer:
        """Have the service draw samples with a known text, read them and compare."""
        return await self._ask(self_test_call(samples, task))

    async def _ask(self, call: Call[Answer]) -> Answer:
        tries = self._retries.start(call)
        while True:
            try:
                return call.parse(await self._transport.send(call))
            except ServiceError as error:
                await asyncio.sleep(tries.pause_s(error))
