"""The bytes of an image file -> its picture: upright by its EXIF note, RGB, on paper, with square pixels.

What a file claims to be is read from its first bytes, never from its name. What decoding would cost is estimated from
the header, before a single pixel is decoded, so that a small file cannot unfold into a large picture (a decompression
bomb). A picture larger than a page has to be is reduced while it is decoded. Knows nothing of HTTP and nothing of text.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import PIL.Image

from ocr.errors import NotAnImage, TooLarge, UnsupportedFormat
from ocr.file_kinds import HEAD_BYTES, kind_of
from ocr.image import Image, Pixels
from segmentation.files.images.decoding_cost import require_affordable
from segmentation.files.images.header_bounds import require_few_tags, require_short_header
from segmentation.files.images.pixels import Picture, picture_of, strips
from segmentation.files.images.resolution import Resolution, resolution
from segmentation.files.images.tiff import ORIENTATION, UnreadKind, fields, is_tiff, tiff_pages, with_first_page

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "AVIF", "JPEG2000")
"""As Pillow names them. HEIC is read where pi-heif is installed."""

_ON_ITS_SIDE = 5  # from this of EXIF's numbers on
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}

_READ = tuple(name.replace("JPEG2000", "JPEG 2000") for name in FORMATS)
_PNG_CHANGED = (b"\x89PNG\n", b"\x89PNG\x1a", b"\x89PNG\r\n\n", b"\x89PNG\r\r")

# In these, more than one frame is no animation.
_PAGED = ("TIFF", "MPO", "HEIF")

# Pillow's own check warns at one fixed number of pixels; ours is a limit of the service, checked on every file.
PIL.Image.MAX_IMAGE_PIXELS = None

# What Pillow raises for files that are broken in one way or another; its decoders promise no single type.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError)
_BROKEN_DEEP = (*_BROKEN, struct.error, zlib.error, RuntimeError)


class HasDecodingLimits(Protocol):
    """What is configured for a request, and what is told the segmentation."""

    @property
    def max_pixels(self) -> int: ...

    @property
    def max_decoding_mb(self) -> float: ...

    @property
    def max_decoding_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """What a picture may cost. One of more than `max_pixels` is reduced to so many; decoding may take `max_mb` of
    memory (1,000,000 bytes each) and about `max_s` of a processor.
    """

    max_pixels: int
    max_mb: float
    max_s: float

    @classmethod
    def of(cls, limits: HasDecodingLimits) -> DecodingLimits:
        """The part of other limits that is about decoding."""
        return cls(limits.max_pixels, limits.max_decoding_mb, limits.max_decoding_s)


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of an image file say: its format and its size in pixels as stored."""

    format: str
    width_px: int
    height_px: int
    several_pages: bool = False


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """A picture, and the size in pixels, upright, that it has in its file."""

    image: Image
    sent_width_px: int
    sent_height_px: int


def inspect(data: bytes, limits: DecodingLimits) -> Header:
    """Read the header only. Raises the error of the contract: not an image, not in the list, too large, animated."""
    return open_image(data, limits).header


def decode(data: bytes, limits: DecodingLimits) -> DecodedImage:
    """The file's picture as RGB uint8 (H, W, 3): turned upright by its EXIF orientation, transparency over paper."""
    return open_image(data, limits).decode(limits.max_pixels)


def require_one_page(header: Header) -> None:
    """Raises UnsupportedFormat for a file of several pages."""
    if header.several_pages:
        raise UnsupportedFormat(
            f"the {header.format} file holds more than one page", "send it to /predict_text, or its pages one by one"
        )


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """A file whose header has been read and checked. `by_pillow` is None for a TIFF of a kind that Pillow refuses."""

    header: Header
    picture: Picture
    by_pillow: PIL.Image.Image | None
    file: bytes

    @property
    def orientation(self) -> int:
        """As EXIF numbers it (1: upright); what Pillow has turned is upright. Of a PNG only once it is loaded."""
        if self.by_pillow is None:
            return fields(self.file, tiff_pages(self.file, 1)[0], (ORIENTATION,)).get(ORIENTATION, (1,))[0]
        told = self.by_pillow.getexif().get(ORIENTATION, 1)
        return told if isinstance(told, int) and 1 <= told <= 8 else 1

    @property
    def is_on_its_side(self) -> bool:
        return self.orientation >= _ON_ITS_SIDE

    @property
    def resolution(self) -> Resolution:
        """Pixels an inch as stored."""
        return resolution(self.by_pillow)

    def load(self) -> Resolution:
        """Decode the pixels; the resolution of the picture as it then lies, which may be upright already. Raises
        NotAnImage for a damaged file, TooLarge where memory is out.
        """
        told = self.resolution
        turned_by_pillow = self.header.format == "TIFF" and self.is_on_its_side
        try:
            self.picture.load()
        except MemoryError as error:
            raise TooLarge(f"there is no memory to decode the {self.header.format} file", "scale it down") from error
        except _BROKEN_DEEP as error:
            raise _damaged(self.header.format, error) from error
        if self.by_pillow is not None:  # in a PNG the note may stand behind the pixels
            require_few_tags(self.by_pillow.info.get("exif") or b"")
        if turned_by_pillow and not self.is_on_its_side:
            return told[1], told[0]
        return told

    def decode(self, max_pixels: int) -> DecodedImage:
        """The picture of the only page, reduced to so many pixels. Raises UnsupportedFormat where there are several
        pages, and as `load` does.
        """
        require_one_page(self.header)
        across, down = self.load()
        orientation = self.orientation
        try:
            pixels = _upright(_page(self.picture, across / down, max_pixels), orientation)
        except _BROKEN_DEEP as error:
            raise _damaged(self.header.format, error) from error
        size_px = self.picture.width, self.picture.height
        return DecodedImage(Image(pixels), *(size_px[::-1] if orientation >= _ON_ITS_SIDE else size_px))

    def upright(self) -> tuple[PIL.Image.Image, Resolution]:
        """The whole picture on paper, in mode 1, L or RGB, and its resolution. Raises as `load` does."""
        across, down = self.load()
        turn = _TURNS.get(self.orientation)
        try:
            picture = self.picture.whole()
            picture = picture if turn is None else picture.transpose(turn)
        except _BROKEN_DEEP as error:
            raise _damaged(self.header.format, error) from error
        return picture, (down, across) if self.is_on_its_side else (across, down)


def open_image(data: bytes, limits: DecodingLimits) -> OpenedImage:
    """Read the header only. Raises the errors of `inspect`."""
    require_short_header(data)
    several = False
    if is_tiff(data):
        try:
            pages = tiff_pages(data, 2)
        except ValueError as error:
            raise _damaged("TIFF", error) from error
        several, data = len(pages) > 1, with_first_page(data, pages[0]) if pages else data
    by_pillow = _opened_by_pillow(data)
    try:
        picture = picture_of(by_pillow, data)
    except UnreadKind as error:
        raise UnsupportedFormat(
            f"this TIFF has {error}, which is not read", "save it anew with LZW or without compression, or as PNG"
        ) from error
    except _BROKEN_DEEP as error:
        raise NotAnImage(f"the TIFF file is damaged: {error}", "save it anew, as a usual TIFF or PNG") from error
    kind = "TIFF" if by_pillow is None else str(by_pillow.format)
    if picture.width < 1 or picture.height < 1:
        raise NotAnImage(f"the image is {picture.width}x{picture.height} px", "send an image with at least one pixel")
    picture.reduce_to(limits.max_pixels)
    require_affordable(picture, by_pillow, data, limits.max_mb, limits.max_s)
    if by_pillow is not None:
        require_few_tags(by_pillow.info.get("exif") or b"")
        if kind not in _PAGED and getattr(by_pillow, "is_animated", False):
            raise UnsupportedFormat(f"the {kind} file is animated", "send one of its frames")
    # Behind the photograph in an MPO or HEIC file come further views of the same scene.
    return OpenedImage(Header(kind, picture.width, picture.height, several), picture, by_pillow, data)


def _opened_by_pillow(data: bytes) -> PIL.Image.Image | None:
    """None for a TIFF that Pillow refuses."""
    kind = kind_of(data[:HEAD_BYTES])
    if kind == "HEIC":
        return _opened_heic(data)
    try:
        return _opened_avif(data) if kind == "AVIF" else PIL.Image.open(io.BytesIO(data), formats=FORMATS)
    except PIL.UnidentifiedImageError:
        pass
    except _BROKEN_DEEP as error:
        raise NotAnImage(f"the image file is damaged: {error}", "send a file that an image viewer can open") from error
    if is_tiff(data):
        return None
    if data.startswith(_PNG_CHANGED):
        raise NotAnImage(
            "the line ends in the PNG file were changed on the way", "send it as it is: curl --data-binary, not --data"
        )
    if kind in _READ:
        raise NotAnImage(f"the {kind} file is damaged", "send a file that an image viewer can open")
    if kind is not None:
        raise UnsupportedFormat(f"this is {kind}, which is not read", f"send one of {', '.join(_READ)}")
    raise NotAnImage(
        f"these {len(data)} bytes are not an image", f"send the bytes of a file in one of {', '.join(_READ)}"
    )


def _opened_avif(data: bytes) -> PIL.Image.Image:
    """Whatever brand it begins with: Pillow itself opens those that begin with some."""
    from PIL.AvifImagePlugin import AvifImageFile

    return AvifImageFile(io.BytesIO(data))


def _opened_heic(data: bytes) -> PIL.Image.Image:
    try:
        from pi_heif import HeifImagePlugin  # noqa: F401 - it tells Pillow of the format
    except ImportError as error:
        raise UnsupportedFormat(
            "this is HEIC, which this service does not read",
            "send it as JPEG; to have HEIC read, install quorum-ocr[heic]",
        ) from error
    try:
        return PIL.Image.open(io.BytesIO(data), formats=("HEIF",))
    except (PIL.UnidentifiedImageError, *_BROKEN_DEEP) as error:
        raise UnsupportedFormat("this is HEIC, and damaged or of a kind that is not read", "send it as JPEG") from error


def _damaged(kind: str, error: Exception) -> NotAnImage:
    return NotAnImage(f"the {kind} file is damaged: {error}", "send a file that an image viewer can open")


def _page(picture: Picture, aspect: float, max_pixels: int) -> Pixels:
    """The decoded picture, whose pixels are `aspect` times as high as wide, with square ones, `max_pixels` at most."""
    width, height = picture.decoded_width, picture.decoded_height
    across, down = max(1.0, 1.0 / aspect), max(1.0, aspect)
    scale = min(1.0, (max_pixels / (width * across * height * down)) ** 0.5)
    size = max(1, int(width * across * scale)), max(1, int(height * down * scale))
    if size == (width, height):
        return _whole(picture)
    if size[1] >= height:
        return np.asarray(PIL.Image.fromarray(_whole(picture)).resize(size, PIL.Image.Resampling.BICUBIC))
    return _reduced(picture, size)


def _whole(picture: Picture) -> Pixels:
    pixels = np.empty((picture.decoded_height, picture.decoded_width, 3), np.uint8)
    for top, bottom in strips(picture.decoded_width, picture.decoded_height):
        pixels[top:bottom] = picture.rgb(top, bottom)
    return pixels


def _reduced(picture: Picture, size: tuple[int, int]) -> Pixels:
    """The picture in fewer rows, strip by strip: each pixel is the mean of the area that it stands for."""
    width, height = size
    step = picture.decoded_height / height
    pixels = np.empty((height, width, 3), np.uint8)
    for top, bottom in strips(round(picture.decoded_width * step), height):
        first, end = int(top * step), min(picture.decoded_height, int(np.ceil(bottom * step)))
        strip = PIL.Image.fromarray(picture.rgb(first, end))
        box = (0, top * step - first, strip.width, min(bottom * step - first, strip.height))
        pixels[top:bottom] = np.asarray(strip.resize((width, bottom - top), PIL.Image.Resampling.BOX, box))
    return pixels


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turned and mirrored as EXIF 2.32 says (Orientation)."""
    if orientation >= _ON_ITS_SIDE:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
