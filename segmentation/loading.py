"""Puts a segmenter together from the models on this machine."""

from __future__ import annotations

from pathlib import Path

from ocr.interfaces import LoadOptions
from segmentation.detection.detector import DbDetector
from segmentation.detection.onnx_network import open_network
from segmentation.detection.projection import ProjectionDetector
from segmentation.detection.tiles import TiledDetector
from segmentation.orientation import OnnxOrientationReader, OrientationEstimator, load_classifier
from segmentation.segmenter import TextSegmenter


def load(
    options: LoadOptions, orientation_model: Path | None = None, reading_model: Path | None = None
) -> TextSegmenter:
    """A segmenter that is ready to work.

    `options.model` is the directory of a PaddleOCR text detector as ONNX (`inference.onnx` in it), or that file; None
    finds lines with projection profiles. `orientation_model` is the ONNX file of PaddleOCR's text-line orientation
    classifier, `reading_model` that of its recogniser, which is opened when a page leaves a doubt; without them only
    the shapes of the letters tell whether a page stands on its head.

    Raises:
        EngineUnavailable: OpenVINO is not installed or a model is not where it should be.
    """
    threads = options.threads
    orientation = OrientationEstimator(
        None if orientation_model is None else load_classifier(orientation_model, threads),
        None if reading_model is None else OnnxOrientationReader(reading_model, threads),
    )
    if options.model is None:
        return TextSegmenter(ProjectionDetector(), orientation)
    network = open_network(options.model, threads)
    detector = DbDetector(network)
    return TextSegmenter(TiledDetector(detector, detector.settings), orientation, release_memory=network.release_memory)
