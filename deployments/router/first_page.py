"""The page that a Router reads before it says that the service is ready: an ordinary one, within the default deadline.

Warm engines are not enough to say so. Each has read a line or two by then, alone; the first page of a user meets all of
them at once on the same cores, and shapes that no engine has met.
"""

from __future__ import annotations

import asyncio
import io
import random
import time
from collections.abc import Awaitable, Callable

import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from ocr.errors import QuorumError

LINES = 40
_SIZE = (1240, 1754)  # A4 at 150 dpi
_LETTERS = "etaoinshrdlucmfwypvbgkETAOINSHR0123456789"
_WARM_POLL_S = 0.2
_AGAIN_S = 2.0


def ordinary_page() -> bytes:
    """A PNG file of an A4 page with 40 lines of made words, the same at every call."""
    rng = random.Random(40)  # noqa: S311 - a picture, not a secret
    page = PIL.Image.new("L", _SIZE, "white")
    draw, font = PIL.ImageDraw.Draw(page), PIL.ImageFont.load_default(24)
    for line in range(LINES):
        words = ("".join(rng.choices(_LETTERS, k=rng.randint(2, 9))) for _ in range(11))
        draw.text((90, 80 + 40 * line), " ".join(words)[:70], fill=20, font=font)
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


class FirstPage:
    """Reads the page as soon as `is_warm`, again until it is answered. `seconds` is what it took, None before;
    `problem` says how the last try ended. `read` raises QuorumError when the page was not answered.
    """

    def __init__(
        self,
        is_warm: Callable[[], bool],
        read: Callable[[bytes], Awaitable[object]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.seconds: float | None = None
        self.problem = ""
        self._is_warm = is_warm
        self._read = read
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        while not self._is_warm():
            await self._sleep(_WARM_POLL_S)
        page = await asyncio.to_thread(ordinary_page)
        while self.seconds is None:
            began = self._clock()
            try:
                await self._read(page)
            except QuorumError as error:
                self.problem = error.message
                await self._sleep(_AGAIN_S)
            else:
                self.seconds, self.problem = self._clock() - began, ""
