"""Readings and layouts as gzipped JSON."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.readings.reader import Reading
from ocr import Alphabet, Box, Hypothesis, Layout, Polygon, Region, Scope
from ocr.hypothesis import Alternative, CharacterHypothesis, Span
from ocr.image import Material


def write_json(path: Path, content: object) -> None:
    """Whole or not at all: a run may be stopped at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(gzip.compress(json.dumps(content, ensure_ascii=False).encode(), 4))
    part.replace(path)


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON that this file wrote
    return json.loads(gzip.decompress(path.read_bytes()))


def reading_as_json(reading: Reading) -> dict[str, object]:
    alphabets = [_written(hypothesis) for hypothesis in reading.hypotheses]
    known = sorted({alphabet for alphabet in alphabets if alphabet})
    return {
        "model": reading.model,
        "seconds": reading.seconds,
        "alphabets": known,
        "lines": [_claim_as_json(hypothesis) for hypothesis in reading.hypotheses],
        "alphabet_of_lines": [known.index(alphabet) if alphabet else None for alphabet in alphabets],
        "specialised": [line for line, hypothesis in enumerate(reading.hypotheses) if hypothesis.specialised],
    }


def _written(hypothesis: Hypothesis) -> str | None:
    """What the model can write; None where that is not known."""
    return "".join(hypothesis.alphabet) if hypothesis.alphabet else None


def _claim_as_json(hypothesis: Hypothesis) -> object:
    if hypothesis.abstention is not None:
        return hypothesis.abstention
    return [
        [
            character.text,
            round(character.probability, 6),
            None if character.span is None else [round(float(edge), 1) for edge in character.span],
            [[other.text, round(other.probability, 4)] for other in character.alternatives],
        ]
        for character in hypothesis.characters
    ]


def reading_from_json(engine: str, content: Mapping[str, Any]) -> Reading:
    alphabets = [None if told is None else Alphabet.of(told) for told in _alphabets(content)]
    specialised = frozenset(content.get("specialised", ()))  # readings of before have none
    hypotheses = tuple(
        Hypothesis.abstain(line)
        if isinstance(line, str)
        else Hypothesis(tuple(_characters(line)), alphabet=alphabet, specialised=number in specialised)
        for number, (line, alphabet) in enumerate(zip(content["lines"], alphabets, strict=True))
    )
    return Reading(engine, content["model"], content["seconds"], hypotheses)


def _alphabets(content: Mapping[str, Any]) -> list[str | None]:
    """One for each line. Readings of before have one for all lines, or none."""
    if "alphabet_of_lines" in content:
        known = content["alphabets"]
        return [None if number is None else known[number] for number in content["alphabet_of_lines"]]
    return [content.get("alphabet")] * len(content["lines"])


def _characters(line: Sequence[Any]) -> Iterator[CharacterHypothesis]:
    for text, probability, span, others in line:
        alternatives = tuple(Alternative(letter, value) for letter, value in others)
        place = Span(*span) if span is not None and span[0] < span[1] else None
        yield CharacterHypothesis(text, probability, place, alternatives)


def layout_as_json(layout: Layout) -> dict[str, object]:
    regions = [
        {
            "polygon": region.polygon.corners,
            "size": (region.width_px, region.height_px),
            "characters": [_edges(box) for box in region.character_boxes],
            "words": [_edges(box) for box in region.word_boxes],
            "block": region.block,
            "material": region.material,
            "row": region.row,
        }
        for region in layout.regions
    ]
    return {"size": (layout.width_px, layout.height_px), "rotation": layout.rotation_degrees, "regions": regions}


def _edges(box: Box) -> tuple[int, int, int, int]:
    return box.left, box.top, box.right, box.bottom


def layout_from_json(content: Mapping[str, Any]) -> Layout:
    regions = tuple(
        Region(
            Polygon.from_array(np.array(region["polygon"], dtype=np.float64)),
            region["size"][0],
            region["size"][1],
            Scope.LINE,
            tuple(Box(*edges) for edges in region["characters"]),
            tuple(Box(*edges) for edges in region["words"]),
            region["block"],
            Material(region["material"]),
            region.get("row"),  # layouts of before have none
        )
        for region in content["regions"]
    )
    width, height = content["size"]
    return Layout(width, height, regions, content["rotation"])
