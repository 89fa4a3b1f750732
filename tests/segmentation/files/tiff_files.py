"""TIFF files of every kind, written here field by field (TIFF 6.0): Pillow writes only those that it reads."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_FIELD = {"H": 3, "I": 4}


def tiff_file(*pages: bytes | tuple[dict[int, Sequence[int]], list[bytes]], order: str = "<") -> bytes:
    """A file of `pages`: the fields of each, and its strips or tiles; `page` makes one."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + bytes(4)
    file, link_at = bytearray(head), 4
    for fields, segments in pages:  # type: ignore[misc]
        places = []
        for segment in segments:
            file += bytes(len(file) % 2)
            places.append(len(file))
            file += segment
        file += bytes(len(file) % 2)
        tiled = 322 in fields
        told = {
            **fields,
            (324 if tiled else 273): places,
            (325 if tiled else 279): [len(segment) for segment in segments],
        }
        entries, behind = b"", b""
        values_at = len(file) + 2 + 12 * len(told) + 4
        for tag, values in sorted(told.items()):
            form = "I" if max(values) > 65535 or tag in (273, 279, 324, 325) else "H"
            packed = struct.pack(f"{order}{len(values)}{form}", *values)
            entries += struct.pack(f"{order}HHI", tag, _FIELD[form], len(values))
            if len(packed) <= 4:
                entries += packed.ljust(4, b"\0")
            else:
                entries += struct.pack(f"{order}I", values_at + len(behind))
                behind += packed + bytes(len(packed) % 2)
        struct.pack_into(f"{order}I", file, link_at, len(file))
        link_at = len(file) + 2 + len(entries)
        file += struct.pack(f"{order}H", len(told)) + entries + bytes(4) + behind
    return bytes(file)


def page(
    samples: NDArray[np.generic],
    photometric: int = 1,
    *,
    bits: int | None = None,
    extra: Sequence[int] = (),
    deflated: bool = False,
    predictor: int = 1,
    planar: bool = False,
    tile: int | None = None,
    order: str = "<",
    **further: Sequence[int],
) -> tuple[dict[int, Sequence[int]], list[bytes]]:
    """A page of `samples` (H, W, S) of any number type, in strips of seven rows or in square tiles; `bits` for samples
    of fewer bits than their type has. `further` fields are named as tag_254.
    """
    height, width, count = samples.shape
    depth = bits or samples.dtype.itemsize * 8
    fields: dict[int, Sequence[int]] = {
        256: [width],
        257: [height],
        258: [depth] * count,
        259: [8 if deflated else 1],
        262: [photometric],
        277: [count],
        284: [2 if planar else 1],
        339: [{"u": 1, "i": 2, "f": 3}[samples.dtype.kind]] * count,
        **{int(name.removeprefix("tag_")): values for name, values in further.items()},
    }
    if extra:
        fields[338] = extra
    if predictor > 1:
        fields[317] = [predictor]
    planes = [samples[:, :, at : at + 1] for at in range(count)] if planar else [samples]
    segments = []
    for plane in planes:
        for part in _tiles(plane, tile) if tile else [plane[top : top + 7] for top in range(0, height, 7)]:
            packed = _packed(part, depth, predictor, order)
            segments.append(zlib.compress(packed) if deflated else packed)
    fields |= {322: [tile], 323: [tile]} if tile else {278: [7]}
    return fields, segments


def _tiles(plane: NDArray[np.generic], side: int) -> list[NDArray[np.generic]]:
    height, width = plane.shape[:2]
    padded = np.pad(plane, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge")
    return [
        padded[top : top + side, left : left + side]
        for top in range(0, padded.shape[0], side)
        for left in range(0, padded.shape[1], side)
    ]


def _packed(part: NDArray[np.generic], depth: int, predictor: int, order: str) -> bytes:
    if depth not in (8, 16, 32, 64):
        flat = part.reshape(part.shape[0], -1).astype(np.int64)
        bits = (flat[:, :, np.newaxis] >> np.arange(depth - 1, -1, -1)) & 1
        return np.packbits(bits.reshape(part.shape[0], -1).astype(np.uint8), axis=1).tobytes()
    if predictor == 3:
        size = depth // 8
        rows = part.reshape(part.shape[0], -1).astype(f">f{size}")
        apart = np.frombuffer(rows.tobytes(), np.uint8).reshape(part.shape[0], -1, size).transpose(0, 2, 1)
        return _differences(apart.reshape(part.shape[0], -1, part.shape[2])).tobytes()
    whole = np.ascontiguousarray(part)
    if predictor == 2:
        whole = _differences(whole.view(f"u{depth // 8}"))
    return whole.astype(whole.dtype.newbyteorder(order)).tobytes()


def _differences(rows: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Of each sample to the one of the pixel before."""
    before = np.zeros_like(rows)
    before[:, 1:] = rows[:, :-1]
    return rows - before
