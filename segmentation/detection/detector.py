"""Where the text is: PaddleOCR's differentiable-binarisation detector as one ONNX file.

The network gives for every pixel of a reduced page the probability that it belongs to the core of a text line; this
file turns that map into rotated rectangles (Liao et al. 2020, "Real-time Scene Text Detection with Differentiable
Binarization", arXiv:1911.08947). A runtime for ONNX is enough: importing `paddleocr` to do the same costs 20 s and
700 MB a process.

Lengths are pixels of the page that was given unless a name says otherwise. This file does not know which pieces make
a line, which way up the page is, or what is written on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels
from segmentation.detection.quads import Quads, clockwise_from_top_left, no_quads

_MIN_FILL = 0.65  # of its rectangle that a line covers
_STRICTER_THRESHOLDS = (0.5, 0.7, 0.85)
_STRIDE_PX = 32  # the network halves the page five times
# The channel statistics of ImageNet, in PaddleOCR's order: its detectors are trained on BGR pixels.
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32) * 255
_DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32) * 255


Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class Detector(Protocol):
    """Finds pieces of text: words, parts of lines or whole lines."""

    def find(self, pixels: Pixels) -> Quads:
        """Rotated rectangles around the pieces, in pixels of `pixels`, in no particular order."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How the detector looks at a page.

    A page is reduced to at most `max_pixels` and `max_side_px`, and never enlarged. On 29 pages of typescript, print
    and receipts 0.8 megapixels lose nothing against 1.6 but four short lines of 1,417, at half the cost.
    A pixel is text above `pixel_threshold`; a rectangle counts if its mean probability is above `box_threshold`, and
    grows by `unclip_ratio` * area / perimeter on each side, because the network marks only the core of a line.
    """

    max_pixels: int = 1_000_000
    max_side_px: int = 3200
    pixel_threshold: float = 0.3
    box_threshold: float = 0.5
    unclip_ratio: float = 1.6
    min_core_px: float = 2.0

    def __post_init__(self) -> None:
        if self.max_pixels < _STRIDE_PX**2 or self.max_side_px < _STRIDE_PX:
            raise ValueError(f"{self}: a page of less than {_STRIDE_PX}x{_STRIDE_PX} px cannot be looked at")
        if not 0.0 < self.pixel_threshold < 1.0 or not 0.0 < self.box_threshold < 1.0:
            raise ValueError(f"{self}: the thresholds are probabilities")
        if self.unclip_ratio < 0.0:
            raise ValueError(f"{self}: unclip_ratio is negative")


class DbDetector:
    """A DB detector. `network` takes (1, 3, H, W) float32 and gives (1, 1, H, W) in [0, 1]."""

    def __init__(self, network: Network, settings: DetectorSettings | None = None) -> None:
        self._network = network
        self.settings = settings or DetectorSettings()

    def find(self, pixels: Pixels) -> Quads:
        """The pieces of text on `pixels`: (N, 4, 2) float32, corners clockwise from the top-left one."""
        probability, scale = self._probability(pixels)
        rectangles = core_rectangles(probability, self.settings)
        if not rectangles:
            return no_quads()
        quads = np.stack([cv2.boxPoints(rectangle) for rectangle in rectangles])  # (N, 4, 2) float32, map pixels
        return clockwise_from_top_left(quads / scale)

    def _probability(self, pixels: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The map of the reduced page, (H', W') float32, and how much (x, y) were scaled, (2,) float32."""
        height, width = pixels.shape[:2]
        map_width, map_height = map_size(width, height, self.settings)
        reduced = cv2.resize(pixels, (map_width, map_height), interpolation=cv2.INTER_AREA)
        blob = (reduced[:, :, ::-1].astype(np.float32) - _MEAN) / _DEVIATION
        blob = np.ascontiguousarray(blob.transpose(2, 0, 1))[None]  # (1, 3, H', W') float32
        answer = self._network(blob)
        scale = np.array([map_width / width, map_height / height], dtype=np.float32)
        return np.asarray(answer[0, 0], dtype=np.float32), scale


def map_size(width_px: int, height_px: int, settings: DetectorSettings) -> tuple[int, int]:
    """Width and height of the reduced page: multiples of the network's stride within the limits of `settings`."""
    scale = min(
        1.0, math.sqrt(settings.max_pixels / (width_px * height_px)), settings.max_side_px / max(width_px, height_px)
    )
    width, height = (max(_STRIDE_PX, round(side * scale / _STRIDE_PX) * _STRIDE_PX) for side in (width_px, height_px))
    return width, height


Rectangle = tuple[tuple[float, float], tuple[float, float], float]
"""OpenCV's rotated rectangle: centre (x, y), (width, height), degrees."""


def core_rectangles(probability: NDArray[np.float32], settings: DetectorSettings) -> list[Rectangle]:
    """The rectangles around the connected parts of a probability map (H, W), grown to the full line, in map pixels."""
    return list(_parts(probability, (settings.pixel_threshold, *_STRICTER_THRESHOLDS), settings))


def _parts(
    probability: NDArray[np.float32], thresholds: tuple[float, ...], settings: DetectorSettings
) -> Iterator[Rectangle]:
    """The grown rectangles of the parts above the first threshold.

    A line fills its rectangle. What does not is two lines, or a line and a stamp, that touch: it is looked at again
    with the next threshold.
    """
    mask = (probability > thresholds[0]).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for contour in contours:
        centre, (width, height), degrees = cv2.minAreaRect(contour)
        # A contour runs through the centres of its outermost pixels: half a pixel is missing on each side.
        centre, width, height = (centre[0] + 0.5, centre[1] + 0.5), width + 1.0, height + 1.0
        if min(width, height) < settings.min_core_px or _mean_inside(probability, contour) < settings.box_threshold:
            continue
        if len(thresholds) > 1 and cv2.contourArea(contour) < _MIN_FILL * (width - 1) * (height - 1):
            yield from _inner_parts(probability, contour, thresholds[1:], settings)
            continue
        grow = settings.unclip_ratio * width * height / (width + height)  # on both sides together
        yield centre, (width + grow, height + grow), degrees


def _inner_parts(
    probability: NDArray[np.float32],
    contour: NDArray[np.int32],
    thresholds: tuple[float, ...],
    settings: DetectorSettings,
) -> Iterator[Rectangle]:
    """The parts within one contour at stricter thresholds."""
    left, top, width, height = cv2.boundingRect(contour)
    inside = np.zeros((height, width), np.float32)
    cv2.drawContours(inside, [contour], -1, 1.0, cv2.FILLED, offset=(-left, -top))
    window = inside * probability[top : top + height, left : left + width]
    for (x, y), size, degrees in _parts(window, thresholds, settings):
        yield (x + left, y + top), size, degrees


def _mean_inside(probability: NDArray[np.float32], contour: NDArray[np.int32]) -> float:
    """The mean probability of the pixels inside a contour (K, 1, 2)."""
    left, top, width, height = cv2.boundingRect(contour)
    inside = np.zeros((height, width), np.uint8)
    cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED, offset=(-left, -top))
    return float(cv2.mean(probability[top : top + height, left : left + width], inside)[0])
