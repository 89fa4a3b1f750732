"""TrOCR: a VisionEncoderDecoder checkpoint that writes a line token by token (Li et al. 2021, arXiv:2109.10282).

The model directory is what `save_pretrained` writes: config, safetensors, and the processor with its tokenizer; it may
be one of microsoft/trocr-* or a smaller one of the same kind, with the encoder of engines/line_models. Decoding is
batched, with cached keys and values, and greedy unless the checkpoint's generation_config.json asks for beams
(`num_beams`). On a CPU a greedy one with the encoder of engines/line_models is read by OpenVINO, without torch, and
writes the same (engines/line_models/drafted_writer.py). A character's probability comes from the token that wrote it;
where it stands is not known. A model of this kind always writes something, so it abstains on what it was not made for:
single characters and other languages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from engines.common.blank_crops import is_blank
from engines.common.model_card import read_card
from engines.common.module_stubs import stubbed_modules
from engines.converted import store
from engines.devices.openvino_device import OpenvinoCannotRead, by_openvino
from engines.devices.torch_device import TORCH, prepare
from engines.line_models import LINE_ENCODER
from engines.line_models.drafted_decoding import Token
from ocr.errors import EngineUnavailable
from ocr.hypothesis import CharacterHypothesis, Hypothesis
from ocr.image import Crop, Pixels, Scope
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources, Runtime
from ocr.text.alphabet import Alphabet

if TYPE_CHECKING:
    from torch import Tensor

MAX_TOKENS = 128
"""A line longer than this is cut; the longest printed lines have half of it."""
BATCH_SIZE = 16
"""Crops that are written at once: those of similar width, because all are padded to the widest."""

_WANTED = "give a VisionEncoderDecoder checkpoint: config.json, model.safetensors, processor and tokenizer files"


Decode = Callable[[Sequence[int]], str]
"""Token ids to text."""


class Writer(Protocol):
    """Crops to tokens, tokens to text."""

    def write(self, crops: Sequence[Pixels]) -> list[list[Token]]:
        """The tokens of each crop, without the one that ends the line; all crops at once.

        The probability of a token is the network's own on the way that was chosen, before any rule of generation.
        """

    def text(self, ids: Sequence[int]) -> str:
        """What the tokens say, without the special ones."""


@dataclass(frozen=True, slots=True)
class TransformersWriter:
    """A network with its processor, as transformers loads them."""

    torch: ModuleType
    network: Any
    processor: Any
    device: str

    def write(self, crops: Sequence[Pixels]) -> list[list[Token]]:
        images = self.processor.image_processor(
            images=[np.array(crop) for crop in crops],  # torch warns of arrays that it cannot write, as from a store
            return_tensors="pt",
            input_data_format="channels_last",
        )
        with self.torch.inference_mode():
            seen = self.network.encoder(images.pixel_values.to(self.device))  # of (N, C, H, W) float32
            most = self._most(len(crops), getattr(seen, "most_tokens", None))
            output = self.network.generate(
                encoder_outputs=seen,
                num_beams=self.network.generation_config.num_beams or 1,
                do_sample=False,
                use_cache=True,
                max_new_tokens=max(most),
                return_dict_in_generate=True,
                output_logits=True,
            )
        ids, probabilities = self._chosen(output.sequences, output.logits, getattr(output, "beam_indices", None))
        ends = _ends(self.network)
        return [
            _until(ends, *row)[:limit] for *row, limit in zip(ids.tolist(), probabilities.tolist(), most, strict=True)
        ]

    def _chosen(self, sequences: Tensor, logits: Sequence[Tensor], beams: Tensor | None) -> tuple[Tensor, Tensor]:
        """The tokens (N, T) that generation decided for, and how probable each was, float32 (N, T).

        `logits` are those of each step, (N * beams, V); `beams` (N, T) tells in which row a token was chosen.
        """
        ids = sequences[:, 1:]  # the first is the token that starts every line
        steps = self.torch.stack([each.float().softmax(dim=-1) for each in logits[: ids.shape[1]]])
        if beams is None:
            rows = self.torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)
        else:
            rows = beams[:, : ids.shape[1]].clamp(min=0)  # -1 behind the end of a line
        places = self.torch.arange(ids.shape[1], device=ids.device)
        return ids, steps[places, rows, ids]  # steps (T, N * beams, V)

    def text(self, ids: Sequence[int]) -> str:
        decode = self.processor.tokenizer.decode
        return str(decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _most(self, lines: int, told: Tensor | None) -> list[int]:
        """How many tokens each of the lines may have: what the decoder has places for, and what its encoder told."""
        longest = _longest(self.network)
        return [longest] * lines if told is None else [min(longest, most) for most in told.tolist()]


def _longest(network: Any) -> int:  # noqa: ANN401 - transformers is not typed
    """The most tokens of a line: as many as the decoder has places for."""
    positions = getattr(network.config.decoder, "max_position_embeddings", None)
    return MAX_TOKENS if positions is None else min(MAX_TOKENS, positions - 2)


def _ends(network: Any) -> frozenset[int]:  # noqa: ANN401 - transformers is not typed
    """The tokens that end a line or fill it up."""
    found: set[int] = set()
    for config in (network.generation_config, network.config.decoder):
        for value in (config.eos_token_id, config.pad_token_id):
            found.update(value if isinstance(value, list) else [] if value is None else [value])
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class TrOCR:
    """A loaded checkpoint. `alphabet` is what its tokens write; None where they are pieces of UTF-8."""

    writer: Writer
    model: str
    languages: tuple[str, ...]
    alphabet: Alphabet | None = None

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order."""
        answers = [self._refusal(crop) or Hypothesis() for crop in crops]
        readable = [
            index for index, crop in enumerate(crops) if not answers[index].abstained and not is_blank(crop.pixels)
        ]
        readable.sort(key=lambda index: crops[index].region.width_px / crops[index].region.height_px)
        for first in range(0, len(readable), BATCH_SIZE):
            together = readable[first : first + BATCH_SIZE]
            lines = self.writer.write([crops[index].pixels for index in together])
            for index, tokens in zip(together, lines, strict=True):
                answers[index] = Hypothesis.of(characters(tokens, self.writer.text), self.alphabet)
        return answers

    def _refusal(self, crop: Crop) -> Hypothesis | None:
        if crop.region.scope is not Scope.LINE:
            return Hypothesis.abstain("TrOCR reads lines, not single characters")
        if not set(crop.languages) & set(self.languages):
            return Hypothesis.abstain(
                f"TrOCR was loaded for {', '.join(self.languages)}, not for {', '.join(crop.languages)}: "
                "set engines.trocr.languages if its model reads more"
            )
        return None


def characters(tokens: Sequence[Token], decode: Decode) -> list[CharacterHypothesis]:
    """The characters that the tokens wrote; n characters of a token of probability p get p ** (1 / n) each, so that
    their product is p again. Tokens that only together make a character (bytes of UTF-8) are taken together.
    """
    written: list[CharacterHypothesis] = []
    before, probability = "", 1.0
    for end in range(1, len(tokens) + 1):
        probability *= tokens[end - 1].probability
        text = decode([token.id for token in tokens[:end]])
        fresh = text[len(before) :]
        if not fresh or fresh.endswith("\N{REPLACEMENT CHARACTER}"):
            continue
        written += [CharacterHypothesis(letter, probability ** (1 / len(fresh))) for letter in fresh]
        before, probability = text, 1.0
    return _trimmed(written)


def _trimmed(written: list[CharacterHypothesis]) -> list[CharacterHypothesis]:
    """Without white space at the ends, and with one space for each other white space."""
    kept = [
        CharacterHypothesis(" ", character.probability) if character.text.isspace() else character
        for character in written
    ]
    while kept and kept[0].text == " ":
        del kept[0]
    while kept and kept[-1].text == " ":
        del kept[-1]
    return kept


def load(options: LoadOptions) -> Engine:
    """The checkpoint in the directory `options.model`.

    Raises EngineUnavailable when a package, the checkpoint or, on "cuda", the card is missing.
    """
    if options.model is None:
        raise EngineUnavailable("trocr: no model was given", "set its model to the path of a model directory")
    if not (options.model / "config.json").is_file():
        raise EngineUnavailable(f"trocr: no config.json in {options.model}", _WANTED)
    found = by_openvino("trocr", options, partial(_converted, options.model, options))
    writer, alphabet = found or _native(options.model, prepare("trocr", options))
    _try(writer, options.model)
    return TrOCR(writer, read_card(options.model).label, options.languages, alphabet)


def _native(model: Path, device: str) -> tuple[Writer, Alphabet | None]:
    """The checkpoint as transformers loads it, and what it can write."""
    try:
        with stubbed_modules():
            import torch

            from engines.line_models import line_encoder, trocr_checkpoint
    except ImportError as error:
        raise EngineUnavailable(f"trocr: {error}", "pip install 'quorum-ocr[trocr]'") from error
    try:
        with stubbed_modules():
            line_encoder.register()
            processor = trocr_checkpoint.load_processor(model)
            network = trocr_checkpoint.load_network(model)
    except (OSError, ValueError, KeyError) as error:
        raise EngineUnavailable(f"trocr: {model} does not load: {error}", _WANTED) from error
    if isinstance(network.encoder, line_encoder.LineEncoder):
        line_encoder.look_at_lines_alone(network.decoder)
    vocabulary, special = processor.tokenizer.get_vocab(), processor.tokenizer.all_special_tokens
    return TransformersWriter(torch, network.to(device).eval(), processor, device), alphabet_of(vocabulary, special)


def _converted(model: Path, options: LoadOptions) -> tuple[Writer, Alphabet | None]:
    """The checkpoint on OpenVINO, and what it can write."""
    from engines.line_models.drafted_writer import open_writer

    kind = json.loads((model / "config.json").read_text(encoding="utf-8")).get("encoder", {}).get("model_type")
    if kind != LINE_ENCODER:
        raise OpenvinoCannotRead(f"transformers alone has the encoder {kind}")
    writer = open_writer(store.converted("trocr", model, options.cache_dir), options.threads)
    return writer, Alphabet.of(filter(None, writer.pieces))


def convert(model: Path, folder: Path) -> Mapping[str, Any]:
    """Write the graphs of a greedy checkpoint with the encoder of engines/line_models.

    Raises OpenvinoCannotRead for others.
    """
    from engines.line_models import line_writer_graphs

    writer, alphabet = _native(model, "cpu")
    assert isinstance(writer, TransformersWriter)
    if alphabet is None:
        raise OpenvinoCannotRead("its tokens are not single characters")
    network, tokenizer = writer.network, writer.processor.tokenizer
    written = {token: text for text, token in tokenizer.get_vocab().items() if text not in tokenizer.all_special_tokens}
    height_px = getattr(writer.processor.image_processor, "height_px", 0)
    kept = line_writer_graphs.write(network, height_px, _longest(network), folder)
    classes, vocabulary = network.config.encoder.classes, network.config.decoder.vocab_size
    return {
        "pieces": [written.get(token, "") for token in range(vocabulary)],
        "kept": kept,
        "start": network.generation_config.decoder_start_token_id,
        "ends": sorted(_ends(network)),
        "first_token": vocabulary - len(written) if len(written) == classes - 1 else None,
        "height_px": height_px,
    }


def alphabet_of(vocabulary: Mapping[str, int], special: Sequence[str]) -> Alphabet | None:
    """What a tokenizer of whole characters can write; None for one of bytes or of pieces, which can write all."""
    tokens = [token for token in vocabulary if token not in special]
    return Alphabet.of(tokens) if all(len(token) == 1 for token in tokens) else None


def _try(writer: Writer, folder: Path) -> None:
    """Write one short line, so that a checkpoint that loads and cannot read is known before it is called ready."""
    paper = np.full((32, 128, 3), 255, np.uint8)
    paper[8:24, 16:112:8] = 0
    try:
        [tokens] = writer.write([paper])
        characters(tokens, writer.text)
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
        raise EngineUnavailable(
            f"trocr: {folder} loads, and fails on a line: {type(error).__name__}: {error}",
            "check that its files are of one checkpoint; quorum models pull trocr-small-printed fetches a whole one",
        ) from error


def _until(ends: frozenset[int], ids: Sequence[int], probabilities: Sequence[float]) -> list[Token]:
    """The tokens before the first that ends the line."""
    tokens: list[Token] = []
    for token, probability in zip(ids, probabilities, strict=True):
        if token in ends:
            break
        tokens.append(Token(token, min(1.0, probability)))
    return tokens


SPEC = EngineSpec(
    name="trocr",
    scopes=frozenset({Scope.LINE}),
    load=load,
    batch_size=BATCH_SIZE,
    resources=Resources(cpu=1.0, gpu=0.3, memory_mb=2000, openvino_mb=500),
    card=TORCH,
    runtimes=frozenset({Runtime.NATIVE, Runtime.OPENVINO}),
    convert=convert,
    prior_weights={"general": 0.15, "handwritten": 0.25, "printed": 0.05, "noisy": 0.10},
    languages=lambda engine: engine.languages,
    by_language=lambda _engine: True,
)
