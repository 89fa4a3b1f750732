"""What several engines claim about one line, or one character, becomes one answer: align, vote, judge.

    fuse(claims, profile, method) -> FusedLine      place(fused, region, readings) -> ocr.Line
    fuse_character(claims, profile, method, classes) -> ocr.Character
    judge(confidence, profile.thresholds) -> Verdict

Pure functions over the vocabulary of ocr/: no engine by name, no image, no clock. docs/fusion.md explains the whole.
"""

from fusion.character_fusion import fuse_character
from fusion.evidence.calibration import IDENTITY, Calibration
from fusion.fused_line import FusedCharacter, FusedLine, FusedWord
from fusion.line_fusion import fuse
from fusion.page_line import place
from fusion.profiles.cascade import Cascade, Step
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
    "fuse",
    "fuse_character",
    "joined",
    "judge",
    "place",
    "profiles_from_priors",
    "tuned_document",
]
