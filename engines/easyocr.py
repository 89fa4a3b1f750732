"""EasyOCR's recogniser, loaded by `easyocr.Reader` itself and decoded here from the raw CTC output.

A model directory holds either a custom recognition network in EasyOCR's format (NAME.py with class Model, NAME.yaml,
NAME.pth) or one of EasyOCR's own files (english_g2.pth). A .pth is a pickle and NAME.py is code: both are opened only
when their sha256 is the one in metadata.json. Crops are prepared by EasyOCR's own functions; its public answer has one
confidence a line, so the network is asked directly. EasyOCR's detector is not used and nothing is downloaded.
Source: https://github.com/JaidedAI/EasyOCR/blob/master/custom_model.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.common.blank_crops import is_blank
from engines.common.ctc import Decoder, Steps
from engines.common.model_card import read_card, verified
from engines.common.module_stubs import stubbed_modules
from engines.common.text_rows import MARGIN, crop_to_text_rows
from engines.common.unreadable import unreadable
from engines.devices.torch_device import TORCH, prepare
from ocr.errors import EngineUnavailable
from ocr.hypothesis import Hypothesis
from ocr.image import Crop, Scope
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources
from ocr.text.languages import LANGUAGES, readable

MAX_RATIO = 60
"""A crop that is wider than this many times its height is squeezed to it: nothing else bounds the memory it takes."""
_OTHER_MODEL = "set engines.easyocr.model to a model of EasyOCR's for it, or let the other engines read"
GPU_BATCH = 16
"""Crops in one run on a GPU. On a CPU it is one, as EasyOCR itself does it: padding costs more than a batch saves."""


@dataclass(frozen=True, slots=True)
class EasyOCR:
    """A loaded recogniser. `height_px` is what its network reads at, `row_margin` what a line keeps above and below its
    letters (engines/common/text_rows.py), `together` how many crops one run takes.
    """

    torch: ModuleType
    reader: Any
    decoder: Decoder
    height_px: int
    row_margin: float
    model: str
    together: int

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order."""
        answers = [self._refusal(crop) or Hypothesis() for crop in crops]
        readable = [
            index for index, crop in enumerate(crops) if not answers[index].abstained and not is_blank(crop.pixels)
        ]
        readable.sort(key=lambda index: crops[index].region.width_px / crops[index].region.height_px)
        for first in range(0, len(readable), self.together):
            batch = readable[first : first + self.together]
            for index, (steps, step_px) in zip(batch, self._run([crops[index] for index in batch]), strict=True):
                answers[index] = self.decoder.hypothesis(crops[index], steps, step_px)
        return answers

    def _refusal(self, crop: Crop) -> Hypothesis | None:
        reason = unreadable(f"the model {self.model}", crop.languages, self.decoder.alphabet, _OTHER_MODEL)
        return None if reason is None else Hypothesis.abstain(reason)

    def _run(self, crops: Sequence[Crop]) -> Iterator[tuple[Steps, float]]:
        """The steps of each crop, and the width of one step in crop pixels."""
        greys = [_grey(crop, self.row_margin) for crop in crops]
        scaled, widths = zip(*(self._scale(grey) for grey in greys), strict=True)
        padded_width = max(widths)
        for crop, grey, steps in zip(crops, greys, self._infer(scaled, padded_width), strict=True):
            height, width = grey.shape
            scaled_width = min(math.ceil(self.height_px * width / height), padded_width)
            yield steps, padded_width / steps.shape[0] * crop.region.width_px / scaled_width

    def _scale(self, grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
        """The crop at the network's height, and the width that EasyOCR would pad it to."""
        from easyocr.utils import get_image_list

        height, width = grey.shape
        [(_, scaled)], padded_width = get_image_list([[0, width, 0, height]], [], grey, model_height=self.height_px)
        return scaled, int(padded_width)

    def _infer(self, crops: Sequence[NDArray[np.uint8]], width_px: int) -> Steps:
        """Probabilities (N, T, C) of scaled crops that are padded to `width_px`."""
        from easyocr.recognition import AlignCollate
        from PIL import Image

        collate = AlignCollate(imgH=self.height_px, imgW=width_px, keep_ratio_with_pad=True)
        images = collate([Image.fromarray(crop) for crop in crops])  # (N, 1, H, W) float32 in [-1, 1]
        text = self.torch.zeros(len(crops), 1, dtype=self.torch.long)  # only attention networks look at it
        device = self.reader.device
        with self.torch.inference_mode():
            output = self.reader.recognizer(images.to(device), text.to(device))  # (N, T, C)
            steps: Steps = output.softmax(dim=2).float().cpu().numpy()
        return steps


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
    for suffix in (".py", ".pth"):
        if (options.model / f"{network}{suffix}").exists():
            verified(options.model, card, f"{network}{suffix}")
    device = prepare("easyocr", options)
    torch, reader = _reader(options, options.model, network, device)
    described = _described(options.model, network)
    height, margin = int(described.get("imgH") or 64), float(described.get("row_margin") or MARGIN)
    together = 1 if device == "cpu" else GPU_BATCH
    return EasyOCR(torch, reader, Decoder(reader.converter.character), height, margin, card.label, together)


def _network_name(model: Path) -> str:
    """NAME of the only NAME.pth in the directory."""
    names = sorted(path.stem for path in model.glob("*.pth"))
    if len(names) != 1:
        raise EngineUnavailable(
            f"easyocr: {model} must have one .pth file, and has {len(names)}", "give each model a directory of its own"
        )
    return names[0]


def _reader(options: LoadOptions, model: Path, network: str, device: str) -> tuple[ModuleType, Any]:
    """Torch, and EasyOCR's reader with the network in `model`."""
    try:
        with stubbed_modules():
            import easyocr
            import torch
    except ImportError as error:
        raise EngineUnavailable(f"easyocr: {error}", "pip install 'quorum-ocr[easyocr]'") from error
    try:
        with stubbed_modules():  # torch deprecates the quantisation that EasyOCR uses
            reader = easyocr.Reader(
                list(options.languages),
                gpu=False if device == "cpu" else device,
                model_storage_directory=str(model),
                user_network_directory=str(model),
                recog_network=network,
                detector=False,
                download_enabled=False,
                verbose=False,
            )
    except (OSError, ValueError, RuntimeError, KeyError, AttributeError, ImportError, TypeError) as error:
        raise EngineUnavailable(
            f"easyocr: {model} does not load for {', '.join(options.languages)}: {error!r}",
            f"give {network}.pth with {network}.py and {network}.yaml, or one of EasyOCR's own files",
        ) from error
    reader.recognizer.eval()
    return torch, reader


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
    resources=Resources(cpu=1.0, gpu=0.2, memory_mb=1500),
    card=TORCH,
    prior_weights={"general": 0.20, "handwritten": 0.20, "printed": 0.25, "noisy": 0.35},
    languages=lambda engine: readable(tuple(LANGUAGES), engine.decoder.alphabet),
    by_language=True,
)
