"""A whole run of `quorum tune --from reviews`: read the lines, tune, say what it is worth, write the document."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.readings.reader import parse_reader
from evaluation.readings.store import ReadingStore
from fusion import Profile, ProfileDocument, Thresholds, tuned_document
from fusion.profiles.profile_document import BUNDLED, LANGUAGES_FILE, write_document
from training.reviews.review_tuning import ReviewTuning, tune_to_reviews
from training.reviews.reviewed_pages import reviewed_documents
from training.votes.profile_fit import GENERAL

BEFORE = "before"
"""In what a document says of itself: the `tuned` that it replaces."""


@dataclass(frozen=True, slots=True)
class WrittenTuning:
    """What was found and where the new document is."""

    tuning: ReviewTuning
    path: Path


def tune_from_reviews(
    folders: Sequence[Path], engines: Sequence[str], readings: Path, out_dir: Path, tuned: str, command: str
) -> WrittenTuning:
    """A document of profiles that is better by what people said than `tuned`, which is in force. Each run writes a file
    of its own. Raises ValueError where nothing was tuned before, or nobody said anything.
    """
    document = tuned_document(tuned, Thresholds())
    if document is None or GENERAL not in document.profiles:
        raise ValueError(f"there is no tuned profile {GENERAL!r} in {tuned!r} that could be made better")
    readers = [parse_reader(engine) for engine in engines]
    documents = reviewed_documents(folders, ReadingStore(readings), readers)
    if not any(line.words for own in documents for page in own.pages for line in page):
        raise ValueError("people have said nothing of any word yet; review some words first")
    profile = document.profiles[GENERAL]
    tuning = tune_to_reviews(documents, profile, [reader.name for reader in readers if reader.name in profile.weights])
    out_dir.mkdir(parents=True, exist_ok=True)
    path = _next_path(out_dir)
    _copy_languages(tuned, out_dir)
    made = {**document.made, "command": command, "words": str(tuning.words), BEFORE: tuned}
    profiles = {name: _renamed(tuning.profile, name) for name in document.profiles}
    write_document(ProfileDocument(profiles, document.models, made), path)
    return WrittenTuning(tuning, path.resolve())


def _renamed(profile: Profile, name: str) -> Profile:
    return replace(profile, name=name)


def _next_path(folder: Path) -> Path:
    """reviews-1.json, then reviews-2.json: none is written over."""
    numbers = [int(path.stem.partition("-")[2]) for path in folder.glob("reviews-*.json") if path.stem[8:].isdigit()]
    return folder / f"reviews-{max(numbers, default=0) + 1}.json"


def _copy_languages(tuned: str, out_dir: Path) -> None:
    source = BUNDLED.parent if tuned == "bundled" else Path(tuned).expanduser().parent
    if not (out_dir / LANGUAGES_FILE).exists():
        shutil.copy(source / LANGUAGES_FILE, out_dir / LANGUAGES_FILE)
