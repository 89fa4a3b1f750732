"""The vocabulary of Quorum: frozen types, ports, errors and geometry. It imports nothing else of the project."""

from ocr.engine_report import EngineReport, Status
from ocr.geometry import Box, Point, Polygon
from ocr.hypothesis import Alternative, CharacterHypothesis, Hypothesis, Span
from ocr.image import Classes, Crop, Image, Layout, Pixels, Region, Scope, SegmentedPage
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources, Segmenter
from ocr.page import Character, Document, Line, Page, Reading, Vote, Word
from ocr.runtime.gpu_memory import Card, CardMemory, NoCard
from ocr.runtime.timing import StepTimer, TimedStep
from ocr.text.alphabet import Alphabet

__all__ = [
    "Alphabet",
    "Alternative",
    "Box",
    "Card",
    "CardMemory",
    "Character",
    "CharacterHypothesis",
    "Classes",
    "Crop",
    "Document",
    "Engine",
    "EngineReport",
    "EngineSpec",
    "Hypothesis",
    "Image",
    "Layout",
    "Line",
    "LoadOptions",
    "NoCard",
    "Page",
    "Pixels",
    "Point",
    "Polygon",
    "Reading",
    "Region",
    "Resources",
    "Scope",
    "SegmentedPage",
    "Segmenter",
    "Span",
    "Status",
    "StepTimer",
    "TimedStep",
    "Vote",
    "Word",
]
