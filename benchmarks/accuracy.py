"""From the page image to the text: the character error rate of every engine and of the fusion, on real pages.

    python -m benchmarks.accuracy FOLDER [FOLDER ...] [--url http://127.0.0.1:8000] [--out FILE]

A folder holds images and `truth.jsonl`, one page a line: {"image", "lines": [{"polygon", "text"}]}. Pages are read by
a running service. The error rate of a set is the sum of the edit distances of its pages over the sum of their true
lengths. Texts are compared as one string of lines in reading order, so a wrong order costs as much as wrong letters.
Typographic quotes and dashes are folded, runs of white space count as one space.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz.distance import Levenshtein
from rich.progress import track

from benchmarks.setting import RESULTS, as_table, setting
from ocr.contract import TextAnswer
from quorum.client import Client

FUSED = "fused"

_FOLDED = str.maketrans({"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "\u00ad": "-"})


@dataclass(frozen=True, slots=True)
class TruePage:
    """A page and what it says."""

    image: Path
    text: str


@dataclass(frozen=True, slots=True)
class Count:
    """Edits that turn what was read into what is true, and how many true characters there are."""

    edits: int = 0
    characters: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.edits + other.edits, self.characters + other.characters)

    @property
    def rate(self) -> float:
        return self.edits / self.characters if self.characters else 0.0


def pages_of(folder: Path) -> list[TruePage]:
    """The pages of a folder in the format above, in its order."""
    rows = (json.loads(row) for row in (folder / "truth.jsonl").read_text().splitlines())
    return [TruePage(folder / row["image"], "\n".join(line["text"] for line in row["lines"])) for row in rows]


def normalised(text: str, *, ignore_case: bool) -> str:
    """`text` as it is compared."""
    folded = re.sub(r"\s+", " ", text.translate(_FOLDED)).strip()
    return folded.upper() if ignore_case else folded


def counts_of(answer: TextAnswer, truth: str, *, ignore_case: bool) -> dict[str, Count]:
    """The count of each engine that spoke, and of the fused text."""
    wanted = normalised(truth, ignore_case=ignore_case)
    read = {name: p.text for name, p in answer.engine_predictions.items() if p.status == "ok"} | {FUSED: answer.text}
    return {
        name: Count(Levenshtein.distance(normalised(text, ignore_case=ignore_case), wanted), len(wanted))
        for name, text in read.items()
    }


def measure(
    client: Client, pages: Sequence[TruePage], options: Mapping[str, str], *, ignore_case: bool
) -> dict[str, Count]:
    """The counts of each engine and of the fusion over all pages."""
    with ThreadPoolExecutor(max_workers=2) as pool:  # two: while one page is cut, another is read
        answers = pool.map(lambda page: client.read(page.image, timeout_s=300, **options), pages)  # type: ignore[arg-type]
        totals: dict[str, Count] = {}
        for page, answer in track(zip(pages, answers, strict=True), "reading", total=len(pages)):
            for name, count in counts_of(answer, page.text, ignore_case=ignore_case).items():
                totals[name] = totals.get(name, Count()) + count
    return totals


def _report(figures: Mapping[str, dict[str, Count]], pages: Mapping[str, int], before: dict[str, str]) -> str:
    names = list(dict.fromkeys(name for counts in figures.values() for name in counts))
    return "\n".join(
        [
            "# From the page image to the text: character error rate",
            "",
            "Made by `python -m benchmarks.accuracy FOLDER ...`; see its docstring for what is compared.",
            "",
            as_table(before),
            "",
            "| set | pages | characters | " + " | ".join(names) + " |",
            "|---|---|---|" + "---|" * len(names),
            *_rows(figures, pages, names),
            "",
        ]
    )


def _rows(figures: Mapping[str, dict[str, Count]], pages: Mapping[str, int], names: Sequence[str]) -> Iterator[str]:
    for set_name, counts in figures.items():
        whole = counts[FUSED].characters
        rates = " | ".join(_cell(counts.get(name, Count()), whole) for name in names)
        yield f"| {set_name} | {pages[set_name]} | {whole} | {rates} |"


def _cell(count: Count, whole: int) -> str:
    """The rate; with the characters that it is over where the engine did not speak on every page of the set."""
    if not count.characters:
        return ""
    return f"{count.rate:.2%}" if count.characters == whole else f"{count.rate:.2%} of {count.characters} characters"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--ignore-case", nargs="*", default=["sroie"], help="sets whose truth is in capitals")
    parser.add_argument("--limit", type=int, help="only the first pages of each set")
    parser.add_argument("--profile", default="general")
    parser.add_argument("--method", default="confidence_weighted")
    parser.add_argument("--out", type=Path, default=RESULTS / "accuracy.md")
    arguments = parser.parse_args()
    before = setting() | {"profile": arguments.profile, "method": arguments.method}
    figures, sizes = {}, {}
    with Client(arguments.url, timeout_s=600.0) as client:
        for folder in arguments.folders:
            pages = pages_of(folder)[: arguments.limit]
            options = {"profile": arguments.profile, "method": arguments.method}
            figures[folder.name] = measure(client, pages, options, ignore_case=folder.name in arguments.ignore_case)
            sizes[folder.name] = len(pages)
            print({name: f"{count.rate:.2%}" for name, count in figures[folder.name].items()})
    text = _report(figures, sizes, before)
    arguments.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
