"""Counts the n-grams of characters that lines in handwriting are read with (engines/common/prefix_beam.py).

    python -m training.lines.ctc.ngram_counting --texts ELTeC-eng/level1 --pages hooker/ --pages stanford/ --out en.npz

Texts are plain files, or TEI as in the European Literary Text Collection. A gram's probability is interpolated with
that of the gram without its first symbol (Witten and Bell 1991). Contexts and grams that were seen seldom are left to
shorter ones, which keeps the file small. Of folders of pages the truths of those to train on are counted too, several
times.
"""

from __future__ import annotations

import argparse
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.common.character_ngrams import BITS, Grams, symbol, write_ngrams
from evaluation.pages.ground_truth import Split, pages_for
from ocr.errors import InvalidRequest
from training.lines.texts import folded

ORDER = 6
SUFFIXES = (".txt", ".xml")
_CHUNK = 4_000_000  # characters that are counted at once
_NAMED = re.compile(r"<[^>]*>")
_PARAGRAPH = re.compile(r"<(?:p|l)\b[^>]*>(.*?)</(?:p|l)>", re.DOTALL)

Counts = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Packed grams, sorted, and how often each was seen."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of what was counted: contexts of two symbols and more, and grams of four and more, seen so often."""

    contexts: int = 20
    grams: int = 3


def text_files(folders: Sequence[Path]) -> list[Path]:
    """The texts in some folders. Raises InvalidRequest, naming it, for a folder that has none."""
    found = []
    for folder in folders:
        own = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
        if not own:
            raise InvalidRequest(
                f"{folder} has no text", f"give a folder with files that end in {' or '.join(SUFFIXES)}"
            )
        found += own
    return found


def read_text(path: Path) -> str:
    """The running text of a file, on one line."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".xml":
        body = content[content.find("<body") :]
        content = " ".join(html.unescape(_NAMED.sub("", part)) for part in _PARAGRAPH.findall(body))
    return folded(content)


def count_grams(texts: Iterable[str], order: int = ORDER) -> list[Counts]:
    """The grams of one symbol, two, ... `order`."""
    counted: list[list[Counts]] = [[] for _ in range(order)]
    for codes in _chunks(texts):
        for length in range(1, order + 1):
            counted[length - 1].append(np.unique(_packed(codes, length), return_counts=True))
    return [_merged(own) for own in counted]


def _chunks(texts: Iterable[str]) -> Iterator[NDArray[np.int64]]:
    table = np.array([symbol(chr(code)) for code in range(0x250)], np.int64)
    begun, length = [""], 0
    for text in texts:
        begun.append(text)
        length += len(text)
        if length >= _CHUNK:
            yield _symbols(" ".join(begun), table)
            begun, length = [""], 0
    if length:
        yield _symbols(" ".join(begun), table)


def _symbols(text: str, table: NDArray[np.int64]) -> NDArray[np.int64]:
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return np.where(codes < len(table), table[np.minimum(codes, len(table) - 1)], symbol("~"))


def _packed(codes: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    packed = np.zeros(max(0, len(codes) - length + 1), np.int64)
    for offset in range(length):
        packed = (packed << BITS) | codes[offset : offset + len(packed)]
    return packed


def mixed(texts: Sequence[Counts], pages: Sequence[Counts], times: int) -> list[Counts]:
    """The counts of texts, and those of pages so many times."""
    return [_merged([of_texts, (grams, seen * times)]) for of_texts, (grams, seen) in zip(texts, pages, strict=True)]


def _merged(parts: Sequence[Counts]) -> Counts:
    grams, places = np.unique(np.concatenate([grams for grams, _ in parts]), return_inverse=True)
    counts = np.bincount(places, np.concatenate([counts for _, counts in parts])).astype(np.int64)
    return grams, counts


def smoothed(counted: Sequence[Counts], kept: Kept | None = None) -> list[Grams]:
    """The model: what is left out of it is left to shorter contexts, so that every distribution sums to 1."""
    kept = kept or Kept()
    return [
        _grams(counts, kept.contexts if length > 2 else 0, kept.grams if length > 3 else 0)
        for length, counts in enumerate(counted, 1)
    ]


def _grams(counts: Counts, min_context: int, min_gram: int) -> Grams:
    grams, seen = counts
    contexts, starts = np.unique(grams >> BITS, return_index=True)
    types = np.diff(np.append(starts, len(grams)))
    totals = np.add.reduceat(seen, starts) + types  # Witten and Bell: as much for what is new as there are kinds
    own = np.repeat(np.arange(len(contexts)), types)
    often = totals - types >= min_context
    chosen = often[own] & (seen >= min_gram)
    likelihoods = seen[chosen] / totals[own[chosen]]
    per_context = np.bincount(own[chosen], minlength=len(contexts))
    rests = 1.0 - np.bincount(own[chosen], likelihoods, minlength=len(contexts))
    firsts = np.concatenate([[0], np.cumsum(per_context[often])])
    symbols = (grams[chosen] & (2**BITS - 1)).astype(np.uint8)
    return Grams(contexts[often], firsts, symbols, likelihoods.astype(np.float32), rests[often].astype(np.float32))


def main(arguments: Sequence[str] | None = None) -> None:
    """Count what the arguments name and write the model."""
    parser = argparse.ArgumentParser(prog="python -m training.lines.ctc.ngram_counting", description="Count n-grams.")
    parser.add_argument("--texts", type=Path, action="append", required=True, help="Folder of texts, .txt or TEI.")
    parser.add_argument("--pages", type=Path, action="append", default=[], help="Folder of pages with truth.jsonl.")
    parser.add_argument("--pages-times", type=int, default=10, help="How often what is on pages counts.")
    parser.add_argument("--out", type=Path, required=True, help="File to write.")
    given = parser.parse_args(arguments)
    counted = count_grams(map(read_text, text_files(given.texts)))
    truths = [line.text for folder in given.pages for page in pages_for(folder, Split.TRAIN) for line in page.lines]
    if truths:
        counted = mixed(counted, count_grams(map(folded, truths)), given.pages_times)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write_ngrams(smoothed(counted), given.out)


if __name__ == "__main__":
    main()
