"""What several engines claim about one line, or one character, becomes one answer: align, vote, judge.

    fuse(claims, profile, method) -> FusedLine      place(fused, region, readings) -> ocr.Line
    fuse_character(claims, profile, method, classes) -> ocr.Character
    judge(confidence, profile.thresholds) -> Verdict

Pure functions over the vocabulary of ocr/: no engine by name, no image, no clock. docs/fusion.md explains the whole.
"""

from fusion.cascade import Cascade, Step, doubt
from fusion.fusing import FusedCharacter, FusedLine, FusedWord, fuse
from fusion.placement import place
from fusion.profiles.profile import (
    SPELLING,
    Band,
    Profile,
    Thresholds,
    Verdict,
    automatic,
    joined,
    judge,
    profiles_from_priors,
)
from fusion.profiles.profile_document import Document, tuned_document
from fusion.single import fuse_character
from fusion.votes.calibration import IDENTITY, Calibration
from fusion.votes.voting import Method

__all__ = [
    "IDENTITY",
    "SPELLING",
    "Band",
    "Calibration",
    "Cascade",
    "Document",
    "FusedCharacter",
    "FusedLine",
    "FusedWord",
    "Method",
    "Profile",
    "Step",
    "Thresholds",
    "Verdict",
    "automatic",
    "doubt",
    "fuse",
    "fuse_character",
    "joined",
    "judge",
    "place",
    "profiles_from_priors",
    "tuned_document",
]
