"""TrOCR checkpoints as their makers publish them, which today's transformers loads only in part.

Published folders differ. The base and large models have vocab.json and merges.txt, the small ones
sentencepiece.bpe.model, and newer tools save tokenizer.json. Some name no class of tokenizer or image processor, or one
that transformers does not have. Nothing is fetched: everything comes from the folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    BaseImageProcessor,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
    TrOCRProcessor,
    VisionEncoderDecoderModel,
    XLMRobertaTokenizer,
)
from transformers.models.trocr.modeling_trocr import TrOCRSinusoidalPositionalEmbedding

_BY_FILES: Sequence[tuple[tuple[str, ...], type[PreTrainedTokenizerBase]]] = (
    (("tokenizer.json",), PreTrainedTokenizerFast),
    (("sentencepiece.bpe.model",), XLMRobertaTokenizer),
    (("vocab.json", "merges.txt"), RobertaTokenizer),
)
"""The tokenizer for a folder that names none, by the files that it is made from; the first that is there counts."""
_IMAGE_FILES = ("preprocessor_config.json", "processor_config.json")


def load_processor(folder: Path) -> TrOCRProcessor:
    """Image processor and tokenizer of a checkpoint.

    Raises OSError or ValueError when the folder has no image processor, or nothing that a tokenizer can be made from.
    """
    images = _image_processor(folder)
    tokenizer = _tokenizer_class(folder).from_pretrained(folder, local_files_only=True)
    return TrOCRProcessor(image_processor=images, tokenizer=tokenizer)


def load_network(folder: Path) -> VisionEncoderDecoderModel:
    """The network of a checkpoint, float32, from model.safetensors.

    Raises OSError, ValueError or KeyError when it cannot be made.
    """
    network = VisionEncoderDecoderModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    )
    for module in network.modules():
        if isinstance(module, TrOCRSinusoidalPositionalEmbedding):
            _compute_positions(module)
    return network


def _image_processor(folder: Path) -> BaseImageProcessor:
    """Of the class that the folder names; where it names none, of that which transformers has for its encoder."""
    if not any((folder / file).is_file() for file in _IMAGE_FILES):
        raise ValueError(f"no image processor can be made: one of these is needed: {'; '.join(_IMAGE_FILES)}")
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    encoder = getattr(config, "encoder", config)  # of the whole, transformers has no image processor
    return AutoImageProcessor.from_pretrained(folder, config=encoder, local_files_only=True)


def _tokenizer_class(folder: Path) -> Any:  # noqa: ANN401 - transformers is not typed
    if _names_a_tokenizer(folder):
        return AutoTokenizer
    for files, tokenizer in _BY_FILES:
        if all((folder / file).is_file() for file in files):
            return tokenizer
    known = "; ".join(" and ".join(files) for files, _ in _BY_FILES)
    raise ValueError(f"no tokenizer can be made: one of these is needed: {known}")


def _names_a_tokenizer(folder: Path) -> bool:
    """Whether tokenizer_config.json names a class that transformers has, and not the one for any tokenizer.json."""
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return False
    named = json.loads(config.read_text(encoding="utf-8")).get("tokenizer_class") or ""
    return getattr(transformers, named, PreTrainedTokenizerFast) is not PreTrainedTokenizerFast


def _compute_positions(module: TrOCRSinusoidalPositionalEmbedding) -> None:
    """Compute the table of positions, which is neither a parameter nor a buffer.

    So `from_pretrained` of transformers 5 leaves it on the meta device, without numbers, and the first line read fails.
    """
    table = module.get_embedding(len(module.weights), module.embedding_dim, module.padding_idx)
    del module.weights
    module.register_buffer("weights", table, persistent=False)  # a buffer moves to the card with the rest
