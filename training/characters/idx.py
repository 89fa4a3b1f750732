"""EMNIST and MNIST from the original idx files (gzipped or not), upright, with characters as labels.

The idx format (LeCun): two zero bytes, a type byte (8 = unsigned byte), the number of dimensions, each dimension as a
big-endian 32-bit integer, then the bytes. EMNIST stores its images transposed (Cohen et al. 2017, arXiv:1702.05373,
"inverted horizontally and rotated 90 degrees anti-clockwise"); this loader puts them upright. MNIST's own files are
upright already and stay so.

Labels are class numbers of their set; `CHARACTERS` says what each number means. Knows no network and no preparation.
"""

from __future__ import annotations

import gzip
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.drawing.fonts import ALPHABET

_UNSIGNED_BYTE = 8
_MERGED = ALPHABET[:36] + "abdefghnqrt"  # ByMerge and Balanced: small letters that differ from their capitals
CHARACTERS = {
    "byclass": ALPHABET,
    "bymerge": _MERGED,
    "balanced": _MERGED,
    "letters": " " + ALPHABET[10:36],  # Letters counts from 1, and has one class for both cases
    "digits": ALPHABET[:10],
    "mnist": ALPHABET[:10],
}


@dataclass(frozen=True, slots=True, eq=False)
class IdxSplit:
    """Images uint8 (N, 28, 28), upright, ink = 255, and one character each: (N,) of '<U1'."""

    images: NDArray[np.uint8]
    characters: NDArray[np.str_]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.characters):
            raise ValueError(f"{len(self.images)} images, but {len(self.characters)} labels")


def read_array(path: Path) -> NDArray[np.uint8]:
    """The array in an idx file of unsigned bytes. Raises ValueError for anything else, a short file included."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE:
        raise ValueError(f"{path}: not an idx file of unsigned bytes (starts with {content[:4].hex(' ')})")
    dimensions = content[3]
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise ValueError(f"{path}: its header is cut off at byte {len(content)}; fetch the file again")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise ValueError(
            f"{path}: {len(content) - header} bytes follow a header that promises {math.prod(shape)}; "
            "fetch the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def upright(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """EMNIST's stored images (N, 28, 28) the way they are read: rows and columns swapped."""
    return np.ascontiguousarray(images.transpose(0, 2, 1))


def find(folder: Path, variant: str, part: str, what: str) -> Path:
    """The idx file of a variant ("byclass", ..., "mnist"), part ("train", "test") and kind ("images", "labels").

    Raises FileNotFoundError that names the files that would do.
    """
    dimensions = 3 if what == "images" else 1
    stems = [f"emnist-{variant}-{part}-{what}-idx{dimensions}-ubyte"]
    if variant == "mnist":
        stems.append(f"{'train' if part == 'train' else 't10k'}-{what}-idx{dimensions}-ubyte")
    names = [name for stem in stems for name in (f"{stem}.gz", stem)]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} has none of {', '.join(names)}; unpack EMNIST's gzip.zip there")


def read_split(folder: Path, variant: str, part: str) -> IdxSplit:
    """One part of a variant, upright. Raises ValueError for a variant that is not in `CHARACTERS`."""
    if variant not in CHARACTERS:
        raise ValueError(f"EMNIST variant {variant!r} is not known; choose one of {', '.join(CHARACTERS)}")
    image_path = find(folder, variant, part, "images")
    images = read_array(image_path)
    labels = read_array(find(folder, variant, part, "labels"))
    if images.shape[1:] != (28, 28) or labels.shape != (len(images),):
        raise ValueError(f"{image_path}: images {images.shape} and labels {labels.shape} do not belong together")
    known = CHARACTERS[variant]
    if len(labels) and int(labels.max()) >= len(known):
        raise ValueError(f"{image_path}: label {int(labels.max())} is not one of the {len(known)} of {variant}")
    characters = np.array(list(known))[labels]
    # Only files named emnist-* are transposed: MNIST's own are upright.
    stored_upright = not image_path.name.startswith("emnist-")
    return IdxSplit(images if stored_upright else upright(images), characters)
