"""The ways from a file to its lines that are timed side by side, each by its name, and one of them run in a process of
its own:

    python -m benchmarks.speed.readers NAME --out FILE --warm-up IMAGE IMAGE...

Ours are plain scripts without Ray: the segmentation and engines as they are served, one after the other, fused where
there are several. With one thread nothing runs side by side. At the libraries' defaults the segmentation and the
frameworks take every core, Tesseract and ONNX Runtime start the threads that they start for anybody, and nothing of
ours runs beside them. The others are what a user would run instead (evaluation/accuracy/vendor_pipelines.py). Each
reading begins with the file. Times are seconds, memory is in units of 1,000,000 bytes.
"""

from __future__ import annotations

import json
import math
import os
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import engines
from benchmarks.harness import command
from benchmarks.harness.memory import by_part, peaks, sampled
from cluster.weights import models, rapidocr_models
from deployments.config.schema import ENGINES, ClusterConfig
from deployments.messages.capabilities import Capabilities
from deployments.messages.request import ReadRequest
from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from engines.devices import openvino_device
from engines.paddleocr import PaddleOCR, by_session
from engines.tesseract import Tesseract
from evaluation.accuracy import vendor_pipelines
from evaluation.metrics.line_matching import Quad
from evaluation.pages.ground_truth import GroundTruthPage
from evaluation.readings.line_layouts import DETECTOR, load_segmenter
from evaluation.readings.reader import cache_dir, core_seconds, model_dir
from fusion import fuse_line
from ocr import Engine, LoadOptions, SegmentedPage
from ocr.contract import TextOptions
from ocr.errors import EngineUnavailable
from ocr.image import Pixels
from ocr.interfaces import Runtime
from ocr.runtime.openvino_network import FLOAT32
from segmentation.detection.detector import DbDetector
from segmentation.segmenter import TextSegmenter

ReadFile = Callable[[Path], Sequence[tuple[Quad, str]]]
"""The lines of an image file, where they lie and what they say."""

_LOOK_EVERY_S = 0.5

SEGMENTATION = "segmentation alone"
ONE_THREAD = "five engines in turn, one thread"
DEFAULTS = "five engines in turn, the libraries' defaults"
CONVERTED = [name for name in ENGINES if Runtime.OPENVINO in engines.spec(name).runtimes]
"""The engines that OpenVINO reads."""
IN_HALF_PRECISION = ("paddleocr",)
"""Those of them that compute in bfloat16 where a processor gains by it; the others compute in float32 everywhere."""


def alone(engine: str) -> str:
    """The name of the script in which this engine reads alone."""
    return f"{engine} alone, one thread"


def natively(engine: str) -> str:
    """The same on the framework of its makers."""
    return f"{engine} alone on its own framework, one thread"


def in_float32(engine: str) -> str:
    """The same by OpenVINO as on processors without bfloat16."""
    return f"{engine} alone in float32, one thread"


@dataclass(frozen=True, slots=True)
class Reading:
    """One file as it was read: wall and core-seconds, and its lines."""

    seconds: float
    core_seconds: float
    lines: list[tuple[list[list[float]], str]]


@dataclass(frozen=True, slots=True)
class Run:
    """One way in a process of its own: seconds to load it, what it read, and the most memory of the process together
    with the most of those that it started.
    """

    loading_s: float
    readings: list[Reading]
    peak_mb: float


# --- ours ---


def of_engines(names: Sequence[str], *, as_they_come: bool, runtime: Runtime = Runtime.AUTO) -> ReadFile:
    """The segmentation and these engines, one after the other; the lines are those of the fusion."""
    threads = len(os.sched_getaffinity(0)) if as_they_come else 1
    loaded = {name: _engine(name, threads, as_they_come=as_they_come, runtime=runtime) for name in names}
    segmenter, request = ImageFileSegmenter(_segmenter(threads, as_they_come=as_they_come)), _request()

    def read(file: Path) -> list[tuple[Quad, str]]:
        cut = segmenter.page(file.read_bytes(), request.segmentation)
        if not isinstance(cut, SegmentedPage):
            raise cut.error
        return _fused(cut, loaded, request)

    return read


def _fused(cut: SegmentedPage, loaded: Mapping[str, Engine], request: ReadRequest) -> list[tuple[Quad, str]]:
    crops = cut.crops()
    said = {name: engine.read(crops) for name, engine in loaded.items()}
    lines = []
    for index, region in enumerate(cut.layout.regions):
        claims = {name: hypotheses[index] for name, hypotheses in said.items()}
        if len(claims) == 1:
            text = next(iter(claims.values())).text
        else:
            text = (
                fuse_line(claims, request.profile.for_material(region.material), request.method).text if claims else ""
            )
        lines.append((np.asarray(region.polygon.array(), dtype=np.float32), text))
    return lines


def _in_float32(name: str) -> ReadFile:
    hold_to_float32()
    return of_engines((name,), as_they_come=False)


def hold_to_float32() -> None:
    """Have networks compute in float32 in this process from now on, as on processors without bfloat16."""
    openvino_device.half_precision = lambda: FLOAT32


def _request() -> ReadRequest:
    capabilities = Capabilities.of(ClusterConfig(), [engines.spec(name) for name in ENGINES])
    return replace(capabilities.text_request(TextOptions(), 0.0), deadline=math.inf)


def _segmenter(threads: int, *, as_they_come: bool) -> TextSegmenter:
    made = load_segmenter(threads)
    model = _model(DETECTOR)
    if not as_they_come or model is None:
        return made
    return replace(made, detector=DbDetector(by_session(_session(model))))


def _engine(name: str, threads: int, *, as_they_come: bool, runtime: Runtime) -> Engine:
    engine = loaded_engine(name, runtime, threads)
    return _unheld(engine, _model(name)) if as_they_come else engine


def loaded_engine(name: str, runtime: Runtime, threads: int = 1) -> Engine:
    """An engine with the model that it has by default."""
    model = _model(name)
    hand = models.resolve_handwriting(name, "auto", model, model_dir=model_dir())
    options = LoadOptions(model, threads=threads, runtime=runtime, cache_dir=cache_dir(), handwriting=hand)
    return engines.spec(name).load(options)


def _model(name: str) -> Path | None:
    return models.resolve(name, model_dir=model_dir(), cache_dir=cache_dir())


def _unheld(engine: Engine, model: Path | None = None) -> Engine:
    """The engine with its library's own threads, where the project holds the library to one a run."""
    if isinstance(engine, Tesseract):
        os.environ.pop("OMP_THREAD_LIMIT", None)
        return replace(engine, processes=1)
    if isinstance(engine, PaddleOCR) and model is not None:
        return replace(engine, infer=by_session(_session(model)), runs=ThreadPoolExecutor(1))
    return engine


def _session(model: Path) -> Any:  # noqa: ANN401 - onnxruntime is not typed
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 0  # as many as the runtime likes
    return onnxruntime.InferenceSession(model / "inference.onnx", options, providers=["CPUExecutionProvider"])


# --- what a user would run instead ---


def _of_pixels(load: Callable[[], vendor_pipelines.Pipeline]) -> ReadFile:
    read = load()
    return lambda file: read(GroundTruthPage(file, ()).pixels())


def _paddleocr() -> vendor_pipelines.Pipeline:
    """The pipeline of the paddleocr package, with the models that rapidocr carries, on ONNX Runtime."""
    os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    from paddleocr import PaddleOCR as Pipeline

    parts = {"detection": "paddleocr_detector", "recognition": "paddleocr"}
    named = {f"text_{part}_model_name": rapidocr_models.MODELS[key].name for part, key in parts.items()}
    placed = {f"text_{part}_model_dir": str(rapidocr_models.lay_out(key, cache_dir())) for part, key in parts.items()}
    without = ("use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation")
    pipeline = Pipeline(**named, **placed, **dict.fromkeys(without, False), engine="onnxruntime")

    def read(page: Pixels) -> list[tuple[Quad, str]]:
        [found] = pipeline.predict(np.ascontiguousarray(page[:, :, ::-1]))
        return [
            (np.asarray(quad, dtype=np.float32), text)
            for quad, text in zip(found["rec_polys"], found["rec_texts"], strict=True)
        ]

    return read


def _doctr() -> vendor_pipelines.Pipeline:
    raise EngineUnavailable(
        "docTR and OnnxTR fetch their models from their makers' releases when they are first used, and no package "
        "carries them"
    )


# TensorFlow last: where it comes first, a second copy of LLVM, which torch brings, ends the process.
_IN_ONE_PROCESS = sorted(ENGINES, key="emnist_cnn".__eq__)

OURS: Mapping[str, Callable[[], ReadFile]] = {
    SEGMENTATION: partial(of_engines, (), as_they_come=False),
    **{alone(name): partial(of_engines, (name,), as_they_come=False) for name in ENGINES},
    **{natively(name): partial(of_engines, (name,), as_they_come=False, runtime=Runtime.NATIVE) for name in CONVERTED},
    **{in_float32(name): partial(_in_float32, name) for name in IN_HALF_PRECISION},
    ONE_THREAD: partial(of_engines, _IN_ONE_PROCESS, as_they_come=False),
    DEFAULTS: partial(of_engines, _IN_ONE_PROCESS, as_they_come=True, runtime=Runtime.NATIVE),
}
OTHERS: Mapping[str, Callable[[], ReadFile]] = {
    "pytesseract": partial(_of_pixels, vendor_pipelines.PIPELINES["tesseract"]),
    "rapidocr": partial(_of_pixels, vendor_pipelines.PIPELINES["paddleocr"]),
    "paddleocr": partial(_of_pixels, _paddleocr),
    "easyocr.readtext": partial(_of_pixels, vendor_pipelines.PIPELINES["easyocr"]),
    "docTR, OnnxTR": partial(_of_pixels, _doctr),
}
READERS = {**OURS, **OTHERS}
HELD_TO_ONE_THREAD = OURS.keys() - {DEFAULTS}


# --- one of them, here ---


def run(load: Callable[[], ReadFile], warm_up: Path, files: Sequence[Path]) -> Run | str:
    """Load it, read the first file without counting, then each of the others; or why it cannot be had here."""
    began = time.perf_counter()
    try:
        read = load()
    except (EngineUnavailable, FileNotFoundError) as error:
        return str(error)
    loading_s = time.perf_counter() - began
    read(warm_up)
    with sampled(_LOOK_EVERY_S, _started_mb) as started:
        readings = [_reading(read, file) for file in files]
    own_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Run(loading_s, readings, own_mb + peaks(started)["started"])


def _started_mb() -> dict[str, float]:
    """Of the processes that this one started. Their own maximum says nothing: where a process is started it is that of
    who starts it.
    """
    return {"started": sum(by_part(lambda process: process.memory_info().rss / 1e6).values())}


def _reading(read: ReadFile, file: Path) -> Reading:
    began, spent = time.perf_counter(), core_seconds()
    lines = read(file)
    took = time.perf_counter() - began, core_seconds() - spent
    return Reading(*took, [(quad.tolist(), text) for quad, text in lines])


def main(
    name: str,
    files: list[Path],
    warm_up: Annotated[Path, typer.Option()],
    out: Annotated[Path, typer.Option()],
) -> None:
    """Run one way and write what came of it."""
    made = run(READERS[name], warm_up, files)
    out.write_text(json.dumps({"missing": made} if isinstance(made, str) else asdict(made)))


if __name__ == "__main__":
    command.run(main)
