"""Fits the classifier of what kind of writing a line is (segmentation.material).

The kind is known of these sets: prose and receipts are printed, typewritten reports are noisy, the Stanford letters are
typed or cursive line by line (evaluation.pages.handwritten_lines). Kinds count alike, however many lines there are of
each.

    python -m training.votes.material_fit ../shared/data/pages/*

It writes segmentation/bundled/material.json and prints a table.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.pages.ground_truth import GroundTruthPage, Split, line_crops
from evaluation.pages.handwritten_lines import Writing, writing_of
from evaluation.readings.labelled_lines import pages_of
from ocr.image import Material
from segmentation.material import BUNDLED, FEATURES, MaterialClassifier, features, write_material_classifier

_OF_SET = {"fondue": Material.PRINTED, "sroie": Material.PRINTED, "ehri": Material.NOISY}
_OF_WRITING = {Writing.TYPED: Material.NOISY, Writing.CURSIVE: Material.HANDWRITTEN}

Floats = NDArray[np.float64]


def kinds_of(set_name: str, page: GroundTruthPage) -> Sequence[Material]:
    """The kind of each line of a page of one of the sets above."""
    if set_name in _OF_SET:
        return [_OF_SET[set_name]] * len(page.lines)
    return [_OF_WRITING[writing] for writing in writing_of(page)]


def fit_material_classifier(seen: Floats, kinds: Sequence[Material]) -> MaterialClassifier:
    """From features (N, 7) and the kind of each."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = seen.mean(axis=0), seen.std(axis=0) + 1e-6
    model = LogisticRegression(class_weight="balanced", max_iter=500).fit(
        (seen - mean) / scale, [str(k) for k in kinds]
    )
    return MaterialClassifier(
        tuple(Material(name) for name in model.classes_), mean, scale, model.coef_, model.intercept_
    )


def measured(folders: Sequence[Path], splits: Sequence[Split]) -> Iterator[tuple[str, Floats, Material]]:
    """Set, features and kind of every true line."""
    from rich.progress import track

    pages = pages_of(folders, splits)
    for set_name, page in track(pages, "measuring lines", disable=not pages):
        for crop, kind in zip(line_crops(page), kinds_of(set_name, page), strict=True):
            yield set_name, features(crop), kind


def _table(folders: Sequence[Path], classifier: MaterialClassifier) -> Iterator[str]:
    """How the classifier does on test pages: a Markdown table by set and kind."""
    counts: Counter[tuple[str, Material, Material]] = Counter()
    for set_name, seen, kind in measured(folders, [Split.TEST]):
        scores = classifier.weights @ ((seen - classifier.mean) / classifier.scale) + classifier.base
        counts[set_name, kind, classifier.materials[int(scores.argmax())]] += 1
    yield "| set | is | " + " | ".join(f"taken for {kind}" for kind in Material) + " |"
    yield "|---|---|" + "---|" * len(Material)
    for set_name, kind in sorted({(name, kind) for name, kind, _ in counts}):
        yield f"| {set_name} | {kind} | " + " | ".join(str(counts[set_name, kind, found]) for found in Material) + " |"
    right = sum(count for (_, kind, found), count in counts.items() if kind is found)
    yield f"\n{right / counts.total():.1%} of {counts.total()} lines of test pages"


def main() -> None:
    """Fit, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=BUNDLED)
    arguments = parser.parse_args()
    rows = list(measured(arguments.folders, [Split.TRAIN, Split.TUNE]))
    classifier = fit_material_classifier(np.array([seen for _, seen, _ in rows]), [kind for _, _, kind in rows])
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_material_classifier(classifier, arguments.out)
    print(f"{len(rows)} lines, {len(FEATURES)} features")
    print("\n".join(_table(arguments.folders, classifier)))


if __name__ == "__main__":
    main()
