"""PaddleOCR's recogniser (PP-OCRv6), loaded by `paddleocr.TextRecognition` on ONNX Runtime, or on a CPU by OpenVINO
from the same file. It is decoded here from the raw CTC output.

The public answer of `TextRecognition` has neither a probability nor a place for each character, and answers in any of
18,708 characters. So the answer is taken one step earlier, as the probabilities (T, C) of T steps of 8 px in a crop
scaled to 48 px height, and decoded by engines/common/ctc.py. Crops are prepared as PaddleOCR prepares them. This file
does not know where models are stored.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common.blank_crops import is_blank
from engines.common.ctc import Decoder, Steps
from engines.common.model_card import read_card
from engines.common.module_stubs import stubbed_modules
from engines.common.unreadable import unreadable
from engines.devices import openvino_device
from engines.devices.onnx_device import ONNX_RUNTIME, providers, require_on_card
from engines.devices.openvino_device import by_openvino
from ocr.errors import EngineUnavailable
from ocr.hypothesis import Hypothesis
from ocr.image import Crop, Pixels, Scope
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources, Runtime
from ocr.runtime.openvino_network import open_network
from ocr.text.languages import LANGUAGES, readable

HEIGHT_PX = 48
MIN_WIDTH_PX = {Scope.LINE: 320, Scope.CHARACTER: 64}
"""Narrower crops are padded to this width. A lone character at the width that lines are padded to is read no better,
and takes four times as long.
"""
OPENVINO_STEP_PX = 64
"""For OpenVINO widths are rounded up to multiples of this, as each new one has to be prepared: those from the least to
`PREPARED_PX` are when the model is loaded.
"""
PREPARED_PX = 1600
_OTHER_MODEL = "set engines.paddleocr.model to a PP-OCR model for it, or let the other engines read"
GPU_BATCH = 16
"""Crops in one run on a GPU. On a CPU it is one: padding to the widest crop costs more than a batch saves there."""
CHARACTERS = 16
"""Single characters in one run where all are padded to the same width."""
WIDEST_PX = 3200
"""PaddleOCR squeezes what is wider at the network's height."""
STEP_PX = 8
"""Of the crop at the network's height, for which it gives one step."""
PIECE_PX, OVERLAP_PX = 2400, 480
"""A crop wider than `WIDEST_PX` is read in pieces, and of what two pieces both show each gives the part that is farther
from its edge.
"""


Infer = Callable[[NDArray[np.float32]], Steps]


@dataclass(frozen=True, slots=True, eq=False)
class PaddleOCR:
    """A loaded recogniser. `infer` makes steps (N, T, C) of a batch (N, 3, 48, W) whose width is a multiple of
    `width_step_px`; `together` is how many crops of any width one run takes.

    `runs` makes several runs at once, each on one thread: 40 lines take 1.8 s so, and 2.4 to 3.3 s when one run after
    the other is spread over two threads, because a line is too little work to be spread.
    """

    infer: Infer
    width_step_px: int
    decoder: Decoder
    model: str
    together: int
    runs: ThreadPoolExecutor

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order."""
        answers = [self._refusal(crop) or Hypothesis() for crop in crops]
        readable = [
            index for index, crop in enumerate(crops) if not answers[index].abstained and not is_blank(crop.pixels)
        ]
        # Of like width, so that little is padded; from the widest down, so that no run is left alone with a long one.
        readable.sort(key=lambda index: crops[index].region.width_px / crops[index].region.height_px, reverse=True)
        batches = list(self._batches(crops, readable))
        for batch, read in zip(
            batches, self.runs.map(lambda batch: self._read([crops[i] for i in batch]), batches), strict=True
        ):
            for index, hypothesis in zip(batch, read, strict=True):
                answers[index] = hypothesis
        return answers

    def _refusal(self, crop: Crop) -> Hypothesis | None:
        reason = unreadable(f"the model {self.model}", crop.languages, self.decoder.alphabet, _OTHER_MODEL)
        return None if reason is None else Hypothesis.abstain(reason)

    def _batches(self, crops: Sequence[Crop], readable: Sequence[int]) -> Iterator[Sequence[int]]:
        """What one run takes together."""
        alike = {index for index in readable if _is_narrow(crops[index])}
        others = [index for index in readable if index not in alike]
        for own, most in ((others, self.together), (sorted(alike), CHARACTERS)):
            yield from (own[first : first + most] for first in range(0, len(own), most))

    def _read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        return [
            self.decoder.hypothesis(crop, steps, step_px)
            for crop, (steps, step_px) in zip(crops, self._run(crops), strict=True)
        ]

    def _run(self, crops: Sequence[Crop]) -> Iterator[tuple[Steps, float]]:
        """The steps of each crop, and the width of one step in crop pixels."""
        if any(_is_wide(crop) for crop in crops):
            for crop in crops:
                yield self._in_pieces(crop) if _is_wide(crop) else next(self._run([crop]))
            return
        pictures = [_picture(crop.pixels, MIN_WIDTH_PX[crop.region.scope]) for crop in crops]
        widest = max(picture.shape[2] for picture in pictures)
        batch = np.zeros((len(crops), 3, HEIGHT_PX, widest + -widest % self.width_step_px), np.float32)
        for of_crop, picture in zip(batch, pictures, strict=True):
            of_crop[:, :, : picture.shape[2]] = picture
        for crop, of_crop in zip(crops, self.infer(batch), strict=True):  # steps (T, C)
            width, height = crop.region.width_px, crop.region.height_px
            scaled_width = min(math.ceil(HEIGHT_PX * width / height), WIDEST_PX)
            yield of_crop, batch.shape[3] / of_crop.shape[0] * width / scaled_width

    def _in_pieces(self, crop: Crop) -> tuple[Steps, float]:
        """The steps of a wide crop, put together from those of its pieces."""
        scale = HEIGHT_PX / crop.region.height_px
        width_steps = math.ceil(crop.region.width_px * scale / STEP_PX)
        joined: Steps | None = None
        for start_step in range(0, width_steps - OVERLAP_PX // STEP_PX, (PIECE_PX - OVERLAP_PX) // STEP_PX):
            left = round(start_step * STEP_PX / scale)
            piece = Crop.whole(np.ascontiguousarray(crop.pixels[:, left : left + round(PIECE_PX / scale)]))
            [(steps, _)] = self._run([piece])
            steps = steps[: math.ceil(piece.region.width_px * scale / STEP_PX)]  # the rest is padding
            joined = steps if joined is None else joined_steps(joined, steps, start_step)
        assert joined is not None
        return joined, STEP_PX / scale


def _picture(pixels: Pixels, least_width_px: int) -> NDArray[np.float32]:
    """RGB pixels as PaddleOCR's networks take them, BGR (3, 48, W) in [-1, 1], padded with zeros to the least width."""
    ratio = pixels.shape[1] / pixels.shape[0]
    width = min(int(HEIGHT_PX * max(least_width_px / HEIGHT_PX, ratio)), WIDEST_PX)
    own_width = min(math.ceil(HEIGHT_PX * ratio), width)
    scaled = cv2.resize(np.ascontiguousarray(pixels[:, :, ::-1]), (own_width, HEIGHT_PX)).astype(np.float32)
    picture = np.zeros((3, HEIGHT_PX, width), np.float32)
    picture[:, :, :own_width] = (scaled.transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return picture


def joined_steps(before: Steps, after: Steps, start_step: int) -> Steps:
    """Two rows of steps (T, C) of which the second begins at `start_step` of the first. They meet near the middle of
    what they share, where both see no character, so that none is cut or read twice.
    """
    shared = len(before) - start_step
    first, last = shared // 4, 3 * shared // 4
    blank = np.minimum(before[start_step + first : start_step + last, 0], after[first:last, 0])
    meet = first + int(blank.argmax())
    return np.concatenate([before[: start_step + meet], after[meet:]])


def load(options: LoadOptions) -> Engine:
    """The recogniser in `options.model`, a paddle model directory (inference.onnx, inference.yml) of any PP-OCR size.

    Raises EngineUnavailable when a package, the model, or on "cuda" the card is missing.
    """
    if options.model is None:
        raise EngineUnavailable("paddleocr: no model was given", "set its model to 'bundled' or to a model directory")
    model, described = options.model, _described(options.model)
    on_cpu, step_px = options.device == "cpu", OPENVINO_STEP_PX
    infer: Infer | None = by_openvino("paddleocr", options, partial(_converted, model, options.threads))
    if infer is None:
        infer, step_px = by_session(_session(options, described.architecture)), 1
    return PaddleOCR(
        infer,
        step_px,
        Decoder(described.characters),
        read_card(model).label,
        together=1 if on_cpu else GPU_BATCH,
        runs=ThreadPoolExecutor(options.threads if on_cpu else 1, thread_name_prefix="paddleocr"),
    )


def _converted(model: Path, threads: int) -> Infer:
    """Inference by OpenVINO, having met the widths of most lines, and one character and a full run of them."""
    widths = range(MIN_WIDTH_PX[Scope.LINE], PREPARED_PX + 1, OPENVINO_STEP_PX)
    lines = [(1, 3, HEIGHT_PX, width) for width in widths]
    singles = [(count, 3, HEIGHT_PX, MIN_WIDTH_PX[Scope.CHARACTER]) for count in (1, CHARACTERS)]
    precision = openvino_device.half_precision()
    return open_network(model / "inference.onnx", threads, [*lines, *singles], precision=precision)


def _session(options: LoadOptions, architecture: str) -> Any:  # noqa: ANN401 - onnxruntime is not typed
    """ONNX Runtime's session, as paddleocr makes it."""
    os.environ.setdefault(
        "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True"
    )  # it would ask the hubs whether they are there
    try:
        with stubbed_modules("modelscope"):  # for downloads only
            from paddleocr import TextRecognition
    except ImportError as error:
        raise EngineUnavailable(f"paddleocr: {error}", "pip install 'quorum-ocr[paddleocr]'") from error
    try:
        recogniser = TextRecognition(
            model_name=architecture,
            model_dir=str(options.model),
            engine="onnxruntime",
            device="cpu" if options.device == "cpu" else "gpu:0",
            # One thread a run: the runs go side by side.
            engine_config={"intra_op_num_threads": 1, "inter_op_num_threads": 1, **providers(options)},
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineUnavailable(
            f"paddleocr: {options.model} does not load: {error}",
            "give a directory with inference.onnx and inference.yml",
        ) from error
    session = recogniser.paddlex_predictor.runner.session
    if options.device != "cpu":
        require_on_card(session)
    return session


def by_session(session: Any) -> Infer:  # noqa: ANN401 - onnxruntime is not typed
    """Inference by a session of ONNX Runtime."""
    [entry] = session.get_inputs()

    def infer(batch: NDArray[np.float32]) -> Steps:
        [steps] = session.run(None, {entry.name: batch})
        return np.asarray(steps)

    return infer


def _is_wide(crop: Crop) -> bool:
    return crop.region.width_px * HEIGHT_PX > WIDEST_PX * crop.region.height_px


def _is_narrow(crop: Crop) -> bool:
    """Whether it is a single character that is padded to the least width, like all others."""
    region = crop.region
    narrow = region.width_px * HEIGHT_PX <= MIN_WIDTH_PX[Scope.CHARACTER] * region.height_px
    return region.scope is Scope.CHARACTER and narrow


@dataclass(frozen=True, slots=True)
class _Description:
    """What inference.yml says: the name by which paddle knows the architecture, and the characters of the columns."""

    architecture: str
    characters: tuple[str, ...]


def _described(model: Path) -> _Description:
    """What the inference.yml of a model directory says (YAML, or JSON, which is read a hundred times as fast)."""
    path = model / "inference.yml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EngineUnavailable(f"paddleocr: no {path}: {error}", "give a paddle model directory") from error
    try:
        content = json.loads(text) if text.startswith("{") else _yaml(text)
        written = [str(character) for character in content["PostProcess"]["character_dict"]]
        return _Description(content["Global"]["model_name"], ("", *written, " "))
    except (ValueError, KeyError, TypeError) as error:
        raise EngineUnavailable(
            f"paddleocr: {path} names no model and characters: {error!r}",
            "it must have Global: model_name: PP-OCR..., and PostProcess: character_dict",
        ) from error


def _yaml(text: str) -> Any:  # noqa: ANN401 - of any shape
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


SPEC = EngineSpec(
    name="paddleocr",
    scopes=frozenset({Scope.LINE, Scope.CHARACTER}),
    load=load,
    batch_size=16,
    resources=Resources(cpu=1.0, gpu=0.15, memory_mb=1000, openvino_mb=800),
    card=ONNX_RUNTIME,
    runtimes=frozenset({Runtime.NATIVE, Runtime.OPENVINO}),
    prior_weights={"general": 0.10, "handwritten": 0.05, "printed": 0.20, "noisy": 0.25},
    languages=lambda engine: readable(tuple(LANGUAGES), engine.decoder.alphabet),
)
