"""A trained line network as a model directory in EasyOCR's format: NAME.py, NAME.yaml, NAME.pth, and the card.

There are two networks: that of engines/line_models/ctc_network.py, and that of handwriting_ctc_network.py for
handwriting.

Weights are stored in half precision with the prefix `module.` that EasyOCR's loader cuts off. The card says what the
network learnt from, by which recipe and for how long: with the weights that is all a later run needs to go on.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engines.common import text_rows
from engines.common.model_card import CARD_FILE, read_card, verified
from training.lines.characters import CHARACTERS, PRINTABLE, origins
from training.lines.degradation import INPUT_PX

if TYPE_CHECKING:
    import torch

_PREFIX = "module."
_CLASSES = "classes"
"""The layer whose rows are the classes."""
_NEW_CLASS = -4.0
"""By how much a new class begins less likely, in its logit."""


class Design(Protocol):
    """A network of a certain shape."""

    @property
    def name(self) -> str:
        """What its files are called; EasyOCR imports the source under this name."""

    @property
    def source(self) -> str:
        """The file in engines/line_models; it imports torch alone, as a file by itself must."""

    @property
    def height_px(self) -> int:
        """How high the lines are that it reads."""

    @property
    def row_margin(self) -> float:
        """What its lines keep above and below (engines/common/text_rows.py)."""

    @property
    def characters(self) -> str:
        """What its classes write, in their order, the blank aside."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """What the source's Model takes besides `num_class`."""

    def network(self) -> torch.nn.Module:
        """The network with fresh weights."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the shape of the network of ctc_network.py."""

    neck: str
    channels: int
    hidden: int

    name = "quorum_lines"
    source = "ctc_network.py"
    height_px = INPUT_PX
    row_margin = text_rows.MARGIN
    characters = CHARACTERS

    @property
    def parameters(self) -> Mapping[str, object]:
        return {
            "input_channel": 1,
            "output_channel": self.channels,
            "hidden_size": self.hidden,
            "neck": self.neck,
        }

    def network(self) -> torch.nn.Module:
        from engines.line_models.ctc_network import Model

        return Model(1, self.channels, self.hidden, len(self.characters) + 1, self.neck)


@dataclass(frozen=True, slots=True)
class HandShape:
    """What decides the shape of the network of handwriting_ctc_network.py."""

    height_px: int = 40
    channels: int = 256
    hidden: int = 512
    blocks: int = 6

    name = "quorum_hands"
    source = "handwriting_ctc_network.py"
    row_margin = text_rows.HAND_MARGIN
    characters = PRINTABLE

    def __post_init__(self) -> None:
        if self.height_px < INPUT_PX:
            raise ValueError(f"height_px is {self.height_px}; expected at least {INPUT_PX}")

    @property
    def parameters(self) -> Mapping[str, object]:
        return {
            "input_channel": 1,
            "output_channel": self.channels,
            "hidden_size": self.hidden,
            "height": self.height_px,
            "blocks": self.blocks,
        }

    def network(self) -> torch.nn.Module:
        from engines.line_models.handwriting_ctc_network import Model

        return Model(1, self.channels, self.hidden, len(self.characters) + 1, self.height_px, self.blocks)


def write_model(
    folder: Path, version: str, shape: Design, weights: Mapping[str, torch.Tensor], about: Mapping[str, object]
) -> None:
    """Write the directory; `about` goes into the card beside name, version and files."""
    import torch
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    source = files("engines.line_models") / shape.source
    (folder / f"{shape.name}.py").write_bytes(source.read_bytes())
    described = {
        "network_params": dict(shape.parameters),
        "imgH": shape.height_px,
        "row_margin": shape.row_margin,
        "lang_list": ["en"],
        "character_list": shape.characters,
    }
    (folder / f"{shape.name}.yaml").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    stored = io.BytesIO()
    halves = {_PREFIX + key: value.half() if value.is_floating_point() else value for key, value in weights.items()}
    torch.save(halves, stored)
    (folder / f"{shape.name}.pth").write_bytes(stored.getvalue())
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob(f"{shape.name}.*"))
    }
    card = {"name": shape.name.replace("_", "-"), "version": version, **about, "files": hashes}
    (folder / CARD_FILE).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def read_shape(folder: Path) -> Shape:
    """The shape of the network of ctc_network.py in a directory that `write_model` wrote."""
    import yaml

    described = yaml.safe_load((folder / f"{Shape.name}.yaml").read_text(encoding="utf-8"))["network_params"]
    return Shape(described["neck"], described["output_channel"], described["hidden_size"])


def read_weights(folder: Path) -> dict[str, Any]:
    """The weights in a directory that `write_model` wrote, in single precision.

    Raises EngineUnavailable when a file is missing or is not the recorded one.
    """
    import torch

    path = verified(folder, read_card(folder), f"{_name_in(folder)}.pth")
    stored = torch.load(path, map_location="cpu", weights_only=True)
    return {
        key.removeprefix(_PREFIX): value.float() if value.is_floating_point() else value
        for key, value in stored.items()
    }


def read_characters(folder: Path) -> str:
    """What the classes of the network in a directory that `write_model` wrote stand for."""
    import yaml

    described = yaml.safe_load((folder / f"{_name_in(folder)}.yaml").read_text(encoding="utf-8"))
    return str(described["character_list"])


def _name_in(folder: Path) -> str:
    """Which of the networks is in a directory that `write_model` wrote."""
    return next((shape.name for shape in (HandShape, Shape) if (folder / f"{shape.name}.yaml").is_file()), Shape.name)


def start_weights(folder: Path, shape: Design) -> dict[str, torch.Tensor]:
    """The weights in a directory that `write_model` wrote, for a network of `shape` to go on from."""
    return with_classes(read_weights(folder), read_characters(folder), shape.characters)


def with_classes(weights: Mapping[str, torch.Tensor], known: str, wanted: str) -> dict[str, torch.Tensor]:
    """`weights` of a network that writes the characters `known`, as those of one that writes `wanted`.

    The blank and what both write stay. What is new begins as the character that it was taken for
    (training/lines/characters.py), a little less likely; what is like none begins unlikely.
    """
    import torch

    if known == wanted:
        return dict(weights)
    bias = weights[f"{_CLASSES}.bias"]
    rows = origins(known, wanted, special=1)
    less = [0.0, *(0.0 if character in known else _NEW_CLASS for character in wanted)]
    where = torch.tensor(rows)
    new_bias = torch.where(where < 0, bias[1:].mean(), bias[where.clamp(min=0)]) + torch.tensor(less)
    new_rows = with_rows(weights[f"{_CLASSES}.weight"], rows)
    return {**weights, f"{_CLASSES}.weight": new_rows, f"{_CLASSES}.bias": new_bias}


def with_rows(table: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """These rows of a table (N, C); zeros for -1."""
    import torch

    where = torch.tensor(rows)
    return torch.where((where >= 0)[:, None], table[where.clamp(min=0)], torch.zeros(()))


def go_on_from(network: torch.nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give the network these weights where it has such; others stay as they are.

    A kernel that is higher in the network than in the weights is stretched. Raises ValueError, naming it, when another
    shape differs.
    """
    import torch

    state = network.state_dict()
    for key, value in weights.items():
        if key not in state:
            continue
        want = state[key].shape
        if value.shape[:2] != want[:2]:
            raise ValueError(f"{key} is {tuple(value.shape)}; the network wants {tuple(want)}")
        if value.shape != want:
            stretched = torch.nn.functional.interpolate(value, tuple(want[2:]), mode="bilinear", align_corners=True)
            value = stretched * (value.shape[2] / want[2])
        state[key] = value
    network.load_state_dict(state)
