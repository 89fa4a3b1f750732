"""What each engine and the vote read on lines written by hand: error rates, and lines with what was read on them.

    python -m benchmarks.accuracy.handwriting ../shared/data/pages/hooker ../shared/data/pages/stanford --fonts fonts/

Of each folder some pages to test on are taken, always the same ones, and of these the lines that were written by hand
(evaluation/pages/handwritten_lines.py), cut along their true outlines. With `--fonts` (training/drawing/web_fonts.py)
lines in families that no training uses are a set of their own. Readings are kept in `--shelf`, so that a second run
reads only what another model would. Pictures of true lines stay on this machine unless `--all-pictures` is given: whose
they are decides who may pass them on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS
from evaluation.accuracy.arguments import parse_readers, profile_of
from evaluation.accuracy.fused_lines import fused_lines
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.metrics.bootstrap import bootstrap_interval
from evaluation.metrics.text_comparison import character_edits
from evaluation.pages.ground_truth import GroundTruthLine, GroundTruthPage, Split, line_crops, pages_for
from evaluation.pages.handwritten_lines import Writing, writing_of
from evaluation.readings.labelled_lines import labelled_lines
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import ENGINES, Reader
from evaluation.readings.store import ReadingStore
from fusion import Profile

VOTE = "vote"
DRAWN = "unseen_fonts"
"""The set of lines in handwriting fonts."""
FONT_LINES, FONT_PX = 60, 48
SHOWN = 4
"""Lines of each set that the report shows."""
_PICTURE_PX = 48


@dataclass(frozen=True, slots=True)
class WrittenLine:
    """A line with its page, its place there, its truth, and what each engine and the vote read; all normalised."""

    page: GroundTruthPage
    index: int
    truth: str
    readings: Mapping[str, str]

    def edits(self, reader: str) -> int:
        return character_edits(self.readings[reader], self.truth).edits


def some_pages(folder: Path, most: int) -> list[GroundTruthPage]:
    """Pages to test on with written lines, in an order that their names decide, until they have `most` such lines."""
    pages = [page for page in pages_for(folder, Split.TEST) if Writing.CURSIVE in writing_of(page)]
    chosen, lines = [], 0
    for page in sorted(pages, key=lambda page: hashlib.sha256(page.image.name.encode()).digest()):
        if lines >= most:
            break
        chosen.append(page)
        lines += writing_of(page).count(Writing.CURSIVE)
    return chosen


def drawn_pages(fonts: Path, folder: Path) -> list[GroundTruthPage]:
    """A page for each line in the families that training never sees, its picture written into `folder`."""
    from training.lines.handwriting_lines import unseen_hands

    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    for number, line in enumerate(unseen_hands(fonts, FONT_LINES, FONT_PX)):
        path = folder / f"{number:03}.png"
        cv2.imwrite(str(path), line.crop)
        height, width = line.crop.shape
        outline = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
        pages.append(GroundTruthPage(path, (GroundTruthLine(outline, line.text),), letter=path.stem))
    return pages


def written_lines(
    name: str, pages: Sequence[GroundTruthPage], store: ReadingStore, readers: Sequence[Reader], profile: Profile
) -> list[WrittenLine]:
    """The lines of some pages that were written by hand, as they were read."""
    labelled = list(labelled_lines(store, [(name, page) for page in pages], readers))
    found = []
    for line, fused in fused_lines(labelled, profile):
        if writing_of(line.page)[line.index] is Writing.CURSIVE:
            texts = {engine: own.text for engine, own in line.hypotheses.items()} | {VOTE: fused.text}
            readings = {reader: line.normalised(text) for reader, text in texts.items()}
            found.append(WrittenLine(line.page, line.index, line.truth, readings))
    return found


def rates(sets: Mapping[str, Sequence[WrittenLine]]) -> str:
    """A table of character error rates with their intervals, a row for each engine and the vote."""
    readers = list(next(iter(sets.values()))[0].readings)
    heads = ["", *(f"{name}, {len(lines)} lines" for name, lines in sets.items())]
    return table(heads, [[reader, *(_rate(lines, reader) for lines in sets.values())] for reader in readers])


def _rate(lines: Sequence[WrittenLine], reader: str) -> str:
    edits, lengths = [line.edits(reader) for line in lines], [len(line.truth) for line in lines]
    interval = bootstrap_interval(edits, lengths)
    return f"{sum(edits) / sum(lengths):.1%} ({interval.low:.1%} to {interval.high:.1%})"


def shown(lines: Sequence[WrittenLine]) -> list[WrittenLine]:
    """Some lines of a set: at even steps from the one that the vote reads best to the one that it reads worst."""
    ranked = sorted(lines, key=lambda line: line.edits(VOTE) / max(1, len(line.truth)))
    places = np.linspace(0, len(ranked) - 1, min(SHOWN + 2, len(ranked))).round().astype(int)
    return [ranked[place] for place in (places[1:-1] if len(places) > 2 else places)]


def examples(name: str, lines: Iterable[WrittenLine], pictures: Path | None, beside: Path) -> Iterator[str]:
    """A block for each line: its picture, written into `pictures` where that is given, and what was read.

    Links are relative to the folder `beside`.
    """
    yield f"## {name}"
    for number, line in enumerate(lines):
        block = table(
            ("", ""), [("truth", _cell(line.truth)), *((who, _cell(read)) for who, read in line.readings.items())]
        )
        if pictures is not None:
            path = pictures / f"{name}-{number}.png"
            _draw(line, path)
            block = f"![{line.truth}]({path.relative_to(beside)})\n\n{block}"
        yield block


def _cell(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""


def _draw(line: WrittenLine, path: Path) -> None:
    grey = cv2.cvtColor(line_crops(line.page)[line.index], cv2.COLOR_RGB2GRAY)
    width = max(1, round(grey.shape[1] * _PICTURE_PX / grey.shape[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.resize(grey, (width, _PICTURE_PX), interpolation=cv2.INTER_AREA))


def main(
    folders: list[Path],
    fonts: Annotated[Path | None, typer.Option(help="Folder of handwriting fonts; none: no drawn lines.")] = None,
    engines: Annotated[str, typer.Option(help="NAME or NAME=MODEL, with commas.")] = ",".join(ENGINES),
    profile: Annotated[str, typer.Option(help="The profile of the vote.")] = "auto",
    lines: Annotated[int, typer.Option(help="Lines of each folder, up to whole pages.")] = 300,
    shelf: Annotated[Path, typer.Option(help="Where readings are kept.")] = Path("runs/readings"),
    all_pictures: Annotated[bool, typer.Option("--all-pictures", help="Also draw lines of true pages.")] = False,
    out: Annotated[Path, typer.Option(help="NAME.md; NAME.json and the folder NAME beside it.")] = RESULTS
    / "handwriting.md",
) -> None:
    """Read written lines with every engine, let them vote, and show what came of it."""
    store, readers = ReadingStore(shelf), parse_readers(engines)
    pages = {folder.name: some_pages(folder, lines) for folder in folders}
    if fonts is not None:
        pages[DRAWN] = drawn_pages(fonts, shelf / DRAWN)
    weighing = profile_of(readers, profile, "bundled")
    sets = {name: written_lines(name, own, store, readers, weighing) for name, own in pages.items()}
    print(rates(sets))
    first = next(page for own in pages.values() for page in own)
    models = {reader.name: store.reading(first, GROUND_TRUTH, reader).model for reader in readers}
    typed = ["python -m benchmarks.accuracy.handwriting", *map(str, folders), *(["--fonts fonts/"] if fonts else [])]
    write(sets, models, " ".join(typed), out, {*sets} if all_pictures else {DRAWN})


def write(
    sets: Mapping[str, Sequence[WrittenLine]], models: Mapping[str, str], typed: str, out: Path, drawn: Collection[str]
) -> None:
    """Write the report to `out`, its figures beside it, pictures of the sets in `drawn` into the folder of its name.

    `models` are those of the engines, `typed` the command.
    """
    about = (
        f"Made by `{typed}`. Models: {', '.join(f'{name} `{model}`' for name, model in models.items())}.\n\n"
        "The error rate is edits over true characters (95 % interval). Lines are cut along their true outlines. "
        "The pages are to test on: nothing was trained on them, but on other letters of the same hands "
        "([training-lines.md](../../docs/training-lines.md)). "
        f"`{DRAWN}` are lines drawn in families of fonts that no training uses."
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    blocks = [about, as_table(environment()), rates(sets)]
    for name, own in sets.items():
        blocks += examples(name, shown(own), out.with_suffix("") if name in drawn else None, out.parent)
    out.write_text(document("Lines written by hand", *blocks), encoding="utf-8")
    content = {"models": models, "sets": {name: _as_json(own) for name, own in sets.items()}}
    out.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _as_json(lines: Sequence[WrittenLine]) -> dict[str, object]:
    edits = {reader: sum(line.edits(reader) for line in lines) for reader in lines[0].readings}
    return {"lines": len(lines), "characters": sum(len(line.truth) for line in lines), "edits": edits}


if __name__ == "__main__":
    command.run(main)
