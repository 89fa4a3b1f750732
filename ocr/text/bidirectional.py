"""Which way text runs, by the classes of Unicode's bidirectional algorithm (https://www.unicode.org/reports/tr9/)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby
from typing import TypeVar

Item = TypeVar("Item")
_LEFTWARDS = ("R", "AL")  # Hebrew and Arabic letters
_RIGHTWARDS = ("L", "EN", "AN")


def runs_leftwards(text: str) -> bool:
    """Whether most of its letters are of a script that is written from right to left."""
    if text.isascii():
        return False
    ways = [unicodedata.bidirectional(letter) for letter in text]
    return sum(way in _LEFTWARDS for way in ways) > ways.count("L")


def with_turned_runs(letters: Sequence[str], items: Sequence[Item]) -> list[Item]:
    """The items, one a letter, with those of numbers and Latin words, which run the other way, in the other order."""
    turned = list(items)
    start = 0
    for rightwards, run in groupby(letters, key=lambda letter: unicodedata.bidirectional(letter[0]) in _RIGHTWARDS):
        end = start + len(list(run))
        if rightwards:
            turned[start:end] = reversed(turned[start:end])
        start = end
    return turned
