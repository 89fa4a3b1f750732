"""Synthetic lines: a text, set in a font, printed badly and photographed worse, all from (seed, index) alone.

Setting costs more than photographing, so a set of lines is set once into a store on disk and photographed anew each
time it is met. A store is made by several processes, and can be made again byte for byte with the same fonts, texts
and versions of Pillow and OpenCV.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ocr.errors import InvalidRequest
from training.drawing.fonts import PRINTABLE_CHARSET, faces_in_folder, held_out_faces, training_faces
from training.drawing.typesetting import STRIP_PX, FontSampler, TypesetLine, typeset_line
from training.drawing.web_fonts import LEARNT
from training.lines.degradation import INPUT_PX, Grey, photographed
from training.lines.real_lines import RealLine
from training.lines.texts import Texts, as_classes, installed_texts, line_text

SHARD_LINES = 5000
TRIES = 50
UNSEEN = "unseen_fonts"
"""The origin of lines in families that are held out."""
NEIGHBOURED = 0.6
"""The share of lines that have a line above or below."""

Report = Callable[[int], None]


class Typesetter(Protocol):
    """What makes lines."""

    def typeset(self, seed: int, index: int) -> TypesetLine:
        """Line `index` of the set `seed`, before it is photographed."""


@dataclass(frozen=True, slots=True)
class LineGenerator:
    """What printed and other lines are made from."""

    texts: Texts
    fonts: FontSampler

    @classmethod
    def installed(cls, true_lines: tuple[str, ...] = (), hands: Path | None = None) -> LineGenerator:
        """The texts and the training faces of the system's packages, and lines of pages that training may see.

        `hands` is a folder of handwriting fonts that training/drawing/web_fonts.py filled; they are used too.
        """
        faces = training_faces(PRINTABLE_CHARSET) + (faces_in_folder(hands, LEARNT) if hands else [])
        return cls(installed_texts(true_lines), FontSampler.of(faces))

    def typeset(self, seed: int, index: int) -> TypesetLine:
        """Line `index` of the set `seed`, before it is photographed."""
        rng = np.random.default_rng((seed, index))
        for _ in range(TRIES):
            text = line_text(self.texts, rng)
            above, below = (
                as_long(line_text(self.texts, rng), text) if rng.random() < NEIGHBOURED else "" for _ in range(2)
            )
            try:
                line = typeset_line(text, above, below, self.fonts, rng)
            except ValueError:  # characters that no face has together
                continue
            return replace(line, text=as_classes(line.text))
        raise ValueError("no font has the characters of the texts; install those of training/drawing/fonts.py")


def sample(generator: Typesetter, seed: int, index: int, height_px: int = INPUT_PX) -> tuple[Grey, str]:
    """A finished line, grey uint8 (height_px, W), and its text, from (seed, index) alone."""
    line = generator.typeset(seed, index)
    return photographed(line, np.random.default_rng((seed, index, 1)), height_px), line.text


def unseen_print(count: int, height_px: int, seed: int = 2) -> list[RealLine]:
    """`count` photographed lines in printed families that training never sees, always the same ones."""
    generator = LineGenerator(installed_texts(), FontSampler.of(held_out_faces(PRINTABLE_CHARSET)))
    return unseen_lines(generator, seed, count, height_px, handwritten=False)


def unseen_lines(generator: Typesetter, seed: int, count: int, height_px: int, *, handwritten: bool) -> list[RealLine]:
    """The first `count` lines of the set `seed`, by a generator of families that training never sees."""
    lines = (sample(generator, seed, index, height_px) for index in range(count))
    return [
        RealLine(picture, text, UNSEEN, any_case=False, handwritten=handwritten, any_marks=False)
        for picture, text in lines
    ]


def as_long(text: str, other: str) -> str:
    """`text` repeated until it is as long as `other`."""
    times = -(-len(other) // max(1, len(text)))
    return " ".join([text] * times)[: len(other) + 4]


class LineStore:
    """Set lines on disk, memory-mapped. Indexing gives a SetLine; `handwritten` (N,) says whose font is."""

    def __init__(self, folder: Path) -> None:
        self._shards = [_Shard(path) for path in sorted(folder.glob("????.npz"))]
        self._ends = np.cumsum([len(shard) for shard in self._shards])
        self._lengths = [len(text) for shard in self._shards for text in shard.texts]
        self.handwritten: NDArray[np.bool_] = np.concatenate(
            [np.zeros(0, bool), *(shard.handwritten for shard in self._shards)]
        )

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> TypesetLine:
        shard = int(np.searchsorted(self._ends, index, side="right"))
        before = int(self._ends[shard - 1]) if shard else 0
        return self._shards[shard][index - before]

    def length(self, index: int) -> int:
        """The number of characters of a line."""
        return int(self._lengths[index])


class _Shard:
    def __init__(self, path: Path) -> None:
        with np.load(path) as content:
            self._offsets: NDArray[np.int64] = content["offsets"]
            self._rows: NDArray[np.uint8] = content["rows"]
            self.handwritten: NDArray[np.bool_] = content["handwritten"]
            self.texts: list[str] = json.loads(str(content["texts"]))
        self._ink = np.load(path.with_suffix(".npy"), mmap_mode="r")  # (all columns, SHEET_PX)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> TypesetLine:
        columns = self._ink[self._offsets[index] : self._offsets[index + 1]]
        top, bottom = (int(row) for row in self._rows[index])
        return TypesetLine(
            np.ascontiguousarray(columns.T), top, bottom, self.texts[index], bool(self.handwritten[index])
        )


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """A set to be made: how many lines from which seed, with how many true lines among the texts."""

    seed: int
    lines: int
    true_lines: int

    @property
    def shards(self) -> int:
        return -(-self.lines // SHARD_LINES)


def make_store(
    spec: StoreSpec, build: Callable[[], Typesetter], folder: Path, workers: int, report: Report
) -> LineStore:
    """The store of `spec` in `folder`; shards that are there already are kept, so a stopped run goes on.

    Each worker process calls `build` for a setter of its own. Raises InvalidRequest when the folder holds
    another spec's lines.
    """
    folder.mkdir(parents=True, exist_ok=True)
    card = folder / "order.json"
    said = json.dumps(asdict(spec))
    if card.is_file() and card.read_text() != said:
        raise InvalidRequest(f"{folder} holds {card.read_text()}, not {said}", "give another folder, or empty it")
    card.write_text(said)
    store = LineStore(folder)
    if len(store) >= spec.lines:
        return store
    missing = [number for number in range(spec.shards) if not _shard_path(folder, number).is_file()]
    build()  # what is missing for it is said here; from a process of the pool it would be a broken pool
    with ProcessPoolExecutor(workers, get_context("spawn"), _prepare, (build,)) as pool:
        jobs = [pool.submit(_make_shard, spec, number, folder) for number in missing]
        for done, job in enumerate(jobs, start=spec.shards - len(missing) + 1):
            job.result()
            report(min(spec.lines, done * SHARD_LINES))
    return LineStore(folder)


def _shard_path(folder: Path, number: int) -> Path:
    return folder / f"{number:04}.npz"


_generator: Typesetter | None = None


def _prepare(build: Callable[[], Typesetter]) -> None:
    global _generator  # one a process: reading the texts takes seconds
    import cv2

    cv2.setNumThreads(1)
    _generator = build()


def _make_shard(spec: StoreSpec, number: int, folder: Path) -> None:
    if _generator is None:
        raise RuntimeError("the process was not prepared")
    first = number * SHARD_LINES
    write_shard(
        [_generator.typeset(spec.seed, first + n) for n in range(min(SHARD_LINES, spec.lines - first))], folder, number
    )


def write_shard(lines: list[TypesetLine], folder: Path, number: int) -> None:
    """The lines as shard `number` of a store; a reader never sees half of it."""
    path = _shard_path(folder, number)
    offsets = np.cumsum([0, *(line.ink.shape[1] for line in lines)])
    ink = np.concatenate([line.ink.T for line in lines]) if lines else np.zeros((0, STRIP_PX), np.uint8)
    np.save(path.with_suffix(".npy"), np.ascontiguousarray(ink))
    unfinished = path.with_suffix(".part.npz")
    np.savez(
        unfinished,
        offsets=offsets,
        rows=np.array([(line.top, line.bottom) for line in lines], np.uint8),
        handwritten=np.array([line.handwritten for line in lines]),
        texts=json.dumps([line.text for line in lines]),
    )
    unfinished.replace(path)
