"""`quorum evaluate characters`: engines and their vote on characters drawn for it or left out of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.characters.votes import VoteFigures, vote_figures
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from fusion import Profile
from ocr import Scope
from training.votes.character_sets import TEST_SEED, character_sets

COUNT = 1000


def measured(
    store: ReadingStore, readers: Sequence[Reader], collections: Path, profile: Profile
) -> dict[str, VoteFigures]:
    """The votes on COUNT characters of each kind, by kind."""
    able = [reader for reader in readers if Scope.CHARACTER in reader.spec.scopes]
    sets = character_sets(store, able, collections, TEST_SEED, COUNT)
    return vote_figures(sets, [reader.name for reader in able], profile)
