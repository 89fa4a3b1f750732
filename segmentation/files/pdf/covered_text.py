"""Which text of a page nobody sees: what is set without ink, and what begins under a picture that lies on the page.

Programs write what they have read over a scan in invisible letters, or under it in any. Both those who look for such
text (page_content.py) and those who take it out (hidden_text.py) go by this. Lengths are units of the page.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocr.geometry import bounds
from segmentation.files.pdf.affine import Matrix, applied, area

_COVERING = 0.5  # a picture of so much of the page hides what is under it
SMALL_PICTURE_PX = 32
"""A picture of fewer pixels a side is a colour or a pattern."""

_FILLED, _INVISIBLE = 0, 3  # text rendering modes (PDF 32000-1, 9.3.6)


@dataclass(frozen=True, slots=True)
class Cover:
    """The box of a picture, under which text is hidden."""

    left: float
    bottom: float
    right: float
    top: float

    def hides(self, point: tuple[float, float]) -> bool:
        """Whether text that begins there lies under the picture."""
        return self.left <= point[0] <= self.right and self.bottom <= point[1] <= self.top


def cover_of(matrix: Matrix, page_area: float) -> Cover | None:
    """The cover that an opaque picture makes, which `matrix` puts on the page; None for one that is too small."""
    if area(matrix) < _COVERING * page_area:
        return None
    return Cover(*bounds(applied(matrix, x, y) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1))))


def is_without_ink(mode: int, opacity: float) -> bool:
    """Whether text of that rendering mode, filled with that opacity, leaves nothing on the page."""
    return mode == _INVISIBLE or (mode == _FILLED and opacity == 0.0)
