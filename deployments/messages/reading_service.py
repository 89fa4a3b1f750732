"""The port through which the Gateway reads. In a replica it is the Router behind a Serve handle; in a unit test it
answers by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deployments.messages.answers import CharacterReading, NamedPicture
from deployments.messages.request import ReadRequest
from deployments.messages.states import ServiceState
from ocr import Page
from ocr.contract import ComponentStatus
from ocr.errors import QuorumError


class ReadingService(Protocol):
    """Every method raises the errors of the tree."""

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        """The text of one image file."""

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        """One character per image file, in order; an image that cannot be read is an error in its place."""

    async def pictures(self, data: bytes, request: ReadRequest) -> tuple[NamedPicture, ...]:
        """What is done to an image file before it is read: the page after each step, and each line as it is cropped."""

    async def state(self) -> ServiceState:
        """What is warm."""

    async def components(self) -> dict[str, ComponentStatus]:
        """The deployments and their replicas."""
