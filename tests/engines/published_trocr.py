"""TrOCR checkpoints in the shapes that their makers publish, with random parameters and tiny sizes.

The shapes are those of config.json and of the tokenizer's files at huggingface.co/microsoft/trocr-*: a DeiT encoder and
SentencePiece for the small ones, a ViT encoder and byte-level BPE for the others, positions of the decoder learned or
sinusoidal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PUBLISHED = [f"{size}-{kind}" for size in ("small", "base", "large") for kind in ("printed", "handwritten", "stage1")]
"""The models by name, without `trocr-`."""
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
ENCODER = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
IMAGE = {"image_size": 32, "patch_size": 16}
IDS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
DECODER = {"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 16}
SENTENCE = "the quick brown fox jumps over the lazy dog {}"


@dataclass(frozen=True)
class Published:
    """A folder as it is fetched, and the network that its weights were saved from."""

    folder: Path
    network: Any


def publish(name: str, folder: Path, named_class: bool = True) -> Published:
    """The checkpoint of that name; without `named_class` its tokenizer_config.json names none."""
    folder.mkdir(parents=True)
    small = name.startswith("small")
    vocabulary = _sentencepiece(folder) if small else _byte_level(folder)
    sinusoidal = name == "large-printed" or name.endswith("stage1")
    network = _network(vocabulary, small, sinusoidal)
    network.save_pretrained(folder, safe_serialization=True)
    kind = "DeiT" if small else "ViT"
    images = {"do_normalize": True, "do_resize": True, "feature_extractor_type": f"{kind}FeatureExtractor", "size": 32}
    images |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
    if small:
        images |= {"do_center_crop": False, "crop_size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    tokenizer = {**SPECIAL, "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    if named_class:
        tokenizer["tokenizer_class"] = "XLMRobertaTokenizer" if small else "RobertaTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    return Published(folder, network)


def _network(vocabulary: int, small: bool, sinusoidal: bool) -> Any:
    import torch
    from transformers import DeiTConfig, TrOCRConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

    encoder = DeiTConfig(**ENCODER, **IMAGE) if small else ViTConfig(qkv_bias=False, **ENCODER, **IMAGE)
    decoder = TrOCRConfig(
        vocab_size=vocabulary,
        max_position_embeddings=40,
        cross_attention_hidden_size=16,
        activation_function="relu" if small or sinusoidal else "gelu",
        layernorm_embedding=not sinusoidal,
        scale_embedding=small or sinusoidal,
        use_learned_position_embeddings=not sinusoidal,
        **DECODER,
        **IDS,
    )
    torch.manual_seed(7)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 1, 2
    network = VisionEncoderDecoderModel(config).eval()
    with torch.no_grad():  # random parameters of the usual size give almost the same answer for every image
        for parameter in network.parameters():
            parameter.mul_(8.0)
    return network


def _sentencepiece(folder: Path) -> int:
    """Write sentencepiece.bpe.model, and tell how many tokens XLM-R makes of it: it has four of its own."""
    import sentencepiece

    model = folder / "sentencepiece.bpe.model"
    with model.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_sentences(), model_writer=file, vocab_size=50, minloglevel=2
        )
    return sentencepiece.SentencePieceProcessor(model_file=str(model)).get_piece_size() + 2


def _sentences() -> Iterator[str]:
    return (SENTENCE.format(number) for number in range(200))


def _byte_level(folder: Path) -> int:
    from tokenizers import pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *alphabet, "th", "<mask>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\n")
    return len(tokens)
