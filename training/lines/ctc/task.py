"""Training a line network with CTC: what a batch costs, and what its best paths say.

Everything runs in bfloat16 by autocast. A line that is true in any case is learnt from the sum of the probabilities of
both cases of each letter, so that the network is never told that the "o" of "Total" is an "O".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from training.lines.batches import Batch, Drawn, batch_of
from training.lines.characters import CASES, EQUALLY_TRUE, PRINTABLE, upper
from training.lines.ctc.model import Design, HandShape, Shape, go_on_from
from training.lines.degradation import Grey
from training.lines.trainer import Schedule

if TYPE_CHECKING:
    import torch

NEW_CLASSES_RATE = 3.0
"""The layer of the classes learns so many times as fast: in a run that goes on, most of its rows are new."""


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
        rows = list(network.classes.parameters())
        known = {id(parameter) for parameter in rows}
        body = [parameter for parameter in network.parameters() if id(parameter) not in known]
        return [{"params": body, "share": 1.0}, {"params": rows, "share": NEW_CLASSES_RATE}]

    def loss(self, network: torch.nn.Module, batch: Batch, lines: int) -> torch.Tensor:
        """The mean CTC loss a character."""
        import torch

        images = torch.from_numpy(batch.images).to(next(network.parameters()).device)
        with torch.autocast(images.device.type, torch.bfloat16):
            logits = network(images)
        return ctc_loss(logits.float(), batch, self.shape.characters)

    def read(self, network: torch.nn.Module, pictures: Sequence[Grey]) -> list[str]:
        """One picture at a time, as EasyOCR does on a CPU."""
        import torch

        network.eval()
        device = next(network.parameters()).device
        texts = []
        with torch.inference_mode():
            for picture in pictures:
                images = torch.from_numpy(batch_of([Drawn(picture, "")]).images)
                texts += best_paths(network(images.to(device)), self.shape.characters)
        return texts


def ctc_loss(logits: torch.Tensor, batch: Batch, characters: str = PRINTABLE) -> torch.Tensor:
    """The mean over the batch of the CTC loss a character; logits are (N, T, C), `characters` those of classes 1 to C.

    A text that is true in any case is learnt from the sum of both cases of each letter; the text of a true line, from
    the sum of what truths do not tell apart (training/lines/characters.py).
    """
    import torch

    log_p = logits.log_softmax(2)
    for texts_are, groups in (
        (batch.any_case, _case_groups(characters)),
        (batch.any_marks, _mark_groups(characters)),
    ):
        if texts_are.any() and groups:
            which = torch.from_numpy(texts_are).to(log_p.device)[:, None, None]
            log_p = torch.where(which, _merged(log_p, groups), log_p)
    texts = [upper(text) if any_case else text for text, any_case in zip(batch.texts, batch.any_case, strict=True)]
    classes = _classes(characters)
    lengths = torch.tensor([len(text) for text in texts])
    targets = torch.tensor([classes[character] for text in texts for character in text])
    steps = torch.full((len(texts),), log_p.shape[1])
    return torch.nn.functional.ctc_loss(log_p.transpose(0, 1), targets, steps, lengths, zero_infinity=True)


def _merged(log_p: torch.Tensor, groups: Sequence[tuple[int, ...]]) -> torch.Tensor:
    """The probabilities (N, T, C) with that of each group's first class as the sum of the group's."""
    import torch

    first = torch.tensor([group[0] for group in groups], device=log_p.device)
    sums = torch.stack([torch.logsumexp(log_p[:, :, list(group)], dim=2) for group in groups], dim=2)
    return log_p.index_copy(2, first, sums)


@cache
def _classes(characters: str) -> Mapping[str, int]:
    return {character: index for index, character in enumerate(characters, start=1)}


@cache
def _case_groups(characters: str) -> tuple[tuple[int, ...], ...]:
    """The classes of a capital and its small letter."""
    return _groups(characters, CASES)


@cache
def _mark_groups(characters: str) -> tuple[tuple[int, ...], ...]:
    """The classes of quotes and dashes that truths do not tell apart."""
    return _groups(characters, EQUALLY_TRUE)


def _groups(characters: str, alike: Sequence[tuple[str, ...]]) -> tuple[tuple[int, ...], ...]:
    classes = _classes(characters)
    found = (tuple(classes[character] for character in group if character in classes) for group in alike)
    return tuple(group for group in found if len(group) > 1)


def best_paths(logits: torch.Tensor, characters: str = PRINTABLE) -> list[str]:
    """What the best path of each line says: logits (N, T, C) without the blanks and the repetitions."""
    texts = []
    for best in logits.argmax(2).cpu().numpy():
        kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
        texts.append("".join(characters[column - 1] for column in kept if column))
    return texts
