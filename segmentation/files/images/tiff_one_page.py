"""One page of a TIFF as a file of its own, so that a page of a file that no memory would hold is small."""

from __future__ import annotations

import struct

from segmentation.files.images.tiff import (
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_OFFSETS,
    Fields,
    TiffBytes,
    UnreadKind,
    entries,
    fields,
    number_at,
    tiff_layout,
)

_PARTS = {STRIP_OFFSETS: (STRIP_OFFSETS, STRIP_BYTES), TILE_OFFSETS: (TILE_OFFSETS, TILE_BYTES)}
_ELSEWHERE = frozenset({330, 34665, 34853, 40965})  # SubIFDs; directories of EXIF, of places, of EXIF's own
_OLD_JPEG = 513
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LONG, _LONG8 = 4, 16


def only_page(file: TiffBytes, place: int, most_bytes: int) -> bytes:
    """A TIFF of the page alone whose directory is at `place`: that is small where the file is not. What stands in
    directories of their own, such as a camera's notes, is left out.

    Raises ValueError for a page that is damaged or larger than `most_bytes`, UnreadKind for an old kind of JPEG.
    """
    order, wide = tiff_layout(file)
    page = _LonePage(order, wide, most_bytes)
    try:
        kept = {entry[0]: entry for entry in entries(file, place) if entry[0] not in _ELSEWHERE}
        if _OLD_JPEG in kept:
            raise UnreadKind("its pages are JPEGs of a kind that TIFF has given up")
        parts = {tag: _parts(file, fields(file, place, pair), pair) for tag, pair in _PARTS.items() if tag in kept}
        for tag, kind, count, at in kept.values():
            size = _SIZES.get(kind, 0) * count
            start = at if size <= (8 if wide else 4) else number_at(file, at, order, wide=wide)
            if tag in parts:
                page.add_parts(tag, file, parts[tag])
            elif size:
                page.add(tag, kind, count, file[start : start + size], size)
    except (struct.error, OverflowError) as error:
        raise ValueError("a field of it leads out of the file") from error
    return page.written()


def _parts(file: TiffBytes, found: Fields, pair: tuple[int, int]) -> list[tuple[int, int]]:
    """Where strips or tiles begin and end; what lies behind the end of the file is missing."""
    places, lengths = (found.get(tag, ()) for tag in pair)
    if not places or len(places) != len(lengths):
        raise ValueError("it does not say where its picture lies")
    return [(place, min(place + length, len(file))) for place, length in zip(places, lengths, strict=True)]


class _LonePage:
    """A TIFF of one page that is being put together: its directory comes first, then all that it points to."""

    def __init__(self, order: str, wide: bool, most_bytes: int) -> None:
        self._order, self._wide, self._most = order, wide, most_bytes
        self._entries: list[tuple[int, int, int, bytes | list[bytes]]] = []
        self._bytes = 0

    def add(self, tag: int, kind: int, count: int, value: bytes, size: int) -> None:
        if len(value) < size:
            raise ValueError(f"its field {tag} lies behind the end of the file")
        self._count(size)
        self._entries.append((tag, kind, count, value))

    def add_parts(self, tag: int, file: TiffBytes, places: list[tuple[int, int]]) -> None:
        contents = []
        for start, end in places:
            self._count(max(0, end - start))
            contents.append(file[start:end] if end > start else b"")
        self._entries.append((tag, _LONG8 if self._wide else _LONG, len(contents), contents))

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._most:
            raise ValueError(f"it has more than {self._most} bytes")

    def written(self) -> bytes:
        offset_as = f"{self._order}{'Q' if self._wide else 'I'}"
        room = 8 if self._wide else 4
        head = b"II" if self._order == "<" else b"MM"
        version = (
            struct.pack(f"{self._order}HHHQ", 43, 8, 0, 16) if self._wide else struct.pack(f"{self._order}HI", 42, 8)
        )
        count = struct.pack(f"{self._order}{'Q' if self._wide else 'H'}", len(self._entries))
        entry_bytes = 4 + 2 * room
        behind = len(head + version + count) + entry_bytes * len(self._entries) + room
        directory, content = bytearray(), bytearray()
        for tag, kind, number, value in sorted(self._entries, key=lambda entry: entry[0]):
            if isinstance(value, list):
                places = []
                for part in value:
                    places.append(behind + len(content))
                    content += part
                value = struct.pack(f"{self._order}{len(places)}{'Q' if self._wide else 'I'}", *places)
            directory += struct.pack(f"{self._order}HH", tag, kind) + struct.pack(offset_as, number)
            if len(value) <= room:
                directory += value.ljust(room, b"\0")
            else:
                directory += struct.pack(offset_as, behind + len(content))
                content += value
        return b"".join([head, version, count, bytes(directory), bytes(room), bytes(content)])
