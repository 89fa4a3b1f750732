"""What the vote knows of each word of a fused line: what its confidence is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from fusion.alignment.confusion_network import ABSENT
from fusion.alignment.similarity import NULL
from fusion.evidence.claim_evidence import log_odds
from fusion.evidence.confidence import WordFeatures
from fusion.evidence.language import PageLanguage
from fusion.fused_line import FusedCharacter
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.line_evidence import LineEvidence
from fusion.votes.weighted_hypotheses import NO_SCORE

_SPACE_OR_NULL = frozenset((" ", NULL))


@dataclass(frozen=True, slots=True)
class WordEvidence:
    """Of one line: `probabilities[k][slot]` is what engine k has in a slot, `leading` the numbers of the engines that
    lead, and `disputed_before[slot]` how many disputed slots there are before one.
    """

    probabilities: Sequence[Sequence[float]]
    leading: Sequence[int]
    disputed_before: Sequence[int]
    language: PageLanguage | None

    @classmethod
    def of(cls, aligned: AlignedHypotheses, evidence: LineEvidence) -> WordEvidence:
        network = aligned.network
        leading = [number for number, own in enumerate(evidence.engines) if own.leads]
        unanimous = set(network.unanimous)
        before = [0, *accumulate(slot not in unanimous for slot in range(len(network.slots)))]
        return cls(_probabilities(aligned), leading, before, evidence.language)

    def features(self, word: Sequence[FusedCharacter], mean: float) -> WordFeatures:
        """Of the characters of one word, whose confidences have the geometric mean `mean`."""
        first, last = word[0].slot, word[-1].slot
        least = [log_odds(min(own[first : last + 1])) for own in self.probabilities]
        before = self.disputed_before
        text = "".join([character.text for character in word])
        language = self.language
        return WordFeatures(
            log_odds(mean),
            log_odds(min([character.confidence for character in word])),
            before[min(len(before) - 1, last + 2)] - before[max(0, first - 1)],
            min([least[number] for number in self.leading]),
            min(least),
            sum(least) / len(least),
            language.known if language is not None and language.knows(text) else 0.0,
            0.0 if language is None else language.accented(text),
        )


def _probabilities(aligned: AlignedHypotheses) -> list[list[float]]:
    """By engine, then by slot."""
    slots, texts = aligned.network.slots, aligned.network.texts
    found = []
    for hypothesis, own in zip(aligned.hypotheses, aligned.transcription_of, strict=True):
        indices = [slot[own] for slot in slots]
        known = hypothesis.probabilities
        probabilities = [NO_SCORE if index == ABSENT else known[index] for index in indices]
        if ABSENT in indices:
            after = len(hypothesis.texts)
            for slot in reversed(range(len(slots))):
                if indices[slot] == ABSENT:
                    of_space = _SPACE_OR_NULL.issuperset(texts[slot])
                    probabilities[slot] = hypothesis.null_probability(after, of_space=of_space)
                else:
                    after = indices[slot]
        found.append(probabilities)
    return found
