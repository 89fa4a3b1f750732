"""How far a page lies from upright, told from the shapes of its text and from a look at a few lines.

The rectangles of the text say how the lines run, up to half a turn: that gives the skew and whether the page lies on
its side. Which of the two ways is up is told by three witnesses. A classifier is sure about print and guesses on
joined handwriting, about which it is not asked; the distribution of ink over the height of a line (ascenders, capitals
and dots outnumber descenders in any Latin hand) is weak on a line of capitals. Where these two leave a doubt, a
recogniser reads a few lines both ways: of what lies upside down it is never as sure. Angles are degrees,
counter-clockwise as seen on the page. This file does not find text and does not turn pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.image import Pixels
from segmentation.characters import is_joined
from segmentation.detection.detector import Network
from segmentation.detection.onnx_network import open_network
from segmentation.detection.quads import Quads, angles, heights, turned, widths
from segmentation.ink import gray, ink_mask, without_neighbours

_MIN_ELONGATION = 2.5  # shorter pieces say nothing about how lines run
_CLASSIFIER_SIZE_PX = (192, 48)  # width, height
_PROFILE_HEIGHT_PX = 32  # to which a line is reduced to weigh its ink

# Measured with both witnesses on 97 pages, each both ways round: the sum is above 2.0 for all 154 views of typescript,
# print and receipts and above 0.5 for all of unjoined handwriting. On 12 pages of joined handwriting the ink says 2.6
# to 6.2, the classifier 2.0 to -7.2.
_ASYMMETRY_WEIGHT = 10.0  # log-odds for a skewness of 1
DECIDED = 6.0  # log-odds from which a look at a few lines is enough
_READING_WEIGHT = 25.0  # log-odds for a reader that is wholly sure one way and not at all the other
_READING_SIZE_PX = (480, 48)  # width, height of what is read of a line
_NO_CHARACTER = 0  # the class of a CTC network for none


class UpsideDownClassifier(Protocol):
    """Tells a piece of a line from the same piece upside down."""

    def upside_down(self, crops: Sequence[Pixels]) -> NDArray[np.float32]:
        """The probability, (N,), that each piece lies upside down."""


class OrientationReader(Protocol):
    """Reads pieces of lines."""

    def confidence(self, crops: Sequence[Pixels]) -> NDArray[np.float32]:
        """How probable the characters are that are read on each piece, (N,) in [0, 1]; 0 where none are."""


@dataclass(frozen=True, slots=True)
class OrientationEstimator:
    """Weighs whether lines stand or lie upside down, with a `classifier` and a `reader` if there are any."""

    classifier: UpsideDownClassifier | None = None
    reader: OrientationReader | None = None
    few_lines: int = 4
    more_lines: int = 16

    def log_odds(self, lines: Sequence[Pixels]) -> float:
        """Evidence that lines (the longest first) stand: positive for upright, the negative for the same lines turned.

        A few lines are looked at, more if they leave a doubt, and if they do too a few are read.
        """
        few = lines[: self.few_lines]
        odds = self._mean(few)
        if abs(odds) < DECIDED and len(lines) > len(few):
            odds = self._mean(lines[: self.more_lines])
        return odds if abs(odds) >= DECIDED else odds + self._read(few)

    def _read(self, lines: Sequence[Pixels]) -> float:
        """How much surer the reader is of lines as they are than of the same lines turned."""
        if self.reader is None or not lines:
            return 0.0
        pieces = [_piece(line, _READING_SIZE_PX) for line in lines]
        sure = self.reader.confidence([*pieces, *(piece[::-1, ::-1] for piece in pieces)])
        return _READING_WEIGHT * float(np.mean(sure[: len(pieces)] - sure[len(pieces) :]))

    def _mean(self, lines: Sequence[Pixels]) -> float:
        if not lines:
            return 0.0
        by_ink = _ASYMMETRY_WEIGHT * float(np.mean([asymmetry(line) for line in lines]))
        pieces = [_piece(line, _CLASSIFIER_SIZE_PX) for line in lines if not is_joined(line)]
        if self.classifier is None or not pieces:
            return by_ink
        # Asked both ways round, so that the classifier's leaning to one answer cancels.
        answers = self.classifier.upside_down([*pieces, *(piece[::-1, ::-1] for piece in pieces)])
        odds = _logit(answers)
        return by_ink + float(np.sum(odds[len(pieces) :] - odds[: len(pieces)])) / len(lines)


def _logit(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    bounded = np.clip(probabilities.astype(np.float64), 1e-4, 1 - 1e-4)
    return np.asarray(np.log(bounded / (1 - bounded)))


def _piece(line: Pixels, size_px: tuple[int, int]) -> Pixels:
    """The middle of a line, as long as a network that takes this width and height sees without squeezing it."""
    width, height = size_px
    wanted = max(1, round(line.shape[0] * width / height))
    start = max(0, (line.shape[1] - wanted) // 2)
    return line[:, start : start + wanted]


def asymmetry(line: Pixels) -> float:
    """How much more ink reaches up than down in a line: the skewness of its row profile, positive when it stands."""
    luma = gray(line)
    if luma.shape[0] > _PROFILE_HEIGHT_PX:
        size = max(1, luma.shape[1] * _PROFILE_HEIGHT_PX // luma.shape[0]), _PROFILE_HEIGHT_PX
        luma = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    profile = without_neighbours(ink_mask(luma)).sum(axis=1).astype(np.float64)  # (H,)
    total = profile.sum()
    if not total:
        return 0.0
    rows = np.arange(len(profile)) - (profile * np.arange(len(profile))).sum() / total
    spread = np.sqrt((profile * rows**2).sum() / total)
    return float(-(profile * rows**3).sum() / total / spread**3) if spread > 0 else 0.0


def line_angle(quads: Quads) -> float:
    """The angle of the lines, in (-45, 135]: -45 to 45 on a page that stands (or stands on its head), else on its side.

    The median over the elongated pieces, each weighted by how much longer than high it is; 0 when there are none.
    """
    along = reading_along(quads)
    wide, tall = widths(along), heights(along)
    long = wide >= _MIN_ELONGATION * tall
    if not long.any():
        return 0.0
    weights, degrees = (wide - tall)[long], angles(along)[long]
    sideways = weights[_are_sideways(degrees)].sum() > weights.sum() / 2
    chosen = _are_sideways(degrees) == sideways
    # Sideways text may have been taken for text that reads down (-90): the same line, half a turn away.
    upward = np.where(degrees < -45, degrees + 180, degrees)
    return weighted_median(upward[chosen], weights[chosen])


def _are_sideways(degrees: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(degrees) > 45)


def reading_along(quads: Quads) -> Quads:
    """The same rectangles (N, 4, 2) read along their longer side: tall ones are turned to read upwards."""
    tall = heights(quads) > widths(quads)
    return np.where(tall[:, None, None], turned(quads, 1), quads)


def weighted_median(values: NDArray[np.floating], weights: NDArray[np.floating]) -> float:
    """The value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])


class OnnxUpsideDownClassifier:
    """PaddleOCR's text-line orientation classifier (0 or 180 degrees).

    `network` takes (N, 3, 48, 192) float32 in [-1, 1] and gives the probabilities (N, 2) of upright and upside down.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def upside_down(self, crops: Sequence[Pixels]) -> NDArray[np.float32]:
        """The probability, (N,), that each line lies upside down."""
        if not crops:
            return np.zeros(0, dtype=np.float32)
        blob = np.stack([_network_input(crop, _CLASSIFIER_SIZE_PX) for crop in crops])  # (N, 3, 48, 192) float32
        return np.asarray(self._network(blob)[:, 1], dtype=np.float32)


class OnnxOrientationReader:
    """PaddleOCR's recogniser. Most pages leave no doubt: it is opened when the first one does.

    The network takes (1, 3, 48, 480) float32 in [-1, 1] and gives the probabilities (1, T, C) of C classes in T steps.
    """

    def __init__(self, model: Path, threads: int) -> None:
        self._model, self._threads = model, threads

    @cached_property
    def _network(self) -> Network:
        return open_network(self._model, self._threads)

    def confidence(self, crops: Sequence[Pixels]) -> NDArray[np.float32]:
        """The mean probability of the characters that are read on each piece, (N,); 0 where none are."""
        return np.array([self._of(crop) for crop in crops], dtype=np.float32)

    def _of(self, crop: Pixels) -> float:
        [steps] = self._network(_network_input(crop, _READING_SIZE_PX)[None])
        read = steps[steps.argmax(axis=1) != _NO_CHARACTER]  # (K, C): the steps in which there is a character
        return float(read.max(axis=1).mean()) if len(read) else 0.0


def _network_input(crop: Pixels, size_px: tuple[int, int]) -> NDArray[np.float32]:
    """One line as (3, H, W) float32 in [-1, 1], padded with 0 on the right."""
    full_width, height = size_px
    width = min(full_width, max(1, round(crop.shape[1] * height / crop.shape[0])))
    reduced = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    blob = np.zeros((3, height, full_width), dtype=np.float32)
    blob[:, :, :width] = (reduced[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) / 255 - 0.5) / 0.5
    return blob


def load_classifier(model: Path, threads: int) -> OnnxUpsideDownClassifier:
    """The classifier in `model`, a file or a directory with `inference.onnx`; or EngineUnavailable."""
    return OnnxUpsideDownClassifier(open_network(model, threads))
