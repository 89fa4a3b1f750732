"""The rows of a line's crop that its letters take. Outlines drawn by people, and some detectors, leave much paper above
and below, or pieces of the neighbours; a network that reads at 32 px then sees letters of 10 px.

The rows with ink make bands; the line is the band with the most of it. A crop stays as it is unless that band is
clearly less than the crop, and more than a rule or a dash would be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INK_CONTRAST = 0.35
"""A pixel is ink when it is as far from the paper as this share of the darkest (or lightest) ones."""
MIN_BAND_INK = 0.2
"""Of the row with the most ink: rows with less are between bands."""
MAX_BAND, MIN_BAND = 0.5, 0.2
"""Of the height of the crop: wider bands need no cutting, narrower ones are no letters."""
MARGIN = 0.5
"""Of the band, kept above and below: its ascenders and descenders are not dense enough to be of it."""
HAND_MARGIN = 1.2
"""The same of handwriting, whose long strokes are longer than those of type."""
MIN_HEIGHT_PX = 20
"""No crop is cut to fewer rows: what is small already wins little and loses much when the band was the wrong one."""
MAX_COLUMNS = 512
"""So many columns, evenly spread, are looked at."""

Grey = NDArray[np.uint8]


def crop_to_text_rows(line: Grey, margin: float = MARGIN) -> Grey:
    """The rows of `text_rows`: the line itself when they are all of them."""
    top, bottom = text_rows(line, margin)
    return line if (top, bottom) == (0, line.shape[0]) else line[top:bottom]


def text_rows(line: Grey, margin: float = MARGIN) -> tuple[int, int]:
    """The rows top <= y < bottom that the letters of a line (H, W) take, with `margin` of their band on each side.

    All rows when that is not clear.
    """
    height = line.shape[0]
    top, bottom = _band(line[:, :: max(1, line.shape[1] // MAX_COLUMNS)])
    band = bottom - top
    if not MIN_BAND * height <= band < MAX_BAND * height:
        return 0, height
    reach = round(margin * band)
    kept = max(0, top - reach), min(height, bottom + reach)
    return kept if kept[1] - kept[0] >= MIN_HEIGHT_PX else (0, height)


def _band(line: Grey) -> tuple[int, int]:
    """The rows top <= y < bottom of the band with the most ink; none in a crop of one colour."""
    height = line.shape[0]
    contrast = np.abs(line.astype(np.int16) - np.int16(np.median(line)))
    ink = contrast > INK_CONTRAST * max(1.0, float(np.percentile(contrast, 99.5)))
    share = ink.mean(axis=1)  # of ink in each row
    smooth = max(1, height // 16)
    share = np.convolve(share, np.full(smooth, 1.0 / smooth), "same")
    inked = np.concatenate([[0], share > MIN_BAND_INK * share.max(), [0]]).astype(np.int8)
    bands = np.flatnonzero(np.diff(inked)).reshape(-1, 2)
    if not len(bands):
        return 0, 0
    top, bottom = max(bands.tolist(), key=lambda rows: float(share[rows[0] : rows[1]].sum()))
    return top, bottom
