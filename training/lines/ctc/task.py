"""Training a line network with CTC: what a batch costs, and what its best paths say.

Everything runs in bfloat16 by autocast. A line that is true in any case is learnt from the sum of the probabilities of
both cases of each letter, so that the network is never told that the "o" of "Total" is an "O".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from training.lines.batches import Batch, batch_of
from training.lines.ctc.model import Design, HandShape, Shape, go_on_from
from training.lines.degradation import Grey
from training.lines.texts import PRINTABLE
from training.lines.trainer import Schedule

if TYPE_CHECKING:
    import torch

LETTERS = tuple(
    zip(*((PRINTABLE.index(c.upper()) + 1, PRINTABLE.index(c) + 1) for c in "abcdefghijklmnopqrstuvwxyz"), strict=True)
)
"""The columns of the capital and of the small letters."""


@dataclass(frozen=True, slots=True)
class Recipe(Schedule):
    """Everything that decides a run besides its lines."""

    neck: Literal["recurrent", "convolutional"] = "convolutional"
    channels: int = 256
    hidden: int = 512

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        if min(self.channels, self.hidden) < 1:
            raise ValueError(f"channels is {self.channels}, hidden {self.hidden}; expected at least 1")

    @property
    def shape(self) -> Shape:
        return Shape(self.neck, self.channels, self.hidden)


@dataclass(frozen=True, slots=True)
class HandRecipe(Schedule):
    """Everything that decides a run of the handwriting network besides its lines."""

    warmup_lines: int = 2_000
    short_lines: int = 0
    height_px: int = 40
    channels: int = 256
    hidden: int = 512
    blocks: int = 6

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        if min(self.channels, self.hidden, self.blocks) < 1:
            raise ValueError(
                f"channels is {self.channels}, hidden {self.hidden}, blocks {self.blocks}; expected at least 1"
            )

    @property
    def shape(self) -> HandShape:
        return HandShape(self.height_px, self.channels, self.hidden, self.blocks)


@dataclass(frozen=True, slots=True)
class CtcTask:
    """A line network as something that Trainer trains. `start` are the parameters to go on from, if any."""

    shape: Design
    start: Mapping[str, torch.Tensor] | None = None

    def build(self) -> torch.nn.Module:
        network = self.shape.network()
        if self.start is not None:
            go_on_from(network, self.start)
        return network

    def groups(self, network: torch.nn.Module) -> list[dict[str, Any]]:
        return [{"params": list(network.parameters()), "share": 1.0}]

    def loss(self, network: torch.nn.Module, batch: Batch, lines: int) -> torch.Tensor:
        """The mean CTC loss a character."""
        import torch

        images = torch.from_numpy(batch.images).to(next(network.parameters()).device)
        with torch.autocast(images.device.type, torch.bfloat16):
            logits = network(images)
        return ctc_loss(logits.float(), batch)

    def read(self, network: torch.nn.Module, pictures: Sequence[Grey]) -> list[str]:
        """One picture at a time, as EasyOCR does on a CPU."""
        import torch

        network.eval()
        device = next(network.parameters()).device
        texts = []
        with torch.inference_mode():
            for picture in pictures:
                texts += best_paths(network(torch.from_numpy(batch_of([(picture, "", False)]).images).to(device)))
        return texts


def ctc_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """The mean over the batch of the CTC loss a character; logits are (N, T, C)."""
    import torch

    log_p = logits.log_softmax(2)
    if batch.any_case.any():
        capitals, small = (list(columns) for columns in LETTERS)
        either = torch.logaddexp(log_p[:, :, capitals], log_p[:, :, small])
        merged = log_p.index_copy(2, torch.tensor(capitals, device=log_p.device), either)
        which = torch.from_numpy(batch.any_case).to(log_p.device)[:, None, None]
        log_p = torch.where(which, merged, log_p)
    texts = [text.upper() if any_case else text for text, any_case in zip(batch.texts, batch.any_case, strict=True)]
    lengths = torch.tensor([len(text) for text in texts])
    targets = torch.tensor([PRINTABLE.index(character) + 1 for text in texts for character in text])
    steps = torch.full((len(texts),), log_p.shape[1])
    return torch.nn.functional.ctc_loss(log_p.transpose(0, 1), targets, steps, lengths, zero_infinity=True)


def best_paths(logits: torch.Tensor) -> list[str]:
    """What the best path of each line says: logits (N, T, C) without the blanks and the repetitions."""
    texts = []
    for best in logits.argmax(2).cpu().numpy():
        kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
        texts.append("".join(PRINTABLE[column - 1] for column in kept if column))
    return texts
