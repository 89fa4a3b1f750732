"""Making, saving and opening the bundled line writer: transformers' VisionEncoderDecoder with the parts of
engines/line_models, and a tokenizer of one token a character.

The decoder is transformers' own TrOCR decoder. It starts aligned: its position table holds the codes that number the
encoder's columns, and half of the heads of its first layer compare just these, so that who writes place i looks at the
columns of place i from the first step on.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.common.model_card import CARD_FILE
from training.lines.characters import CHARACTERS, origins
from training.lines.ctc.model import with_rows

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, TrOCRProcessor, VisionEncoderDecoderModel

NAME = "quorum-writer"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BEGIN, PAD, END, UNKNOWN = range(len(SPECIAL))
MOST_TOKENS = 128
_CTC = "encoder.ctc."
_SAID = "encoder.said.weight"
_TOKENS, _HEAD = "decoder.model.decoder.embed_tokens.weight", "decoder.output_projection.weight"


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a line writer: `neck`, `channels`, `hidden` and `characters` are those of its CTC network, the others
    of what is above. `counted` numbers columns by characters, not by columns.
    """

    width: int = 256
    heads: int = 4
    feed_forward: int = 768
    neck: str = "convolutional"
    channels: int = 256
    hidden: int = 512
    encoder_layers: int = 2
    decoder_layers: int = 2
    counted: bool = True
    dropout: float = 0.1
    characters: str = CHARACTERS


def tokenizer(characters: str) -> PreTrainedTokenizerFast:
    """One token a character, with the special tokens that the decoder needs."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *characters))}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[UNKNOWN]))
    plain.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    plain.decoder = decoders.Fuse()
    begin, pad, end, unknown = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=plain,
        bos_token=begin,
        pad_token=pad,
        eos_token=end,
        unk_token=unknown,
        model_max_length=MOST_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def tokens_of(text: str, characters: str) -> list[int]:
    """The tokens of a line with the one that ends it. Raises ValueError for a character that has none."""
    try:
        return [len(SPECIAL) + characters.index(letter) for letter in text] + [END]
    except ValueError as error:
        raise ValueError(f"{text!r} has a character without a token") from error


def processor(characters: str) -> TrOCRProcessor:
    from transformers import TrOCRProcessor

    from engines.line_models import line_encoder
    from engines.line_models.line_image_processor import LineImageProcessor

    line_encoder.register()
    return TrOCRProcessor(image_processor=LineImageProcessor(), tokenizer=tokenizer(characters))


def build(shape: Shape) -> VisionEncoderDecoderModel:
    """A line writer with fresh parameters."""
    from transformers import TrOCRConfig, VisionEncoderDecoderConfig, VisionEncoderDecoderModel

    from engines.line_models import line_encoder

    line_encoder.register()
    encoder = line_encoder.LineEncoderConfig(
        neck=shape.neck,
        channels=shape.channels,
        hidden=shape.hidden,
        hidden_size=shape.width,
        num_hidden_layers=shape.encoder_layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        dropout=shape.dropout,
        counted=shape.counted,
        classes=len(shape.characters) + 1,
    )
    decoder = TrOCRConfig(
        vocab_size=len(SPECIAL) + len(shape.characters),
        d_model=shape.width,
        decoder_layers=shape.decoder_layers,
        decoder_attention_heads=shape.heads,
        decoder_ffn_dim=shape.feed_forward,
        max_position_embeddings=MOST_TOKENS + 2,
        dropout=shape.dropout,
        tie_word_embeddings=False,  # tied, what a decoder was given is what it first writes, and has to unlearn
        cross_attention_hidden_size=shape.width,
        bos_token_id=BEGIN,
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=BEGIN,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = BEGIN, PAD, END
    model = VisionEncoderDecoderModel(config)
    line_encoder.look_at_lines_alone(model.decoder)
    if shape.counted:
        _align(model, shape)
    return model


def _align(model: VisionEncoderDecoderModel, shape: Shape) -> None:
    """Give the decoder the encoder's codes in the same values, tokens the others, and what it looks at a weight at
    which it is heard: transformers' own is for networks that are four times as wide.
    """
    import torch

    from engines.line_models.line_encoder import code

    decoder = model.decoder.model.decoder
    positions, tokens, attention = decoder.embed_positions, decoder.embed_tokens, decoder.layers[0].encoder_attn
    of_head = shape.width // shape.heads
    with torch.no_grad():
        torch.nn.init.normal_(model.encoder.said.weight, std=0.3)
        torch.nn.init.normal_(tokens.weight, std=0.3)
        tokens.weight[:, -of_head:] = 0.0
        positions.weight.zero_()  # the rows before the offset are never looked up
        places = torch.arange(positions.num_embeddings - positions.offset)[None]
        positions.weight[positions.offset :, -of_head:] = code(places, of_head)[0]
        for layer in decoder.layers:
            torch.nn.init.xavier_uniform_(layer.encoder_attn.v_proj.weight)
            torch.nn.init.xavier_uniform_(layer.encoder_attn.out_proj.weight)
        for head in range(shape.heads // 2):
            for projection in (attention.q_proj, attention.k_proj):
                rows = projection.weight[head * of_head : (head + 1) * of_head]
                rows.zero_()
                rows[:, -of_head:] = torch.eye(of_head)


def save(
    model: VisionEncoderDecoderModel, characters: str, folder: Path, version: str, about: Mapping[str, object]
) -> None:
    """The checkpoint in half precision with its processor and tokenizer, as `from_pretrained` opens it, and its card.

    `about` goes into the card beside name, version and files: what a later run needs to go on from here.
    """
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.float16).save_pretrained(folder, safe_serialization=True)
    processor(characters).save_pretrained(folder)
    files = sorted(path for path in folder.iterdir() if path.name != CARD_FILE)
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    card = {"name": NAME, "version": version, **about, "files": hashes}
    (folder / CARD_FILE).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def read_characters(folder: Path) -> str:
    """What the tokens of a directory that `save` wrote are, without the special ones."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    return "".join(sorted((token for token in vocabulary if token not in SPECIAL), key=vocabulary.__getitem__))


def with_characters(weights: Mapping[str, torch.Tensor], known: str, shape: Shape) -> dict[str, torch.Tensor]:
    """`weights` of a writer of the characters `known` as those of one of `shape`, without its CTC network.

    What is new begins as the character that it was taken for, or as nothing where there is none
    (training/lines/characters.py).
    """
    kept = {key: value for key, value in weights.items() if not key.startswith(_CTC)}
    if known == shape.characters:
        return kept
    for key in (_TOKENS, _HEAD):
        kept[key] = with_rows(kept[key], origins(known, shape.characters, special=len(SPECIAL)))
    kept[_SAID] = with_rows(kept[_SAID].T, origins(known, shape.characters, special=1)).T.contiguous()
    return kept


def read_weights(folder: Path) -> dict[str, Any]:
    """The parameters in a directory that `save` wrote, in single precision."""
    import torch
    from transformers import VisionEncoderDecoderModel

    from engines.line_models import line_encoder

    line_encoder.register()
    model = VisionEncoderDecoderModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return dict(model.state_dict())
