"""Frames of a film or a camera, one connection each: the newest are read, what came too fast is dropped and said so.

`FrameQueue` holds a few frames; when it is full, the oldest gives way. A `FrameReader` reads one frame at a time and
repeats its last answer for a frame that looks the same: the same bytes, or the same picture but for noise. Knows no
WebSocket.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from deployments.gateway.error_responses import error_answer
from ocr.contract import CharacterAnswer, FrameAnswer, TextAnswer
from ocr.errors import QuorumError, TooLarge
from segmentation.files.images.decoding import DecodingLimits, decode

ReadFrame: TypeAlias = Callable[[bytes], Awaitable[CharacterAnswer | TextAnswer]]
Turn: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]

# Frames are compared as grey pictures of this longer side, each pixel the mean of those it stands for. In a frame of
# 1280 x 720 px, noise of 8 levels a pixel came to 22 levels at most, and one digit in 18 px print to 43 at least.
_COMPARED_PX = 512
_SAME_LEVELS = 30
# What is dearer to decode is compared by its bytes alone: it is decoded here, in the gateway's own process.
_COMPARED_MB, _COMPARED_S = 100.0, 1.0

FRAMES_COMPARED_AT_ONCE = 2
"""By one gateway."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An image file and the name under which its result goes back."""

    image_id: str
    image: bytes


class FrameQueue:
    """At most `capacity` frames that wait to be read."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: deque[Frame] = deque()
        self._arrived = asyncio.Event()

    def put(self, frame: Frame) -> Frame | None:
        """Add the newest frame; the oldest one that has to give way for it, if any."""
        dropped = self._frames.popleft() if len(self._frames) == self._capacity else None
        self._frames.append(frame)
        self._arrived.set()
        return dropped

    def __len__(self) -> int:
        return len(self._frames)

    async def next(self) -> Frame:
        """The frame that has waited longest, as soon as there is one."""
        while not self._frames:
            self._arrived.clear()
            await self._arrived.wait()
        return self._frames.popleft()


class FrameReader:
    """Reads the frames of one connection with `read`, one after another."""

    def __init__(self, read: ReadFrame, limits: DecodingLimits, turn: Turn = nullcontext) -> None:
        """`turn` is waited for before a frame is compared."""
        self._read = read
        self._limits = limits
        self._turn = turn
        self._last: _LastRead | None = None

    async def answer(self, frame: Frame) -> FrameAnswer:
        """What became of the frame; a failure is an answer too."""
        try:
            async with self._turn():
                fingerprint = await asyncio.to_thread(fingerprint_of, frame.image, self._limits)
            if self._last is not None and self._last.fingerprint.matches(fingerprint):
                return FrameAnswer(image_id=frame.image_id, status="unchanged", answer=self._last.answer)
            answer = await self._read(frame.image)
        except QuorumError as error:
            return failed_answer(frame.image_id, error)
        self._last = _LastRead(fingerprint, answer)
        return FrameAnswer(image_id=frame.image_id, status="read", answer=answer)


def failed_answer(image_id: str, error: QuorumError) -> FrameAnswer:
    return FrameAnswer(image_id=image_id, status="failed", error=error_answer(error).error)


def dropped_answer(frame: Frame) -> FrameAnswer:
    return FrameAnswer(image_id=frame.image_id, status="dropped")


@dataclass(frozen=True, slots=True, eq=False)
class FrameFingerprint:
    """What frames are compared by: the hash of the file, and a small grey picture (H, W) where that is cheap."""

    digest: bytes
    size: tuple[int, int] = (0, 0)
    grey: NDArray[np.int16] | None = None

    def matches(self, other: FrameFingerprint) -> bool:
        if self.digest == other.digest:
            return True
        if self.grey is None or other.grey is None:
            return False
        return self.size == other.size and int(np.abs(self.grey - other.grey).max()) <= _SAME_LEVELS


@dataclass(frozen=True, slots=True, eq=False)
class _LastRead:
    fingerprint: FrameFingerprint
    answer: CharacterAnswer | TextAnswer


def fingerprint_of(image: bytes, limits: DecodingLimits) -> FrameFingerprint:
    """Raises what is wrong with the image: not one, of several pages. Whether it is too large is for who reads it."""
    most_pixels = min(limits.max_pixels, 4 * _COMPARED_PX**2)  # it is decoded no larger than is needed
    cheap = DecodingLimits(most_pixels, min(limits.max_mb, _COMPARED_MB), min(limits.max_s, _COMPARED_S))
    try:
        decoded = decode(image, cheap)
    except TooLarge:
        return FrameFingerprint(hashlib.sha256(image).digest())
    size = decoded.sent_width_px, decoded.sent_height_px
    scale = min(1.0, _COMPARED_PX / max(size))
    small = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    grey = PIL.Image.fromarray(decoded.image.pixels).convert("L").resize(small, PIL.Image.Resampling.BOX)
    return FrameFingerprint(hashlib.sha256(image).digest(), size, np.asarray(grey, dtype=np.int16))
