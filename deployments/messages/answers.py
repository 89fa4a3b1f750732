"""What deployments answer each other. Plain frozen values; nothing here knows Serve or HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr import Character, EngineReport, Hypothesis, Layout, TimedStep
from ocr.errors import QuorumError
from ocr.runtime.pickling import pickle_as_bytes


class InvalidEngineAnswer(Exception):
    """What an engine's replica answered is no EngineAnswer, or not one hypothesis per crop."""


@pickle_as_bytes
@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """One engine's hypotheses, one per crop it was asked about, in order; None for a crop that it did not come to
    before the deadline. `timings` are the steps of the replica.
    """

    model: str
    hypotheses: tuple[Hypothesis | None, ...]
    timings: tuple[TimedStep, ...] = ()

    def require_one_per_crop(self, crops: Sequence[int]) -> None:
        """Raise InvalidEngineAnswer unless there is a hypothesis or None for each of these crops."""
        if len(self.hypotheses) != len(crops):
            raise InvalidEngineAnswer(f"{len(self.hypotheses)} hypotheses for {len(crops)} crops")


@dataclass(frozen=True, slots=True)
class LayoutAnswer:
    """How the segmentation of one page begins: where the text is, and where the time went until it was found. The
    pixels follow, by reference.
    """

    layout: Layout
    timings: tuple[TimedStep, ...] = ()


@dataclass(frozen=True, slots=True)
class CharacterCropsAnswer:
    """How the preparation of single characters begins: per image either the index of its crop or what is wrong."""

    outcomes: tuple[int | QuorumError, ...]
    layout: Layout
    timings: tuple[TimedStep, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageRefused:
    """The image cannot be read; no pixels follow. An error as a value arrives as itself, not wrapped by the
    transport.
    """

    error: QuorumError


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """What one step made of a page, or one line as it is cropped: a PNG file."""

    name: str
    file: bytes


@pickle_as_bytes
@dataclass(frozen=True, slots=True)
class CharacterReading:
    """What the ensemble says of an image of one character; its text is "" when no engine has a vote for one. `timings`
    are those of its whole request.
    """

    character: Character
    hypotheses: Mapping[str, Hypothesis]
    reports: tuple[EngineReport, ...]
    timings: tuple[TimedStep, ...] = ()
