"""A line that looks written by hand: who reads it, and what its language says where its letters leave a doubt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engines.common.character_ngrams import CharacterNgrams, read_ngrams
from engines.common.ctc import SeenLine
from engines.common.prefix_beam import agreement, aligned, likeliest_texts
from engines.easyocr_networks.line_network import LineNetwork
from ocr.hypothesis import CharacterHypothesis, Hypothesis
from ocr.image import Crop

PRINT_SURE = 0.8
"""A mean probability of characters. What the network for print has on lines in handwriting is below it, and mostly
above it on print that was taken for handwriting (docs/log.md).
"""
LANGUAGES = "languages"
"""The folder in a model for handwriting that holds n-grams of characters, LANGUAGE.npz each."""


@dataclass(frozen=True, slots=True)
class HandwritingReader:
    """The network for handwriting, and n-grams of characters by language, two-letter codes."""

    network: LineNetwork
    languages: Mapping[str, CharacterNgrams]

    def read(self, crops: Sequence[Crop], printed: Sequence[Hypothesis]) -> list[Hypothesis]:
        """What counts of lines that look written by hand, `printed` being what the network for print reads on each."""
        answers = []
        decoder = self.network.decoder
        for crop, other, (steps, step_px) in zip(crops, printed, self.network.steps(crops), strict=True):
            line = decoder.seen(crop, steps, step_px)
            answer = surer(other, Hypothesis.of(line.best_path(), decoder.alphabet))
            language = self.languages.get(crop.languages[0])
            if answer.specialised and answer.characters and language is not None:
                answer = replace(answer, characters=tuple(likeliest(line, language)))
            answers.append(answer)
        return answers


def likeliest(line: SeenLine, language: CharacterNgrams) -> list[CharacterHypothesis]:
    """The characters of the likeliest text of a line in a language.

    Each is as probable as the mean of what the picture shows at its best step and of how far the texts agree on it:
    by the picture alone they were too low, by agreement alone too high (docs/log.md).
    """
    texts = likeliest_texts(line.probabilities, line.columns, language)
    runs = aligned(line.probabilities, texts[0].columns)
    shown = [float(line.probabilities[run.start : run.end, run.column].max()) for run in runs]
    agreed = agreement(texts)
    return line.read(runs, [min(1.0, (one + other) / 2.0) for one, other in zip(shown, agreed, strict=True)])


def surer(printed: Hypothesis, written: Hypothesis) -> Hypothesis:
    """What counts of a line that looks written by hand: the reading of the network for handwriting, unless that for
    print is surer than the mean of the other and PRINT_SURE. Then the line is print.
    """
    is_print = printed.confidence >= (written.confidence + PRINT_SURE) / 2
    return printed if is_print else replace(written, specialised=True)


def read_languages(model: Path) -> dict[str, CharacterNgrams]:
    """The n-grams in the directory of a model for handwriting. Raises EngineUnavailable, naming it, for a bad file."""
    return {path.stem: read_ngrams(path) for path in sorted((model / LANGUAGES).glob("*.npz"))}
