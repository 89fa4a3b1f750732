"""A page of TIFF whose strips or tiles are image files of their own: WEBP, JPEG 2000, PNG. libtiff, as Pillow has it,
knows none of these; Pillow opens each.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import PIL.Image

from segmentation.files.images.rgb_pixels import RgbPixels
from segmentation.files.images.tiff import (
    BITS,
    COMPRESSION,
    HEIGHT,
    PHOTOMETRIC,
    PLANAR,
    ROWS_PER_STRIP,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    UnreadKind,
    fields,
)

_KINDS = {50001: "WEBP", 34712: "JPEG2000", 34933: "PNG"}
_COLOURS = {1: 1, 2: 3}  # samples of a pixel by PhotometricInterpretation: grey whose least is black, RGB
_TAGS = (
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR),
    *(TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES),
)
_DECODER_BYTES = 16  # of each pixel of a strip or tile


def is_of_files(tiff: bytes, place: int) -> bool:
    """Whether the page whose directory is at `place` is stored so."""
    return fields(tiff, place, (COMPRESSION,)).get(COMPRESSION, (1,))[0] in _KINDS


class TiffOfFiles(RgbPixels):
    """The picture of a page, as `pixels.Picture` has it. Raises ValueError for a directory without its fields,
    UnreadKind for colours of another kind.
    """

    def __init__(self, file: bytes, place: int) -> None:
        self._file = file
        of_page = fields(file, place, _TAGS)
        self._kind = _KINDS[of_page[COMPRESSION][0]]
        try:
            (self.width,), (self.height,) = of_page[WIDTH], of_page[HEIGHT]
            tiled = TILE_WIDTH in of_page
            self._across = of_page[TILE_WIDTH][0] if tiled else self.width
            self._down = of_page[TILE_HEIGHT][0] if tiled else of_page.get(ROWS_PER_STRIP, (self.height,))[0]
            offsets, sizes = (TILE_OFFSETS, TILE_BYTES) if tiled else (STRIP_OFFSETS, STRIP_BYTES)
            self._segments = list(zip(of_page[offsets], of_page[sizes], strict=True))
        except (KeyError, IndexError) as error:
            raise ValueError("its size or its parts are missing") from error
        self._is_tiled = tiled
        colours, samples = _COLOURS.get(of_page.get(PHOTOMETRIC, (1,))[0]), of_page.get(SAMPLES, (1,))[0]
        plain = set(of_page.get(BITS, (8,))) == {8} and of_page.get(PLANAR, (1,))[0] == 1
        if colours is None or samples not in (colours, colours + 1) or not plain:
            raise UnreadKind(f"{self._kind} in a TIFF, of other colours than grey and RGB of 8 bits")
        if min(self._across, self._down) < 1 or self._count() != len(self._segments):
            raise ValueError("it has other parts than its size needs")

    @property
    def decoded_bytes(self) -> int:
        return 3 * self.width * self.height + _DECODER_BYTES * self._across * min(self._down, self.height)

    def load(self) -> None:
        self._pixels = np.empty((self.height, self.width, 3), np.uint8)
        for (left, top), (offset, size) in zip(self._places(), self._segments, strict=True):
            right, bottom = min(left + self._across, self.width), min(top + self._down, self.height)
            whole = (self._across, self._down) if self._is_tiled else (right - left, bottom - top)
            segment = self._opened(self._file[offset : offset + size], whole)
            self._pixels[top:bottom, left:right] = np.asarray(segment)[: bottom - top, : right - left]

    def _opened(self, segment: bytes, size: tuple[int, int]) -> PIL.Image.Image:
        """A strip or tile in RGB on white. Raises ValueError where it is larger than it should be, undecoded."""
        try:
            picture = PIL.Image.open(io.BytesIO(segment), formats=(self._kind,))
        except PIL.UnidentifiedImageError as error:
            raise ValueError(f"a part is no {self._kind}") from error
        if picture.size != size:
            raise ValueError(f"a part of {picture.width}x{picture.height} px stands where {size[0]}x{size[1]} should")
        if not picture.has_transparency_data:
            return picture.convert("RGB")
        paper = PIL.Image.new("RGBA", size, "white")
        return PIL.Image.alpha_composite(paper, picture.convert("RGBA")).convert("RGB")

    def _places(self) -> Iterator[tuple[int, int]]:
        for top in range(0, self.height, self._down):
            for left in range(0, self.width, self._across):
                yield left, top

    def _count(self) -> int:
        return -(-self.height // self._down) * -(-self.width // self._across)
