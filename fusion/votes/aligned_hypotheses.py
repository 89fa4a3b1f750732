"""The hypotheses of a line and the confusion network in which they are aligned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fusion.alignment.confusion_network import ABSENT, ConfusionNetwork, Transcription
from fusion.alignment.line_alignment import align
from fusion.alignment.similarity import NULL, folded
from fusion.evidence.claim_evidence import log_odds
from fusion.votes.weighted_hypotheses import WeightedHypothesis

_EMPTY = ConfusionNetwork()


@dataclass(frozen=True, slots=True)
class AlignedHypotheses:
    """Engines that read the same share a transcription: that of `hypotheses[k]` is
    `network.transcriptions[transcription_of[k]]`. The network is empty where no engine reads a character.
    """

    hypotheses: tuple[WeightedHypothesis, ...] = ()
    transcription_of: tuple[int, ...] = ()
    network: ConfusionNetwork = _EMPTY

    @classmethod
    def of(cls, hypotheses: tuple[WeightedHypothesis, ...]) -> AlignedHypotheses:
        if not any(hypothesis.texts for hypothesis in hypotheses):
            return cls(hypotheses)
        by_texts: dict[tuple[str, ...], list[WeightedHypothesis]] = {}
        for hypothesis in hypotheses:
            by_texts.setdefault(hypothesis.texts, []).append(hypothesis)
        network = align([_transcription(texts, same) for texts, same in by_texts.items()])
        index_of = {transcription.texts: index for index, transcription in enumerate(network.transcriptions)}
        return cls(hypotheses, tuple(index_of[hypothesis.texts] for hypothesis in hypotheses), network)

    def slot(self, slot: int) -> Iterator[tuple[WeightedHypothesis, str, float]]:
        """What each engine has in a slot: its hypothesis, the text, NULL for none, and the probability."""
        of_space = set(self.network.texts[slot]) <= {" ", NULL}
        for hypothesis, transcription in zip(self.hypotheses, self.transcription_of, strict=True):
            index = self.network.slots[slot][transcription]
            if index != ABSENT:
                yield hypothesis, hypothesis.texts[index], hypothesis.probabilities[index]
            else:
                following = self.network.next_character(slot, transcription)
                yield hypothesis, NULL, hypothesis.null_probability(following, of_space=of_space)

    def agreements(self) -> list[float]:
        """For each engine the log-odds of the share of slots in which another one has the same text; 0 for an engine
        alone.
        """
        if len(self.transcription_of) < 2:
            return [0.0] * len(self.transcription_of)
        counts = [transcription.count for transcription in self.network.transcriptions]
        unanimous = set(self.network.unanimous)
        agreeing = [len(unanimous)] * len(counts)
        for slot, texts in enumerate(self.network.texts):
            if slot not in unanimous:
                plain = list(map(folded, texts))
                for transcription, text in enumerate(plain):
                    agreeing[transcription] += counts[transcription] > 1 or plain.count(text) > 1
        slots = len(self.network.slots)
        by_transcription = [log_odds((count + 0.5) / (slots + 1.0)) for count in agreeing]
        return [by_transcription[transcription] for transcription in self.transcription_of]


def _transcription(texts: tuple[str, ...], same: Sequence[WeightedHypothesis]) -> Transcription:
    """What several engines read alike."""
    return Transcription(texts, len(same), tuple([own.spans for own in same if any(own.spans)]))
