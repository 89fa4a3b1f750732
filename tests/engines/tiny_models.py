"""Models of the real formats with random parameters, small enough to be made by a test: what they read is nonsense,
but it passes through all of the loading and reading code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

CHARACTERS = "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ €ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzäé"

NETWORK = '''
import torch


class Model(torch.nn.Module):
    """Columns of the image through one convolution and one linear layer."""

    def __init__(self, input_channel, output_channel, hidden_size, num_class):
        super().__init__()
        self.columns = torch.nn.Conv2d(input_channel, output_channel, (32, 8), stride=(32, 8))
        self.classes = torch.nn.Linear(output_channel, num_class)

    def forward(self, images, text):
        return self.classes(self.columns(images).squeeze(2).permute(0, 2, 1))
'''


def write_card(directory: Path, name: str, files: Sequence[str]) -> None:
    hashes = {file: hashlib.sha256((directory / file).read_bytes()).hexdigest() for file in files}
    card = {"name": name, "version": "1", "files": hashes}
    (directory / "metadata.json").write_text(json.dumps(card))


def easyocr_network(directory: Path, name: str = "tiny_crnn") -> Path:
    """A custom recognition network as EasyOCR documents it; its parameters carry the prefix of DataParallel."""
    import torch

    directory.mkdir(parents=True, exist_ok=True)
    params = {"input_channel": 1, "output_channel": 8, "hidden_size": 8}
    (directory / f"{name}.py").write_text(NETWORK)
    config = {"network_params": params, "imgH": 32, "lang_list": ["en"], "character_list": CHARACTERS}
    (directory / f"{name}.yaml").write_text(json.dumps(config))
    scope: dict[str, type] = {}
    exec(NETWORK, scope)
    torch.manual_seed(7)
    network = scope["Model"](num_class=len(CHARACTERS) + 1, **params)
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, directory / f"{name}.pth")
    write_card(directory, "tiny-crnn", [f"{name}.py", f"{name}.yaml", f"{name}.pth"])
    return directory


def easyocr_official(directory: Path) -> Path:
    """What EasyOCR's own english_g2 looks like on disk: its real architecture, random parameters."""
    import torch
    from easyocr.config import recognition_models
    from easyocr.model.vgg_model import Model

    directory.mkdir(parents=True, exist_ok=True)
    classes = len(recognition_models["gen2"]["english_g2"]["characters"]) + 1
    network = Model(input_channel=1, output_channel=256, hidden_size=256, num_class=classes)
    parameters = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save(parameters, directory / "english_g2.pth")
    write_card(directory, "english_g2", ["english_g2.pth"])
    return directory


def trocr_checkpoint(directory: Path) -> Path:
    """A VisionEncoderDecoder with a byte-level tokenizer, as `save_pretrained` writes it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        PreTrainedTokenizerFast,
        TrOCRConfig,
        TrOCRProcessor,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
        ViTImageProcessor,
    )

    special = ["<s>", "<pad>", "</s>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*special, *alphabet, "th"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("t", "h")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>")
    encoder = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16
    )
    decoder = TrOCRConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=16,
        max_position_embeddings=40,
        cross_attention_hidden_size=16,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
    )
    torch.manual_seed(7)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 1, 2
    network = VisionEncoderDecoderModel(config)
    with torch.no_grad():  # random parameters of the usual size give almost the same answer for every image
        for parameter in network.parameters():
            parameter.mul_(8.0)
    network.save_pretrained(directory, safe_serialization=True)
    images = ViTImageProcessor(size={"height": 32, "width": 32})
    TrOCRProcessor(image_processor=images, tokenizer=fast).save_pretrained(directory)
    return directory
