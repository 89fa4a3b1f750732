"""The names of the system that Quorum succeeds, on top of the client: its programs run on by a change of import.

    from quorum.compat import ProductionOCRAPI

    api = ProductionOCRAPI()                          # a running Quorum at http://127.0.0.1:8000
    api.ensemble_ocr.weights = {"emnist": 0.6, "tesseract": 0.4}
    api.predict_image_text("page.png")["text"]

Everything returns plain dicts with the keys that those programs read. Times are seconds unless a name ends in `_ms`,
confidences probabilities. What is counted here (`monitor`) is what this program asked; the service's own figures are
under its `/performance` and `/metrics`. New programs are better served by `quorum.client`.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocr.contract import CharacterAnswer, TextAnswer
from ocr.errors import QuorumError
from quorum.client import DEFAULT_URL, Client, Readable

# The name that the character network had.
_FORMER_NAMES = {"emnist": "emnist_cnn"}

Pixels = NDArray[np.uint8]
ImageFunction = Callable[[Pixels], Pixels]


def _engine_keys(weights: Mapping[str, float] | None) -> dict[str, float] | None:
    """Weights by the engines' names of today."""
    return None if weights is None else {_FORMER_NAMES.get(name, name): value for name, value in weights.items()}


@dataclass
class EnsembleSettings:
    """What a program may set between two requests.

    `weights` go with every request (None: the profile's). A confidence below MIN_CONFIDENCE is not accepted, from
    HIGH_CONFIDENCE its band is high, below ENSEMBLE_THRESHOLD a person should look.
    """

    weights: Mapping[str, float] | None = None
    MIN_CONFIDENCE: float = 0.5
    HIGH_CONFIDENCE: float = 0.8
    ENSEMBLE_THRESHOLD: float = 0.7

    def judge(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer with the verdicts of these thresholds."""
        confidence = answer["confidence"]
        high, low = confidence >= self.HIGH_CONFIDENCE, confidence < self.MIN_CONFIDENCE
        return answer | {
            "accepted": not low,
            "needs_review": confidence < self.ENSEMBLE_THRESHOLD,
            "band": "low" if low else "high" if high else "medium",
        }


@dataclass
class Monitor:
    """Counts what was asked through one `ProductionOCRAPI`. Safe for several threads."""

    total_predictions: int = 0
    errors: int = 0
    seconds: float = 0.0
    confidence: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, seconds: float, confidence: float | None) -> None:
        """One prediction; `confidence` is None when it failed."""
        with self._lock:
            self.total_predictions += 1
            self.seconds += seconds
            self.errors += confidence is None
            self.confidence += confidence or 0.0

    def metrics(self) -> dict[str, Any]:
        with self._lock:
            answered = self.total_predictions - self.errors
            return {
                "total_predictions": self.total_predictions,
                "avg_processing_time": self.seconds / self.total_predictions if self.total_predictions else 0.0,
                "avg_confidence": self.confidence / answered if answered else 0.0,
                "error_rate": self.errors / self.total_predictions if self.total_predictions else 0.0,
            }

    def export_metrics(self, path: str | Path) -> None:
        """Write the metrics as JSON."""
        Path(path).write_text(json.dumps(self.metrics() | {"timestamp": time.time()}, indent=2) + "\n")


class ProductionOCRAPI:
    """Characters, pages, batches and the state of the service, as dicts. Raises the errors of ocr.errors."""

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None, *, client: Client | None = None) -> None:
        self._client = client or Client(url, api_key)
        self.ensemble_ocr = EnsembleSettings()
        self.monitor = Monitor()

    def predict_single_character(self, image: Readable, method: str | None = None) -> dict[str, Any]:
        """One character, with the keys of `POST /predict`."""
        return self._predicted(lambda: self._client.read_character(image, **self._asked(method)))

    def predict_image_text(self, image: Readable, method: str | None = None) -> dict[str, Any]:
        """A page or a line, with the keys of `POST /predict_text`: text, confidence, processing_time_ms, characters."""
        return self._predicted(lambda: self._client.read(image, **self._asked(method)))

    def batch_predict(self, images: Sequence[Readable], method: str | None = None) -> list[dict[str, Any]]:
        """One character per image, in order; `success` tells which could be read, `error` why another could not."""
        started = time.perf_counter()
        answer = self._client.read_batch(images, "character", **self._asked(method))
        seconds = (time.perf_counter() - started) / max(1, len(images))
        results = [result.model_dump(mode="json") for result in answer.results]
        for result in results:
            self.monitor.count(seconds, result.get("confidence"))
        return [self.ensemble_ocr.judge(result) if result["success"] else result for result in results]

    def get_system_status(self) -> dict[str, Any]:
        """Whether the service can answer, its components, and what was asked through this object."""
        status = self._client.status()
        components = {name: engine.available for name, engine in status.engines.items()}
        components |= {name: part.status == "HEALTHY" for name, part in status.components.items()}
        ready = status.status != "not_ready"
        return {
            "health_check": {"api_ready": ready, "overall_status": status.status, "components": components},
            "monitoring_metrics": self.monitor.metrics() | {"system_status": status.status},
        }

    def _asked(self, method: str | None) -> Any:  # noqa: ANN401 - keywords of every kind of question
        return {"method": method, "weights": _engine_keys(self.ensemble_ocr.weights)}

    def _predicted(self, ask: Callable[[], CharacterAnswer | TextAnswer]) -> dict[str, Any]:
        started = time.perf_counter()
        confidence = None
        try:
            answer = ask()
            confidence = answer.confidence
        finally:
            self.monitor.count(time.perf_counter() - started, confidence)
        return self.ensemble_ocr.judge(answer.model_dump(mode="json"))


class CharacterWordRecognitionSystem:
    """Files in, readings out: what each engine says, and what they say together."""

    def __init__(self, url: str = DEFAULT_URL, api_key: str | None = None, *, client: Client | None = None) -> None:
        self._client = client or Client(url, api_key)

    def process_image(self, path: Readable) -> list[dict[str, Any]]:
        """What each engine that could read it says: model (the engine's name), text, confidence."""
        answer = self._client.read(path)
        return [
            {"model": engine, "text": said.text, "confidence": said.confidence}
            for engine, said in answer.engine_predictions.items()
            if said.status == "ok"
        ]

    def process_batch(self, paths: Sequence[Readable]) -> list[dict[str, Any]]:
        """One result per path, in order: text and confidence, or the error of one that could not be read."""
        return [
            {"text": result.text, "confidence": result.confidence, "success": True}
            if isinstance(result, TextAnswer)
            else {"text": "", "confidence": 0.0} | result.model_dump(mode="json")
            for result in self._client.read_batch(paths, "text").results
        ]

    def extract_text(self, image: Readable) -> dict[str, Any]:
        """What the engines say together: text and confidence."""
        answer = self._client.read(image)
        return {"text": answer.text, "confidence": answer.confidence}

    def ensemble_process(self, path: Readable, weights: Mapping[str, float] | None = None) -> dict[str, Any]:
        """The same under voting weights of one's own, and how every engine fared. `emnist` means emnist_cnn."""
        answer = self._client.read(path, weights=_engine_keys(weights) or {}) if weights else self._client.read(path)
        return {
            "text": answer.text,
            "confidence": answer.confidence,
            "method": answer.method,
            "engine_predictions": {
                engine: said.model_dump(mode="json") for engine, said in answer.engine_predictions.items()
            },
        }

    def preprocess_image(self, image: Pixels) -> Pixels:
        """A cleaned copy of pixels (H, W, 3) or (H, W) uint8: less noise, more contrast."""
        return CustomImageProcessor(["denoise", "contrast"]).process_image(image)

    def analyze_performance(self, images: Sequence[Readable]) -> dict[str, Any]:
        """How the service does on these images: times, confidences, and the mean confidence of every engine."""
        times, confidences, failures = [], [], 0
        engines: dict[str, list[float]] = {}
        for image in images:
            started = time.perf_counter()
            try:
                answer = self._client.read(image)
            except (QuorumError, OSError):
                failures += 1
                continue
            times.append(time.perf_counter() - started)
            confidences.append(answer.confidence)
            for engine, said in answer.engine_predictions.items():
                if said.status == "ok":
                    engines.setdefault(engine, []).append(said.confidence)
        return {
            "total_images": len(images),
            "failed_images": failures,
            "avg_processing_time": _mean(times),
            "avg_confidence": _mean(confidences),
            "engines": {engine: _mean(scores) for engine, scores in engines.items()},
        }


@dataclass(frozen=True, slots=True)
class _Function:
    """A step made of a name and any function."""

    name: str
    function: ImageFunction

    def __call__(self, pixels: Pixels) -> Pixels:
        return self.function(pixels)


class CustomImageProcessor:
    """A row of named functions from pixels to pixels, applied in order: a pipeline of the service's kind that changes
    in place. Needs the extra `segmentation`.
    """

    def __init__(self, steps: Sequence[str] = ()) -> None:
        """Starts with the service's own steps of these names. Raises OutOfRange for an unknown one."""
        from segmentation.preprocessing import Pipeline

        self._pipeline = Pipeline.named(steps)

    @property
    def steps(self) -> list[str]:
        return list(self._pipeline.names)

    def add_step(self, name: str, function: ImageFunction, position: int | None = None) -> None:
        """Put `function` before the step at `position`, counted from 0; at the end by default."""
        self._pipeline = self._pipeline.add(_Function(name, function), position)

    def remove_step(self, name: str) -> None:
        """Take a step out. Raises OutOfRange, naming those that are there, when it is not one of them."""
        self._pipeline = self._pipeline.remove(name)

    def process_image(self, image: Pixels) -> Pixels:
        """Pixels (H, W, 3) uint8 after every step; gray ones (H, W) are taken as RGB. `image` stays as it is."""
        rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        return self._pipeline(np.array(rgb, dtype=np.uint8))


class RealTimeOCR:
    """Reads images one after the other in a thread of its own, while the program goes on.

    `max_waiting` images wait at most; then the oldest gives way, because a stream is about what is there now.
    """

    def __init__(self, api: ProductionOCRAPI, max_waiting: int = 32) -> None:
        self._api = api
        self._waiting: queue.Queue[tuple[str, Readable, float] | None] = queue.Queue(max_waiting)
        self._results: queue.Queue[dict[str, Any]] = queue.Queue()
        self._thread: threading.Thread | None = None

    def start_processing(self) -> None:
        """Start reading. Does nothing when it has started already."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._process, name="real-time-ocr", daemon=True)
            self._thread.start()

    def add_image(self, image: Readable, image_id: str | None = None) -> str:
        """Put an image in the queue; returns its id, a new one unless one was given."""
        image_id = image_id or uuid.uuid4().hex
        while True:
            try:
                self._waiting.put_nowait((image_id, image, time.perf_counter()))
            except queue.Full:
                self._drop_oldest()
            else:
                return image_id

    def get_result(self, block: bool = True, timeout: float | None = None) -> dict[str, Any] | None:
        """The next result: the keys of `/predict_text`, image_id and queue_processing_time; None when there is none.

        An image that could not be read has success False and its error.
        """
        try:
            return self._results.get(block, timeout)
        except queue.Empty:
            return None

    def stop_processing(self) -> None:
        """Read what waits, then stop."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _drop_oldest(self) -> None:
        try:
            oldest = self._waiting.get_nowait()
        except queue.Empty:
            return
        if oldest is not None:
            image_id, _, _ = oldest
            self._results.put({"image_id": image_id, "success": False, "error": {"code": "dropped"}})

    def _process(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            image_id, image, since = waiting
            result = self._read(image)
            seconds = time.perf_counter() - since
            self._results.put(result | {"image_id": image_id, "queue_processing_time": seconds})

    def _read(self, image: Readable) -> dict[str, Any]:
        try:
            return self._api.predict_image_text(image)
        except QuorumError as error:
            problem = {"code": error.code, "message": error.message, "hint": error.hint}
        except OSError as error:
            problem = {"code": "not_an_image", "message": str(error), "hint": "is the file there?"}
        return {"success": False, "text": "", "confidence": 0.0, "error": problem}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
