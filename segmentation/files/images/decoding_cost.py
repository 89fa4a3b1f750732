"""What it will cost to decode a picture, estimated from the header of its file: memory, and time of a processor."""

from __future__ import annotations

import PIL.Image

from ocr.errors import TooLarge
from segmentation.files.images.pixels import Picture

# Nanoseconds of a processor for each pixel as stored and each byte of the file: the dearest that was met on pages and
# on noise of 12 million pixels (2 cores of an AMD EPYC), with the conversion to RGB.
_PIXEL_NS = {
    "PNG": 40.0,
    "JPEG": 20.0,
    "MPO": 20.0,
    "TIFF": 35.0,
    "BMP": 15.0,
    "WEBP": 50.0,
    "AVIF": 70.0,
    "HEIF": 70.0,
}
_BYTE_NS = {"JPEG2000": 350.0, "BMP in runs": 600.0}  # Pillow decodes runs in Python
_OTHER_PIXEL_NS = 70.0
_SCAN_NS = 6.0


def require_affordable(
    picture: Picture, by_pillow: PIL.Image.Image | None, file: bytes, max_mb: float, max_s: float
) -> None:
    """Raises TooLarge when to decode the picture takes more than `max_mb` of memory or about `max_s` of a processor."""
    kind = "TIFF" if by_pillow is None else str(by_pillow.format)
    pixels = picture.width * picture.height
    size = f"the {kind} file has {picture.width}x{picture.height} = {pixels} pixels"
    memory = float(picture.decoded_bytes)
    packed = "BMP in runs" if kind == "BMP" and by_pillow is not None and by_pillow.info.get("compression") else kind
    nanoseconds = pixels * _PIXEL_NS.get(kind, _OTHER_PIXEL_NS) + len(file) * _BYTE_NS.get(packed, 0.0)
    if kind in ("JPEG", "MPO"):
        scans = file.count(b"\xff\xda")  # what is compressed never holds this marker
        if scans > 1:
            size += f" in {scans} scans"
            nanoseconds += scans * pixels * _SCAN_NS
            memory += _coefficient_bytes(by_pillow) * pixels
    if memory > max_mb * 1e6:
        raise TooLarge(
            f"{size}: to decode it takes {memory / 1e6:.0f} MB; the limit is {max_mb:g} (limits.max_decoding_mb)",
            "scale it down, or cut it into parts",
        )
    if nanoseconds > max_s * 1e9:
        raise TooLarge(
            f"{size}: to decode it takes about {nanoseconds / 1e9:.0f} s of a processor; the limit is {max_s:g} "
            "(limits.max_decoding_s)",
            "scale it down, or save it anew as a usual JPEG or PNG",
        )


def _coefficient_bytes(jpeg: PIL.Image.Image | None) -> float:
    """Of each pixel of a progressive JPEG, all of which is held until its last scan: two for each coefficient. Colours
    have fewer.
    """
    samples: list[int] = [across * down for _, across, down, _ in getattr(jpeg, "layer", ())]
    return 2.0 * sum(samples) / max(samples, default=1)
