"""What review brings: how many errors are left by the order of review, whether the estimate of errors holds, and what
tuning from corrections gains on other documents of the same collection.

    python -m benchmarks.review.corrections ../shared/data/pages/* --readings DIR --fitted DIR

Everything is fused with a profile that was fitted without the collection (`quorum evaluate pages --leave-out` keeps
them in DIR/leave-out). Half of the documents of a collection, by the hashes of their names, are reviewed by somebody
who knows the truth; the other half is measured. A correction is a word that was changed. Nothing is tuned on sets to
which nothing may be fitted.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS, publish
from benchmarks.review.simulated_reviewer import (
    Reviewable,
    document_of,
    reviewed_documents,
    reviewed_until,
    weights_of,
)
from evaluation.accuracy.arguments import parse_readers
from evaluation.accuracy.error_rates import FUSED
from evaluation.accuracy.fused_lines import fused_lines
from evaluation.accuracy.leave_one_out.held_out import FEW_MORE, HIGHEST, MANY_EDITS
from evaluation.accuracy.word_scores import AGREEMENT, line_sample, scored_words
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.metrics.bootstrap import paired_interval
from evaluation.metrics.doubt import ScoredWords, errors_left, least_left
from evaluation.metrics.text_comparison import character_edits, word_edits
from evaluation.pages.collections import LEARNT, MEASURE_ONLY, TEST_PAGES_ONLY, collection_of
from evaluation.pages.ground_truth import Split
from evaluation.readings.labelled_lines import LabelledLine, labelled_lines, pages_of
from evaluation.readings.line_layouts import GROUND_TRUTH
from evaluation.readings.reader import ENGINES, Reader
from evaluation.readings.store import ReadingStore
from fusion import Profile, Thresholds
from fusion.profiles.profile_document import read_document
from training.reviews.review_tuning import tune_to_reviews
from training.votes.profile_fit import GENERAL

SHARES = (0.02, 0.05, 0.10, 0.20)
CORRECTIONS = (50, 200, 1000)
BELOW, SURE_SHARE = 0.9, 0.02


@dataclass(frozen=True, slots=True)
class OrderFigures:
    """Of one collection: its words and errors, the part of the errors left after each of SHARES by each order, and the
    rate of errors that the confidences tell, (now, after a tenth of the words), beside the true ones.
    """

    collection: str
    words: int
    errors: int
    left: dict[str, tuple[float, ...]]
    told: tuple[float, float]
    true: tuple[float, float]


@dataclass(frozen=True, slots=True)
class TuningFigures:
    """What tuning from so many corrections gains on the other documents: edits of characters and of words before and
    after, whether the vote moved, the Brier score of the words' confidences, and within which part the edits differ.
    """

    collection: str
    asked: int
    corrections: int
    looked_at: int
    strength: float | None
    characters: tuple[int, int]
    words: tuple[int, int]
    brier: tuple[float, float]
    low: float
    high: float

    @property
    def gain(self) -> float:
        """The part of the character errors that is gone."""
        return 1.0 - self.characters[1] / max(1, self.characters[0])

    @property
    def is_worse(self) -> bool:
        """By the rule of the vote: surely HIGHEST more of many edits, FEW_MORE more of few."""
        before, after = self.characters
        if before >= MANY_EDITS:
            return after > before and self.high > HIGHEST
        return after > before + FEW_MORE


def lines_of(folders: Sequence[Path], store: ReadingStore, readers: Sequence[Reader]) -> list[LabelledLine]:
    """The lines of pages that no network learnt from and that were read before."""
    found: list[LabelledLine] = []
    for folder in folders:
        splits = [Split.TEST, Split.TUNE, Split.TRAIN]
        if folder.name in TEST_PAGES_ONLY:
            splits = [Split.TEST, Split.TUNE] if folder.name in LEARNT else [Split.TEST]
        pages = [
            (name, page)
            for name, page in pages_of([folder], splits)
            if not any(store.is_missing(page, GROUND_TRUTH, reader) for reader in readers)
        ]
        found += labelled_lines(store, pages, readers)
    return found


def profile_without(fitted: Path, collection: str, sets: Sequence[str]) -> Profile:
    """The profile that was fitted to all sets but those of one collection. Raises ValueError where there is none."""
    wanted = {name for name in sets if collection_of(name) != collection and name not in MEASURE_ONLY}
    for path in sorted(fitted.glob("profile-*.json"), key=lambda own: -own.stat().st_mtime):
        found = read_document(path, Thresholds())
        if set(found.made["sets"].split(", ")) == wanted:
            return found.profiles[GENERAL]
    raise ValueError(f"no profile without {collection} in {fitted}; `quorum evaluate pages --leave-out` fits them")


def order_figures(collection: str, lines: Sequence[LabelledLine], profile: Profile) -> OrderFigures:
    samples = [line_sample(line, fused, collection) for line, fused in fused_lines(lines, profile)]
    fused, agreed = scored_words(samples, FUSED, FUSED), scored_words(samples, FUSED, AGREEMENT)
    chance = ScoredWords(np.full(len(fused.right), 0.5), fused.right, fused.missed, fused.holds)
    left = {
        "fused doubt": tuple(errors_left(fused, share) for share in SHARES),
        "agreement": tuple(errors_left(agreed, share) for share in SHARES),
        "random": tuple(errors_left(chance, share) for share in SHARES),
        "perfect doubt": tuple(least_left(fused, share) for share in SHARES),
    }
    order = np.argsort(fused.confidences, kind="stable")
    tenth = order[: round(0.1 * len(order))]
    lacking, wrong = 1.0 - fused.confidences, (~fused.right).astype(float)
    words = max(1, len(order))
    told = float(lacking.sum()) / words, float(lacking.sum() - lacking[tenth].sum()) / words
    true = float(wrong.sum()) / words, float(wrong.sum() - wrong[tenth].sum()) / words
    return OrderFigures(collection, len(order), fused.errors, left, told, true)


def tuning_figures(
    collection: str, lines: Sequence[LabelledLine], profile: Profile, engines: Sequence[str]
) -> Iterator[TuningFigures]:
    """For each number of corrections, as many as the half of the documents has."""
    half = [line for line in lines if _is_reviewed(line)]
    rest = [line for line in lines if not _is_reviewed(line)]
    reviewable = Reviewable.of(half, profile)
    before = _Fused.of(rest, profile)
    done = 0
    for asked in CORRECTIONS:
        seen, changed = reviewed_until(reviewable, asked, BELOW, SURE_SHARE)
        if len(changed) <= done:
            return
        done = len(changed)
        documents = reviewed_documents(reviewable, weights_of(reviewable, seen, BELOW, SURE_SHARE))
        tuned = tune_to_reviews(documents, profile, engines)
        after = _Fused.of(rest, tuned.profile)
        yield _figures(collection, asked, (len(changed), len(seen)), tuned.strength, rest, before, after)


@dataclass(frozen=True, slots=True)
class _Fused:
    """What a profile makes of some lines: the text of each, and the Brier score of all words."""

    texts: tuple[str, ...]
    brier: float

    @classmethod
    def of(cls, lines: Sequence[LabelledLine], profile: Profile) -> _Fused:
        fused = list(fused_lines(lines, profile))
        words = scored_words([line_sample(line, own, line.set_name) for line, own in fused], FUSED, FUSED)
        brier = float(((words.confidences - words.right) ** 2).mean()) if len(words.right) else 0.0
        return cls(tuple(line.normalised(own.text) for line, own in fused), brier)


def _figures(
    collection: str,
    asked: int,
    reviewed: tuple[int, int],
    strength: float | None,
    lines: Sequence[LabelledLine],
    before: _Fused,
    after: _Fused,
) -> TuningFigures:
    one = [character_edits(text, line.truth).edits for text, line in zip(before.texts, lines, strict=True)]
    other = [character_edits(text, line.truth).edits for text, line in zip(after.texts, lines, strict=True)]
    words = [
        sum(word_edits(text, line.truth).edits for text, line in zip(texts, lines, strict=True))
        for texts in (before.texts, after.texts)
    ]
    interval = paired_interval(other, one)
    return TuningFigures(
        collection,
        asked,
        *reviewed,
        strength,
        (sum(one), sum(other)),
        (words[0], words[1]),
        (before.brier, after.brier),
        interval.low,
        interval.high,
    )


def _is_reviewed(line: LabelledLine) -> bool:
    return hashlib.sha256(document_of(line).encode()).digest()[0] % 2 == 0


_TUNING_COLUMNS = (
    "collection",
    "corrections",
    "looked at",
    "vote moved",
    "character errors",
    "gain",
    "interval",
    "word errors",
    "Brier score",
)


def report(orders: Sequence[OrderFigures], tunings: Sequence[TuningFigures], before: dict[str, str]) -> str:
    kinds = list(orders[0].left)
    rows = [[own.collection, own.words, own.errors, *(_percents(own.left[kind]) for kind in kinds)] for own in orders]
    mean = ["mean", "", "", *(_percents(_means([own.left[kind] for own in orders])) for kind in kinds)]
    estimates = [
        [own.collection, *(f"{100 * rate:.1f} %" for rate in (own.told[0], own.true[0], own.told[1], own.true[1]))]
        for own in orders
    ]
    return document(
        "What review by people brings",
        "Made by `python -m benchmarks.review.corrections`; its docstring says how. The person who reviews is the "
        "truth of the pages.",
        as_table(before),
        "## Errors left, by the order of review",
        f"The part of the word errors that is left after {_percents(SHARES)} of the words were reviewed. A true word "
        "of which nothing was read is an error that no review of words finds.",
        table(["collection", "words", "errors", *kinds], [*rows, mean]),
        "## The estimate of errors, held against truth",
        "Wrong words to all words that were read: as the confidences tell it and as it is; now, and after the most "
        "doubtful tenth of the words was reviewed.",
        table(["collection", "told now", "true now", "told after", "true after"], estimates),
        "## Tuning from corrections",
        "Errors on the other half of the documents of the collection, before and after the profile was tuned to "
        "corrections on the first half. The gain is the part of the character errors that is gone; the interval is the "
        "difference of edits over lines (95 %, paired bootstrap).",
        table(
            _TUNING_COLUMNS,
            [_tuning_row(own) for own in tunings],
        ),
        *_tuning_means(tunings),
    )


def _tuning_row(own: TuningFigures) -> list[object]:
    return [
        own.collection,
        f"{own.corrections}" + ("" if own.corrections == own.asked else f" of {own.asked}"),
        own.looked_at,
        "no" if own.strength is None else f"yes ({own.strength:g})",
        f"{own.characters[0]} to {own.characters[1]}",
        f"{own.gain:.1%}",
        f"{own.low:+.1%} to {own.high:+.1%}" + (" worse" if own.is_worse else ""),
        f"{own.words[0]} to {own.words[1]}",
        f"{own.brier[0]:.4f} to {own.brier[1]:.4f}",
    ]


def _tuning_means(tunings: Sequence[TuningFigures]) -> Iterator[str]:
    for asked in CORRECTIONS:
        gains = [own.gain for own in tunings if own.asked == asked]
        if gains:
            yield f"In the mean over {len(gains)} collections, {asked} corrections (or as many as there are) gain " + (
                f"{sum(gains) / len(gains):.1%}; worse by the rule of the vote: "
                f"{sum(own.is_worse for own in tunings if own.asked == asked)}."
            )


def _means(values: Sequence[Sequence[float]]) -> list[float]:
    return [math.fsum(own) / len(own) for own in zip(*values, strict=True)]


def _percents(values: Sequence[float]) -> str:
    return " / ".join(f"{100 * value:.0f} %" for value in values)


def main(
    folders: Annotated[list[Path], typer.Argument(help="Folders of labelled pages.")],
    readings: Annotated[Path, typer.Option(help="What engines read on them.")] = Path("runs/readings"),
    fitted: Annotated[Path | None, typer.Option(help="Profiles that were fitted without a collection.")] = None,
    only: Annotated[str, typer.Option(help="Only these collections, with commas.")] = "",
    out: Path = RESULTS / "review.md",
) -> None:
    """Measure review on every collection."""
    before = environment()
    readers, store = parse_readers(",".join(ENGINES)), ReadingStore(readings)
    collections: dict[str, list[Path]] = {}
    for folder in folders:
        collections.setdefault(collection_of(folder.name), []).append(folder)
    orders: list[OrderFigures] = []
    tunings: list[TuningFigures] = []
    for collection, own in collections.items():
        if only and collection not in only.split(","):
            continue
        profile = profile_without(fitted or readings / "leave-out", collection, [folder.name for folder in folders])
        lines = lines_of(own, store, readers)
        orders.append(order_figures(collection, lines, profile))
        print(orders[-1], flush=True)
        if not MEASURE_ONLY & {folder.name for folder in own}:
            for figures in tuning_figures(collection, lines, profile, ENGINES):
                tunings.append(figures)
                print(figures, f"gain {figures.gain:.1%}", flush=True)
    publish(report(orders, tunings, before), out)


if __name__ == "__main__":
    command.run(main)
