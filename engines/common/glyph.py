"""The one preparation of a character: any picture of one in, 28x28 ink out, for training and for serving alike.

After Cohen et al. 2017 (EMNIST, arXiv:1702.05373): smooth, cut to the tight box of the ink, centre in a square, pad,
and bring to 28x28. Before that the ink has to be found in what people send: photographs of grey paper, dark or light
ink, shaded corners, specks. So the work is in two steps. `find_ink` turns grey pixels into a map of ink in [0, 1] (1
= ink, whatever the polarity was); `glyph_in_ink` cuts a glyph from such a map. A line is searched for ink once and its
characters are placed from that one map; a lone character goes through `prepare`, which does both.

What cannot be a character (no contrast, a speck, a solid block, a long bar) is an `Unreadable` with its reason: a
value, not an exception. This file knows no network, no classes and no segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr import Box

SIDE_PX = 28
MARGIN_PX = 2  # Cohen et al. leave two pixels free on each side
LONGEST_SIDE_PX = 96  # more pixels than this carry noise, not shape, and cost time
FEW_PX = 24  # a longest side below this is too short to tell paper from ink and to place an edge between two pixels
ENLARGED_PX = 48  # to which it is brought then
MAX_ASPECT = 40  # longest to shortest side of the picture

MIN_CONTRAST = 9.0  # grey levels between paper and ink; faint pencil on grey paper has about 15
MIN_INK_PX = 4  # longest side of the ink in the picture as it was sent
MAX_WIDTH_TO_HEIGHT = 3.0  # W and m stay below 2
SOLID_FILL = 0.93  # mean ink in the tight box: no letter that is wider than a stroke fills its box
GRAINY = 0.04  # grain beside the range of the picture: above it the picture is smoothed before ink is sought
SPECK_SHARE = 0.03  # area of a piece relative to the largest: the dot of an i is above it
_RIDGE = np.diag([1.0, 1.0, 0.0]).astype(np.float32)
_SECOND_DIFFERENCES = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
INK_LEVEL = 0.4  # a pixel with more ink than this belongs to the shape

Grey = NDArray[np.uint8]
Ink = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Glyph:
    """A prepared character: `pixels` float32 (28, 28) in [0, 1], ink = 1; `box` is where the ink was in the picture."""

    pixels: Ink
    box: Box

    def __post_init__(self) -> None:
        if self.pixels.shape != (SIDE_PX, SIDE_PX) or self.pixels.dtype != np.float32:
            raise ValueError(f"glyph: expected float32 of 28x28, got {self.pixels.dtype} of {self.pixels.shape}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why no character could be cut from the picture."""

    reason: str


def prepare(pixels: NDArray[np.uint8]) -> Glyph | Unreadable:
    """The glyph of a picture of one character: uint8, grey (H, W) or RGB (H, W, 3), any size and polarity.

    Raises ValueError for any other array.
    """
    grey = as_grey(pixels)
    height_px, width_px = grey.shape
    longest, shortest = max(grey.shape), min(grey.shape)
    if longest > MAX_ASPECT * shortest:
        return Unreadable(f"a picture of {width_px}x{height_px} px is a bar, not a character")
    found = _search(grey, Box(0, 0, width_px, height_px))
    if not isinstance(found, Unreadable) and _needs_zoom(found[0], longest):
        found = _search(grey, _surroundings(found[0], width_px, height_px))
    return found if isinstance(found, Unreadable) else _glyph(*found)


def _needs_zoom(box: Box, longest: int) -> bool:
    """Whether the search saw less of a character than the picture holds: a small one on a large picture, which was
    shrunk, or one of few pixels in a picture that was not enlarged.
    """
    size = max(box.width, box.height)
    return (longest > LONGEST_SIDE_PX and size <= 0.45 * longest) or (longest >= FEW_PX and size < FEW_PX // 2)


def _search(grey: Grey, within: Box) -> tuple[Box, Ink] | Unreadable:
    """The character in a part of a grey picture: its box in the picture, and its ink at the scale of the search."""
    part, scale = _at_scale_of_search(grey[within.top : within.bottom, within.left : within.right])
    ink = find_ink(part, edge_px=max(0, round(scale - 1.0)) if scale <= 6.0 else 0)
    found = ink if isinstance(ink, Unreadable) else _character_in(ink, along_edge=True)
    return found if isinstance(found, Unreadable) else (_scaled(found[0], 1.0 / scale, within), found[1])


def _at_scale_of_search(grey: Grey) -> tuple[Grey, float]:
    """The picture with `FEW_PX` to `LONGEST_SIDE_PX` on its longer side, and its scale."""
    longest = max(grey.shape)
    scale = ENLARGED_PX / longest if longest < FEW_PX else min(1.0, LONGEST_SIDE_PX / longest)
    if scale == 1.0:
        return grey, scale
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=method), dtype=np.uint8), scale


def _surroundings(box: Box, width_px: int, height_px: int) -> Box:
    margin = round(0.35 * max(box.width, box.height)) + 2
    return Box(
        max(0, box.left - margin),
        max(0, box.top - margin),
        min(width_px, box.right + margin),
        min(height_px, box.bottom + margin),
    )


def as_grey(pixels: NDArray[np.uint8]) -> Grey:
    """Grey uint8 (H, W) of a grey or RGB picture.

    Ink whose colour is as bright as the paper (red on cyan) vanishes in the luminance; the channel in which it stands
    out most is taken then. Raises ValueError for floats, other channel counts and empty arrays.
    """
    if (
        pixels.dtype != np.uint8
        or pixels.size == 0
        or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3))
    ):
        raise ValueError(
            f"picture: expected uint8 of shape (H, W) or (H, W, 3), got {pixels.dtype} of shape {pixels.shape}; "
            "convert floats in [0, 1] with (x * 255).astype('uint8') and drop an alpha channel"
        )
    if pixels.ndim == 2:
        return pixels
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    _, deviation = cv2.meanStdDev(pixels)
    _, spread = cv2.meanStdDev(grey)
    if deviation.max() > 2.0 * spread.max() + 2.0:
        return np.ascontiguousarray(pixels[:, :, int(deviation.argmax())])
    return grey


def find_ink(grey: Grey, *, edge_px: int = 0) -> Ink | Unreadable:
    """The map of ink of a grey picture, float32 (H, W) in [0, 1]: paper 0, ink 1, shading of the paper taken out.

    Which of the two is ink is decided by the border and by the area: paper surrounds ink, and there is more of it.
    Within `edge_px` of the ink nothing is taken for the grain of the paper: an enlarged picture is half-tones there.
    """
    grey = _smoothed(grey)
    _, dark = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    light_is_ink = _light_is_ink(dark)
    paper = dark if light_is_ink else 1 - dark
    if cv2.countNonZero(paper) in (0, paper.size):
        return Unreadable("the picture has one colour only")
    # Ink is positive from here on: (H, W) float32, in grey levels above the paper.
    signed = (grey if light_is_ink else 255 - grey).astype(np.float32)
    return _normalised(signed - _paper_plane(signed, paper), edge_px)


def _smoothed(grey: Grey) -> Grey:
    """The picture with its grain taken down; the same picture where there is little.

    Grain is measured by the second differences across and down together, which are 0 on flat paper and along strokes
    (Immerkaer 1996); their median forgets the corners of the ink.
    """
    if min(grey.shape) < 8:
        return grey
    # In whole numbers: the median of bytes takes a thirtieth of the time of the median of floats.
    differences = cv2.convertScaleAbs(cv2.filter2D(grey, cv2.CV_16S, _SECOND_DIFFERENCES))[1:-1, 1:-1]
    grain = 1.4826 / 6.0 * _median(np.asarray(differences, dtype=np.uint8))
    lowest, highest, _, _ = cv2.minMaxLoc(cv2.blur(grey, (3, 3)))
    spread = highest - lowest
    if grain <= GRAINY * spread:
        return grey
    # More than this fills the bows of small letters.
    radius = min(0.4 + 1.6 * grain / max(spread, 1.0), 0.8)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), radius), dtype=np.uint8)


def _light_is_ink(dark: NDArray[np.uint8]) -> bool:
    """Whether the dark part (1 in uint8 (H, W)) is the paper: it has the corners, where a character seldom reaches even
    in a tight cut, more of the border, and more of the area.
    """
    height, width = dark.shape
    border = cv2.countNonZero(dark[0]) + cv2.countNonZero(dark[-1])
    border += cv2.countNonZero(dark[:, 0]) + cv2.countNonZero(dark[:, -1])
    corners = cv2.countNonZero(dark[:: max(1, height - 1), :: max(1, width - 1)])
    dark_share = 0.1 * corners + 0.3 * border / (2 * (height + width))
    dark_share += 0.3 * cv2.countNonZero(dark) / (height * width)
    return bool(dark_share > 0.55)  # in doubt ink is dark


def _paper_plane(signed: Ink, paper: NDArray[np.uint8]) -> Ink:
    """The paper's brightness (H, W): a plane fitted to the pixels that are paper, or their median in tiny pictures."""
    height, width = signed.shape
    if min(height, width) < 8 or cv2.countNonZero(paper) < 24:
        return np.full_like(signed, _median(signed[paper != 0]))
    basis = _plane_basis(height, width)  # (3, H * W): y, x, 1
    weighted = basis * paper.reshape(-1)
    # The small ridge keeps the slopes at 0 where paper is seen on one side only.
    normal = weighted @ basis.T + np.float32(1e-3 * cv2.countNonZero(paper)) * _RIDGE
    _, slopes = cv2.solve(normal, weighted @ signed.reshape(-1, 1), flags=cv2.DECOMP_CHOLESKY)  # (3, 1)
    return np.asarray((slopes.reshape(-1) @ basis).reshape(height, width), dtype=np.float32)


@lru_cache(maxsize=256)
def _plane_basis(height: int, width: int) -> Ink:
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    parts = [rows / height - 0.5, columns / width - 0.5, np.ones_like(rows)]
    basis: Ink = np.stack(parts).reshape(3, -1).astype(np.float32)
    basis.setflags(write=False)
    return basis


def _median(values: Ink | Grey) -> float:
    """The upper median; numpy's own checks for NaN cost more than the search on pictures of this size."""
    middle = values.size // 2
    return float(np.partition(values, middle, axis=None)[middle])


def _normalised(rise: Ink, edge_px: int) -> Ink | Unreadable:
    """Grey levels above the paper -> ink in [0, 1]; the grain of the paper becomes 0."""
    _, top, _, _ = cv2.minMaxLoc(rise)
    if top < MIN_CONTRAST:
        return Unreadable("nothing stands out from the background")
    stretched = cv2.convertScaleAbs(np.maximum(rise, np.float32(0)), alpha=255.0 / top)
    _, shape = cv2.threshold(stretched, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    inside = shape != 0
    near = cv2.dilate(shape, np.ones((2 * edge_px + 1, 2 * edge_px + 1), np.uint8)) if edge_px else shape
    paper = rise[near == 0]
    if paper.size in (0, rise.size):
        return Unreadable("the picture has one colour only")
    contrast = _median(rise[inside])
    grain = 1.4826 * _median(np.abs(paper - np.float32(_median(paper))))
    if contrast < max(MIN_CONTRAST, 3.5 * grain):
        return Unreadable("nothing stands out from the background")
    floor = min(2.5 * grain, 0.4 * contrast)
    ink: Ink = np.clip((rise - np.float32(floor)) * np.float32(1.0 / (contrast - floor)), 0.0, 1.0)
    return ink


def glyph_in_ink(ink: Ink, *, along_edge: bool = True) -> Glyph | Unreadable:
    """The glyph in a map of ink that holds one character.

    Specks are left out, and so are pieces that lie along the edge (a neighbour, a ruled line), unless `along_edge` is
    False: a box that was cut tight has its own pieces at the edge, such as the dot of an i.
    """
    found = _character_in(ink, along_edge=along_edge)
    return found if isinstance(found, Unreadable) else _glyph(*found)


def _glyph(box: Box, tight: Ink) -> Glyph | Unreadable:
    refusal = _cannot_be_a_character(box, tight)
    return Unreadable(refusal) if refusal else Glyph(_centred(tight), box)


def _character_in(ink: Ink, *, along_edge: bool) -> tuple[Box, Ink] | Unreadable:
    """The box of the character's pieces, and the ink in it without what is left out."""
    shape = (ink > INK_LEVEL).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(shape, connectivity=8)
    if count < 2:
        return Unreadable("there is no ink")
    rows = stats.tolist()  # per piece: left, top, width, height, area; row 0 is the background
    kept = _pieces_of_the_character(rows, ink.shape if along_edge else None)
    left, top = min(rows[label][0] for label in kept), min(rows[label][1] for label in kept)
    right = max(rows[label][0] + rows[label][2] for label in kept)
    bottom = max(rows[label][1] + rows[label][3] for label in kept)
    tight = ink[top:bottom, left:right]
    if len(kept) < count - 1:
        dropped = ~np.isin(labels[top:bottom, left:right], [0, *kept])
        tight = np.where(cv2.dilate(dropped.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0, np.float32(0), tight)
    return Box(left, top, right, bottom), tight


def _pieces_of_the_character(rows: list[list[int]], shape: tuple[int, ...] | None) -> list[int]:
    """Labels of the pieces to keep: the largest, and what is no speck; with a `shape`, nothing along its edge."""
    largest = max(range(1, len(rows)), key=lambda label: rows[label][4])
    return [
        label
        for label in range(1, len(rows))
        if label == largest
        or (rows[label][4] >= SPECK_SHARE * rows[largest][4] and not (shape and _along_edge(rows[label], shape)))
    ]


def _along_edge(piece: list[int], shape: tuple[int, ...]) -> bool:
    """Whether a piece (left, top, width, height, area) touches an edge and stays close to it, or is a ruled line."""
    height, width = shape
    left, top, piece_width, piece_height, _ = piece
    if piece_width == width and piece_height <= max(1, round(0.08 * height)):
        return True  # a ruled line, wherever it runs
    narrow, flat = piece_width <= max(1, round(0.12 * width)), piece_height <= max(1, round(0.12 * height))
    return (narrow and (left == 0 or left + piece_width == width)) or (
        flat and (top == 0 or top + piece_height == height)
    )


def _cannot_be_a_character(box: Box, tight: Ink) -> str | None:
    """Why the ink, which is `box` in the picture and `tight` at the scale of the search, is none."""
    height, width = tight.shape
    if max(box.height, box.width) < MIN_INK_PX:
        return f"the ink is {box.width}x{box.height} px: too small to read"
    if width > MAX_WIDTH_TO_HEIGHT * height:
        return f"the ink is {width}x{height} px: a bar, wider than any letter"
    if width > 0.6 * height and min(height, width) > 6 and cv2.mean(tight)[0] > SOLID_FILL:
        return "the ink is a solid block"
    return None


def _centred(tight: Ink) -> Ink:
    """(28, 28): the ink scaled to 24 px on its longer side, centred, and its darkest part brought to 1."""
    height, width = tight.shape
    inner = SIDE_PX - 2 * MARGIN_PX
    scale = inner / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 0.7:
        # Cohen et al. blur by one pixel at 128x128, before shrinking.
        tight = np.asarray(cv2.GaussianBlur(tight, (0, 0), 0.4 / scale), dtype=np.float32)
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(tight, size, interpolation=method), dtype=np.float32)
    canvas = np.zeros((SIDE_PX, SIDE_PX), np.float32)  # (28, 28) float32 in [0, 1], ink = 1
    left, top = (SIDE_PX - size[0]) // 2, (SIDE_PX - size[1]) // 2
    peak = min(1.0, max(cv2.minMaxLoc(small)[1], 1e-6))  # a cubic overshoots: what is above 1 is no darker ink
    canvas[top : top + size[1], left : left + size[0]] = np.clip(small / peak, 0.0, 1.0)
    return canvas


def _scaled(box: Box, factor: float, within: Box) -> Box:
    """The box at another scale, moved to where `within` begins, and kept inside of it."""
    left, top = within.left + round(box.left * factor), within.top + round(box.top * factor)
    right = min(within.right, max(left + 1, within.left + round(box.right * factor)))
    bottom = min(within.bottom, max(top + 1, within.top + round(box.bottom * factor)))
    return Box(min(left, right - 1), min(top, bottom - 1), right, bottom)
