"""EasyOCR's recogniser, loaded by `easyocr.Reader` itself, or on a CPU converted from that and read by OpenVINO without
torch. How lines are given to a network is in engines/easyocr_networks/.

A model directory holds either a custom recognition network in EasyOCR's format (NAME.py with class Model, NAME.yaml,
NAME.pth) or one of EasyOCR's own files (english_g2.pth). A .pth is a pickle and NAME.py is code: both are opened only
when their sha256 is the one in metadata.json. EasyOCR's detector is not used and nothing is downloaded.

A second network may read the lines that look written by hand (`Region.material`). It is opened when such a line comes
and let go when none came for a while, so that pages of print cost what they did.
Source: https://github.com/JaidedAI/EasyOCR/blob/master/custom_model.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.common.blank_crops import is_blank
from engines.common.ctc import Decoder, Steps
from engines.common.model_card import ModelCard, read_card, verified
from engines.common.module_stubs import stubbed_modules
from engines.common.on_demand import OnDemand
from engines.common.text_rows import MARGIN
from engines.common.usual_characters import is_latin
from engines.converted import store
from engines.converted.store import ConvertedModel
from engines.devices.full_batches import in_full_batches
from engines.devices.openvino_device import by_openvino
from engines.devices.torch_device import TORCH, prepare
from engines.easyocr_networks.handwriting_reader import HandwritingReader, read_languages
from engines.easyocr_networks.line_network import CHARACTERS, Infer, LineNetwork, heights, network_input
from ocr.errors import EngineUnavailable
from ocr.hypothesis import Hypothesis
from ocr.image import Crop, Material, Scope
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources, Runtime
from ocr.runtime.openvino_network import open_network
from ocr.text.languages import LANGUAGES, has_latin_letters, readable

GPU_BATCH = 16
"""Crops in one run on a GPU. On a CPU it is one, as EasyOCR itself does it: padding costs more than a batch saves."""
GRAPH = "network"
"""The name of the converted network."""
_WARM_RATIOS = range(1, 43)
"""Of the padded widths of most lines to their height: each new one has to be prepared once."""
_COUNTS = (1, 4, CHARACTERS)
"""So many pictures OpenVINO is given at once: to the next of these they are filled up."""


@dataclass(frozen=True, slots=True)
class EasyOCR:
    """A loaded recogniser: the network for all crops, and one for lines that look written by hand, if there is one,
    which is loaded when such a line comes. `model` names both.
    """

    network: LineNetwork
    handwriting: OnDemand[HandwritingReader] | None
    model: str

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order."""
        refusals = [self.network.refusal(crop) for crop in crops]
        answers = [Hypothesis() if reason is None else Hypothesis.abstain(reason) for reason in refusals]
        inked = [index for index, reason in enumerate(refusals) if reason is None and not is_blank(crops[index].pixels)]
        for index, hypothesis in zip(inked, self.network.read([crops[index] for index in inked]), strict=True):
            answers[index] = hypothesis
        written = [index for index in inked if _looks_written(crops[index])]
        if self.handwriting is not None and written:
            with self.handwriting.used() as by_hand:
                read = by_hand.read([crops[index] for index in written], [answers[index] for index in written])
            for index, hypothesis in zip(written, read, strict=True):
                answers[index] = hypothesis
        return answers


def _looks_written(crop: Crop) -> bool:
    """Whether it is a line that looks written by hand, in Latin script: a network that lacks an accent or two reads a
    hand better than one that has them and knows print alone.
    """
    region = crop.region
    by_hand = region.scope is Scope.LINE and region.material is Material.HANDWRITTEN
    return by_hand and any(map(is_latin, crop.languages))


def load(options: LoadOptions) -> Engine:
    """The recogniser in the directory `options.model`, with that of `options.handwriting` for lines written by hand.

    Raises EngineUnavailable when a package, the model, a language of it or, on "cuda", the card is missing, and when a
    file is not the recorded one.
    """
    if options.model is None:
        raise EngineUnavailable("easyocr: no model was given", "set its model to the path of a model directory")
    runs = ThreadPoolExecutor(options.threads, thread_name_prefix="easyocr")
    network = _opened(options.model, options, runs, _WARM_RATIOS)
    if options.handwriting is None:
        return EasyOCR(network, None, network.model)
    label = _require_recorded(options.handwriting).label
    own = tuple(_described(options.handwriting).get("lang_list") or options.languages)
    hand = replace(options, model=options.handwriting, languages=own)
    by_openvino("easyocr", hand, partial(_converted, options.handwriting, hand))  # now, if that was not done
    handwriting = OnDemand(f"easyocr: {label}", partial(_handwriting, options.handwriting, hand, runs))
    return EasyOCR(network, handwriting, f"{network.model}+{label}")


def _opened(
    model: Path, options: LoadOptions, runs: ThreadPoolExecutor, warm_ratios: Sequence[int] = ()
) -> LineNetwork:
    """The network in a directory, having met pictures of these widths to heights. Raises as `load` does."""
    card, described = _require_recorded(model), _described(model)
    height_px, margin = int(described.get("imgH") or 64), float(described.get("row_margin") or MARGIN)
    together = 1
    found = by_openvino("easyocr", options, partial(_by_openvino, model, options, height_px, warm_ratios))
    if found is None:
        device = prepare("easyocr", options)
        found = _native(_reader(options.languages, model, device, quantize=not described), device)
        together = 1 if device == "cpu" else GPU_BATCH
    infer, characters = found
    return LineNetwork(infer, Decoder(characters), height_px, margin, card.label, together, runs)


def _handwriting(model: Path, options: LoadOptions, runs: ThreadPoolExecutor) -> HandwritingReader:
    """The reader of lines written by hand in a directory. Raises as `load` does."""
    return HandwritingReader(_opened(model, options, runs), read_languages(model))


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


def _converted(model: Path, options: LoadOptions) -> ConvertedModel:
    """What OpenVINO reads of a model directory. Raises EngineUnavailable where that is in other languages."""
    converted = store.converted("easyocr", model, options.cache_dir)
    known = converted.about["languages"]
    if known is not None and not set(options.languages) <= set(known):
        raise EngineUnavailable(
            f"easyocr: {model} does not load for {', '.join(options.languages)}",
            f"it was made for {', '.join(known)}: set engines.easyocr.languages to these, or its model to another",
        )
    return converted


def _by_openvino(
    model: Path, options: LoadOptions, height_px: int, warm_ratios: Sequence[int]
) -> tuple[Infer, Sequence[str]]:
    """Inference by OpenVINO, and the characters of its columns."""
    converted = _converted(model, options)
    lines = [(1, 1, height_px, ratio * height_px) for ratio in warm_ratios]
    singles = [(count, 1, height_px, ratio * height_px) for count in _COUNTS[1:] for ratio in (1, 2)] if lines else []
    network = open_network(converted.graph(GRAPH), options.threads, [*lines, *singles])
    return in_full_batches(network, _COUNTS), converted.about["characters"]


def convert(model: Path, folder: Path) -> Mapping[str, Any]:
    """Write the graph of a recogniser in EasyOCR's format. Raises OpenvinoCannotRead where it gives something else."""
    import torch
    from PIL import Image

    from engines.converted import tracing

    _require_recorded(model)
    described = _described(model)
    languages = described.get("lang_list")
    reader = _reader(tuple(languages or ("en",)), model, "cpu", quantize=False)
    height_px = int(described.get("imgH") or 64)

    class Probabilities(torch.nn.Module):  # type: ignore[misc] # torch is not followed
        def __init__(self) -> None:
            super().__init__()
            self.recognizer = reader.recognizer

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return self.recognizer(pictures, torch.zeros(1, 1, dtype=torch.long)).softmax(dim=2)

    def given(text: str) -> tuple[torch.Tensor]:
        grey = np.asarray(Image.fromarray(tracing.drawn(text)).convert("L"))
        drawn = network_input(grey, height_px, height_px * heights(grey.shape[1] / grey.shape[0]))
        return (torch.from_numpy(drawn[None, None]),)

    shapes = [(-1, 1, height_px, -1)]
    with tracing.plain_torch():
        tracing.write(folder / f"{GRAPH}.xml", Probabilities(), shapes, given(tracing.TRACED), given(tracing.OTHER))
    return {"characters": list(reader.converter.character), "languages": languages}


def _require_recorded(model: Path) -> ModelCard:
    """The card of a model. Raises EngineUnavailable when a file that can run code is not the recorded one."""
    network, card = _network_name(model), read_card(model)
    for suffix in (".py", ".pth"):
        if (model / f"{network}{suffix}").exists():
            verified(model, card, f"{network}{suffix}")
    return card


def _network_name(model: Path) -> str:
    """NAME of the only NAME.pth in the directory."""
    names = sorted(path.stem for path in model.glob("*.pth"))
    if len(names) != 1:
        raise EngineUnavailable(
            f"easyocr: {model} must have one .pth file, and has {len(names)}", "give each model a directory of its own"
        )
    return names[0]


def _reader(languages: Sequence[str], model: Path, device: str, *, quantize: bool) -> Any:  # noqa: ANN401 - not typed
    """EasyOCR's reader with the network in `model`. With `quantize` it makes 8-bit integers of linear layers on a CPU:
    its own networks read so by default, and those that are trained here then read other letters on some lines.
    """
    network = _network_name(model)
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


def _described(model: Path) -> Mapping[str, Any]:
    """What NAME.yaml says of a custom network; nothing of EasyOCR's own, which read at 64 px."""
    import yaml

    config = model / f"{_network_name(model)}.yaml"
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
    languages=lambda engine: readable(tuple(LANGUAGES), engine.network.decoder.alphabet),
    by_language=lambda engine: not has_latin_letters(engine.network.decoder.alphabet),
    handwriting=True,
)
