"""The bundled line writer as two graphs without a loop, from which a runtime's graphs are traced.

The parts are those of a loaded checkpoint, and compute what `generate` makes them compute: the encoder sees a line
once; the decoder takes any number of tokens after those whose keys and values are kept. Both take one line, because
padding lines to the widest costs a CPU more than a batch saves. L is the layers of the decoder, H its heads, T the
columns of a line, P the places that are kept, S the tokens that are given, V the vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engines.converted import tracing
from engines.devices.openvino_device import OpenvinoCannotRead
from engines.line_models.drafted_writer import DECODER, ENCODER
from engines.line_models.line_encoder import LineEncoder
from engines.line_models.line_pictures import batch, scaled

_PLAIN = {"_from_model_config", "bos_token_id", "decoder_start_token_id", "eos_token_id", "pad_token_id"} | {
    "max_length",
    "output_attentions",
    "output_hidden_states",
    "transformers_version",
    "use_cache",
}
"""What generation_config.json says of greedy decoding."""
_NEVER = -1e9
"""Added to the score of what may not be looked at."""


class EncoderGraph(nn.Module):  # type: ignore[misc]  # torch is not followed
    """A line for the decoder to look at."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401 - transformers is not typed
        super().__init__()
        self.encoder = network.encoder
        self.attentions = nn.ModuleList(layer.encoder_attn for layer in network.decoder.model.decoder.layers)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Of `pixels` (1, 1, height, 4 T): keys and values of each layer (L, H, T, D), what is added to the score of
        each column (T,), the best class of each column (T,) int, and the most tokens (1,) int.
        """
        seen = self.encoder(pixels)
        columns = seen.last_hidden_state  # (1, T, C)
        keys = torch.stack([_heads(attention.k_proj(columns[0]), attention) for attention in self.attentions])
        values = torch.stack([_heads(attention.v_proj(columns[0]), attention) for attention in self.attentions])
        behind = torch.where(columns[0].ne(0.0).any(dim=-1), 0.0, _NEVER)
        return keys, values, behind, seen.step_logits[0].argmax(dim=-1).int(), seen.most_tokens.int()


class DecoderGraph(nn.Module):  # type: ignore[misc]  # torch is not followed
    """What follows each of some tokens, and the keys and values of these tokens."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401 - transformers is not typed
        super().__init__()
        self.decoder = network.decoder.model.decoder
        self.classes = network.decoder.output_projection
        positions = self.decoder.embed_positions
        self.register_buffer("positions", positions.weight[positions.offset :].detach(), persistent=False)

    def forward(
        self,
        tokens: Tensor,
        begin: Tensor,
        kept_keys: Tensor,
        kept_values: Tensor,
        keys: Tensor,
        values: Tensor,
        behind: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of `tokens` (S,) at the places from `begin` (1,) on, what is kept of the tokens before (L, H, P, D), and
        what EncoderGraph says of the line: probabilities (S, V), keys and values (L, H, S, D).
        """
        places = (begin + torch.arange(tokens.shape[0])).clamp(max=self.positions.shape[0] - 1)
        hidden = self.decoder.embed_tokens(tokens) + nn.functional.embedding(places, self.positions)
        if self.decoder.layernorm_embedding is not None:
            hidden = self.decoder.layernorm_embedding(hidden)
        empty = torch.where(torch.arange(kept_keys.shape[2]) < begin, 0.0, _NEVER)  # (P,)
        later = torch.full((tokens.shape[0], tokens.shape[0]), _NEVER).triu(1)  # (S, S)
        before = torch.cat([empty.expand(tokens.shape[0], -1), later], dim=1)  # (S, P + S)
        own_keys, own_values = [], []
        for at, layer in enumerate(self.decoder.layers):
            attention = layer.self_attn
            own_keys.append(_heads(attention.k_proj(hidden), attention))
            own_values.append(_heads(attention.v_proj(hidden), attention))
            all_keys = torch.cat([kept_keys[at], own_keys[-1]], dim=1)
            all_values = torch.cat([kept_values[at], own_values[-1]], dim=1)
            looked = _attend(attention, hidden, all_keys, all_values, before)
            hidden = layer.self_attn_layer_norm(hidden + looked)
            looked = _attend(layer.encoder_attn, hidden, keys[at], values[at], behind)
            hidden = layer.encoder_attn_layer_norm(hidden + looked)
            hidden = layer.final_layer_norm(hidden + layer.fc2(layer.activation_fn(layer.fc1(hidden))))
        return self.classes(hidden).softmax(dim=-1), torch.stack(own_keys), torch.stack(own_values)


def _heads(rows: Tensor, attention: Any) -> Tensor:  # noqa: ANN401
    """(N, C) to (H, N, D)."""
    return rows.view(-1, attention.num_heads, attention.head_dim).transpose(0, 1)


def _attend(attention: Any, hidden: Tensor, keys: Tensor, values: Tensor, added: Tensor) -> Tensor:  # noqa: ANN401
    """What `hidden` (S, C) finds among keys and values (H, N, D), with `added` (S, N) or (N,) to the scores: (S, C)."""
    asked = _heads(attention.q_proj(hidden) * attention.scaling, attention)
    shares = (asked @ keys.transpose(1, 2) + added).softmax(dim=-1)
    return attention.out_proj((shares @ values).transpose(0, 1).reshape(hidden.shape))


def write(network: Any, height_px: int, longest: int, folder: Path) -> tuple[int, int, int, int]:  # noqa: ANN401
    """Write both graphs of a VisionEncoderDecoder whose lines have `height_px` and at most `longest` tokens; the shape
    (L, H, P, D) of the keys that its decoder keeps.

    Raises OpenvinoCannotRead for an encoder or a way of generating that the graphs do not have.
    """
    _require_greedy_line_writer(network)
    layers, attention = network.decoder.model.decoder.layers, network.decoder.model.decoder.layers[0].self_attn
    kept = len(layers), attention.num_heads, longest, attention.head_dim
    of_line = (kept[0], kept[1], -1, kept[3])
    shapes = [(-1,), (1,), kept, kept, of_line, of_line, (-1,)]
    with tracing.plain_torch():
        encoder, decoder = EncoderGraph(network).eval(), DecoderGraph(network).eval()

        def given(text: str) -> tuple[tracing.Tensors, tracing.Tensors]:
            """What the encoder is given of a text, and the decoder then."""
            pixels = torch.from_numpy(batch([scaled(tracing.drawn(text), height_px)]))
            keys, values, behind, *_ = encoder(pixels)
            before = torch.rand(2, *kept)
            return (pixels,), (torch.arange(len(text)), torch.tensor([4]), *before, keys, values, behind)

        (traced, traced_tokens), (other, other_tokens) = given(tracing.TRACED), given(tracing.OTHER)
        tracing.write(folder / f"{ENCODER}.xml", encoder, [(1, 1, height_px, -1)], traced, other)
        tracing.write(folder / f"{DECODER}.xml", decoder, shapes, traced_tokens, other_tokens)
    return kept


def _require_greedy_line_writer(network: Any) -> None:  # noqa: ANN401
    if not isinstance(network.encoder, LineEncoder):
        raise OpenvinoCannotRead(f"its encoder is a {type(network.encoder).__name__}")
    rules = network.generation_config.to_diff_dict().keys() - _PLAIN
    if rules:
        raise OpenvinoCannotRead(f"its generation_config.json has {', '.join(sorted(rules))}")
    if not network.config.decoder.use_learned_position_embeddings:
        raise OpenvinoCannotRead("the positions of its decoder are not learned ones")
