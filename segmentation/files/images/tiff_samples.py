"""The samples of a TIFF page as they are stored, for the depths and meanings that Pillow does not decode, or decodes to
eight bits: 12, 16, 32 bits, signed, floating point, planes, premultiplied alpha, Lab.

libtiff unpacks them, through Pillow: the page is described anew as one of grey bytes, a row of which is a row of its
samples. What bytes mean is known here: depth, byte order, tiles, planes, predictors (TIFF 6.0; TIFF Technical Note 3
for floating point).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from segmentation.files.images.levels import SampleRange
from segmentation.files.images.tiff import (
    BITS,
    COLOUR_MAP,
    COMPRESSION,
    EXTRA_SAMPLES,
    FILL_ORDER,
    HEIGHT,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    ROWS_PER_STRIP,
    SAMPLE_FORMAT,
    SAMPLES,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    Fields,
    UnreadKind,
    fields,
    tiff_layout,
)

Samples = NDArray[np.generic]
"""(H, W, samples of a pixel) of any number type."""

# None, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard: what packs bytes whatever they mean.
BYTEWISE = frozenset({1, 5, 8, 32946, 32773, 34925, 50000})
_PACKINGS = {6: "JPEG", 7: "JPEG", 33003: "JPEG 2000", 33005: "JPEG 2000", 34887: "LERC", 50002: "JPEG XL"}
_TAGS = (
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES),
    *(PLANAR, PREDICTOR, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT),
)
_HORIZONTAL, _FLOATING_POINT = 2, 3  # predictors
_SIGNED, _FLOAT = 2, 3  # sample formats
_CIE_LAB = 8
_FLOAT_BITS = (16, 32, 64)
_MOST_BITS, _MOST_SAMPLES = 64, 8


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """How the samples of a page are stored. Widths and heights are pixels."""

    width: int
    height: int
    bits: int
    samples: int
    sample_format: int
    photometric: int
    extra: tuple[int, ...]
    planar: bool
    predictor: int
    segment_width: int
    """Of a tile, or of the page where it is stored in strips."""
    segment_height: int
    order: str
    """Of bytes, as `struct` writes it."""

    @property
    def row_samples(self) -> int:
        """Samples of one pixel that lie together."""
        return 1 if self.planar else self.samples

    @property
    def full_range(self) -> SampleRange | None:
        """That of samples that fill their depth, as unsigned ones of up to eight bits do; None where their numbers have
        to tell.
        """
        return SampleRange(0.0, 2.0**self.bits - 1.0) if self.bits <= 8 and self.sample_format in (1, 4) else None

    @property
    def segment_row_bytes(self) -> int:
        return (self.segment_width * self.row_samples * self.bits + 7) // 8

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return -(-self.width // self.segment_width)

    @property
    def stored_bytes(self) -> int:
        rows = -(-self.height // self.segment_height) * self.segment_height
        return rows * self.across * self.segment_row_bytes * (self.samples if self.planar else 1)


class TiffSamples:
    """The samples of the page whose directory is at `place`; its header is checked at once, its pixels are unpacked
    with `load`.

    Raises ValueError where the page is stored in a way that is not read.
    """

    def __init__(self, file: bytes, place: int) -> None:
        self._file = file
        self._of_page = fields(file, place, _TAGS)
        self.layout = _layout(self._of_page, tiff_layout(file)[0])
        self._planes: list[PIL.Image.Image] = []

    @property
    def colour_map(self) -> Samples | None:
        """(colours, 3) of 16 bits; None where there is none."""
        flat = self._of_page.get(COLOUR_MAP)
        return None if flat is None else np.array(flat, np.uint16).reshape(3, -1).T

    def load(self) -> None:
        """Unpack the pixels. Raises what Pillow raises for a damaged file."""
        for plane in range(self.layout.samples if self.layout.planar else 1):
            picture = PIL.Image.open(io.BytesIO(self._as_grey_bytes(plane)), formats=("TIFF",))
            picture.load()
            self._planes.append(picture)

    def rows(self, top: int, bottom: int) -> Samples:
        """The rows from `top` to `bottom`, (rows, W, samples), after `load`."""
        layout = self.layout
        planes = []
        for picture in self._planes:
            packed = np.asarray(picture.crop((0, top, picture.width, bottom)))  # (rows, bytes of a row)
            segments = packed.reshape(bottom - top, layout.across, layout.segment_row_bytes)
            samples = _unpacked(segments, layout)  # (rows, across, width of a segment, samples)
            flat = samples.reshape(bottom - top, layout.across * layout.segment_width, layout.row_samples)
            planes.append(flat[:, : layout.width])
        return np.concatenate(planes, axis=2) if len(planes) > 1 else planes[0]

    def _as_grey_bytes(self, plane: int) -> bytes:
        """The file with another directory, in which the page, or one plane of it, is grey bytes."""
        layout = self.layout
        told: dict[int, Sequence[int]] = {
            WIDTH: [layout.across * layout.segment_row_bytes],
            HEIGHT: [layout.height],
            BITS: [8],
            COMPRESSION: self._of_page.get(COMPRESSION, (1,)),
            PHOTOMETRIC: [1],
            FILL_ORDER: self._of_page.get(FILL_ORDER, (1,)),
            SAMPLES: [1],
        }
        if TILE_OFFSETS in self._of_page:
            told |= {TILE_WIDTH: [layout.segment_row_bytes], TILE_HEIGHT: self._of_page[TILE_HEIGHT]}
            places, lengths = TILE_OFFSETS, TILE_BYTES
        else:
            told[ROWS_PER_STRIP] = [min(self._of_page.get(ROWS_PER_STRIP, (layout.height,))[0], layout.height)]
            places, lengths = STRIP_OFFSETS, STRIP_BYTES
        for tag in (places, lengths):
            values = self._of_page[tag]
            each = len(values) // (layout.samples if layout.planar else 1)
            told[tag] = values[plane * each : (plane + 1) * each]
        return _described_anew(self._file, told)


def _layout(of_page: Fields, order: str) -> SampleLayout:
    def one(tag: int, usual: int) -> int:
        return of_page.get(tag, (usual,))[0]

    try:
        width, height, samples = of_page[WIDTH][0], of_page[HEIGHT][0], one(SAMPLES, 1)
        bits, formats = set(of_page.get(BITS, (1,))), set(of_page.get(SAMPLE_FORMAT, (1,)))
        tiled = TILE_OFFSETS in of_page
        segment_width, segment_height = (
            (of_page[TILE_WIDTH][0], of_page[TILE_HEIGHT][0]) if tiled else (width, max(1, height))
        )
        if not tiled and (STRIP_OFFSETS not in of_page or STRIP_BYTES not in of_page):
            raise ValueError("it says nowhere where its strips are")
    except (KeyError, IndexError) as error:
        raise ValueError("its size is missing") from error
    packing = one(COMPRESSION, 1)
    if packing not in BYTEWISE:
        how = _PACKINGS.get(packing, f"compression {packing}")
        raise UnreadKind(f"samples of {'/'.join(map(str, sorted(bits)))} bits in {how}")
    if one(PHOTOMETRIC, 1) == _CIE_LAB and formats <= {1, _SIGNED}:
        formats = {1}  # whether a* and b* are signed its colours say
    if len(bits) != 1 or len(formats) != 1 or not 1 <= samples <= _MOST_SAMPLES:
        raise UnreadKind(f"pixels of {samples} samples of {'/'.join(map(str, sorted(bits)))} bits")
    (depth,), (sample_format,) = bits, formats
    if not 1 <= depth <= _MOST_BITS or (sample_format == _FLOAT and depth not in _FLOAT_BITS):
        raise UnreadKind(f"samples of {depth} bits")
    if sample_format not in (1, _SIGNED, _FLOAT, 4) or min(width, height, segment_width, segment_height) < 1:
        raise UnreadKind(f"samples of the format {sample_format}")
    return SampleLayout(
        width=width,
        height=height,
        bits=depth,
        samples=samples,
        sample_format=sample_format,
        photometric=one(PHOTOMETRIC, 1),
        extra=of_page.get(EXTRA_SAMPLES, ()),
        planar=one(PLANAR, 1) == 2 and samples > 1,
        predictor=one(PREDICTOR, 1),
        segment_width=segment_width,
        segment_height=segment_height,
        order=order,
    )


def _described_anew(file: bytes, told: dict[int, Sequence[int]]) -> bytes:
    """The bytes of `file` under a head of their own, whose only directory says what is `told`."""
    entries, behind = [], b""
    directory = len(file) + len(file) % 2
    values_at = directory + 2 + 12 * len(told) + 4
    for tag, values in sorted(told.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) == 1:
            entries.append(struct.pack("<HHI", tag, 4, 1) + packed)
        else:
            entries.append(struct.pack("<HHII", tag, 4, len(values), values_at + len(behind)))
            behind += packed
    head = b"II*\0" + struct.pack("<I", directory)
    own = struct.pack("<H", len(told)) + b"".join(entries) + bytes(4) + behind
    return b"".join([head, memoryview(file)[8:], bytes(len(file) % 2), own])


def _unpacked(segments: NDArray[np.uint8], layout: SampleLayout) -> Samples:
    """Bytes (rows, across, bytes of a segment's row) as samples (rows, across, width, samples)."""
    rows, across, _ = segments.shape
    shape = rows, across, layout.segment_width, layout.row_samples
    if layout.predictor == _FLOATING_POINT and layout.sample_format == _FLOAT:
        return _float_predicted(segments, layout).reshape(shape)
    if layout.bits not in (8, 16, 32, 64):
        return _from_bits(segments, layout).reshape(shape)
    kind = "f" if layout.sample_format == _FLOAT else ("i" if layout.sample_format == _SIGNED else "u")
    size = layout.bits // 8
    samples = np.ascontiguousarray(segments).view(f"{layout.order}{kind}{size}").reshape(shape)
    if layout.predictor == _HORIZONTAL:
        whole = samples.view(f"{layout.order}u{size}")
        summed = np.cumsum(whole, axis=2, dtype=f"u{size}")  # it wraps, as it should
        return summed.view(f"{kind}{size}")
    return samples


def _from_bits(segments: NDArray[np.uint8], layout: SampleLayout) -> Samples:
    """Samples of a number of bits that is no machine's, the highest first (TIFF 6.0, BitsPerSample)."""
    count = layout.segment_width * layout.row_samples
    bits = np.unpackbits(segments, axis=2, count=count * layout.bits).reshape(-1, layout.bits)
    value = np.zeros(len(bits), np.int64)
    for column in range(layout.bits):
        value = value << 1 | bits[:, column]
    if layout.sample_format == _SIGNED:
        value -= (value >> (layout.bits - 1)) << layout.bits
    return value


def _float_predicted(segments: NDArray[np.uint8], layout: SampleLayout) -> Samples:
    """The bytes of each row lie apart, the highest of all samples first, and each is the difference to the one before
    (TIFF Technical Note 3).
    """
    rows, across, row_bytes = segments.shape
    size = layout.bits // 8
    differences = segments.reshape(rows, across, row_bytes // layout.row_samples, layout.row_samples)
    summed = np.cumsum(differences, axis=2, dtype=np.uint8).reshape(rows, across, size, row_bytes // size)
    return np.ascontiguousarray(summed.transpose(0, 1, 3, 2)).view(f">f{size}")
