"""The vote: several engines' hypotheses of one line, or of one character, become one answer.

    fuse_page(lines, materials, profile, method) -> list[FusedLine]; fuse_line is a page of one line
    line_on_page(fused, region, hypotheses) -> ocr.Line
    fuse_character(hypotheses, profile, method, classes) -> ocr.Character
    judge(confidence, profile.thresholds) -> Verdict; judge_page for the words of a page

Rooms, each built on those below it:

    votes/      hypotheses side by side, what is disputed, the evidence on a page and a line, the count
    profiles/   whose vote counts how much, on what material; profiles as a document; whom to ask first
    evidence/   what was fitted to labelled lines: scores, evidence, languages, confidences
    alignment/  the confusion network and its costs

Pure functions over the vocabulary of ocr/: no engine by name, no image, no clock. docs/fusion.md explains the whole.
"""

from fusion.character_fusion import fuse_character
from fusion.evidence.calibration import IDENTITY, Calibration
from fusion.evidence.spelling_evidence import SPELLING
from fusion.fused_line import FusedCharacter, FusedLine, FusedWord
from fusion.line_fusion import fuse_line, fuse_page
from fusion.page_line import line_on_page
from fusion.profiles.acceptance import Band, Thresholds, Verdict, judge, judge_page
from fusion.profiles.cascade import Cascade, Step
from fusion.profiles.profile import Profile, automatic_profile, profiles_from_priors, with_prior_weights
from fusion.profiles.profile_document import ProfileDocument, tuned_document
from fusion.votes.voting import Method

__all__ = [
    "IDENTITY",
    "SPELLING",
    "Band",
    "Calibration",
    "Cascade",
    "FusedCharacter",
    "FusedLine",
    "FusedWord",
    "Method",
    "Profile",
    "ProfileDocument",
    "Step",
    "Thresholds",
    "Verdict",
    "automatic_profile",
    "fuse_character",
    "fuse_line",
    "fuse_page",
    "judge",
    "judge_page",
    "line_on_page",
    "profiles_from_priors",
    "tuned_document",
    "with_prior_weights",
]
