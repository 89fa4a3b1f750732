"""What deployments answer each other. Plain frozen values; nothing here knows Serve or HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr import Character, EngineReport, Hypothesis, Layout, Stretch
from ocr.errors import QuorumError
from ocr.packing import sealed


class GarbageAnswer(Exception):
    """An engine's replica answered something that is no answer to the question."""


@sealed
@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """One engine's hypotheses, one per crop it was asked about, in order; None for a crop that it did not come to
    before the deadline. `spent` is where the time of the replica went.
    """

    model: str
    hypotheses: tuple[Hypothesis | None, ...]
    spent: tuple[Stretch, ...] = ()

    def require_one_each(self, crops: Sequence[int]) -> None:
        """Raise GarbageAnswer unless there is a hypothesis or None for each of these crops."""
        if len(self.hypotheses) != len(crops):
            raise GarbageAnswer(f"{len(self.hypotheses)} hypotheses for {len(crops)} crops")


@dataclass(frozen=True, slots=True)
class CutPage:
    """How the segmentation of one page begins: where the text is, and where the time went until it was found. The
    pixels follow, by reference.
    """

    layout: Layout
    spent: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class CutCharacters:
    """How the preparation of single characters begins: per image either the index of its crop or what is wrong."""

    outcomes: tuple[int | QuorumError, ...]
    layout: Layout
    spent: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class CutRefused:
    """The image cannot be read; no pixels follow. An error as a value arrives as itself, not wrapped by the
    transport.
    """

    error: QuorumError


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """What one step made of a page, or one line as it is cut: a PNG file."""

    name: str
    file: bytes


@sealed
@dataclass(frozen=True, slots=True)
class CharacterReading:
    """What the ensemble says of an image of one character; its text is "" when no engine has a vote for one. `spent` is
    where the time of its whole request went.
    """

    character: Character
    claims: Mapping[str, Hypothesis]
    reports: tuple[EngineReport, ...]
    spent: tuple[Stretch, ...] = ()
