"""What one engine reads on ground truth lines of pages that training never saw: character error rate, time a line.

    python -m benchmarks.accuracy.lines ../shared/data/pages/fondue ../shared/data/pages/sroie --engine easyocr

For each folder (and kind of writing in it) the error rate is the sum of the edits over the sum of the true characters
of the lines in the split; a line that the engine abstains on is read as nothing. Case is ignored where a folder's truth
is all in capitals. Typographic quotes and dashes are folded and white space counts as one space
(evaluation/metrics/text_comparison.py). Times are core-milliseconds of one thread, with what the engine does around its
network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.metrics.text_comparison import EditCount, character_edits, normalised
from evaluation.pages.ground_truth import Split, pages_for
from evaluation.pages.handwritten_lines import Writing, writing_of
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import Reader
from evaluation.readings.store import ReadingStore
from ocr import Hypothesis

WORST = 12
"""Lines that the report shows of each group."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is true, what was read, and how many edits are between them."""

    truth: str
    read: str
    edits: int


@dataclass(frozen=True, slots=True)
class Group:
    """The lines of one kind of material, and the core-milliseconds that one of them took."""

    lines: tuple[Line, ...]
    line_ms: float

    @property
    def count(self) -> EditCount:
        return EditCount(sum(line.edits for line in self.lines), sum(len(line.truth) for line in self.lines))

    @property
    def worst(self) -> list[Line]:
        """The lines with the most edits a character."""
        return sorted(self.lines, key=lambda line: line.edits / len(line.truth), reverse=True)[:WORST]


def groups_of(folder: Path, split: Split, store: ReadingStore, reader: Reader) -> dict[str, Group]:
    """The groups of a folder; one, unless some of its lines are written by hand and others not."""
    pages = pages_for(folder, split)
    truth = "".join(page.text for page in pages)
    ignore_case = truth == truth.upper()  # then it says nothing about case
    lines: dict[Writing, list[Line]] = {}
    seconds = 0.0
    for page in pages:
        reading = store.reading(page, GROUND_TRUTH, reader)
        seconds += reading.seconds
        for writing, true, hypothesis in zip(writing_of(page), page.lines, reading.hypotheses, strict=True):
            lines.setdefault(writing, []).append(compare_line(true.text, hypothesis, ignore_case=ignore_case))
    line_ms = 1000.0 * seconds / max(1, sum(map(len, lines.values())))
    mixed = len(lines) > 1
    return {
        f"{folder.name} {kind}" if mixed else folder.name: Group(tuple(own), line_ms) for kind, own in lines.items()
    }


def compare_line(truth: str, hypothesis: Hypothesis, *, ignore_case: bool) -> Line:
    """One line, as it is counted."""
    true, read = (normalised(text, ignore_case=ignore_case) for text in (truth, hypothesis.text))
    return Line(true, read, character_edits(read, true).edits)


def _rates(groups: Mapping[str, Group]) -> str:
    rows = []
    for name, group in groups.items():
        right = sum(not line.edits for line in group.lines) / len(group.lines)
        rate, took = f"{group.count.rate:.2%}", f"{group.line_ms:.1f}"
        rows.append((name, len(group.lines), group.count.length, rate, f"{right:.0%}", took))
    return table(
        ("set", "lines", "characters", "character error rate", "lines without an error", "core-ms a line"), rows
    )


def _examples(groups: Mapping[str, Group]) -> Iterator[str]:
    for name, group in groups.items():
        each = max(1, len(group.lines) // WORST)
        yield f"## {name}: the {len(group.worst)} worst lines, then one line in {each}"
        shown = [f"true  {line.truth}\nread  {line.read}" for line in (*group.worst, *group.lines[::each])]
        yield "\n".join(["```", *shown, "```"])


def main(
    folders: list[Path],
    engine: Annotated[str, typer.Option()],
    model: Annotated[str, typer.Option(help="auto, bundled, official, or a model directory.")] = "bundled",
    split: Split = Split.TEST,
    shelf: Annotated[Path, typer.Option(help="Where readings are kept.")] = Path("runs/readings"),
    out: Annotated[Path | None, typer.Option(help="NAME.md, NAME.json beside it; default: results/ENGINE.md")] = None,
) -> None:
    """Read the lines of the folders with one engine, and compare them with the ground truth."""
    reader, groups = Reader(engine, model), dict[str, Group]()
    for folder in folders:
        groups |= groups_of(folder, split, ReadingStore(shelf), reader)
    print(_rates(groups))
    out = out or RESULTS / f"{engine}.md"
    typed = f"python -m benchmarks.accuracy.lines {' '.join(map(str, folders))} --engine {engine} --model {model}"
    about = (
        f"Model `{reader.engine.model}`. Made by `{typed}`.\n\n"
        "The error rate is edits over true characters. Case is ignored where the truth of a set is all in capitals. "
        "Times are core-milliseconds of one thread. Our own training never used these pages: "
        "evaluation/pages/ground_truth.py splits pages by name."
    )
    blocks = (about, as_table(environment()), _rates(groups), *_examples(groups))
    out.write_text(document(f"{engine} on lines cut by their true outlines", *blocks), encoding="utf-8")
    sets = {
        name: {
            "lines": len(group.lines),
            "characters": group.count.length,
            "edits": group.count.edits,
            "error_rate": round(group.count.rate, 5),
            "core_ms_a_line": round(group.line_ms, 2),
        }
        for name, group in groups.items()
    }
    content = {"engine": engine, "model": reader.engine.model, "split": split, "sets": sets}
    out.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    command.run(main)
