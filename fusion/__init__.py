"""What several engines claim about one line, or one character, becomes one answer: align, vote, judge.

    fuse(claims, profile, method) -> FusedLine      place(fused, region, readings) -> ocr.Line
    fuse_character(claims, profile, method, classes) -> ocr.Character
    judge(confidence, profile.thresholds) -> Verdict

Pure functions over the vocabulary of ocr/: no engine by name, no image, no clock. docs/fusion.md explains the whole.
"""

from fusion.calibration import IDENTITY, Calibration
from fusion.fusing import FusedCharacter, FusedLine, FusedWord, fuse
from fusion.placement import place
from fusion.profiles import Band, Profile, Thresholds, Verdict, judge, profiles_from_priors
from fusion.single import fuse_character
from fusion.voting import Method

__all__ = [
    "IDENTITY",
    "Band",
    "Calibration",
    "FusedCharacter",
    "FusedLine",
    "FusedWord",
    "Method",
    "Profile",
    "Thresholds",
    "Verdict",
    "fuse",
    "fuse_character",
    "judge",
    "place",
    "profiles_from_priors",
]
