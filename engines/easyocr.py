"""EasyOCR's recogniser, loaded by `easyocr.Reader` itself, or on a CPU converted from that and read by OpenVINO without
torch. It is decoded here from the raw CTC output.

A model directory holds either a custom recognition network in EasyOCR's format (NAME.py with class Model, NAME.yaml,
NAME.pth) or one of EasyOCR's own files (english_g2.pth). A .pth is a pickle and NAME.py is code: both are opened only
when their sha256 is the one in metadata.json. Crops are prepared as EasyOCR prepares them; its own functions for that
import torch. Its public answer has one confidence a line, so the network is asked directly. EasyOCR's detector is not
used and nothing is downloaded.
Source: https://github.com/JaidedAI/EasyOCR/blob/master/custom_model.md
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from engines.common.model_card import ModelCard, read_card, verified
from engines.common.module_stubs import stubbed_modules
from engines.common.text_rows import MARGIN, crop_to_text_rows
from engines.common.unreadable import unreadable
from engines.converted import store
from engines.devices.full_batches import in_full_batches
from engines.devices.openvino_device import by_openvino, open_network
from engines.devices.torch_device import TORCH, prepare
from ocr.errors import EngineUnavailable
from ocr.hypothesis import Hypothesis
from ocr.image import Crop, Scope
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources, Runtime
from ocr.text.languages import LANGUAGES, has_latin_letters, readable

MAX_RATIO = 60
"""A crop that is wider than this many times its height is squeezed to it: nothing else bounds the memory it takes."""
_OTHER_MODEL = "set engines.easyocr.model to a model of EasyOCR's for it, or let the other engines read"
GPU_BATCH = 16
"""Crops in one run on a GPU. On a CPU it is one, as EasyOCR itself does it: padding costs more than a batch saves."""
CHARACTERS = 16
"""Single characters in one run where all are padded to the same width."""
GRAPH = "network"
"""The name of the converted network."""
_WARM_RATIOS = range(1, 43)
"""Of the padded widths of most lines to their height: each new one has to be prepared once."""
_COUNTS = (1, 4, CHARACTERS)
"""So many pictures OpenVINO is given at once: to the next of these they are filled up."""

Infer = Callable[[NDArray[np.float32]], Steps]


@dataclass(frozen=True, slots=True)
class EasyOCR:
    """A loaded recogniser. `infer` makes steps (N, T, C) of pictures (N, 1, H, W) in [-1, 1]; `height_px` is what it
    reads at, `row_margin` what a line keeps above and below its letters (engines/common/text_rows.py), `together` how
    many crops one run takes. `runs` makes several runs at once.
    """

    infer: Infer
    decoder: Decoder
    height_px: int
    row_margin: float
    model: str
    together: int
    runs: ThreadPoolExecutor

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order."""
        answers = [self._refusal(crop) or Hypothesis() for crop in crops]
        readable = [
            index for index, crop in enumerate(crops) if not answers[index].abstained and not is_blank(crop.pixels)
        ]
        # From the widest down, so that no run is left alone with a long one.
        readable.sort(key=lambda index: crops[index].region.width_px / crops[index].region.height_px, reverse=True)
        batches = list(self._batches(crops, readable))
        read = self.runs.map(lambda batch: list(self._run([crops[index] for index in batch])), batches)
        for batch, found in zip(batches, read, strict=True):
            for index, (steps, step_px) in zip(batch, found, strict=True):
                answers[index] = self.decoder.hypothesis(crops[index], steps, step_px)
        return answers

    def _batches(self, crops: Sequence[Crop], readable: Sequence[int]) -> Iterator[Sequence[int]]:
        """What one run takes together: lines as far as `together` says, single characters that are equally wide."""
        lines = [index for index in readable if crops[index].region.scope is Scope.LINE]
        yield from _parts(lines, self.together)
        singles = defaultdict(list)
        for index in readable:
            if crops[index].region.scope is Scope.CHARACTER:
                singles[_heights(crops[index].region.width_px / crops[index].region.height_px)].append(index)
        for alike in singles.values():
            yield from _parts(alike, CHARACTERS)

    def _refusal(self, crop: Crop) -> Hypothesis | None:
        reason = unreadable(f"the model {self.model}", crop.languages, self.decoder.alphabet, _OTHER_MODEL)
        return None if reason is None else Hypothesis.abstain(reason)

    def _run(self, crops: Sequence[Crop]) -> Iterator[tuple[Steps, float]]:
        """The steps of each crop, and the width of one step in crop pixels."""
        greys = [_grey(crop, self.row_margin) for crop in crops]
        padded_width = self.height_px * max(_heights(grey.shape[1] / grey.shape[0]) for grey in greys)
        pictures = np.stack([_picture(grey, self.height_px, padded_width) for grey in greys])[:, None]
        for crop, grey, steps in zip(crops, greys, self.infer(pictures), strict=True):
            height, width = grey.shape
            scaled_width = min(math.ceil(self.height_px * width / height), padded_width)
            yield steps, padded_width / steps.shape[0] * crop.region.width_px / scaled_width


def _parts(indices: Sequence[int], most: int) -> Iterator[Sequence[int]]:
    return (indices[first : first + most] for first in range(0, len(indices), most))


def _heights(ratio: float) -> int:
    """To how many of its heights EasyOCR pads a crop of this width to height; one that stands counts as if it lay."""
    return math.ceil(max(ratio, 1.0 / ratio))


def _picture(grey: NDArray[np.uint8], height_px: int, padded_width: int) -> NDArray[np.float32]:
    """The crop as EasyOCR's networks take it, (height_px, padded_width) in [-1, 1]: scaled in two steps, and its last
    column repeated.
    """
    from PIL import Image

    height, width = grey.shape
    ratio = width / height
    size = (int(height_px * ratio), height_px) if ratio >= 1.0 else (height_px, int(height_px * (1.0 / ratio)))
    scaled = Image.fromarray(np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8))
    own_width = min(math.ceil(height_px * (scaled.width / scaled.height)), padded_width)
    drawn = np.asarray(scaled.resize((own_width, height_px), Image.Resampling.BICUBIC))
    padded = np.pad(drawn, ((0, 0), (0, padded_width - own_width)), mode="edge").astype(np.float32)
    return (padded / np.float32(255.0) - np.float32(0.5)) / np.float32(0.5)


def _grey(crop: Crop, row_margin: float) -> NDArray[np.uint8]:
    """Grey pixels (H, W), those of a line without the paper around it, squeezed to MAX_RATIO if need be."""
    from PIL import Image

    picture = Image.fromarray(crop.pixels).convert("L")
    if crop.region.scope is Scope.LINE:
        picture = Image.fromarray(crop_to_text_rows(np.asarray(picture), row_margin))
    widest = MAX_RATIO * picture.height
    if picture.width > widest:
        picture = picture.resize((widest, picture.height), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def load(options: LoadOptions) -> Engine:
    """The recogniser in the directory `options.model`.

    Raises EngineUnavailable when a package, the model, a language of it or, on "cuda", the card is missing, and when a
    file is not the recorded one.
    """
    if options.model is None:
        raise EngineUnavailable("easyocr: no model was given", "set its model to the path of a model directory")
    network = _network_name(options.model)
    card = read_card(options.model)
    _require_recorded(options.model, card, network)
    described = _described(options.model, network)
    height, margin = int(described.get("imgH") or 64), float(described.get("row_margin") or MARGIN)
    together, runs = 1, options.threads
    found = by_openvino("easyocr", options, partial(_converted, options.model, options, height))
    if found is None:
        device = prepare("easyocr", options)
        found = _native(_reader(options.languages, options.model, network, device), device)
        together, runs = 1 if device == "cpu" else GPU_BATCH, 1
    infer, characters = found
    return EasyOCR(
        infer,
        Decoder(characters),
        height,
        margin,
        card.label,
        together,
        ThreadPoolExecutor(runs, thread_name_prefix="easyocr"),
    )


def _native(reader: Any, device: str) -> tuple[Infer, Sequence[str]]:  # noqa: ANN401 - easyocr is not typed
    """Inference by EasyOCR's reader, and the characters of its columns."""
    import torch

    def infer(pictures: NDArray[np.float32]) -> Steps:
        text = torch.zeros(len(pictures), 1, dtype=torch.long)  # only attention networks look at it
        with torch.inference_mode():
            output = reader.recognizer(torch.from_numpy(pictures).to(device), text.to(device))  # (N, T, C)
            steps: Steps = output.softmax(dim=2).float().cpu().numpy()
        return steps

    return infer, reader.converter.character


def _converted(model: Path, options: LoadOptions, height_px: int) -> tuple[Infer, Sequence[str]]:
    """Inference by OpenVINO, and the characters of its columns."""
    converted = store.converted("easyocr", model, options.cache_dir)
    known = converted.about["languages"]
    if known is not None and not set(options.languages) <= set(known):
        raise EngineUnavailable(
            f"easyocr: {model} does not load for {', '.join(options.languages)}",
            f"it was made for {', '.join(known)}: set engines.easyocr.languages to these, or its model to another",
        )
    lines = [(1, 1, height_px, ratio * height_px) for ratio in _WARM_RATIOS]
    singles = [(count, 1, height_px, ratio * height_px) for count in _COUNTS[1:] for ratio in (1, 2)]
    network = open_network(converted.graph(GRAPH), options.threads, [*lines, *singles])
    return in_full_batches(network, _COUNTS), converted.about["characters"]


def convert(model: Path, folder: Path) -> Mapping[str, Any]:
    """Write the graph of a recogniser in EasyOCR's format. Raises OpenvinoCannotRead where it gives something else."""
    import torch
    from PIL import Image

    from engines.converted import tracing

    network, card = _network_name(model), read_card(model)
    _require_recorded(model, card, network)
    described = _described(model, network)
    languages = described.get("lang_list")
    reader = _reader(tuple(languages or ("en",)), model, network, "cpu", quantize=False)
    height_px = int(described.get("imgH") or 64)

    class Probabilities(torch.nn.Module):  # type: ignore[misc] # torch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.recognizer = reader.recognizer

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return self.recognizer(pictures, torch.zeros(1, 1, dtype=torch.long)).softmax(dim=2)

    def given(text: str) -> tuple[torch.Tensor]:
        grey = np.asarray(Image.fromarray(tracing.drawn(text)).convert("L"))
        picture = _picture(grey, height_px, height_px * _heights(grey.shape[1] / grey.shape[0]))
        return (torch.from_numpy(picture[None, None]),)

    shapes = [(-1, 1, height_px, -1)]
    with tracing.plain_torch():
        tracing.write(folder / f"{GRAPH}.xml", Probabilities(), shapes, given(tracing.TRACED), given(tracing.OTHER))
    return {"characters": list(reader.converter.character), "languages": languages}


def _require_recorded(model: Path, card: ModelCard, network: str) -> None:
    """Raises EngineUnavailable when a file that can run code is not the recorded one."""
    for suffix in (".py", ".pth"):
        if (model / f"{network}{suffix}").exists():
            verified(model, card, f"{network}{suffix}")


def _network_name(model: Path) -> str:
    """NAME of the only NAME.pth in the directory."""
    names = sorted(path.stem for path in model.glob("*.pth"))
    if len(names) != 1:
        raise EngineUnavailable(
            f"easyocr: {model} must have one .pth file, and has {len(names)}", "give each model a directory of its own"
        )
    return names[0]


def _reader(languages: Sequence[str], model: Path, network: str, device: str, *, quantize: bool = True) -> Any:  # noqa: ANN401 - not typed
    """EasyOCR's reader with the network in `model`. On a CPU it makes integers of linear layers, unless told not to."""
    try:
        with stubbed_modules():
            import easyocr
    except ImportError as error:
        raise EngineUnavailable(f"easyocr: {error}", "pip install 'quorum-ocr[easyocr]'") from error
    try:
        with stubbed_modules():  # torch deprecates the quantisation that EasyOCR uses
            reader = easyocr.Reader(
                list(languages),
                gpu=False if device == "cpu" else device,
                model_storage_directory=str(model),
                user_network_directory=str(model),
                recog_network=network,
                detector=False,
                download_enabled=False,
                verbose=False,
                quantize=quantize,
            )
    except (OSError, ValueError, RuntimeError, KeyError, AttributeError, ImportError, TypeError) as error:
        raise EngineUnavailable(
            f"easyocr: {model} does not load for {', '.join(languages)}: {error!r}",
            f"give {network}.pth with {network}.py and {network}.yaml, or one of EasyOCR's own files",
        ) from error
    reader.recognizer.eval()
    return reader


def _described(model: Path, network: str) -> Mapping[str, Any]:
    """What NAME.yaml says of a custom network; nothing of EasyOCR's own, which read at 64 px."""
    import yaml

    config = model / f"{network}.yaml"
    return yaml.safe_load(config.read_text(encoding="utf-8")) if config.is_file() else {}


SPEC = EngineSpec(
    name="easyocr",
    scopes=frozenset({Scope.LINE, Scope.CHARACTER}),
    load=load,
    batch_size=16,
    resources=Resources(cpu=1.0, gpu=0.2, memory_mb=1500, openvino_mb=400),
    card=TORCH,
    runtimes=frozenset({Runtime.NATIVE, Runtime.OPENVINO}),
    convert=convert,
    prior_weights={"general": 0.20, "handwritten": 0.20, "printed": 0.25, "noisy": 0.35},
    languages=lambda engine: readable(tuple(LANGUAGES), engine.decoder.alphabet),
    by_language=lambda engine: not has_latin_letters(engine.decoder.alphabet),
)
