"""Batches of lines for training: synthetic and real ones mixed, lines of like width together.

Lines are drawn in pools. Everything in pool `n` comes from (seed, n) alone; a pool is sorted by width, cut into batches
of about the same number of pixel columns, and these are shuffled. A run that stops goes on with the next pool.
Pictures become the network's input here: float32 in [-1, 1], shorter ones repeat their last column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.lines.degradation import INPUT_PX, Grey, augmented, photographed
from training.lines.real_lines import RealLine
from training.lines.synthetic import LineStore

POOL_LINES = 768


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Images (N, 1, H, W) float32, their texts, and whether each text is true in any case of its letters and with any
    form of its quotes and dashes.
    """

    images: NDArray[np.float32]
    texts: tuple[str, ...]
    any_case: NDArray[np.bool_]
    any_marks: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One line of a batch: its picture, its text, and what else is true of it (`Batch`)."""

    picture: Grey
    text: str
    any_case: bool = False
    any_marks: bool = False


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of what is drawn. `real` is of all lines, `handwritten` of the synthetic ones.

    From an origin of four times the characters twice as much is drawn, times its `emphasis` if it has one.
    """

    real: float = 0.36
    handwritten: float = 0.18
    emphasis: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 <= self.real < 1.0:
            raise ValueError(f"real_share is {self.real}; expected 0 <= real_share < 1")
        if not 0.0 <= self.handwritten <= 1.0:
            raise ValueError(f"handwritten_share is {self.handwritten}; expected 0 to 1")
        for origin, times in self.emphasis.items():
            if not times > 0.0:
                raise ValueError(f"the emphasis of {origin} is {times}; expected more than 0")


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """What is drawn from: synthetic lines, those in a handwriting font apart, and real ones by origin."""

    synthetic: LineStore
    printed: NDArray[np.int64]
    handwritten: NDArray[np.int64]
    real: tuple[tuple[RealLine, ...], ...]
    weights: NDArray[np.float64]
    shares: Shares

    @classmethod
    def of(cls, synthetic: LineStore, lines: Sequence[RealLine], shares: Shares) -> Sources:
        origins = list(dict.fromkeys(line.source for line in lines))
        groups = tuple(tuple(line for line in lines if line.source == origin) for origin in origins)
        weights = np.array(
            [
                shares.emphasis.get(origin, 1.0) * np.sqrt(sum(len(line.text) for line in group))
                for origin, group in zip(origins, groups, strict=True)
            ]
        )
        hand = synthetic.handwritten
        return cls(
            synthetic, np.flatnonzero(~hand), np.flatnonzero(hand), groups, weights / max(weights.sum(), 1e-9), shares
        )

    def draw(self, longest: int, rng: np.random.Generator, height_px: int = INPUT_PX) -> Drawn:
        """A line `height_px` high.

        It has at most `longest` characters if such a one is found.
        """
        for attempt in range(50):
            if self.real and rng.random() < self.shares.real:
                group = self.real[int(rng.choice(len(self.real), p=self.weights))]
                real = group[int(rng.integers(len(group)))]
                if len(real.text) <= longest or attempt == 49:
                    seen = augmented(
                        real.picture, real.text, rng, room=real.room, by_hand=real.handwritten, height_px=height_px
                    )
                    return Drawn(seen, real.text, real.any_case, real.any_marks)
            else:
                index = self._synthetic(rng)
                if self.synthetic.length(index) <= longest or attempt == 49:
                    line = self.synthetic[index]
                    return Drawn(photographed(line, rng, height_px), line.text)
        raise AssertionError("the last attempt returns")

    def _synthetic(self, rng: np.random.Generator) -> int:
        """The number of a synthetic line at random, of either kind when only that is there."""
        by_hand = rng.random() < self.shares.handwritten
        kind = self.handwritten if (by_hand and len(self.handwritten)) or not len(self.printed) else self.printed
        return int(kind[int(rng.integers(len(kind)))])


def pool(
    sources: Sources, seed: int, number: int, columns_px: int, longest: int, height_px: int = INPUT_PX
) -> list[Batch]:
    """The batches of pool `number`, each of at most `columns_px` columns unless a single line has more."""
    rng = np.random.default_rng((seed, number))
    drawn = (sources.draw(longest, rng, height_px) for _ in range(POOL_LINES))
    lines = sorted(drawn, key=lambda line: line.picture.shape[1])
    batches: list[Batch] = []
    while lines:
        count = len(lines)
        widest = lines[-1].picture.shape[1]
        taken = min(count, max(1, columns_px // widest))
        batches.append(batch_of(lines[count - taken :]))
        del lines[count - taken :]
    rng.shuffle(batches)
    return batches


def batch_of(lines: Sequence[Drawn]) -> Batch:
    """The lines as one batch, as wide as the widest of them (a multiple of 4). All are equally high."""
    width = -(-max(line.picture.shape[1] for line in lines) // 4) * 4
    images = np.empty((len(lines), 1, lines[0].picture.shape[0], width), np.float32)
    for image, line in zip(images, lines, strict=True):
        image[0] = np.pad(line.picture, ((0, 0), (0, width - line.picture.shape[1])), mode="edge")
    images /= np.float32(127.5)
    images -= np.float32(1.0)
    return Batch(
        images,
        tuple(line.text for line in lines),
        np.array([line.any_case for line in lines]),
        np.array([line.any_marks for line in lines]),
    )


def prefetched(make: Callable[[int], list[Batch]], first: int) -> Iterator[tuple[int, list[Batch]]]:
    """Pools from number `first` on, each with its number; the next is made while one is learnt from."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        number, coming = first, thread.submit(make, first)
        while True:
            batches = coming.result()
            coming = thread.submit(make, number + 1)
            yield number, batches
            number += 1
