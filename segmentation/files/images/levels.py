"""From samples of any depth and meaning to RGB of eight bits, as they are meant to be seen.

Deep samples seldom fill their depth: a camera of 12 bits stores 0 to 4095 in 16. So the range is that of the least
number of bits that holds all samples but a few stray ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

Samples = NDArray[np.generic]

_STRAY = 1e-5  # of the samples: hot pixels of a camera, far less than a letter
_NOISE = 1 / 8  # of the highest sample: what lies so little below 0 is noise around it
_OVERSHOOT = 3.0  # floating point up to here is meant to be 0 to 1: sharpening goes beyond


@dataclass(frozen=True, slots=True)
class SampleRange:
    """The sample that is darkest, and the one that is brightest."""

    low: float
    high: float

    def parts(self, samples: Samples) -> NDArray[np.float32]:
        """`samples` as parts of the range, in [0, 1]. What is no number is paper, as a scanner leaves it beside the
        sheet.
        """
        parts = (samples.astype(np.float32) - np.float32(self.low)) / np.float32(self.high - self.low)
        parts = np.nan_to_num(parts, nan=1.0, posinf=1.0, neginf=0.0)
        return np.asarray(np.clip(parts, 0.0, 1.0), np.float32)


def sample_range(strips: Iterable[Samples]) -> SampleRange:
    """The range of a picture given as strips of samples, without a few stray ones."""
    low, high, is_float = np.inf, -np.inf, False
    for strip in strips:
        is_float = strip.dtype.kind == "f"
        numbers = strip[np.isfinite(strip)] if is_float else strip.ravel()
        if numbers.size:
            low, high = min(low, _extreme(numbers, 0)), max(high, _extreme(numbers, numbers.size - 1))
    if not low <= high:
        return SampleRange(0.0, 1.0)
    if low >= -_NOISE * abs(high):
        return SampleRange(0.0, _top_of_floats(high) if is_float else _top(high))
    if is_float:
        return SampleRange(low, max(high, low + 1e-6))
    half = _top(max(high, -low - 1.0, 0.0)) + 1.0
    return SampleRange(-half, half - 1.0)


def range_of_palette(colours: Samples) -> SampleRange:
    """That of the colours of a TIFF's palette (N, 3)."""
    return SampleRange(0.0, 255.0 if is_of_eight_bits(colours.ravel().tolist()) else 65535.0)


def is_of_eight_bits(palette: Sequence[int]) -> bool:
    """Whether a palette, which TIFF has in 16 bits, was written in 8, as some programs do."""
    return 0 < max(palette, default=0) < 256


def rgb_of(parts: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Grey (H, W, 1) or RGB (H, W, 3) in [0, 1] as eight bits."""
    levels = (parts * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)
    return levels if levels.shape[2] == 3 else np.repeat(levels, 3, axis=2)


def from_cmyk(parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inks (H, W, 4) in [0, 1] as RGB."""
    return (1.0 - parts[:, :, :3]) * (1.0 - parts[:, :, 3:4])


def from_ycbcr(parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Luma and two differences of colour (H, W, 3) in [0, 1] as RGB (ITU-R BT.601, of the whole range)."""
    luma, blue, red = parts[:, :, 0], parts[:, :, 1] - 0.5, parts[:, :, 2] - 0.5
    seen = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=2)
    return np.asarray(np.clip(seen, 0.0, 1.0), np.float32)


def from_lab(samples: Samples, bits: int, *, is_offset: bool) -> NDArray[np.float32]:
    """CIE L*a*b* (H, W, 3) as sRGB in [0, 1]. Of whole numbers, a* and b* are counted from the middle of their range
    with `is_offset` (ICC), else they are signed; floating point has them as they are, L* up to 100.
    """
    from PIL import ImageCms

    if samples.dtype.kind == "f":
        scaled = np.nan_to_num(samples.astype(np.float32)) * np.array([2.55, 1.0, 1.0], np.float32)
        samples, bits, is_offset = np.rint(np.clip(scaled, [0, -128, -128], [255, 127, 127])), 8, False
    top_byte = (samples.astype(np.int64) >> (bits - 8)).astype(np.uint8)  # what is finer is not seen
    if is_offset:
        top_byte[:, :, 1:] ^= 0x80
    height, width = top_byte.shape[:2]
    picture = PIL.Image.frombytes("LAB", (width, height), top_byte.tobytes(), "raw", "LAB")
    to_srgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    seen = ImageCms.applyTransform(picture, to_srgb)
    return np.asarray(seen).astype(np.float32) / np.float32(255.0)


def _extreme(numbers: Samples, last: int) -> float:
    """The lowest (0) or the highest (size - 1) of the numbers but for the stray ones."""
    stray = int(numbers.size * _STRAY)
    at = last - stray if last else stray
    if not stray:
        return float(numbers.max() if last else numbers.min())
    return float(np.partition(numbers, at)[at])


def _top(high: float) -> float:
    """The highest number of so many bits as `high` takes."""
    return float(2 ** max(1, int(high).bit_length()) - 1)


def _top_of_floats(high: float) -> float:
    if high > _OVERSHOOT:
        return _top(np.ceil(high))
    if high > 0.5:
        return max(1.0, high) if high > 1.05 else 1.0
    return float(2.0 ** np.ceil(np.log2(high))) if high > 0.0 else 1.0
