"""How comb fields of forms are read, filled in by hands that no training has seen: each engine and the vote.

    python -m benchmarks.accuracy.comb_fields fonts/

`fonts/` is a folder that training/drawing/web_fonts.py filled. The forms are drawn (training/drawing/comb_pages.py).
Only the fields count, not the labels beside them. A character's own box is what the character network reads; the line
engines read the field as one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from evaluation.accuracy.arguments import parse_readers, profile_of
from evaluation.accuracy.detected_pages import DetectedPage, from_store
from evaluation.accuracy.error_rates import FUSED
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.metrics.line_matching import match_lines
from evaluation.metrics.text_comparison import EditCount, character_edits, normalised
from evaluation.pages.ground_truth import GroundTruthPage, read_pages
from evaluation.readings.line_layouts import DETECTED
from evaluation.readings.reader import ENGINES
from evaluation.readings.store import ReadingStore, read_missing
from fusion import Method
from training.drawing.comb_pages import HANDS, write_comb_pages
from training.drawing.fonts import faces_in_folder, held_out_faces

COUNT, SEED = 12, 1
METHOD = Method.CONFIDENCE_WEIGHTED
Place = tuple[str, dict[str, str]]
"""What is true somewhere, and what each engine reads there."""


def field_texts(page: GroundTruthPage, found: DetectedPage) -> Iterator[Place]:
    """For each place with a field: what is true there, and what each engine reads. Lines of the truth are labels and
    fields by turns.
    """
    for match in match_lines([line.quad() for line in page.lines], found.quads):
        if any(index % 2 for index in match.true):
            truth = " ".join(page.lines[index].text for index in match.true)
            yield truth, {name: " ".join(own[index] for index in match.found) for name, own in found.texts.items()}


def counts(places: Sequence[Place]) -> dict[str, tuple[EditCount, int]]:
    """Of each engine and the vote: edits and characters, and how many places have no error."""
    truths = [normalised(truth, ignore_case=False) for truth, _ in places]
    found: dict[str, tuple[EditCount, int]] = {}
    for name in places[0][1]:
        texts = [normalised(read[name], ignore_case=False) for _, read in places]
        edits = [character_edits(text, truth).edits for text, truth in zip(texts, truths, strict=True)]
        found[name] = EditCount(sum(edits), sum(map(len, truths))), edits.count(0)
    return found


def main(
    fonts: Annotated[Path, typer.Argument(help="A folder of handwriting fonts.")],
    folder: Annotated[Path, typer.Option(help="Where the forms are drawn.")] = Path("runs/comb_fields"),
    readings: Annotated[Path, typer.Option(help="Keeps what was read.")] = Path("runs/readings"),
    out: Path = RESULTS / "comb_fields.md",
) -> None:
    """Draw forms, read them, and count what is right in their fields."""
    before = as_table(environment())
    write_comb_pages(folder, COUNT, SEED, held_out_faces()[0], faces_in_folder(fonts, HANDS))
    pages, readers, store = read_pages(folder), parse_readers(",".join(ENGINES)), ReadingStore(readings)
    read_missing(store, pages, [DETECTED], readers)
    profile = profile_of(readers, "auto", "bundled")
    places: list[Place] = []
    for page in pages:
        places += field_texts(page, from_store(store, page, DETECTED, readers, profile, METHOD))
    rows = [
        (name, f"{count.rate:.2%}", f"{right / len(places):.0%}")
        for name, (count, right) in counts(places).items()
        if name != FUSED
    ]
    count, right = counts(places)[FUSED]
    rows.append(("**vote**", f"**{count.rate:.2%}**", f"**{right / len(places):.0%}**"))
    about = (
        f"Made by `python -m benchmarks.accuracy.comb_fields {fonts}`. {COUNT} forms were drawn "
        f"(training/drawing/comb_pages.py, seed {SEED}) in {len(HANDS)} handwriting fonts that no training uses; "
        f"{len(places)} fields, {count.length} characters, fused with the bundled profile."
    )
    rates = table(("engine", "character errors", "fields without an error"), rows)
    publish(document("Comb fields filled in by hand", about, before, rates), out)


if __name__ == "__main__":
    command.run(main)
