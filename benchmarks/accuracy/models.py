"""What the models of one engine read, side by side: bundled, official, or any other, collection by collection.

    python -m benchmarks.accuracy.models ../shared/data/pages/* --models easyocr=bundled,easyocr=english_g2

Measured are true lines of test and tune pages: no bundled network learnt from those, but the bundled networks of
EasyOCR and TrOCR know other pages of some sets. `model: auto` takes what is better in the mean over the sets, without
those that nothing may be chosen on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from evaluation.accuracy.arguments import parse_readers
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.metrics.text_comparison import EditCount, character_edits
from evaluation.pages.collections import LEARNT, MEASURE_ONLY
from evaluation.pages.ground_truth import GroundTruthPage, Split
from evaluation.readings.labelled_lines import labelled_lines, pages_of
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore, read_missing

Pages = Sequence[tuple[str, GroundTruthPage]]


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """Of one model: its name as answers show it, its edits by set, and the core-milliseconds that a line took."""

    reader: Reader
    model: str
    sets: Mapping[str, EditCount]
    line_ms: float

    @property
    def mean_rate(self) -> float:
        """Mean over the sets that something may be chosen on."""
        rates = [count.rate for name, count in self.sets.items() if name not in MEASURE_ONLY]
        return sum(rates) / len(rates) if rates else 0.0


def model_figures(store: ReadingStore, pages: Pages, reader: Reader) -> ModelFigures:
    """What one model reads on true lines."""
    read_missing(store, [page for _, page in pages], [GROUND_TRUTH], [reader])
    sets: dict[str, EditCount] = {}
    lines, seconds = 0, 0.0
    for line in labelled_lines(store, pages, [reader]):
        own = character_edits(line.normalised(line.hypotheses[reader.name].text), line.truth)
        sets[line.set_name] = sets.get(line.set_name, EditCount()) + own
        lines, seconds = lines + 1, seconds + line.seconds[reader.name]
    model = store.reading(pages[0][1], GROUND_TRUTH, reader).model
    return ModelFigures(reader, model, sets, 1000.0 * seconds / max(1, lines))


def report(found: Sequence[ModelFigures], setting: str, said: str) -> str:
    """One table for each engine."""
    engines = dict.fromkeys(own.reader.name for own in found)
    blocks = [block for name in engines for block in _table(name, [own for own in found if own.reader.name == name])]
    about = (
        f"Made by `{said}`. Character error rate in percent on true lines of test and tune pages; the mean is over the "
        "sets, without those on which nothing may be chosen. \\* the bundled networks know other pages of this set."
    )
    return document("Models of the engines, side by side", about, setting, *blocks)


def _table(engine: str, found: Sequence[ModelFigures]) -> Iterator[str]:
    yield f"## {engine}"
    sets = list(found[0].sets)
    heads = ["model", *(f"{name} \\*" if name in LEARNT else name for name in sets), "mean", "core-ms a line"]
    lengths = ["true characters", *(str(found[0].sets[name].length) for name in sets), "", ""]
    yield table(heads, [lengths, *(_row(own, sets) for own in found)])


def _row(own: ModelFigures, sets: Sequence[str]) -> list[str]:
    rates = (f"{100 * own.sets[name].rate:.2f}" for name in sets)
    return [own.model, *rates, f"{100 * own.mean_rate:.2f}", f"{own.line_ms:.1f}"]


def main(
    folders: Annotated[list[Path], typer.Argument(help="Folders of images with truth.jsonl.")],
    models: Annotated[str, typer.Option(help="As NAME=MODEL, with commas; MODEL as in serve_config.yaml.")],
    readings: Annotated[Path, typer.Option(help="Keeps what was read.")] = Path("runs/readings"),
    limit: Annotated[int | None, typer.Option(help="Only the first pages of each set.")] = None,
    out: Annotated[Path, typer.Option(help="The report.")] = RESULTS / "models.md",
) -> None:
    """Measure each model on the pages."""
    store = ReadingStore(readings)
    pages = [page for own in folders for page in pages_of([own], [Split.TEST, Split.TUNE])[:limit]]
    found = [model_figures(store, pages, reader) for reader in parse_readers(models)]
    names = " ".join(map(str, folders))
    said = f"python -m benchmarks.accuracy.models {names} --models {models}"
    said += "" if limit is None else f" --limit {limit}"
    publish(report(found, as_table(environment()), said), out)


if __name__ == "__main__":
    command.run(main)
