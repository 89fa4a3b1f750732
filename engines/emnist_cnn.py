"""The character engine: a Keras CNN over 0-9, A-Z, a-z for lone characters and for the separated characters of a line.

It sees one glyph at a time (engines/common/glyph.py), so it knows shapes and nothing of words. In a line it adds what
the places of the glyphs say: spaces from the gaps, and the case of look-alikes (o/O, s/S) from heights among
neighbours. It abstains rather than guesses: on joined writing, where no boxes were found, on a line of which it
believes too little, and on a picture that holds no character. Probabilities are calibrated
(engines/common/temperature_scaling.py) with the temperatures in the model's metadata.

All places are crop pixels. How the characters of a line are separated is segmentation's, not this file's.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.common.glyph import Glyph, Ink, Unreadable, as_grey, find_ink, glyph_in_ink, prepare
from engines.common.glyph_context import (
    PUNCTUATION,
    Candidate,
    LineGlyph,
    punctuation_in,
    rescored,
    word_gap_probabilities,
)
from engines.common.model_card import CARD_FILE, ModelCard, read_card, verified
from engines.common.module_stubs import stubbed_modules
from engines.common.temperature_scaling import (
    ALPHABET,
    Probabilities,
    Temperatures,
    calibrated_probabilities,
    entropies,
)
from engines.common.unreadable import unreadable
from engines.converted import store
from engines.devices.full_batches import Network, in_full_batches
from engines.devices.openvino_device import by_openvino
from engines.devices.tensorflow_device import TENSORFLOW
from engines.devices.tensorflow_device import prepare as prepare_tensorflow
from ocr import (
    Alphabet,
    Alternative,
    Box,
    CharacterHypothesis,
    Classes,
    Crop,
    Engine,
    EngineSpec,
    Hypothesis,
    LoadOptions,
    Resources,
    Scope,
    Span,
)
from ocr.errors import EngineUnavailable
from ocr.interfaces import Runtime
from ocr.runtime.openvino_network import open_network
from ocr.text.languages import LANGUAGES, readable

WEIGHTS_FILE = "model.keras"
GRAPH = "network"
"""The name of the converted network."""
GLYPH = (28, 28, 1)
ALTERNATIVES = 3
BATCH_SIZES = (1, 8, 32, 64, 128)  # a batch is padded to the next of them: kernels are chosen once for each
FULL_BATCH = BATCH_SIZES[-1]
_ALPHABET = Alphabet.of(ALPHABET + PUNCTUATION)
GLYPH_HEIGHT_PX = 40  # characters of a line are read at no more than this height; more costs time and adds no shape

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RejectOption:
    """When the engine abstains. Measured on validation characters and junk (benchmarks/results/emnist_cnn.md).

    `temperature` makes logits probabilities, and `within_shape` those of the characters of one shape. A lone picture
    whose probabilities have an entropy above `most_entropy` (nats) is no character: the network was taught to spread
    them over all classes where none is, and their entropy tells junk better than the best of them or the energy of the
    logits does. A line whose mean probability is below `least_line` is joined writing or not Latin.
    """

    temperature: float = 1.0
    within_shape: float = 1.0
    most_entropy: float = math.inf
    least_line: float = 0.6

    @property
    def temperatures(self) -> Temperatures:
        return Temperatures(self.temperature, self.within_shape)


def load(options: LoadOptions) -> Engine:
    """The engine with the model in the directory `options.model`: `model.keras` and `metadata.json`."""
    if options.model is None or not (options.model / WEIGHTS_FILE).is_file():
        raise EngineUnavailable(
            f"emnist_cnn: there is no {WEIGHTS_FILE} in {options.model}",
            "set its model to 'bundled', or train one with 'quorum train cnn'",
        )
    card = read_card(options.model)
    if WEIGHTS_FILE in card.files:
        verified(options.model, card, WEIGHTS_FILE)
    compute = by_openvino("emnist_cnn", options, partial(_converted, options.model, options))
    if compute is None:
        compute = _native(options.model / WEIGHTS_FILE, options)
    for size in BATCH_SIZES:
        compute(np.zeros((size, *GLYPH), np.float32))
    return EmnistCnn(card, _read_reject_option(options.model), in_full_batches(compute, BATCH_SIZES))


def _read_reject_option(folder: Path) -> RejectOption:
    path = folder / CARD_FILE
    if not path.is_file():
        return RejectOption()
    content = json.loads(path.read_text(encoding="utf-8"))
    try:
        reject = RejectOption(**content.get("doubt", {}))
        reject.temperatures  # noqa: B018 - refuses what is not positive
        return reject
    except (TypeError, ValueError) as error:
        raise EngineUnavailable(f"{path}: {error}", "it must have 'doubt' with temperature and thresholds") from error


def _native(path: Path, options: LoadOptions) -> Network:
    """Inference by TensorFlow, traced once."""
    keras, tf = _frameworks()
    prepare_tensorflow("emnist_cnn", options)  # before anything is computed
    model = keras.models.load_model(path, compile=False)
    any_size = tf.TensorSpec((None, *GLYPH), tf.float32)
    graph = tf.function(lambda ink: model(ink, training=False), input_signature=[any_size]).get_concrete_function()
    return lambda ink: np.asarray(graph(tf.constant(ink)), dtype=np.float32)


def _frameworks() -> tuple[ModuleType, ModuleType]:
    """Keras and TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with stubbed_modules(absent=("matplotlib", "pandas", "sklearn")):
            import keras
            import tensorflow as tf
    except ImportError as error:
        raise EngineUnavailable(
            f"emnist_cnn: TensorFlow is not installed ({error})", "pip install 'quorum-ocr[emnist-cnn]'"
        ) from error
    return keras, tf


def _converted(model: Path, options: LoadOptions) -> Network:
    """Inference by OpenVINO."""
    return open_network(store.converted("emnist_cnn", model, options.cache_dir).graph(GRAPH), options.threads)


def convert(model: Path, folder: Path) -> Mapping[str, Any]:
    """Write the graph of a model directory. Raises OpenvinoCannotRead where it does not give what Keras gives."""
    from engines.converted import tracing

    keras, _ = _frameworks()
    network = keras.models.load_model(model / WEIGHTS_FILE, compile=False)
    path = folder / f"{GRAPH}.xml"
    with TemporaryDirectory() as saved:
        network.export(saved, format="tf_saved_model", verbose=False)
        graph = tracing.of_saved_model(Path(saved))
        graph.reshape([-1, *GLYPH])
        tracing.save(graph, path)
    ink = np.random.default_rng(1).random((9, *GLYPH), np.float32)
    tracing.require_close(path, [ink], [np.asarray(network(ink, training=False))])
    return {}


class GlyphScores(NamedTuple):
    """What the network says of one glyph: logits (62,), calibrated probabilities (62,), and their entropy in nats."""

    logits: Logits
    probabilities: Probabilities
    entropy: float


class EmnistCnn:
    """Reads lone characters and separated lines. `network` maps float32 (N, 28, 28, 1) to logits (N, 62)."""

    def __init__(self, card: ModelCard, reject: RejectOption, network: Network) -> None:
        self._card = card
        self._reject = reject
        self.network = network

    @property
    def model(self) -> str:
        return self._card.label

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop.

        Glyphs of all crops go through the network in full batches, while the next ones are prepared.
        """
        found: list[list[Glyph | Unreadable] | Unreadable] = []
        waiting: list[Glyph] = []
        answered: list[Future[Logits]] = []
        with ThreadPoolExecutor(1) as beside:
            for crop in crops:
                found.append(glyphs := _glyphs_of(crop))
                waiting += [glyph for glyph in glyphs if isinstance(glyph, Glyph)] if isinstance(glyphs, list) else []
                while len(waiting) > FULL_BATCH:
                    answered.append(beside.submit(self._logits, waiting[:FULL_BATCH]))
                    del waiting[:FULL_BATCH]
            last = [self._logits(waiting)] if waiting else []
            rows = self._scores([*(batch.result() for batch in answered), *last])
        return [self._answer(crop, glyphs, rows) for crop, glyphs in zip(crops, found, strict=True)]

    def _logits(self, glyphs: Sequence[Glyph]) -> Logits:
        return self.network(np.stack([glyph.pixels for glyph in glyphs])[..., None])  # (N, 62)

    def _scores(self, batches: Sequence[Logits]) -> Iterator[GlyphScores]:
        """What the network says of each glyph, in their order."""
        if not batches:
            return iter(())
        logits = np.concatenate(batches)
        probabilities = calibrated_probabilities(logits, self._reject.temperatures)
        return map(GlyphScores, logits, probabilities, entropies(probabilities).tolist())

    def _answer(
        self, crop: Crop, glyphs: Sequence[Glyph | Unreadable] | Unreadable, rows: Iterator[GlyphScores]
    ) -> Hypothesis:
        """The answer to one crop; takes from `rows` as many as the crop has glyphs."""
        if isinstance(glyphs, Unreadable):
            return Hypothesis.abstain(glyphs.reason)
        if crop.region.scope is Scope.LINE:
            return self._line(crop, [next(rows) if isinstance(glyph, Glyph) else None for glyph in glyphs])
        (glyph,) = glyphs
        return Hypothesis.abstain(glyph.reason) if isinstance(glyph, Unreadable) else self._one(crop, glyph, next(rows))

    def _one(self, crop: Crop, glyph: Glyph, seen: GlyphScores) -> Hypothesis:
        if seen.entropy > self._reject.most_entropy:
            return Hypothesis.abstain("the shape is none of the 62 characters")
        allowed = seen.probabilities
        if crop.classes is not Classes.ALNUM:
            allowed = calibrated_probabilities(seen.logits[None], self._reject.temperatures, crop.classes)[0]
        return Hypothesis.of(
            [character_hypothesis(ranked(allowed, crop.classes.alphabet), Span(glyph.box.left, glyph.box.right))]
        )

    def _line(self, crop: Crop, glyphs: Sequence[GlyphScores | None]) -> Hypothesis:
        line = [
            LineGlyph(box, ranked(seen.probabilities, ALPHABET, most=8) if seen else ())
            for box, seen in zip(crop.region.character_boxes, glyphs, strict=True)
        ]
        best = [glyph.candidates[0].probability for glyph in line if glyph.candidates]
        if not best:
            return Hypothesis.abstain("none of the separated pieces is a character")
        if sum(best) / len(best) < self._reject.least_line:
            return Hypothesis.abstain("too few of the separated pieces look like characters: joined or cursive writing")
        return Hypothesis.of(_with_spaces(crop, line), _ALPHABET)


def _with_spaces(crop: Crop, line: Sequence[LineGlyph]) -> list[CharacterHypothesis]:
    """The characters of a line with their cases decided, punctuation told by its position, and spaces in the gaps."""
    characters: list[CharacterHypothesis] = []
    gaps = {at: sureness for at, sureness in enumerate(word_gap_probabilities(crop.region), 1) if sureness > 0.5}
    marks = punctuation_in(line)
    for at, glyph in enumerate(rescored(line, frozenset(gaps))):
        before = line[at - 1].box.right
        if at in gaps and glyph.box.left > before:
            characters.append(CharacterHypothesis(" ", gaps[at], Span(before, glyph.box.left)))
        candidates = marks[at] or glyph.candidates
        if candidates:
            characters.append(character_hypothesis(candidates, Span(glyph.box.left, glyph.box.right)))
    return characters


def ranked(probabilities: Probabilities, alphabet: str, most: int = ALTERNATIVES) -> tuple[Candidate, ...]:
    """The most probable characters, best first."""
    order = np.argsort(-probabilities, kind="stable")[:most]
    return tuple(Candidate(alphabet[index], float(probabilities[index])) for index in order)


def character_hypothesis(candidates: Sequence[Candidate], span: Span) -> CharacterHypothesis:
    """The best candidate, with the next ones as its alternatives: the top three in all."""
    best, *others = candidates
    alternatives = tuple(Alternative(other.text, other.probability) for other in others[: ALTERNATIVES - 1])
    return CharacterHypothesis(best.text, min(1.0, best.probability), span, alternatives)


def _glyphs_of(crop: Crop) -> list[Glyph | Unreadable] | Unreadable:
    """The glyphs to read: one for a character crop, one for each box of a line; or why there are none."""
    reason = unreadable("the character network", crop.languages, _ALPHABET, "let the other engines read")
    if reason is not None:
        return Unreadable(reason)
    if crop.region.scope is Scope.CHARACTER:
        glyph = prepare(crop.pixels)
        return glyph if isinstance(glyph, Unreadable) else [glyph]
    boxes = crop.region.character_boxes
    if not boxes:
        return Unreadable("the characters of this line are joined: there is nothing to read one by one")
    heights = sorted(box.height for box in boxes)
    scale = min(1.0, GLYPH_HEIGHT_PX / heights[len(heights) // 2])
    grey = as_grey(crop.pixels)
    if scale < 1.0:
        size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    ink = find_ink(grey)
    if isinstance(ink, Unreadable):
        return ink
    return [_placed(ink, box, scale) for box in boxes]


def _placed(ink: Ink, box: Box, scale: float) -> Glyph | Unreadable:
    """The glyph in a box of a line; the box is in crop pixels, the ink `scale` times as large."""
    left, top = int(box.left * scale), int(box.top * scale)
    right, bottom = max(left + 1, round(box.right * scale)), max(top + 1, round(box.bottom * scale))
    return glyph_in_ink(ink[top:bottom, left:right], along_edge=False)


SPEC = EngineSpec(
    name="emnist_cnn",
    scopes=frozenset({Scope.CHARACTER, Scope.LINE}),
    load=load,
    batch_size=64,
    resources=Resources(cpu=0.25, gpu=0.1, memory_mb=900, openvino_mb=400),
    card=TENSORFLOW,
    runtimes=frozenset({Runtime.NATIVE, Runtime.OPENVINO}),
    convert=convert,
    prior_weights={"general": 0.35, "handwritten": 0.45, "printed": 0.10, "noisy": 0.25},
    languages=lambda _engine: readable(tuple(LANGUAGES), _ALPHABET),
    by_language=lambda _engine: True,
)
