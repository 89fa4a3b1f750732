"""The bytes of an image file -> an `Image`: upright by its EXIF note, RGB, on white paper.

What a file claims to be is read from its first bytes, never from its name. Size limits are checked in the header,
before a single pixel is decoded, so that a small file cannot unfold into a large picture (a decompression bomb).
Knows nothing of HTTP and nothing of text.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from ocr.errors import NotAnImage, TooLarge, UnsupportedFormat
from ocr.image import Image, Pixels
from segmentation.files.header_bounds import require_few_tags, require_short_header

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")

# Programs that write JPEG take up to about a dozen scans.
_USUAL_SCANS = 20

# In these, more than one frame is no animation.
_PAGED = ("TIFF", "MPO")

# Of a picture that is converted at once.
_STRIP_PIXELS = 1_000_000

# Pillow's own check warns at one fixed number of pixels; ours is a limit of the service, checked on every file.
PIL.Image.MAX_IMAGE_PIXELS = None

# What Pillow raises for files that are broken in one way or another; its decoders promise no single type.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError)
_BROKEN_DEEP = (*_BROKEN, struct.error, zlib.error, RuntimeError)

# First bytes of formats that people send and that are not in the list, for an error that names them.
_KNOWN_ELSEWHERE = {
    b"%PDF": "PDF",
    b"GIF8": "GIF",
    b"%!PS": "PostScript",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"<svg": "SVG",
    b"<?xm": "XML",
}


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes of an image file say: its format and its size in pixels as stored."""

    format: str
    width_px: int
    height_px: int
    several_pages: bool = False


def inspect(data: bytes, *, max_pixels: int) -> Header:
    """Read the header only. Raises the error of the contract: not an image, not in the list, too large, animated."""
    with _opened(data) as picture:
        return _checked_header(picture, data, max_pixels)


def decode(data: bytes, *, max_pixels: int) -> Image:
    """The file's picture as RGB uint8 (H, W, 3): turned upright by its EXIF orientation, transparency over white."""
    with _opened(data) as picture:
        header = _checked_header(picture, data, max_pixels)
        require_one_page(header)
        try:
            picture.load()
            require_few_tags(picture.info.get("exif", b""))  # in a PNG it may stand behind the pixels
            PIL.ImageOps.exif_transpose(picture, in_place=True)
            return Image(_rgb(picture))
        except MemoryError as error:
            raise TooLarge(f"there is no memory to decode the {header.format} file", "scale it down") from error
        except _BROKEN_DEEP as error:
            raise NotAnImage(
                f"the {header.format} file is damaged: {error}", "send a file that an image viewer can open"
            ) from error


def require_one_page(header: Header) -> None:
    """Raises UnsupportedFormat for a file of several pages."""
    if header.several_pages:
        raise UnsupportedFormat(
            f"the {header.format} file holds more than one page", "send it to /predict_text, or its pages one by one"
        )


def _opened(data: bytes) -> PIL.Image.Image:
    require_short_header(data)
    try:
        return PIL.Image.open(io.BytesIO(data), formats=FORMATS)
    except PIL.UnidentifiedImageError:
        pass
    except _BROKEN_DEEP as error:
        raise NotAnImage(f"the image file is damaged: {error}", "send a file that an image viewer can open") from error
    for magic, name in _KNOWN_ELSEWHERE.items():
        if data[:64].lstrip().startswith(magic):
            raise UnsupportedFormat(f"this is {name}, not an image in the list", f"send one of {', '.join(FORMATS)}")
    raise NotAnImage(
        f"these {len(data)} bytes are not an image", f"send the bytes of a file in one of {', '.join(FORMATS)}"
    )


def _checked_header(picture: PIL.Image.Image, data: bytes, max_pixels: int) -> Header:
    width, height = picture.size
    if width < 1 or height < 1:
        raise NotAnImage(f"the image is {width}x{height} px", "send an image with at least one pixel")
    if width * height > max_pixels:
        raise TooLarge(
            f"the image has {width}x{height} = {width * height} pixels; the limit is {max_pixels}",
            "scale it down, or cut it into parts",
        )
    _require_few_scans(picture, data, max_pixels)
    require_few_tags(picture.info.get("exif", b""))
    several = _has_second_frame(picture)
    if several and picture.format not in _PAGED:
        raise UnsupportedFormat(f"the {picture.format} file is animated", "send one of its frames")
    # An MPO file is a JPEG with further views of the same scene behind it: the first is the photograph.
    return Header(str(picture.format), width, height, several and picture.format == "TIFF")


def _require_few_scans(picture: PIL.Image.Image, data: bytes, max_pixels: int) -> None:
    """A progressive JPEG tells its picture in scans, each over all pixels, and a scan can be as short as ten bytes."""
    if picture.format not in ("JPEG", "MPO"):
        return
    scans = data.count(b"\xff\xda")  # what is compressed never holds this marker
    if scans * picture.width * picture.height > _USUAL_SCANS * max_pixels:
        raise TooLarge(f"the JPEG file has {scans} scans", "save it again, as a usual JPEG")


def _has_second_frame(picture: PIL.Image.Image) -> bool:
    """Whether there is a second frame. Of a TIFF they are not counted: that walks through all of a file made to be
    endless.
    """
    if picture.format != "TIFF":
        return bool(getattr(picture, "is_animated", False))
    try:
        picture.seek(1)
    except EOFError:
        several = False
    except _BROKEN_DEEP as error:
        raise NotAnImage(f"the {picture.format} file is damaged: {error}", "send a file in one piece") from error
    else:
        several = True
    picture.seek(0)
    return several


def _rgb(picture: PIL.Image.Image) -> Pixels:
    """The decoded picture as (H, W, 3) uint8, strip by strip: what a conversion needs by the way, up to 45 bytes a
    pixel for deep grey, it needs for a strip only.
    """
    on_paper = _from_deep_grey(picture) if picture.mode.startswith("I") or picture.mode == "F" else _coloured
    pixels = np.empty((picture.height, picture.width, 3), np.uint8)
    top = 0
    for strip in _strips(picture):
        pixels[top : top + strip.height] = on_paper(strip)
        top += strip.height
    return pixels


def _strips(picture: PIL.Image.Image) -> Iterator[PIL.Image.Image]:
    """The picture from top to bottom."""
    rows = max(1, _STRIP_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        yield picture.crop((0, top, picture.width, min(top + rows, picture.height)))


def _coloured(strip: PIL.Image.Image) -> Pixels:
    if strip.has_transparency_data:
        coloured = strip.convert("RGBA")
        strip = PIL.Image.alpha_composite(PIL.Image.new("RGBA", coloured.size, "white"), coloured)
    return np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))  # (H, W, 3) uint8


def _from_deep_grey(picture: PIL.Image.Image) -> Callable[[PIL.Image.Image], Pixels]:
    """16-bit, 32-bit and floating point grey -> RGB, over the full range of 16 bits, or of what is in the picture."""
    brightest = max(float(_levels(strip).max(initial=0.0)) for strip in _strips(picture))
    usual = 65535.0 if brightest > 255.0 else (255.0 if brightest > 1.0 else 1.0)
    scale = 255.0 / max(usual, brightest)

    def on_paper(strip: PIL.Image.Image) -> Pixels:
        levels = np.clip(_levels(strip) * scale, 0, 255).astype(np.uint8)
        return np.repeat(levels[:, :, np.newaxis], 3, axis=2)

    return on_paper


def _levels(strip: PIL.Image.Image) -> NDArray[np.float64]:
    return np.nan_to_num(np.asarray(strip).astype(np.float64))  # (H, W)
