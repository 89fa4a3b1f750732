"""Opening an ONNX model. ONNX Runtime is imported when the first model is opened, not before.

This file does not know what a model is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ocr.errors import EngineUnavailable

MODEL_FILE = "inference.onnx"


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used here: models with one input."""

    def run(
        self, outputs: Sequence[str] | None, inputs: Mapping[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        """The outputs of the model, in its order."""


def open_session(model: Path, threads: int, device: str = "cpu") -> tuple[Session, str]:
    """A session over `model`, a file or a directory with `inference.onnx`, and the name of its input.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed, or there is no such model, or it cannot be read.
    """
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
    except ImportError as error:
        raise EngineUnavailable(
            "segmentation: onnxruntime is not installed", "pip install 'quorum-ocr[segmentation]'"
        ) from error
    path = model / MODEL_FILE if model.is_dir() else model
    if not path.is_file():
        raise EngineUnavailable(f"segmentation: no model at {path}", "give the directory of an ONNX model, or none")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A plan of the memory for each shape that was seen is kept for ever, and hardly two pages have the same shape:
    # without it the detector keeps 220 MB less after a few pages, and is as fast.
    options.enable_mem_pattern = False
    # Threads that wait by spinning would take the cores from the engines on the same machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CPUExecutionProvider"] if device == "cpu" else ["CUDAExecutionProvider", "CPUExecutionProvider"]
    try:
        session = onnxruntime.InferenceSession(path, options, providers=providers)
    except (ort_errors.Fail, ort_errors.InvalidProtobuf, ort_errors.InvalidGraph, ort_errors.NoSuchFile) as error:
        raise EngineUnavailable(
            f"segmentation: {path} is not an ONNX model: {error}", "fetch the model again"
        ) from error
    return session, session.get_inputs()[0].name
