"""Where the characters of a run come from: collections, idx files, tensorflow-datasets, fonts, or a user's own folder.

Each origin becomes a `Collection`: prepared glyphs split into train, validation and test, with the sha256 of what they
were made from. Preparing and rendering take minutes, so both are kept in a cache folder under names that hold the
hashes or seeds they depend on. Knows no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common import glyph
from evaluation.characters.collections import Characters, Collection, Part, read_collection, sha256_of, split
from training.characters import idx
from training.characters.synthetic import Fonts, Mix, make_set
from training.drawing.fonts import ALPHABET, STROKE_FONT_DIR, held_out_faces, stroke_faces, training_faces

SHARD = 10_000
SYNTHETIC_SEED = 5
HELD_OUT_SEED = 77
SYNTHETIC_VALIDATION = 2_500
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})

# What is in the cache was prepared by one version of the code; another version prepares anew.
PREPARATION = sha256_of(Path(glyph.__file__))[:8]

Progress = Callable[[str, int], None]


def no_progress(_what: str, _done: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Synthetic:
    """The synthetic part of a run: how many samples, made by how many processes, from which single-stroke fonts."""

    count: int = 120_000
    workers: int = 1
    stroke_fonts: Path = STROKE_FONT_DIR

    def __post_init__(self) -> None:
        if self.count % SHARD or self.count < 0 or self.workers < 1:
            raise ValueError(f"synthetic characters are made in sets of {SHARD}; {self.count} is no multiple")


def from_collections(folder: Path, cache: Path, progress: Progress = no_progress) -> list[Collection]:
    """Every npz collection in `folder`. Raises FileNotFoundError when there is none."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no .npz collection; give another folder with --collections-dir")
    return [_from_file(path, cache, progress) for path in paths]


def _from_file(path: Path, cache: Path, progress: Progress) -> Collection:
    return _cached(
        cache / f"{path.stem}-{sha256_of(path)[:16]}-{PREPARATION}.npz",
        lambda: read_collection(path, lambda done: progress(f"preparing {path.stem}", done)),
    )


def from_idx(folder: Path, variant: str, cache: Path, progress: Progress = no_progress) -> Collection:
    """An EMNIST variant from its idx files. Its own test part stays the test set; validation is split off by hash."""
    digest = hashlib.sha256()
    for part in ("train", "test"):
        for what in ("images", "labels"):
            digest.update(bytes.fromhex(sha256_of(idx.find(folder, variant, part, what))))
    name, sha256 = f"emnist_{variant}", digest.hexdigest()
    train, test = (idx.read_split(folder, variant, part) for part in ("train", "test"))
    sets = (train.images, train.characters), (test.images, test.characters)
    return _cached(
        cache / f"{name}-{sha256[:16]}-{PREPARATION}.npz", lambda: _with_own_test(name, sha256, *sets, progress)
    )


def from_tfds(variant: str, cache: Path, progress: Progress = no_progress) -> Collection:
    """An EMNIST variant through tensorflow-datasets, which fetches it where its host can be reached."""
    try:
        tfds = import_module("tensorflow_datasets")
    except ImportError as error:
        raise ImportError(
            "tensorflow-datasets is not installed: pip install tensorflow-datasets, or use --idx-dir with the files"
        ) from error
    train, test = (_from_builder(tfds, variant, part) for part in ("train", "test"))
    sha256 = hashlib.sha256(train[0].tobytes() + test[0].tobytes()).hexdigest()
    name = f"emnist_{variant}"
    return _cached(
        cache / f"{name}-{sha256[:16]}-{PREPARATION}.npz", lambda: _with_own_test(name, sha256, train, test, progress)
    )


def _from_builder(loader: ModuleType, variant: str, part: str) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    rows = loader.as_numpy(loader.load(f"emnist/{variant}", split=part, as_supervised=True))
    pairs = [(image[..., 0], int(label)) for image, label in rows]
    images = idx.upright(np.stack([image for image, _ in pairs]))  # (N, 28, 28), stored transposed
    return images, np.array(list(idx.CHARACTERS[variant]))[[label for _, label in pairs]]


def _with_own_test(
    name: str,
    sha256: str,
    train: tuple[NDArray[np.uint8], NDArray[np.str_]],
    test: tuple[NDArray[np.uint8], NDArray[np.str_]],
    progress: Progress,
) -> Collection:
    # Copies stay in: a figure is comparable with others only over the whole test part.
    first, second = (
        split(
            name,
            sha256,
            images,
            _numbers(characters),
            lambda done: progress(f"preparing {name}", done),
            drop_copies=False,
        )
        for images, characters in (train, test)
    )
    parts = {
        Part.TRAIN: _joined([first.parts[Part.TRAIN], first.parts[Part.TEST]]),
        Part.VALIDATION: first.parts[Part.VALIDATION],
        Part.TEST: _joined(list(second.parts.values())),
    }
    return Collection(name, sha256, parts, first.unreadable + second.unreadable, first.duplicates + second.duplicates)


def from_folder(folder: Path) -> Collection:
    """A user's own characters: `folder/LABEL/*.png`.

    LABEL is the character or, where a file system cannot tell cases apart, upper_A, lower_a or digit_7. Raises
    ValueError for labels that are none of the 62.
    """
    files = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise FileNotFoundError(
            f"{folder} holds no pictures; expected {folder.name}/A/1.png, {folder.name}/b/2.png, ..."
        )
    names = [path.parent.name.rpartition("_")[2] for path in files]
    unknown = sorted(set(names) - set(ALPHABET))
    if unknown:
        raise ValueError(f"{folder}: folders {unknown[:5]} are none of the 62 characters 0-9, A-Z, a-z")
    digest = hashlib.sha256(b"".join(bytes.fromhex(sha256_of(path)) for path in files)).hexdigest()
    return split(folder.name, digest, (_picture(path) for path in files), _numbers(np.array(names)))


def _picture(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError(f"{path} is not a picture that can be decoded; remove it")
    return np.asarray(picture, dtype=np.uint8)


def synthetic(options: Synthetic, cache: Path, progress: Progress = no_progress) -> Collection:
    """Rendered characters: `options.count` for training, of which the first are for validation.

    The test set holds characters of printed fonts that training does not use.
    """
    folder = cache / f"synthetic-{SYNTHETIC_SEED}-{PREPARATION}"
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, options.count, SHARD)
    paths = [folder / f"train_{start // SHARD:02d}.npz" for start in starts]
    missing = [(path, start) for path, start in zip(paths, starts, strict=True) if not path.is_file()]
    # Spawned: a fork inherits the locks of OpenCV's threads, and would wait for them for ever.
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        made = pool.map(_make_shard, *zip(*missing, strict=True), repeat(options.stroke_fonts)) if missing else ()
        for done, _ in enumerate(made, start=1):
            progress("rendering characters", done * SHARD)
    everything = _joined([_read_characters(path) for path in paths])
    parts = {
        Part.TRAIN: everything.at(np.arange(SYNTHETIC_VALIDATION, len(everything))),
        Part.VALIDATION: everything.at(np.arange(SYNTHETIC_VALIDATION)),
        Part.TEST: held_out_print(cache),
    }
    return Collection("synthetic", _sha256_of_characters(everything), parts, 0, 0)


def _make_shard(path: Path, first: int, stroke_fonts: Path) -> None:
    cv2.setNumThreads(1)
    fonts = Fonts.of(training_faces(), stroke_faces(stroke_fonts))
    _write_characters(path, Characters(*make_set(fonts, Mix(), seed=SYNTHETIC_SEED, first=first, count=SHARD)))


def held_out_print(cache: Path) -> Characters:
    """Printed characters, badly photographed, in fonts that training does not use."""
    path = cache / f"held-out-print-{HELD_OUT_SEED}-{PREPARATION}.npz"
    if not path.is_file():
        mix = Mix(printed=1.0, stroke=0.0, junk=0.0)
        made = make_set(Fonts.of(held_out_faces()), mix, seed=HELD_OUT_SEED, first=0, count=6_000)
        _write_characters(path, Characters(*made))
    return _read_characters(path)


def _numbers(characters: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.array([ALPHABET.index(character) for character in characters], dtype=np.int64)


def _joined(sets: Sequence[Characters]) -> Characters:
    return Characters(np.concatenate([s.images for s in sets]), np.concatenate([s.labels for s in sets]))


def _read_characters(path: Path) -> Characters:
    with np.load(path, allow_pickle=False) as arrays:
        return Characters(arrays["images"], arrays["labels"])


def _write_characters(path: Path, characters: Characters) -> None:
    partial = path.with_name(f"partial-{path.name}")  # a run that is stopped leaves no half file under the real name
    np.savez_compressed(partial, images=characters.images, labels=characters.labels)
    partial.replace(path)


def _sha256_of_characters(characters: Characters) -> str:
    return hashlib.sha256(characters.images.tobytes() + characters.labels.tobytes()).hexdigest()


def _cached(path: Path, make: Callable[[], Collection]) -> Collection:
    """What `make` makes, from the cache when it was made before."""
    if not path.is_file():
        collection = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {
            f"{part.value}_{what}": getattr(characters, what)
            for part, characters in collection.parts.items()
            for what in ("images", "labels")
        }
        counts = np.array([collection.unreadable, collection.duplicates])
        partial = path.with_name(f"partial-{path.name}")
        np.savez_compressed(
            partial, name=np.array(collection.name), sha256=np.array(collection.sha256), counts=counts, **arrays
        )
        partial.replace(path)
    with np.load(path, allow_pickle=False) as stored:
        parts = {part: Characters(stored[f"{part.value}_images"], stored[f"{part.value}_labels"]) for part in Part}
        unreadable, duplicates = (int(count) for count in stored["counts"])
        return Collection(str(stored["name"]), str(stored["sha256"]), parts, unreadable, duplicates)
