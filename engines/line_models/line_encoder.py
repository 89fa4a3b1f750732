"""The encoder of the bundled line writer: columns of a line, numbered by how many characters stand before them.

The CTC network of ctc_network.py (Graves et al. 2006) sees columns of 4 px. Where its best path begins a new character,
the count goes up by one, and the position code of a column is that of its count. A decoder that has written i
characters finds the next one at the columns of code i: the alignment, which a decoder otherwise takes most of its
training to learn, can be given to it at the start. Transformer layers then let columns see each other, so that a wrong
count can be mended.

Columns behind the end of a line are zeros, and nothing looks at them: what is read of a line does not depend on the
lines beside it in a batch.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoImageProcessor, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from engines.line_models import LINE_ENCODER
from engines.line_models.ctc_network import Model
from engines.line_models.line_image_processor import LineImageProcessor

BLANK = 0
"""The CTC class that says nothing."""
COLUMN_PX = 4
MOST_PLACES = 1024
"""More columns than a line has."""
DRIFTING_LINES = 0.25
"""Share of the lines that are miscounted by one in training, so that the count is not all that the decoder trusts."""
PAPER_COLUMNS = 4
"""So many columns behind the last one with ink belong to a line."""


class LineEncoderConfig(PreTrainedConfig):  # type: ignore[misc]  # transformers is not typed
    """`channels`, `hidden`, `neck` and `classes` are those of the CTC network, the others of the layers above it.

    `counted` numbers columns by the characters before them; without it by the columns before them.
    """

    model_type = LINE_ENCODER

    channels: int = 256
    hidden: int = 256
    neck: str = "recurrent"
    classes: int = 96
    hidden_size: int = 256
    num_hidden_layers: int = 2
    num_attention_heads: int = 4
    intermediate_size: int = 768
    dropout: float = 0.1
    counted: bool = True


@dataclass
class LineEncoderOutput(BaseModelOutput):  # type: ignore[misc]
    """What the decoder looks at, `step_logits` (N, T, classes) of CTC, and `most_tokens` (N,): a decoder that writes
    more than these has lost its place and repeats itself.
    """

    step_logits: Tensor | None = None
    most_tokens: Tensor | None = None


class LineEncoder(PreTrainedModel):  # type: ignore[misc]
    """Pixels (N, 1, H, W) to columns (N, W / 4, hidden_size)."""

    config_class = LineEncoderConfig
    main_input_name = "pixel_values"

    def __init__(self, config: LineEncoderConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.ctc = Model(1, config.channels, config.hidden, config.classes, config.neck)
        self.widen = nn.Linear(self.ctc.neck.out_channels, width)
        self.said = nn.Linear(config.classes, width, bias=False)
        self.enter = nn.LayerNorm(width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                config.num_attention_heads,
                config.intermediate_size,
                config.dropout,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(config.num_hidden_layers)
        )
        self.leave = nn.LayerNorm(width)
        self.post_init()

    def forward(self, pixel_values: Tensor, **_: object) -> LineEncoderOutput:
        """Other arguments are those that transformers hands to every encoder; they change nothing here."""
        features = self.ctc.features(pixel_values)  # (N, T, C)
        logits = self.ctc.classes(self.ctc.dropout(features))  # (N, T, classes)
        best = logits.detach().float()
        places = counts(best.argmax(dim=-1)) if self.config.counted else columns(best)  # (N, T)
        seen = self.widen(features) + self.said(best.softmax(dim=-1))
        most = places.amax(dim=1) * 5 // 4 + 6  # a quarter more than were counted, and the one that ends the line
        if self.training and self.config.counted:
            places = drifted(places, DRIFTING_LINES)
        behind = behind_line(pixel_values, features.shape[1])  # (N, T)
        hidden = numbered(self.enter(seen), places, self.config.hidden_size // self.config.num_attention_heads)
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=behind)
        hidden = self.leave(hidden).masked_fill(behind.unsqueeze(-1), 0.0)
        return LineEncoderOutput(last_hidden_state=hidden, step_logits=logits, most_tokens=most)


def behind_line(pixels: Tensor, steps: int) -> Tensor:
    """Whether each of `steps` columns stands behind a line, bool (N, steps): where nothing but the last column of its
    pixels (N, 1, H, W) is repeated.
    """
    changes = (pixels != pixels[..., -1:]).flatten(1, 2).any(dim=1)  # (N, W)
    places = torch.arange(1, changes.shape[1] + 1, device=pixels.device)
    ends = (changes * places).amax(dim=1)  # (N,) px
    kept = -(-ends // COLUMN_PX) + PAPER_COLUMNS
    return torch.arange(steps, device=pixels.device) >= kept.unsqueeze(1)


def look_at_lines_alone(decoder: nn.Module) -> None:
    """Have a decoder look past the columns that are zeros: VisionEncoderDecoder tells it of no padding."""
    # The same columns are looked at for each token: to tell the zeros again took a tenth of the time of a line.
    last: tuple[weakref.ref[Tensor], Tensor] | None = None

    def mask(_: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        nonlocal last
        seen = named["encoder_hidden_states"]  # (N, T, D)
        if last is None or last[0]() is not seen:
            last = weakref.ref(seen), seen.ne(0.0).any(dim=-1)
        return arguments, {**named, "encoder_attention_mask": last[1]}

    decoder.register_forward_pre_hook(mask, with_kwargs=True)


def counts(best: Tensor) -> Tensor:
    """How many characters begin before each column of a best path (N, T): 0 up to the end of the first one."""
    before = nn.functional.pad(best[:, :-1], (1, 0), value=BLANK)
    begins = (best != BLANK) & (best != before)
    return (begins.cumsum(dim=1) - 1).clamp(min=0)


def drifted(places: Tensor, share: float) -> Tensor:
    """Counts (N, T), of which a share of the lines is one too high or too low from some column on."""
    lines, steps = places.shape
    begins = torch.rand(lines, 1, device=places.device) * steps
    sign = torch.randint(0, 2, (lines, 1), device=places.device) * 2 - 1
    off = sign * (torch.rand(lines, 1, device=places.device) < share)
    return (places + off * (torch.arange(steps, device=places.device) >= begins)).clamp(min=0)


def columns(like: Tensor) -> Tensor:
    """The plain number of each column, (N, T)."""
    return torch.arange(like.shape[1], device=like.device).expand(like.shape[:2])


def numbered(hidden: Tensor, places: Tensor, width: int) -> Tensor:
    """`hidden` (N, T, D) with the code of `places` (N, T) instead of its last `width` values.

    A code of its own, rather than added as in Vaswani et al. 2017: what a column shows does not blur where it stands.
    """
    return torch.cat([hidden[..., :-width], code(places, width).to(hidden.dtype)], dim=-1)


def code(places: Tensor, width: int) -> Tensor:
    """Sines, then cosines, of places (N, T) at `width // 2` rates, of unit size: (N, T, width).

    The rates tell neighbours apart on lines of a hundred characters. They are looked up in a table: a graph that is
    traced from this holds the table, and computes no angle in half precision.
    """
    fastest, slowest = math.log(3.0), math.log(0.05)  # radians a place
    rates = torch.linspace(fastest, slowest, width // 2, device=places.device).exp()
    angles = torch.arange(MOST_PLACES, device=places.device).unsqueeze(-1) * rates
    codes = math.sqrt(2.0) * torch.cat([angles.sin(), angles.cos()], dim=-1)
    return nn.functional.embedding(places.clamp(max=MOST_PLACES - 1), codes)


def register() -> None:
    """Make the parts known to `from_pretrained`; doing it again changes nothing."""
    AutoConfig.register(LineEncoderConfig.model_type, LineEncoderConfig, exist_ok=True)
    AutoModel.register(LineEncoderConfig, LineEncoder, exist_ok=True)
    AutoImageProcessor.register(LineEncoderConfig, image_processor_classes={"pil": LineImageProcessor}, exist_ok=True)
