"""The image processor of the line writer, as transformers knows it: the pictures of line_pictures.py as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature

from engines.line_models.line_pictures import batch, scaled


class LineImageProcessor(BaseImageProcessor):  # type: ignore[misc]  # transformers is not typed
    """Crops to `pixel_values` (N, 1, height_px, W) float32 in [-1, 1], W a multiple of WIDTH_STEP."""

    model_input_names = ("pixel_values",)

    def __init__(self, height_px: int = 32, **others: object) -> None:
        super().__init__(**others)
        self.height_px = height_px

    def preprocess(self, images: Sequence[NDArray[np.uint8]], **_: object) -> BatchFeature:
        """RGB (H, W, 3) or grey (H, W) crops, each of its own size, to one padded batch of torch tensors."""
        return BatchFeature({"pixel_values": batch([scaled(crop, self.height_px) for crop in images])}, "pt")
