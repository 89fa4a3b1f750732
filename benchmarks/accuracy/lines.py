"""What one engine reads on true line crops of pages that training never saw: character error rate and time a line.

    python -m benchmarks.accuracy.lines ../shared/data/pages/fondue ../shared/data/pages/sroie --engine easyocr

For each folder (and kind of hand in it) the error rate is the sum of the edits over the sum of the true characters of
the lines in the split; a line that the engine abstains on is read as nothing. Case is ignored where a folder's truth is
all in capitals. Typographic quotes and dashes are folded and white space counts as one space
(evaluation/metrics/text_comparison.py). Times are core-milliseconds of one thread, with what the engine does around its
network.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from benchmarks.harness.results import RESULTS
from evaluation.environment import as_table, environment
from evaluation.metrics.text_comparison import EditCount, normalised
from evaluation.pages.ground_truth import GroundTruthPage, Split, pages_for
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
    ignore_case = in_capitals(pages)
    lines: dict[Writing, list[Line]] = {}
    seconds = 0.0
    for page in pages:
        reading = store.reading(page, GROUND_TRUTH, reader)
        seconds += reading.seconds
        for hand, true, hypothesis in zip(writing_of(page), page.lines, reading.hypotheses, strict=True):
            lines.setdefault(hand, []).append(compare_line(true.text, hypothesis, ignore_case=ignore_case))
    line_ms = 1000.0 * seconds / max(1, sum(map(len, lines.values())))
    mixed = len(lines) > 1
    return {
        f"{folder.name} {hand}" if mixed else folder.name: Group(tuple(found), line_ms) for hand, found in lines.items()
    }


def in_capitals(pages: Sequence[GroundTruthPage]) -> bool:
    """Whether the truth has no small letter at all, and so says nothing about case."""
    return all(page.text == page.text.upper() for page in pages)


def compare_line(truth: str, hypothesis: Hypothesis, *, ignore_case: bool) -> Line:
    """One line, as it is counted."""
    true, read = (normalised(text, ignore_case=ignore_case) for text in (truth, hypothesis.text))
    return Line(true, read, Levenshtein.distance(true, read))


def _report(engine: str, model: str, groups: Mapping[str, Group], command: str) -> str:
    return "\n".join(
        [
            f"# {engine} on true lines",
            "",
            f"Model `{model}`. Made by `{command}`; its docstring says what is compared. None of these pages was seen "
            "in training: evaluation/pages/ground_truth.py splits them by their names.",
            "",
            as_table(environment()),
            "",
            "| set | lines | characters | character error rate | lines without an error | core-ms a line |",
            "|---|---|---|---|---|---|",
            *_rows(groups),
            "",
            *_examples(groups),
        ]
    )


def _rows(groups: Mapping[str, Group]) -> Iterator[str]:
    for name, group in groups.items():
        n, count = len(group.lines), group.count
        right = sum(not line.edits for line in group.lines) / n
        yield f"| {name} | {n} | {count.length} | {count.rate:.2%} | {right:.0%} | {group.line_ms:.1f} |"


def _examples(groups: Mapping[str, Group]) -> Iterator[str]:
    for name, group in groups.items():
        yield f"## {name}: the worst lines and every {max(1, len(group.lines) // WORST)}th"
        yield ""
        yield "```"
        for line in [*group.worst, *group.lines[:: max(1, len(group.lines) // WORST)]]:
            yield f"true  {line.truth}"
            yield f"read  {line.read}"
        yield "```"
        yield ""


def main() -> None:
    """Read, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--engine", required=True)
    parser.add_argument("--model", default="bundled", help="auto, bundled, official, or the path of a model directory")
    parser.add_argument("--split", type=Split, choices=list(Split), default=Split.TEST)
    parser.add_argument("--shelf", type=Path, default=Path("runs/readings"), help="where readings are kept")
    parser.add_argument("--out", type=Path, help="NAME.md, with NAME.json beside it; default: results/ENGINE.md")
    arguments = parser.parse_args()
    reader, store = Reader(arguments.engine, arguments.model), ReadingStore(arguments.shelf)
    groups: dict[str, Group] = {}
    for folder in arguments.folders:
        groups |= groups_of(folder, arguments.split, store, reader)
    print("\n".join(_rows(groups)))
    out = arguments.out or RESULTS / f"{arguments.engine}.md"
    folders = " ".join(map(str, arguments.folders))
    command = f"python -m benchmarks.accuracy.lines {folders} --engine {arguments.engine} --model {arguments.model}"
    out.write_text(_report(arguments.engine, reader.engine.model, groups, command), encoding="utf-8")
    figures = {
        name: {
            "lines": len(group.lines),
            "characters": group.count.length,
            "edits": group.count.edits,
            "error_rate": round(group.count.rate, 5),
            "core_ms_a_line": round(group.line_ms, 2),
        }
        for name, group in groups.items()
    }
    content = {"engine": arguments.engine, "model": reader.engine.model, "split": arguments.split, "sets": figures}
    out.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
