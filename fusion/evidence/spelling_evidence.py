"""How much spelling and words count in the vote, fitted to labelled lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fusion.evidence.language import Languages, PageLanguage

SPELLING = "spelling"
"""The name of the languages' spelling and words among the voters."""

WORST = -25.0
"""Of the logarithms, how far below the likeliest candidate another one can be: no text is impossible."""


@dataclass(frozen=True, slots=True)
class SpellingEvidence:
    """A candidate has the support in nats, above the least likely candidate, of

        (spelling + spelling_if_known * k) * the log-probability of its symbols and of what follows
        + (words + words_if_known * k) * that of the word that it stands in + per_symbol * its length

    k being the share of the page's words that the languages know. Without the last part, whatever has characters would
    count against itself.
    """

    languages: Languages
    spelling: float
    spelling_if_known: float = 0.0
    words: float = 0.0
    words_if_known: float = 0.0
    per_symbol: float = 0.0

    def __post_init__(self) -> None:
        slopes = (self.spelling, self.spelling_if_known, self.words, self.words_if_known)
        if not all(math.isfinite(slope) and slope >= 0.0 for slope in slopes) or not math.isfinite(self.per_symbol):
            raise ValueError(f"spelling: slopes {slopes}; want numbers of at least 0")

    def supports(
        self, language: PageLanguage, context: tuple[str, str], word: tuple[str, str], candidates: Mapping[str, str]
    ) -> dict[str, float]:
        """By candidate; nothing where they are spelt alike. `context` are the symbols before and after the slot, `word`
        what of its word stands before and after it; `candidates` has the symbols of each candidate.
        """
        if len(set(candidates.values())) == 1:
            return {}
        of_spelling, of_words = log_probabilities(language, context, word, candidates)
        spelling = self.spelling + self.spelling_if_known * language.known
        words = self.words + self.words_if_known * language.known
        scores = {
            candidate: spelling * of_spelling[candidate]
            + words * of_words[candidate]
            + self.per_symbol * len(candidates[candidate])
            for candidate in candidates
        }
        least = min(scores.values())
        return {candidate: score - least for candidate, score in scores.items()}


def log_probabilities(
    language: PageLanguage, context: tuple[str, str], word: tuple[str, str], candidates: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, float]]:
    """By candidate, of its spelling and of its words, below the likeliest and at least WORST."""
    before, after = context
    left, right = word
    of_spelling = {candidate: language.spelling(before, own, after) for candidate, own in candidates.items()}
    of_words = {candidate: language.words(left + candidate + right) for candidate in candidates}
    return _below_highest(of_spelling), _below_highest(of_words)


def _below_highest(scores: Mapping[str, float]) -> dict[str, float]:
    highest = max(scores.values())
    return {candidate: max(WORST, score - highest) for candidate, score in scores.items()}
