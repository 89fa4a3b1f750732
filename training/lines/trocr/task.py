"""Training the line writer: what a batch costs, which parameters learn how fast, and how it reads.

The CTC network inside comes from an EasyOCR run and is left alone for `Recipe.frozen_lines`; afterwards everything
learns, the network inside slower and with its own CTC loss beside, so that it keeps counting characters. The decoder is
shown the true beginning of a line with some characters changed at random: it must look at the picture rather than
trust what it wrote.

A line whose truth is in capitals whatever the picture shows is given the case that the CTC network reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from rapidfuzz.distance import Levenshtein

from training.lines.batches import Batch, Drawn, batch_of
from training.lines.ctc.task import best_paths, ctc_loss
from training.lines.degradation import Grey
from training.lines.trainer import Schedule
from training.lines.trocr import model
from training.lines.trocr.model import BEGIN, END, PAD, SPECIAL, Shape

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""The label that costs nothing, by torch's convention."""


@dataclass(frozen=True, slots=True)
class Recipe(Schedule):
    """Everything that decides a run besides its lines and the CTC network that it starts from."""

    shape: Shape = field(default_factory=Shape)
    seed: int = 64
    lines: int = 100_000
    peak_rate: float = 1.5e-3
    warmup_lines: int = 300
    short_lines: int = 3_000
    columns_px: int = 3_600
    averaging: float = 0.997
    frozen_lines: int = 100_000
    ctc_rate: float = 0.3
    ctc_share: float = 0.3
    misread: float = 0.06
    smoothing: float = 0.05

    def __post_init__(self) -> None:
        Schedule.__post_init__(self)
        for name in ("ctc_rate", "ctc_share", "misread", "smoothing"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 1")


@dataclass(frozen=True, slots=True)
class WriterTask:
    """The line writer as something that Trainer trains. `ctc` are the parameters of a trained CTC network, `start`
    those of a writer to go on from, if any, with its CTC network or without.
    """

    recipe: Recipe
    ctc: Mapping[str, torch.Tensor] | None = None
    start: Mapping[str, torch.Tensor] | None = None

    def build(self) -> torch.nn.Module:
        network = model.build(self.recipe.shape)
        if self.start is not None:
            network.load_state_dict(self.start, strict=self.ctc is None)
        if self.ctc is not None:
            network.encoder.ctc.load_state_dict(self.ctc)
        return network

    def groups(self, network: torch.nn.Module) -> list[dict[str, Any]]:
        """The parameters in two groups with their shares of the learning rate."""
        inside = list(network.encoder.ctc.parameters())
        known = {id(parameter) for parameter in inside}
        above = [parameter for parameter in network.parameters() if id(parameter) not in known]
        return [{"params": above, "share": 1.0}, {"params": inside, "share": self.recipe.ctc_rate}]

    def loss(self, network: torch.nn.Module, batch: Batch, lines: int) -> torch.Tensor:
        """The loss a character after `lines` lines: the decoder's, and once the CTC network learns also its own."""
        import torch

        frozen = lines < self.recipe.frozen_lines
        network.encoder.ctc.requires_grad_(not frozen)
        network.encoder.ctc.train(not frozen)  # a frozen network keeps its batch statistics too
        images = torch.from_numpy(batch.images).to(next(network.parameters()).device)
        with torch.autocast(images.device.type, torch.bfloat16):
            seen = network.encoder(images)
            texts = self._texts(batch, seen.step_logits)
            given, wanted = shifted(
                texts, self.recipe.misread, np.random.default_rng((self.recipe.seed, lines)), self._characters
            )
            logits = network(
                encoder_outputs=seen, decoder_input_ids=given.to(images.device), use_cache=False
            ).logits  # (N, L, V)
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1),
            wanted.to(images.device).flatten(),
            ignore_index=IGNORED,
            label_smoothing=self.recipe.smoothing,
        )
        if frozen or not self.recipe.ctc_share:
            return loss
        return loss + self.recipe.ctc_share * ctc_loss(seen.step_logits.float(), batch, self._characters)

    def read(self, network: torch.nn.Module, pictures: Sequence[Grey]) -> list[str]:
        """What the network writes of pictures that are 32 high, greedily."""
        import torch

        network.eval()
        order = sorted(range(len(pictures)), key=lambda index: pictures[index].shape[1])
        texts = [""] * len(pictures)
        device = next(network.parameters()).device
        with torch.inference_mode():
            for chunk in _chunks(order, 16):
                images = torch.from_numpy(batch_of([Drawn(pictures[index], "") for index in chunk]).images)
                seen = network.encoder(images.to(device))
                most = seen.most_tokens.clamp(max=model.MOST_TOKENS).tolist()
                written = network.generate(encoder_outputs=seen, do_sample=False, max_new_tokens=max(most))
                for index, row, limit in zip(chunk, written.tolist(), most, strict=True):
                    texts[index] = text_of(row[1 : 1 + limit], self._characters)
        return texts

    @property
    def _characters(self) -> str:
        return self.recipe.shape.characters

    def _texts(self, batch: Batch, step_logits: torch.Tensor) -> tuple[str, ...]:
        if not batch.any_case.any():
            return batch.texts
        readings = best_paths(step_logits, self._characters)
        return tuple(
            recased(text, reading) if any_case else text
            for text, any_case, reading in zip(batch.texts, batch.any_case, readings, strict=True)
        )


def shifted(
    texts: Sequence[str], misread: float, rng: np.random.Generator, characters: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the decoder is given and what it should write then, both (N, L): the second is one character ahead.

    A share `misread` of the given characters is replaced by others.
    """
    import torch

    longest = 1 + max(len(text) for text in texts)
    given = np.full((len(texts), longest), PAD)
    wanted = np.full((len(texts), longest), IGNORED)
    for row, text in enumerate(texts):
        tokens = model.tokens_of(text, characters)
        wanted[row, : len(tokens)] = tokens
        given[row, : len(tokens)] = [BEGIN, *tokens[:-1]]
    wrong = (rng.random(given.shape) < misread) & (given >= len(SPECIAL))
    given[wrong] = len(SPECIAL) + rng.integers(len(characters), size=int(wrong.sum()))
    return torch.from_numpy(given), torch.from_numpy(wanted)


def text_of(tokens: Sequence[int], characters: str) -> str:
    """The characters before the token that ends the line."""
    kept = tokens[: tokens.index(END)] if END in tokens else tokens
    return "".join(characters[token - len(SPECIAL)] for token in kept if token >= len(SPECIAL))


def recased(text: str, reading: str) -> str:
    """`text` in the case of `reading` where both have the same letter; elsewhere as the letter that was found after it,
    or else before it.
    """
    case: dict[int, bool] = {}
    for block in Levenshtein.editops(text.upper(), reading.upper()).as_matching_blocks():
        for offset in range(block.size):
            letter = reading[block.b + offset]
            if letter.isalpha():
                case[block.a + offset] = letter.islower()
    found = sorted(case)
    letters = []
    for place, letter in enumerate(text):
        nearest = next((other for other in found if other >= place), found[-1] if found else None)
        small = nearest is not None and case[nearest]
        letters.append(letter.lower() if small else letter.upper())
    return "".join(letters)


def _chunks(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for first in range(0, len(order), size):
        yield order[first : first + size]
