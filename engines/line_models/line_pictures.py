"""Line crops as the line networks take them: grey, one height, their own width, padded to the widest of the batch.

What transformers' own processors do (squeeze each crop into one rectangle) leaves a long line two or three pixels a
character. Here a line keeps its proportions, up to MAX_RATIO. Nothing here imports a framework.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.common.text_rows import crop_to_text_rows

MAX_RATIO = 60
"""A crop that is wider than this many times its height is squeezed to it: nothing else bounds the memory it takes."""
WIDTH_STEP = 32
"""Batches are as wide as a multiple of this many pixels: fewer different shapes, and a whole number of columns."""
MARGIN_PX = 96
"""Paper behind the widest line, so that what the network sees of its end does not depend on the batch."""

Grey = NDArray[np.uint8]


def scaled(crop: NDArray[np.uint8], height_px: int) -> Grey:
    """The rows of the crop that its letters take, in grey at `height_px`, in their proportions."""
    picture = Image.fromarray(crop_to_text_rows(np.asarray(Image.fromarray(crop).convert("L"))))
    ratio = min(picture.width / picture.height, MAX_RATIO)
    width = max(1, math.ceil(height_px * ratio))
    return np.asarray(picture.resize((width, height_px), Image.Resampling.BICUBIC))


def batch(pictures: Sequence[Grey]) -> NDArray[np.float32]:
    """Pictures of one height side by side, (N, 1, H, W) in [-1, 1]; their last column is repeated as far as needed,
    so that the paper ends nowhere.
    """
    widest = max(picture.shape[1] for picture in pictures)
    width = -(-(widest + MARGIN_PX) // WIDTH_STEP) * WIDTH_STEP
    filled = [np.pad(picture, ((0, 0), (0, width - picture.shape[1])), mode="edge") for picture in pictures]
    return np.stack(filled)[:, None].astype(np.float32) / 127.5 - 1.0
