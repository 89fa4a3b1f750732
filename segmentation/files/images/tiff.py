"""The structure of a TIFF file: where its pages are, and the fields of a page (TIFF 6.0, section 2; BigTIFF).

Everything is bounded: what strangers wrote is followed no further than any program writes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

Fields = Mapping[int, tuple[int, ...]]
"""The whole numbers of a directory by their tag."""

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR, PREDICTOR = 273, 277, 278, 279, 284, 317
ORIENTATION = 274
COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 320, 322, 323, 324, 325
EXTRA_SAMPLES, SAMPLE_FORMAT = 338, 339
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 254, 255
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_REDUCED_BEFORE = 2  # the same in the older SubfileType

_MOST_ENTRIES = 1000
_MOST_VALUES = 200_000  # of one field; the colour map of 16 bits has 196,608
_ASIDE = 1000  # directories beside the pages, reduced pictures and masks, that are passed over
_KINDS = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}


class TiffBytes(Protocol):
    """A file, or what can be read of one at any place."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: slice, /) -> bytes: ...


class UnreadKind(ValueError):
    """The page is stored in a way that is not read; says in which."""


def is_tiff(file: TiffBytes) -> bool:
    """Also by the two heads whose bytes are in the wrong order: Pillow reads such files."""
    return file[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")


def tiff_layout(file: TiffBytes) -> tuple[str, bool]:
    """The byte order as `struct` writes it, and whether it is a BigTIFF."""
    return ("<" if file[:2] == b"II" else ">"), b"+" in file[2:4]


def tiff_pages(file: TiffBytes, most: int = 1_000_000) -> list[int]:
    """Where the directory of each page begins, `most` of them. A reduced picture of a page, or a mask, is none, unless
    there is nothing else.

    Raises ValueError when the list of pages leads out of the file or round in a circle, and for a directory of more
    entries than any program writes: Pillow takes a fraction of a millisecond for each.
    """
    pages: list[int] = []
    aside: list[int] = []
    for place in _directories(file, most + _ASIDE):
        (aside if _is_aside(fields(file, place, (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE))) else pages).append(place)
        if len(pages) == most:
            break
    return pages or aside[:most]


def with_first_page(file: bytes, place: int) -> bytes:
    """The file with the directory at `place` as its first: to seek a late page, Pillow reads all those before it."""
    order, wide = tiff_layout(file)
    first = struct.pack(f"{order}{'Q' if wide else 'I'}", place)
    at = 8 if wide else 4
    return file if file.startswith(first, at) else file[:at] + first + file[at + len(first) :]


def fields(file: TiffBytes, place: int, tags: tuple[int, ...]) -> Fields:
    """The fields `tags` of the directory at `place` that hold whole numbers. Raises ValueError for one that leads out
    of the file or holds more than any program writes.
    """
    order, wide = tiff_layout(file)
    found: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, at in entries(file, place):
        if tag not in tags or kind not in _KINDS:
            continue
        if count > _MOST_VALUES:
            raise ValueError(f"its field {tag} has {count} values")
        dtype = np.dtype(order + _KINDS[kind])
        inside = dtype.itemsize * count <= (8 if wide else 4)
        start = at if inside else number_at(file, at, order, wide=wide)
        content = file[start : start + dtype.itemsize * count]
        if len(content) < dtype.itemsize * count:
            raise ValueError(f"its field {tag} lies behind the end of the file")
        found[tag] = tuple(np.frombuffer(content, dtype).tolist())
    return found


def _directories(file: TiffBytes, most: int) -> Iterator[int]:
    order, wide = tiff_layout(file)
    count_as, offset_as, entry_bytes = (f"{order}Q", f"{order}Q", 20) if wide else (f"{order}H", f"{order}I", 12)
    seen: set[int] = set()
    try:
        (place,) = _unpacked(offset_as, file, 8 if wide else 4)
        while place and len(seen) < most:
            if place in seen:
                raise ValueError(f"its page {len(seen) + 1} is one that was there before")
            (entries,) = _unpacked(count_as, file, place)
            if entries > _MOST_ENTRIES:
                raise ValueError(f"its page {len(seen) + 1} has {entries} entries")
            seen.add(place)
            behind = place + struct.calcsize(count_as) + entries * entry_bytes
            (following,) = _unpacked(offset_as, file, behind)
            yield place
            place = following
    except (struct.error, OverflowError) as error:
        raise ValueError(f"the list of its pages leads out of the file after page {len(seen)}") from error


def entries(file: TiffBytes, place: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, number of values and where the value or its offset stands, of each entry of a directory that
    `_directories` has found to lie in the file.
    """
    order, wide = tiff_layout(file)
    count_as, entry_as = (f"{order}Q", f"{order}HHQ") if wide else (f"{order}H", f"{order}HHI")
    try:
        (entries,) = _unpacked(count_as, file, place)
        for number in range(min(entries, _MOST_ENTRIES)):
            at = place + struct.calcsize(count_as) + number * (20 if wide else 12)
            tag, kind, count = _unpacked(entry_as, file, at)
            yield tag, kind, count, at + struct.calcsize(entry_as)
    except (struct.error, OverflowError) as error:
        raise ValueError("the list of its fields leads out of the file") from error


def _unpacked(form: str, file: TiffBytes, at: int) -> tuple[int, ...]:
    """The numbers that stand at a place. Raises struct.error behind the end of the file."""
    return struct.unpack(form, file[at : at + struct.calcsize(form)])


def number_at(file: TiffBytes, at: int, order: str, *, wide: bool) -> int:
    """The place in the file, or the length, that stands at a place. Raises struct.error behind the end of the file."""
    (number,) = _unpacked(f"{order}{'Q' if wide else 'I'}", file, at)
    return number


def _is_aside(of_page: Fields) -> bool:
    (new,), (old,) = of_page.get(_NEW_SUBFILE_TYPE, (0,))[:1], of_page.get(_SUBFILE_TYPE, (0,))[:1]
    return bool(new & (_REDUCED | _MASK)) or old == _REDUCED_BEFORE
