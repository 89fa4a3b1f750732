"""The picture of an image file as RGB of eight bits on paper, strip by strip: whatever the depth and the meaning of its
samples. What a conversion needs by the way, up to 45 bytes a pixel for deep colour, it needs for a strip only.

Pillow opens every kind. What it would decode wrongly or not at all is unpacked as samples: deep, signed or planar TIFF
(tiff_samples.py), and the lower bytes of PNG of 16 bits. OpenCV decodes WEBP without transparency, in half of the
memory, and YCbCr in a TIFF that is not compressed and has fewer samples of colour, which Pillow takes for damaged.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from math import ceil
from typing import Protocol

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from segmentation.files.images import levels
from segmentation.files.images.jpeg2000 import halvings
from segmentation.files.images.levels import SampleRange, Samples, sample_range
from segmentation.files.images.rgb_pixels import FullSize, RgbPixels
from segmentation.files.images.tiff import (
    BITS,
    COLOUR_MAP,
    COMPRESSION,
    FILL_ORDER,
    HEIGHT,
    PHOTOMETRIC,
    PLANAR,
    SAMPLE_FORMAT,
    STRIP_BYTES,
    WIDTH,
    UnreadKind,
    fields,
    is_tiff,
    tiff_pages,
)
from segmentation.files.images.tiff_of_files import TiffOfFiles, is_of_files
from segmentation.files.images.tiff_samples import BYTEWISE, TiffSamples
from segmentation.files.images.transparency import Background

STRIP_PIXELS = 1_000_000

# Of a pixel, where the decoder needs more than the picture.
_DECODER_BYTES = {"AVIF": 9, "HEIF": 8, "JPEG2000": 16, "WEBP": 16}

# Of a pixel: three of the picture, and what OpenCV's decoder holds: of a lossless WEBP, and of a strip of a TIFF, which
# may be all of it.
_WEBP_BYTES, _YCBCR_BYTES = 8, 7

_DEEP_COLOUR = ("RGB;16B", "RGBA;16B", "LA;16B")
"""Pillow's raw modes of a PNG with colours or opacity of 16 bits."""

Rgb = NDArray[np.uint8]
"""(H, W, 3)."""

# TIFF 6.0, PhotometricInterpretation
_MIN_IS_WHITE, _PALETTE, _SEPARATED, _YCBCR, _CIE_LAB, _ICC_LAB = 0, 3, 5, 6, 8, 9
_COLOURS = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3, 32844: 1}
"""Samples of a pixel by the meaning of its colours; the rest are extra samples."""
_JPEG = 7  # TIFF Technical Note 2, Compression
_ASSOCIATED, _UNASSOCIATED = 1, 2  # alpha: premultiplied, or not


class Picture(Protocol):
    """A picture, upright or not, of which strips can be had after `load`."""

    @property
    def width(self) -> int:
        """Pixels across, as stored."""

    @property
    def height(self) -> int:
        """Pixels down, as stored."""

    @property
    def decoded_width(self) -> int:
        """Pixels across once it is decoded: fewer where the decoder itself reduces it."""

    @property
    def decoded_height(self) -> int:
        """The same down."""

    @property
    def decoded_bytes(self) -> int:
        """Memory that `load` takes."""

    def reduce_to(self, max_pixels: int) -> None:
        """Have it decoded no larger than is needed for so many pixels, where its decoder can."""

    def load(self) -> None:
        """Decode the pixels. Raises what Pillow's decoders raise."""

    def rgb(self, top: int, bottom: int) -> Rgb:
        """The decoded rows from `top` to `bottom`, on paper."""

    def whole(self) -> PIL.Image.Image:
        """All of it, on paper, in mode 1, L or RGB."""


def strips(width: int, height: int) -> Iterator[tuple[int, int]]:
    """The first row and the end of each strip of a picture, from top to bottom."""
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def picture_of(opened: PIL.Image.Image | None, file: bytes) -> Picture:
    """The picture of the first page in `file`, which Pillow has `opened` if it can. Raises UnreadKind for a TIFF that
    is stored in a way that is not read, ValueError for a damaged one.
    """
    if is_tiff(file):
        place = tiff_pages(file, 1)[0]
        if is_of_files(file, place):
            return TiffOfFiles(file, place)
        if _has_fewer_colours(file, place):
            width, height = (fields(file, place, (tag,))[tag][0] for tag in (WIDTH, HEIGHT))
            return DecodedByOpenCv(width, height, file, _YCBCR_BYTES)
        if opened is None or (_is_deep(file, place) and not _is_deep_jpeg(opened, file, place)):
            return DeepTiff(file, place)
    assert opened is not None
    if isinstance(opened, PngImageFile) and opened.tile and opened.tile[0].args in _DEEP_COLOUR:
        return DeepPng(opened, file)
    if opened.mode.startswith("I") or opened.mode == "F":
        return DeepGrey(opened)
    if isinstance(opened, WebPImageFile) and opened.mode == "RGB":
        return DecodedByOpenCv(*opened.size, file, _WEBP_BYTES)
    return HalvedJpeg2000(opened, file) if isinstance(opened, Jpeg2KImageFile) else Plain(opened)


def _has_fewer_colours(tiff: bytes, place: int) -> bool:
    """Whether the page is YCbCr of eight bits, not compressed, of which several pixels share their colours."""
    of_page = fields(tiff, place, (WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, PLANAR, STRIP_BYTES))
    is_plain = set(of_page.get(BITS, ())) == {8} and of_page.get(PLANAR, (1,))[0] == 1
    if of_page.get(PHOTOMETRIC, (1,))[0] != _YCBCR or of_page.get(COMPRESSION, (1,))[0] != 1 or not is_plain:
        return False
    (width, *_), (height, *_) = of_page.get(WIDTH, (0,)), of_page.get(HEIGHT, (0,))
    return 0 < sum(of_page.get(STRIP_BYTES, ())) < 3 * width * height


def _is_deep(tiff: bytes, place: int) -> bool:
    """Whether Pillow decodes the page whose directory is at `place` wrongly or not at all, though its bytes can be had:
    its samples are other than unsigned ones of 1 to 8 bits for grey or RGB, or lie in planes or with their lowest bit
    first, or its palette is not as TIFF has it.
    """
    told = (BITS, PHOTOMETRIC, SAMPLE_FORMAT, COLOUR_MAP, PLANAR, FILL_ORDER, COMPRESSION)
    of_page = fields(tiff, place, told)
    bits, colours = set(of_page.get(BITS, (1,))), of_page.get(PHOTOMETRIC, (1,))[0]
    if (
        not bits <= {1, 2, 4, 8}
        or not set(of_page.get(SAMPLE_FORMAT, (1,))) <= {1, 4}
        or colours in (_CIE_LAB, _ICC_LAB)
    ):
        return True
    if of_page.get(COMPRESSION, (1,))[0] not in BYTEWISE:
        return False
    if colours == _PALETTE and levels.is_of_eight_bits(of_page.get(COLOUR_MAP, ())):
        return True  # Pillow takes their upper bytes, which are all 0
    return of_page.get(PLANAR, (1,))[0] == 2 or (8 in bits and of_page.get(FILL_ORDER, (1,))[0] == 2)


def _is_deep_jpeg(opened: PIL.Image.Image, tiff: bytes, place: int) -> bool:
    """Whether the page is grey JPEG of 12 bits. libtiff, as Pillow has it, decodes that to samples; its bytes as they
    are stored say nothing.
    """
    return opened.mode == "I;16" and fields(tiff, place, (COMPRESSION,)).get(COMPRESSION, (1,))[0] == _JPEG


def _put_together(picture: Picture, *, is_grey: bool) -> PIL.Image.Image:
    width, height = picture.decoded_width, picture.decoded_height
    whole = PIL.Image.new("L" if is_grey else "RGB", (width, height))
    for top, bottom in strips(width, height):
        strip = picture.rgb(top, bottom)
        whole.paste(PIL.Image.fromarray(strip[:, :, 0] if is_grey else strip), (0, top))
    return whole


class Plain:
    """What Pillow decodes to eight bits."""

    def __init__(self, picture: PIL.Image.Image) -> None:
        self._picture = picture
        self.width, self.height = picture.size
        self._paper = 255
        self._is_transparent = False

    @property
    def decoded_width(self) -> int:
        return self._picture.width

    @property
    def decoded_height(self) -> int:
        return self._picture.height

    @property
    def decoded_bytes(self) -> int:
        each = _DECODER_BYTES.get(str(self._picture.format), 1 if self._picture.mode in ("1", "L", "P") else 4)
        return self.decoded_width * self.decoded_height * each

    def reduce_to(self, max_pixels: int) -> None:
        shrink = min(1.0, (max_pixels / (self.width * self.height)) ** 0.5)
        self._picture.draft(None, (ceil(self.width * shrink), ceil(self.height * shrink)))

    def load(self) -> None:
        self._picture.load()
        if self._picture.format == "TIFF":  # Pillow turns it upright
            self.width, self.height = self._picture.size
        self._is_transparent = self._picture.has_transparency_data
        if self._is_transparent:
            background = Background()
            for top, bottom in self._strips():
                strip = self._strip(top, bottom)
                background.add(np.asarray(strip.convert("L")), np.asarray(strip.getchannel("A")))
            self._is_transparent = not background.nothing_is_visible or self._is_of_one_colour()
            self._paper = background.level

    def rgb(self, top: int, bottom: int) -> Rgb:
        strip = self._strip(top, bottom)
        if self._is_transparent:
            paper = PIL.Image.new("RGBA", strip.size, (self._paper,) * 3)
            strip = PIL.Image.alpha_composite(paper, strip)
        return np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))

    def whole(self) -> PIL.Image.Image:
        if not self._is_transparent and self._picture.mode in ("1", "L", "RGB"):
            return self._picture
        return _put_together(self, is_grey=self._picture.mode in ("LA", "La"))

    def _strips(self) -> Iterator[tuple[int, int]]:
        return strips(self._picture.width, self._picture.height)

    def _strip(self, top: int, bottom: int) -> PIL.Image.Image:
        strip = self._picture.crop((0, top, self._picture.width, bottom))
        if not self._picture.has_transparency_data:
            return strip
        return (strip.convert("LA") if strip.mode == "La" else strip).convert("RGBA")

    def _is_of_one_colour(self) -> bool:
        """Where all is transparent, and there is a picture nevertheless, a program has filled in no opacity."""
        colours = (np.asarray(self._strip(top, bottom))[:, :, :3] for top, bottom in self._strips())
        first = np.asarray(self._strip(0, 1))[0, 0, :3]
        return all(bool((strip == first).all()) for strip in colours)


class DecodedByOpenCv(RgbPixels):
    """A picture without transparency, for which OpenCV's decoder takes so many bytes a pixel."""

    def __init__(self, width: int, height: int, file: bytes, bytes_a_pixel: int) -> None:
        self.width, self.height = width, height
        self._file = file
        self._bytes_a_pixel = bytes_a_pixel

    @property
    def decoded_bytes(self) -> int:
        return self.width * self.height * self._bytes_a_pixel

    def load(self) -> None:
        import cv2

        as_stored = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        try:
            pixels = cv2.imdecode(np.frombuffer(self._file, np.uint8), as_stored)
        except cv2.error as error:
            raise ValueError(f"its pixels cannot be decoded: {error.err}") from error
        if pixels is None or pixels.shape != (self.height, self.width, 3):
            raise ValueError("its pixels cannot be decoded")
        self._pixels = pixels


class HalvedJpeg2000(Plain):
    """A JPEG 2000, which its decoder can halve again and again."""

    def __init__(self, picture: Jpeg2KImageFile, file: bytes) -> None:
        super().__init__(picture)
        self._jpeg2000 = picture
        self._most_halvings = halvings(file)
        self._halvings = 0

    @property
    def decoded_width(self) -> int:
        return -(-self.width >> self._halvings)

    @property
    def decoded_height(self) -> int:
        return -(-self.height >> self._halvings)

    def reduce_to(self, max_pixels: int) -> None:
        while self._halvings < self._most_halvings and self.decoded_width * self.decoded_height > max_pixels:
            self._halvings += 1
        self._jpeg2000.reduce = self._halvings


class _Deep(FullSize):
    """Samples of more than eight bits: subclasses say what they are and how they become colours."""

    def __init__(self) -> None:
        self._range = SampleRange(0.0, 1.0)
        self._alpha: SampleRange | None = None
        self._paper = 255
        self._is_premultiplied = False

    @property
    def decoded_bytes(self) -> int:
        raise NotImplementedError

    def load(self) -> None:
        raise NotImplementedError

    def _colours(self, top: int, bottom: int) -> Samples:
        raise NotImplementedError

    def _opacity(self, top: int, bottom: int) -> Samples | None:
        """(H, W, 1); None where there is none."""
        raise NotImplementedError

    def _seen(self, colours: Samples) -> NDArray[np.float32]:
        """Grey or RGB in [0, 1] of a strip of samples."""
        return self._range.parts(colours)

    def _colour_range(self, rows: Iterable[tuple[int, int]]) -> SampleRange:
        """That of the colours in strips of these rows."""
        return sample_range(self._colours(top, bottom) for top, bottom in rows)

    def _opacity_range(self, rows: Iterable[tuple[int, int]]) -> SampleRange:
        """The same of the opacity, where there is one."""
        return sample_range(_present(self._opacity(top, bottom)) for top, bottom in rows)

    def _find_ranges(self) -> None:
        """After the pixels are there."""
        rows = list(strips(self.width, self.height))
        self._range = self._colour_range(rows)
        if self._opacity(0, 1) is None:
            return
        self._alpha = self._opacity_range(rows)
        background = Background()
        for top, bottom in rows:
            opacity = levels.rgb_of(self._alpha.parts(_present(self._opacity(top, bottom))))[:, :, 0]
            background.add(levels.rgb_of(self._seen(self._colours(top, bottom)))[:, :, 1], opacity)
        self._paper = background.level
        if background.nothing_is_visible and self._range.high > 1.0:
            self._alpha = None

    def rgb(self, top: int, bottom: int) -> Rgb:
        seen = self._seen(self._colours(top, bottom))
        if self._alpha is not None:
            opacity = self._alpha.parts(_present(self._opacity(top, bottom)))
            own = seen if self._is_premultiplied else seen * opacity
            seen = np.minimum(own + (1.0 - opacity) * np.float32(self._paper / 255.0), 1.0)
        return levels.rgb_of(seen)

    def whole(self) -> PIL.Image.Image:
        return _put_together(self, is_grey=self._seen(self._colours(0, 1)).shape[2] == 1)


def _present(samples: Samples | None) -> Samples:
    assert samples is not None
    return samples


class DeepTiff(_Deep):
    """A page of TIFF as its samples."""

    def __init__(self, file: bytes, place: int) -> None:
        super().__init__()
        self._samples = TiffSamples(file, place)
        layout = self._samples.layout
        self.width, self.height = layout.width, layout.height
        colours = _COLOURS.get(layout.photometric)
        if layout.photometric in (_CIE_LAB, _ICC_LAB) and layout.samples < 3:
            colours = 1  # lightness alone (TIFF Technical Note, CIE L*a*b*)
        if colours is None or colours > layout.samples:
            raise UnreadKind(f"colours of the kind {layout.photometric} in {layout.samples} samples")
        self._count = colours
        kinds = layout.extra[: layout.samples - colours]
        alpha = next((at for at, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED)), None)
        self._alpha_at = None if alpha is None else colours + alpha
        self._is_premultiplied = alpha is not None and kinds[alpha] == _ASSOCIATED

    @property
    def decoded_bytes(self) -> int:
        return self._samples.layout.stored_bytes

    def load(self) -> None:
        self._samples.load()
        self._find_ranges()

    def _colours(self, top: int, bottom: int) -> Samples:
        colours = self._samples.rows(top, bottom)[:, :, : self._count]
        colour_map = self._samples.colour_map
        if self._samples.layout.photometric == _PALETTE and colour_map is not None:
            colours = colour_map[np.minimum(colours[:, :, 0].astype(np.int64), len(colour_map) - 1)]
        return colours

    def _colour_range(self, rows: Iterable[tuple[int, int]]) -> SampleRange:
        colour_map = self._samples.colour_map
        if self._samples.layout.photometric == _PALETTE and colour_map is not None:
            return levels.range_of_palette(colour_map)
        return self._samples.layout.full_range or super()._colour_range(rows)

    def _opacity_range(self, rows: Iterable[tuple[int, int]]) -> SampleRange:
        return self._samples.layout.full_range or super()._opacity_range(rows)

    def _opacity(self, top: int, bottom: int) -> Samples | None:
        at = self._alpha_at
        return None if at is None else self._samples.rows(top, bottom)[:, :, at : at + 1]

    def _seen(self, colours: Samples) -> NDArray[np.float32]:
        layout = self._samples.layout
        if layout.photometric in (_CIE_LAB, _ICC_LAB) and self._count == 3:
            return levels.from_lab(colours, layout.bits, is_offset=layout.photometric == _ICC_LAB)
        parts = self._range.parts(colours)
        if layout.photometric == _MIN_IS_WHITE:
            return 1.0 - parts
        if layout.photometric == _YCBCR:
            return levels.from_ycbcr(parts)
        return levels.from_cmyk(parts) if layout.photometric == _SEPARATED else parts


class DeepGrey(_Deep):
    """Grey of 16 or more bits that Pillow decodes as it is."""

    def __init__(self, picture: PIL.Image.Image) -> None:
        super().__init__()
        self._picture = picture
        self.width, self.height = picture.size

    @property
    def decoded_bytes(self) -> int:
        return self.width * self.height * (2 if self._picture.mode.startswith("I;16") else 4)

    def load(self) -> None:
        self._picture.load()
        self._find_ranges()

    def _colours(self, top: int, bottom: int) -> Samples:
        return np.asarray(self._picture.crop((0, top, self.width, bottom)))[:, :, np.newaxis]

    def _opacity(self, top: int, bottom: int) -> Samples | None:
        return None


class DeepPng(_Deep):
    """PNG with colours or opacity of 16 bits, of which Pillow's own modes take the upper or the lower bytes."""

    def __init__(self, picture: PngImageFile, file: bytes) -> None:
        super().__init__()
        self.width, self.height = picture.size
        raw_mode = str(picture.tile[0].args)
        self._is_grey = raw_mode == "LA;16B"
        if self._is_grey:  # four bytes a pixel, as RGBA of eight bits has
            self._halves = [_with_raw_mode(picture, "RGBA")]
        else:
            lower = PngImageFile(io.BytesIO(file))
            self._halves = [picture, _with_raw_mode(lower, raw_mode.replace("16B", "16L"))]
        self._has_alpha = self._is_grey or picture.mode == "RGBA"

    @property
    def decoded_bytes(self) -> int:
        return self.width * self.height * 4 * len(self._halves)

    def load(self) -> None:
        for half in self._halves:
            half.load()
        self._find_ranges()

    def _samples(self, top: int, bottom: int) -> Samples:
        halves = [np.asarray(half.crop((0, top, self.width, bottom))).astype(np.uint16) for half in self._halves]
        if self._is_grey:
            return halves[0][:, :, ::2] << 8 | halves[0][:, :, 1::2]
        upper, lower = halves
        return upper << 8 | lower

    def _colours(self, top: int, bottom: int) -> Samples:
        samples = self._samples(top, bottom)
        return samples[:, :, :-1] if self._has_alpha else samples

    def _opacity(self, top: int, bottom: int) -> Samples | None:
        return self._samples(top, bottom)[:, :, -1:] if self._has_alpha else None


def _with_raw_mode(picture: PngImageFile, raw_mode: str) -> PngImageFile:
    """The opened picture, whose bytes will be taken as those of another mode."""
    picture.tile = [tile._replace(args=raw_mode) for tile in picture.tile]
    return picture
