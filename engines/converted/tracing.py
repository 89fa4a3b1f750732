"""From a network in its framework to OpenVINO's files.

OpenVINO's own `convert_model` tells its makers that it was called; the frontends that it calls do not, so they are
called here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engines.devices.openvino_device import OpenvinoCannotRead

Array = NDArray[Any]
Shape = Sequence[int]
"""-1 for a side that may be any."""
Tensors = tuple[Any, ...]
"""The inputs of a module of torch."""
TRACED, OTHER = "traced", "read once more, to see"
"""Texts, for pictures to trace with and to see whether the graph is right on others."""
TOLERANCE = 0.01
"""How far from what the framework computes a graph may be, beside 1 or as a share of it: its weights are in half
precision.
"""


@contextmanager
def plain_torch() -> Iterator[None]:
    """Within the block torch computes in single precision and operation by operation, as graphs are traced from it."""
    import torch

    fast, capabilities = torch.backends.mha.get_fastpath_enabled(), torch.cpu.get_capabilities
    torch.backends.mha.set_fastpath_enabled(False)
    torch.cpu.get_capabilities = dict  # the line networks ask for bfloat16
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.cpu.get_capabilities = capabilities


def of_torch(module: Any, example: Tensors, shapes: Sequence[Shape]) -> Any:  # noqa: ANN401
    """OpenVINO's model of a module of torch, traced with `example`, for inputs of these shapes."""
    import torch
    from openvino import PartialShape
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is traced as a constant, and that torch would have it exported
        traced = torch.jit.trace(module.eval(), example, check_trace=False)
        decoder = TorchScriptPythonDecoder(traced, example_input=example)  # must live until all is converted
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = _converted(frontend, decoder)
    for parameter, shape, given in zip(model.get_parameters(), shapes, example, strict=True):
        parameter.set_partial_shape(PartialShape(list(shape)))
        parameter.set_element_type(_element_type(given))
    model.validate_nodes_and_infer_types()
    return model


def of_saved_model(folder: Path) -> Any:  # noqa: ANN401
    """OpenVINO's model of what TensorFlow saved."""
    from openvino.frontend import FrontEndManager

    return _converted(FrontEndManager().load_by_framework("tf"), str(folder))


def _converted(frontend: Any, source: Any) -> Any:  # noqa: ANN401
    from openvino import frontend as openvino_frontend

    failures = ("GeneralFailure", "NotImplementedFailure", "OpConversionFailure", "OpValidationFailure")
    try:
        return frontend.convert(frontend.load(source))
    except tuple(getattr(openvino_frontend, name) for name in failures) as error:
        raise OpenvinoCannotRead(str(error)) from error


def save(model: Any, path: Path) -> None:  # noqa: ANN401
    """NAME.xml and NAME.bin, with the weights in half precision."""
    import openvino

    openvino.save_model(model, str(path), compress_to_fp16=True)


def write(path: Path, module: Any, shapes: Sequence[Shape], traced: Tensors, other: Tensors) -> None:  # noqa: ANN401
    """Write the graph of a module of torch, traced with some inputs of these shapes.

    Raises OpenvinoCannotRead where of other inputs it gives something else than the module does.
    """
    save(of_torch(module, traced, shapes), path)
    theirs = module(*other)
    theirs = [each.numpy() for each in (theirs if isinstance(theirs, tuple) else (theirs,))]
    require_close(path, [each.numpy() for each in other], theirs)


def require_close(path: Path, given: Sequence[Array], theirs: Sequence[Array]) -> None:
    """Raises OpenvinoCannotRead where the graph that was written does not give `theirs`, in single precision."""
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for at, (mine, wanted) in enumerate(zip(compiled(list(given)).to_tuple(), theirs, strict=True)):
        same = mine.shape == wanted.shape
        apart = float((np.abs(mine - wanted) / (1.0 + np.abs(wanted))).max()) if same else np.inf
        if not apart <= TOLERANCE:
            raise OpenvinoCannotRead(f"output {at} of {path.stem} is {apart:.2g} off what the framework computes")


def drawn(text: str) -> NDArray[np.uint8]:
    """The text in black on white, RGB (H, W, 3)."""
    font = ImageFont.load_default(28)
    canvas = Image.new("RGB", (round(font.getlength(text)) + 12, 40), "white")
    ImageDraw.Draw(canvas).text((6, 3), text, font=font, fill="black")
    return np.asarray(canvas)


def _element_type(example: Any) -> Any:  # noqa: ANN401
    from openvino import Type

    return Type(example.numpy().dtype)
