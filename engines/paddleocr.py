"""PaddleOCR's recogniser (PP-OCRv6) on ONNX Runtime, decoded here from the raw CTC output.

`paddleocr.TextRecognition` builds the model and prepares the crops; its public answer has neither a probability nor a
place for each character, and answers in any of 18,708 characters. So the answer is taken one step earlier, as the
probabilities (T, C) of T steps of 8 px in a crop scaled to 48 px height, and decoded greedily (Graves et al. 2006,
"Connectionist Temporal Classification") over the columns that the crop's language allows. Spans are in crop pixels.
This file does not know where models are stored.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.alphabet import alphabet
from engines.frameworks import light_import
from engines.gpu import memory_limit_bytes
from engines.model_card import read_card
from ocr.claims import Alternative, ClaimedCharacter, Hypothesis, Span
from ocr.errors import EngineUnavailable
from ocr.image import Classes, Crop, Scope
from ocr.ports import Engine, EngineSpec, LoadOptions, Resources

HEIGHT_PX = 48
MIN_WIDTH_PX = 320
"""Narrower crops are padded to this width."""
MIN_CONTRAST = 16
"""A crop whose values differ by less holds no text."""
GPU_BATCH = 16
"""Crops in one run on a GPU. On a CPU it is one: padding to the widest crop costs more than a batch saves there."""
ALTERNATIVES = 3
MIN_ALTERNATIVE = 0.01

Steps = NDArray[np.float32]
"""Probabilities (T, C) of T steps from left to right over C characters; column 0 is the blank."""


class Run(NamedTuple):
    """Steps start <= t < end at which the same character was the most probable one."""

    column: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of the model's output that may be chosen, and their characters. The first is the blank."""

    indices: NDArray[np.intp]  # (K,)
    characters: tuple[str, ...]


@dataclass(slots=True)
class PaddleOCR:
    """A loaded recogniser. `together` is how many crops of similar width one run of the network takes."""

    network: Any
    model: str
    together: int
    _columns: dict[tuple[str, Classes | None], Columns] = field(default_factory=dict)

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order."""
        answers = [Hypothesis()] * len(crops)
        readable = [index for index, crop in enumerate(crops) if int(np.ptp(crop.pixels)) >= MIN_CONTRAST]
        readable.sort(key=lambda index: crops[index].region.width_px / crops[index].region.height_px)
        for first in range(0, len(readable), self.together):
            batch = readable[first : first + self.together]
            for index, (steps, step_px) in zip(batch, self._run([crops[index] for index in batch]), strict=True):
                answers[index] = self._decode(crops[index], steps, step_px)
        return answers

    def _run(self, crops: Sequence[Crop]) -> Iterator[tuple[Steps, float]]:
        """The steps of each crop, and the width of one step in crop pixels."""
        prepare = self.network.pre_tfs["ReisizeNorm"]
        images = prepare(imgs=[crop.pixels[:, :, ::-1] for crop in crops])  # each (3, 48, W) float32 in [-1, 1], BGR
        [batch] = self.network.pre_tfs["ToBatch"](imgs=images)  # (N, 3, 48, widest W)
        steps = self.network.runner(x=[batch])[0]  # (N, T, C) float32, rows sum to 1
        for crop, of_crop in zip(crops, steps, strict=True):
            width, height = crop.region.width_px, crop.region.height_px
            scaled_width = min(math.ceil(HEIGHT_PX * width / height), prepare.max_imgW)
            yield of_crop, batch.shape[3] / of_crop.shape[0] * width / scaled_width

    def _decode(self, crop: Crop, steps: Steps, step_px: float) -> Hypothesis:
        if crop.region.scope is Scope.CHARACTER:
            return _single(steps, self._allowed(crop.language, crop.classes))
        columns = self._allowed(crop.language, None)
        probabilities = steps[:, columns.indices]  # (T, K)
        return Hypothesis.of(
            _line(probabilities, columns.characters, step_px, crop.region.width_px, crop.region.height_px)
        )

    def _allowed(self, language: str, classes: Classes | None) -> Columns:
        key = (language, classes)
        if key not in self._columns:
            self._columns[key] = _columns(self.network.post_op.character, language, classes)
        return self._columns[key]


def _columns(characters: Sequence[str], language: str, classes: Classes | None) -> Columns:
    """The columns of the blank and of the characters of the language, or of the classes."""
    allowed = alphabet(language) if classes is None else frozenset(classes.alphabet)
    kept = [0] + [column for column in range(1, len(characters)) if allowed is None or characters[column] in allowed]
    return Columns(np.array(kept), tuple(characters[column] for column in kept))


def _single(steps: Steps, columns: Columns) -> Hypothesis:
    """The most probable character anywhere in the crop, against the others that it could be and against none at all."""
    probabilities = steps[:, columns.indices]  # (T, K)
    scores = probabilities.max(axis=0)  # (K,)
    scores[0] = probabilities[:, 0].min()
    scores /= scores.sum()
    ranked = np.argsort(scores[1:])[::-1][: ALTERNATIVES + 1] + 1
    best, *others = ((columns.characters[column], float(scores[column])) for column in ranked)
    alternatives = tuple(Alternative(*other) for other in others if other[1] >= MIN_ALTERNATIVE)
    return Hypothesis.of([ClaimedCharacter(*best, None, alternatives)])


def _line(
    probabilities: Steps, characters: Sequence[str], step_px: float, width_px: int, height_px: int
) -> list[ClaimedCharacter]:
    """Greedy CTC: the runs of equal best columns without the blanks, and without spaces at the ends."""
    runs = [run for run in _runs(probabilities.argmax(axis=1)) if run.start * step_px < width_px]
    while runs and characters[runs[0].column] == " ":
        del runs[0]
    while runs and characters[runs[-1].column] == " ":
        del runs[-1]
    spans = _spans(runs, step_px, width_px, height_px)
    return [_claim(probabilities, characters, run, span) for run, span in zip(runs, spans, strict=True)]


def _runs(best: NDArray[np.intp]) -> Iterator[Run]:
    """The runs of equal values in (T,) that are not the blank."""
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    ends = np.append(starts[1:], len(best))
    for start, end in zip(starts, ends, strict=True):
        if best[start] != 0:
            yield Run(int(best[start]), int(start), int(end))


def _claim(probabilities: Steps, characters: Sequence[str], run: Run, span: Span) -> ClaimedCharacter:
    """A character is as probable as at its best step; that step also tells what else it could be."""
    peak = probabilities[run.start + int(probabilities[run.start : run.end, run.column].argmax())]  # (K,)
    ranked = np.argpartition(peak, -ALTERNATIVES - 2)[-ALTERNATIVES - 2 :]
    others = sorted(
        ((float(peak[column]), characters[column]) for column in ranked if column not in (0, run.column)), reverse=True
    )
    alternatives = tuple(Alternative(text, share) for share, text in others[:ALTERNATIVES] if share >= MIN_ALTERNATIVE)
    return ClaimedCharacter(characters[run.column], min(1.0, float(peak[run.column])), span, alternatives)


def _spans(runs: Sequence[Run], step_px: float, width_px: int, height_px: int) -> list[Span]:
    """Where each character stands. CTC tells where a character was recognised, not where it begins: neighbours meet
    half way between their runs, and no character reaches farther from its run than half the height of the line.
    """
    reach = height_px / 2
    centres = [(run.start + run.end) / 2 * step_px for run in runs]
    spans = []
    for index, centre in enumerate(centres):
        before = (centres[index - 1] + centre) / 2 if index else 0.0
        after = (centre + centres[index + 1]) / 2 if index + 1 < len(runs) else float(width_px)
        start, end = max(before, centre - reach, 0.0), min(after, centre + reach, float(width_px))
        spans.append(Span(start, end) if start < end else Span(max(0.0, width_px - step_px), float(width_px)))
    return spans


def load(options: LoadOptions) -> Engine:
    """The recogniser in `options.model`, a paddle model directory (inference.onnx, inference.yml) of any PP-OCR size.

    Raises EngineUnavailable when a package, the model, or on "cuda" the card is missing.
    """
    if options.model is None:
        raise EngineUnavailable("paddleocr: no model was given", "set its model to 'bundled' or to a model directory")
    os.environ.setdefault(
        "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True"
    )  # it would ask the hubs whether they are there
    try:
        with light_import("modelscope"):  # for downloads only
            from paddleocr import TextRecognition
    except ImportError as error:
        raise EngineUnavailable(f"paddleocr: {error}", "pip install 'quorum-ocr[paddleocr]'") from error
    card = read_card(options.model)
    try:
        recogniser = TextRecognition(
            model_name=_architecture(options.model),
            model_dir=str(options.model),
            engine="onnxruntime",
            device="cpu" if options.device == "cpu" else "gpu:0",
            engine_config=_session_config(options),
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineUnavailable(
            f"paddleocr: {options.model} does not load: {error}", "want inference.onnx and inference.yml"
        ) from error
    network = recogniser.paddlex_predictor
    network.pre_tfs["ReisizeNorm"].rec_image_shape = [3, HEIGHT_PX, MIN_WIDTH_PX]
    return PaddleOCR(network, card.label, together=1 if options.device == "cpu" else GPU_BATCH)


def _session_config(options: LoadOptions) -> dict[str, Any]:
    """How ONNX Runtime runs: threads as given (Ray's OMP_NUM_THREADS does not reach it), memory of the card limited."""
    config: dict[str, Any] = {"intra_op_num_threads": options.threads, "inter_op_num_threads": 1}
    if options.device == "cuda" and options.gpu_fraction > 0.0:
        limit = {"device_id": 0, "gpu_mem_limit": memory_limit_bytes(options.gpu_fraction)}
        config["providers"] = ["CUDAExecutionProvider", "CPUExecutionProvider"]
        config["provider_options"] = [limit, {}]
    return config


def _architecture(model: Path) -> str:
    """The name by which paddle knows the model's architecture, from its inference.yml (YAML, or JSON in it)."""
    path = model / "inference.yml"
    try:
        head = path.read_text(encoding="utf-8")[:2000]
    except OSError as error:
        raise EngineUnavailable(f"paddleocr: no {path}: {error}", "want a paddle model directory") from error
    found = re.search(r"""\bmodel_name["']?:\s*["']?([\w.-]+)""", head)
    if found is None:
        raise EngineUnavailable(f"paddleocr: {path} names no model", "want Global: model_name: PP-OCR...")
    return found[1]


SPEC = EngineSpec(
    name="paddleocr",
    scopes=frozenset({Scope.LINE, Scope.CHARACTER}),
    load=load,
    batch_size=16,
    resources=Resources(cpu=1.0, gpu=0.15, memory_mb=1000),
    prior_weights={"general": 0.10, "handwritten": 0.05, "printed": 0.20, "noisy": 0.25},
)
