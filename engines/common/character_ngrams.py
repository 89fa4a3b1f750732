"""How likely one character follows others in a language: what reads "thc" as "the" where the picture leaves it open.

An n-gram model of characters as they are written, with their case (interpolated as Witten and Bell 1991,
doi:10.1109/18.87000). All digits are one symbol, equally likely each, and what is not in the alphabet is another one,
so that nothing is impossible. A text is a packed integer of its last symbols, seven bits each. Logarithms are natural.

`training/lines/ctc/ngram_counting.py` makes such models. A file holds, for each length of a gram, the contexts that
were seen (`contexts`, the differences of the sorted packed integers), how many symbols follow each (`counts`), which
(`symbols`), how likely (`costs`), and what is left to the shorter context (`rests`); the last two as -log, in
sixteenths of a nat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ocr.errors import EngineUnavailable

ALPHABET = " abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0.,:;'\"-()/&!?~"
"""A space, letters, "0" for every digit, marks, and "~" for everything else."""

BITS = 7
_PARTS = 16.0  # of a nat, in files
_DIGIT, _OTHER = ALPHABET.index("0"), ALPHABET.index("~")
_DIGITS, _OTHERS = 10, 20  # so many characters share the symbol, equally
_LEAST = 1e-7
_REMEMBERED = 10_000  # contexts: some twenty megabytes at most

Symbols = NDArray[np.int64]


def symbol(character: str) -> int:
    """Its place in ALPHABET."""
    if character.isdigit():
        return _DIGIT
    place = ALPHABET.find(character)
    return place if character and place >= 0 else _OTHER


def log_shares(symbols: Iterable[int]) -> list[float]:
    """Of each character, how much of its symbol's probability it has."""
    own = {_DIGIT: float(np.log(1.0 / _DIGITS)), _OTHER: float(np.log(1.0 / _OTHERS))}
    return [own.get(place, 0.0) for place in symbols]


@dataclass(frozen=True, slots=True, eq=False)
class Grams:
    """The grams of one length. Context `contexts[i]`, sorted, is followed by `symbols[firsts[i]:firsts[i + 1]]` with
    these `likelihoods`, and leaves `rests[i]` to the context without its first symbol.
    """

    contexts: Symbols
    firsts: Symbols
    symbols: NDArray[np.uint8]
    likelihoods: NDArray[np.float32]
    rests: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CharacterNgrams:
    """Grams of length 1, 2, ... in order. Used by one thread at a time."""

    grams: tuple[Grams, ...]
    _known: dict[int, list[float]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 2 <= len(self.grams) <= 63 // BITS:
            raise ValueError(f"n-grams of order {len(self.grams)}; want 2 to {63 // BITS}")

    @property
    def order(self) -> int:
        return len(self.grams)

    def after(self, history: int, place: int) -> int:
        """The history after one more symbol."""
        return ((history << BITS) | place) & ((1 << (BITS * (self.order - 1))) - 1)

    def log_probabilities(self, history: int) -> list[float]:
        """Of each symbol of ALPHABET, given the last ones of a text; their probabilities sum to 1, nearly."""
        found = self._known.get(history)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[history] = np.log(self._probabilities(history)).tolist()
        return found

    def _probabilities(self, history: int) -> NDArray[np.float64]:
        probabilities = np.full(len(ALPHABET), 1.0 / len(ALPHABET))
        for length, grams in enumerate(self.grams):
            context = history & ((1 << (BITS * length)) - 1)
            at = int(np.searchsorted(grams.contexts, context))
            if at == len(grams.contexts) or grams.contexts[at] != context:
                break
            first, last = grams.firsts[at], grams.firsts[at + 1]
            probabilities *= grams.rests[at]
            probabilities[grams.symbols[first:last]] += grams.likelihoods[first:last]
        return probabilities


def read_ngrams(path: Path) -> CharacterNgrams:
    """From a file that `write_ngrams` wrote. Raises EngineUnavailable where it is not one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["alphabet"]) != ALPHABET:
                raise ValueError("its alphabet is another one")
            return CharacterNgrams(tuple(_grams(stored, length) for length in range(1, int(stored["order"]) + 1)))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise EngineUnavailable(
            f"{path} holds no n-grams of characters: {error}", "make it again (docs/training-lines.md), or delete it"
        ) from error


def _grams(stored: np.lib.npyio.NpzFile, length: int) -> Grams:
    contexts, counts, symbols, costs, rests = (
        stored[f"{name}{length}"] for name in ("contexts", "counts", "symbols", "costs", "rests")
    )
    firsts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    return Grams(np.cumsum(contexts, dtype=np.int64), firsts, symbols, _from_costs(costs), _from_costs(rests))


def _from_costs(costs: NDArray[np.uint8]) -> NDArray[np.float32]:
    probabilities: NDArray[np.float32] = np.exp(costs.astype(np.float32) / -np.float32(_PARTS))
    return probabilities


def _costs(probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
    parts = np.round(-_PARTS * np.log(np.maximum(probabilities, _LEAST)))
    return np.asarray(np.minimum(parts, 255), np.uint8)


def write_ngrams(grams: Sequence[Grams], path: Path) -> None:
    """The same bytes for the same grams."""
    arrays: dict[str, NDArray[np.generic]] = {"alphabet": np.array(ALPHABET), "order": np.array(len(grams))}
    for length, own in enumerate(grams, 1):
        arrays |= {
            f"contexts{length}": np.diff(own.contexts, prepend=0),
            f"counts{length}": np.diff(own.firsts).astype(np.uint8),
            f"symbols{length}": own.symbols,
            f"costs{length}": _costs(own.likelihoods),
            f"rests{length}": _costs(own.rests),
        }
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
