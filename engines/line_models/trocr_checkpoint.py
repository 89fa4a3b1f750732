"""TrOCR checkpoints as their makers publish them, which today's transformers loads only in part.

Published folders differ. The base and large models have vocab.json and merges.txt, the small ones
sentencepiece.bpe.model, and newer tools save tokenizer.json. Some tokenizer_config.json names no class. Nothing is
fetched: everything comes from the folder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
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


def load_processor(folder: Path) -> TrOCRProcessor:
    """Image processor and tokenizer of a checkpoint.

    Raises OSError or ValueError when the folder has no image processor, or nothing that a tokenizer can be made from.
    """
    images = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
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


def _tokenizer_class(folder: Path) -> Any:  # noqa: ANN401 - transformers is not typed
    config = folder / "tokenizer_config.json"
    if config.is_file() and json.loads(config.read_text(encoding="utf-8")).get("tokenizer_class"):
        return AutoTokenizer
    for files, tokenizer in _BY_FILES:
        if all((folder / file).is_file() for file in files):
            return tokenizer
    known = "; ".join(" and ".join(files) for files, _ in _BY_FILES)
    raise ValueError(f"no tokenizer can be made: one of these is needed: {known}")


def _compute_positions(module: TrOCRSinusoidalPositionalEmbedding) -> None:
    """Compute the table of positions, which is neither a parameter nor a buffer.

    So `from_pretrained` of transformers 5 leaves it on the meta device, without numbers, and the first line read fails.
    """
    table = module.get_embedding(len(module.weights), module.embedding_dim, module.padding_idx)
    del module.weights
    module.register_buffer("weights", table, persistent=False)  # a buffer moves to the card with the rest
