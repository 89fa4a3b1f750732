"""A trained line network as a model directory in EasyOCR's format: NAME.py, NAME.yaml, NAME.pth, and the card.

Weights are stored in half precision with the prefix `module.` that EasyOCR's loader cuts off. The card says what the
network learnt from, by which recipe and for how long: with the weights that is all a later run needs to go on.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.common.model_card import CARD_FILE, read_card, verified
from training.lines.line_pictures import INPUT_PX
from training.lines.line_texts import PRINTABLE

if TYPE_CHECKING:
    import torch

NAME = "quorum_lines"
_PREFIX = "module."


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides the shape of the network."""

    neck: str
    channels: int
    hidden: int

    def network(self) -> torch.nn.Module:
        """The network with fresh weights."""
        from engines.line_writer.columns import Model

        return Model(1, self.channels, self.hidden, len(PRINTABLE) + 1, self.neck)


def write_model(
    folder: Path, version: str, shape: Shape, weights: Mapping[str, torch.Tensor], about: Mapping[str, object]
) -> None:
    """Write the directory; `about` goes into the card beside name, version and files."""
    import torch
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    source = files("engines.line_writer") / "columns.py"  # imports torch alone, as a file by itself must
    (folder / f"{NAME}.py").write_bytes(source.read_bytes())
    described = {
        "network_params": {
            "input_channel": 1,
            "output_channel": shape.channels,
            "hidden_size": shape.hidden,
            "neck": shape.neck,
        },
        "imgH": INPUT_PX,
        "lang_list": ["en"],
        "character_list": PRINTABLE,
    }
    (folder / f"{NAME}.yaml").write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
    stored = io.BytesIO()
    halves = {_PREFIX + key: value.half() if value.is_floating_point() else value for key, value in weights.items()}
    torch.save(halves, stored)
    (folder / f"{NAME}.pth").write_bytes(stored.getvalue())
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob(f"{NAME}.*"))}
    card = {"name": "quorum-lines", "version": version, **about, "files": hashes}
    (folder / CARD_FILE).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")


def read_shape(folder: Path) -> Shape:
    """The shape of the network in a directory that `write_model` wrote."""
    import yaml

    described = yaml.safe_load((folder / f"{NAME}.yaml").read_text(encoding="utf-8"))["network_params"]
    return Shape(described["neck"], described["output_channel"], described["hidden_size"])


def read_weights(folder: Path) -> dict[str, Any]:
    """The weights in a directory that `write_model` wrote, in single precision.

    Raises EngineUnavailable when a file is missing or is not the recorded one.
    """
    import torch

    path = verified(folder, read_card(folder), f"{NAME}.pth")
    stored = torch.load(path, map_location="cpu", weights_only=True)
    return {
        key.removeprefix(_PREFIX): value.float() if value.is_floating_point() else value
        for key, value in stored.items()
    }
