"""From the pixels of a page to upright lines in reading order, and the steps that clean an image before.

    segmenter = load(LoadOptions(model=directory_of_the_detector), file_of_the_classifier, file_of_a_recogniser)
    page = segmenter.segment(image)

Rooms: `detection/` finds pieces of text and groups them into lines, `files/` decodes images and renders the pages of
documents. Beside them stand what a page goes through: preprocessing, orientation, rotation, reading order, characters,
material.

Importing this package loads OpenCV and numpy; ONNX Runtime is imported by `load`. It knows no engine, no Ray and no
place where models are stored.
"""

from __future__ import annotations

from pathlib import Path

from ocr.interfaces import LoadOptions
from segmentation.detection.detector import load_detector
from segmentation.detection.projection import ProjectionDetector
from segmentation.orientation import OnnxOrientationReader, OrientationEstimator, load_classifier
from segmentation.preprocessing import PROFILES, STEPS, Pipeline, pipeline_for
from segmentation.segmenter import TextSegmenter

__all__ = ["PROFILES", "STEPS", "Pipeline", "TextSegmenter", "load", "pipeline_for"]


def load(
    options: LoadOptions, orientation_model: Path | None = None, reading_model: Path | None = None
) -> TextSegmenter:
    """A segmenter that is ready to work.

    `options.model` is the directory of a PaddleOCR text detector as ONNX (`inference.onnx` in it), or that file; None
    finds lines with projection profiles. `orientation_model` is the ONNX file of PaddleOCR's text-line orientation
    classifier, `reading_model` that of its recogniser, which is opened when a page leaves a doubt; without them only
    the shapes of the letters tell whether a page stands on its head.

    Raises:
        EngineUnavailable: ONNX Runtime is not installed or a model is not where it should be.
    """
    threads, device = options.threads, options.device
    orientation = OrientationEstimator(
        None if orientation_model is None else load_classifier(orientation_model, threads, device),
        None if reading_model is None else OnnxOrientationReader(reading_model, threads, device),
    )
    if options.model is None:
        return TextSegmenter(ProjectionDetector(), orientation)
    return TextSegmenter(load_detector(options.model, threads, device), orientation)
