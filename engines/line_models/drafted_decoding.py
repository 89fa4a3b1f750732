"""Greedy decoding of a line whose encoder has a reading of its own: the decoder checks it, instead of writing it anew.

A decoder writes one token a run. Given a draft it says in one run what it would write behind each token of the draft
(speculative decoding, Leviathan et al. 2023, arXiv:2211.17192). The tokens that it agrees with are written, then its
own first other one, and the rest of the draft is tried behind that. So what is written, and how probable it is, is what
greedy decoding writes, whatever the draft says; with a good draft a line takes two or three runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_GIVEN = 96
"""Tokens of one run: what is given behind a token that the decoder does not agree with was for nothing."""
GIVEN_STEP = 8
"""They are filled up to a multiple of this: each other number of them has to be prepared once."""

Floats = NDArray[np.float32]
Tokens = NDArray[np.int64]


class Token(NamedTuple):
    """One step of the decoder: the token that it wrote and how probable that was."""

    id: int
    probability: float


class Checked(NamedTuple):
    """What the decoder says of the S tokens that it was given: what follows each (S, V), and what it keeps of them,
    keys and values (L, H, S, D).
    """

    probabilities: Floats
    keys: Floats
    values: Floats


Check = Callable[[Tokens, Tokens, Floats, Floats], Checked]
"""Of tokens (S,), the place of the first (1,), and the keys and values (L, H, P, D) of the tokens before it."""


@dataclass(slots=True)
class Draft:
    """Tokens that are expected, and how far they have been used."""

    tokens: Sequence[int]
    at: int = 0

    def ahead(self) -> Sequence[int]:
        return self.tokens[self.at : self.at + MOST_GIVEN - 1]

    def follow(self, agreed: int, written: int) -> None:
        """Go on behind `agreed` tokens and what was `written` after them, which may be another than the draft's, one
        that the draft lacks, or one behind a token too many. A wrong guess costs a run, and changes nothing.
        """
        self.at += agreed
        before, here, behind = (list(self.tokens[max(0, at) : at + 1]) for at in range(self.at - 1, self.at + 2))
        if here != [written] and behind == [written]:
            self.at += 2
        elif here == [written] or agreed or before != [written]:
            self.at += 1


@dataclass(frozen=True, slots=True)
class Limits:
    """The token that starts every line, those that end one, and how many tokens a line may have."""

    start: int
    ends: frozenset[int]
    most: int


def decode(check: Check, draft: Draft, limits: Limits, kept: tuple[int, int, int, int]) -> list[Token]:
    """The tokens of a line, without the one that ends it. `kept` is the shape (L, H, P, D) of what the decoder keeps of
    tokens.
    """
    keys, values = np.zeros(kept, np.float32), np.zeros(kept, np.float32)
    written: list[Token] = []
    last = limits.start
    while True:
        guessed = draft.ahead()
        begin = len(written)
        checked = check(_filled([last, *guessed]), np.array([begin]), keys, values)
        chosen = checked.probabilities.argmax(axis=1).tolist()
        agreed = _agreed(guessed, chosen)
        for at in range(agreed + 1):
            if chosen[at] in limits.ends:
                return written
            written.append(Token(chosen[at], min(1.0, float(checked.probabilities[at, chosen[at]]))))
            if len(written) >= limits.most:
                return written
        keys[:, :, begin : begin + agreed + 1] = checked.keys[:, :, : agreed + 1]
        values[:, :, begin : begin + agreed + 1] = checked.values[:, :, : agreed + 1]
        last = chosen[agreed]
        draft.follow(agreed, last)


def collapsed(path: Sequence[int], blank: int = 0) -> list[int]:
    """The classes of a best path of CTC: each run of a class once, without the blank."""
    return [each for at, each in enumerate(path) if each != blank and (at == 0 or path[at - 1] != each)]


def _filled(tokens: Sequence[int]) -> Tokens:
    given = np.zeros(-(-len(tokens) // GIVEN_STEP) * GIVEN_STEP, np.int64)
    given[: len(tokens)] = tokens
    return given


def _agreed(guessed: Sequence[int], chosen: Sequence[int]) -> int:
    """How many guesses, from the first on, are what was chosen."""
    for at, guess in enumerate(guessed):
        if chosen[at] != guess:
            return at
    return len(guessed)
