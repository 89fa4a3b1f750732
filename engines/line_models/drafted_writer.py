"""The line writer on OpenVINO: what `generate` writes, from the graphs of line_writer_graphs.py, without torch.

Lines are written side by side, each alone on one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from engines.converted.store import ConvertedModel
from engines.line_models.drafted_decoding import (
    GIVEN_STEP,
    MOST_GIVEN,
    Checked,
    Draft,
    Floats,
    Limits,
    Token,
    Tokens,
    collapsed,
    decode,
)
from engines.line_models.line_pictures import MARGIN_PX, batch, scaled
from ocr.image import Pixels
from ocr.runtime.openvino_network import Network, open_network

ENCODER, DECODER = "encoder", "decoder"
"""The names of the graphs."""
_STEP_PX = 64
"""Lines are filled up to a multiple of this: each other width has to be prepared once, and takes 2 MB."""
_WARM_WIDTHS_PX = range(-(-MARGIN_PX // _STEP_PX) * _STEP_PX, 1400, _STEP_PX)
"""The widths of most lines."""


@dataclass(frozen=True, slots=True)
class DraftedWriter:
    """Crops to tokens, tokens to text. `pieces` is what each token writes; `first_token` is that of the first class of
    the encoder's CTC network, None where its classes are not the tokens; `kept` is the shape (L, H, P, D) of the keys
    that the decoder keeps.
    """

    encoder: Network
    decoder: Network
    pieces: Sequence[str]
    limits: Limits
    first_token: int | None
    kept: tuple[int, int, int, int]
    height_px: int
    runs: ThreadPoolExecutor

    def write(self, crops: Sequence[Pixels]) -> list[list[Token]]:
        """The tokens of each crop, without the one that ends the line."""
        return list(self.runs.map(self._line, crops))

    def text(self, ids: Sequence[int]) -> str:
        """What the tokens say, without the special ones."""
        return "".join(self.pieces[token] for token in ids)

    def _line(self, crop: Pixels) -> list[Token]:
        line = batch([scaled(crop, self.height_px)])
        line = np.pad(line, ((0, 0), (0, 0), (0, 0), (0, -line.shape[3] % _STEP_PX)), mode="edge")
        keys, values, behind, path, most = self.encoder.run(line)

        def check(tokens: Tokens, begin: Tokens, kept_keys: Floats, kept_values: Floats) -> Checked:
            return Checked(*self.decoder.run(tokens, begin, kept_keys, kept_values, keys, values, behind))

        limits = Limits(self.limits.start, self.limits.ends, min(self.limits.most, int(most[0])))
        return decode(check, Draft(self._drafted(path.tolist())), limits, self.kept)

    def _drafted(self, path: Sequence[int]) -> list[int]:
        return [] if self.first_token is None else [self.first_token + each - 1 for each in collapsed(path)]


def open_writer(converted: ConvertedModel, threads: int) -> DraftedWriter:
    """The writer of a converted checkpoint. Raises ImportError or RuntimeError where OpenVINO does not open it."""
    about = converted.about
    layers, heads, places, size = about["kept"]
    writer = DraftedWriter(
        open_network(converted.graph(ENCODER), threads),
        open_network(converted.graph(DECODER), threads),
        tuple(about["pieces"]),
        Limits(about["start"], frozenset(about["ends"]), places),
        about["first_token"],
        (layers, heads, places, size),
        about["height_px"],
        ThreadPoolExecutor(threads, thread_name_prefix="trocr"),
    )
    _meet_shapes(writer)
    return writer


def _meet_shapes(writer: DraftedWriter) -> None:
    """Run both networks once for the sizes that most lines have."""
    for width in _WARM_WIDTHS_PX:
        keys, values, behind, *_ = writer.encoder.run(np.ones((1, 1, writer.height_px, width), np.float32))
    kept, begin = np.zeros(writer.kept, np.float32), np.zeros(1, np.int64)
    for given in range(GIVEN_STEP, MOST_GIVEN + 1, GIVEN_STEP):
        writer.decoder.run(np.zeros(given, np.int64), begin, kept, kept, keys, values, behind)
