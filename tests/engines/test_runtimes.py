"""Each engine reads the same on the framework of its makers and by OpenVINO, which needs no framework."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

import engines
from cluster.weights import models
from engines import easyocr, trocr
from engines.devices import openvino_device
from ocr import Box, Crop, Engine, Hypothesis, LoadOptions, Region, Scope
from ocr.errors import EngineUnavailable
from ocr.interfaces import Runtime
from ocr.runtime import openvino_network
from tests.engines.drawing import character, draw, line, written

pytestmark = pytest.mark.engines

CONVERTED = sorted(name for name, spec in engines.specs().items() if Runtime.OPENVINO in spec.runtimes)
TEXTS = (
    "which was read on Tuesday, 14 March 1905, to the whole house",
    "Invoice 20871 of 12/04/2018: three items at RM 41.50 apiece,",
    "DEPARTMENT OF PUBLIC WORKS",
    "No. 7",
)
WRITTEN = ("on the following day he wrote to them", "Yours very truly", "the whole of the collection")
"""In the script of tests/engines/drawing.py."""

every_network = pytest.mark.parametrize("name", CONVERTED)


def _separated(letters: str) -> Crop:
    """Letters with room between them, and where each stands, as the segmentation finds them."""
    pictures = [draw(letter, size=40, margin=8) for letter in letters]
    height = max(picture.shape[0] for picture in pictures)
    canvas = np.full((height, sum(picture.shape[1] for picture in pictures), 3), 255, np.uint8)
    boxes, left = [], 0
    for picture in pictures:
        rows, columns = picture.shape[:2]
        canvas[height - rows :, left : left + columns] = picture
        boxes.append(Box(left + 8, height - rows + 8, left + columns - 8, height - 8))
        left += columns
    region = Region(Box(0, 0, left, height).polygon(), left, height, character_boxes=tuple(boxes))
    return Crop(canvas, region)


def crops(name: str) -> list[Crop]:
    """What the engine reads: clean, small and grainy lines, and single characters where it takes them."""
    if name == "emnist_cnn":
        return [_separated("DHKMRT2347"), *(character(letter) for letter in "ABDEHKMRT2347abdehnr")]
    grain = np.random.default_rng(5).normal(0.0, 14.0, (400, 3000, 1))
    lines = []
    for text in TEXTS:
        picture = draw(text, size=18, margin=8)
        noisy = np.clip(picture + grain[: picture.shape[0], : picture.shape[1]], 0, 255).astype(np.uint8)
        lines += [line(text), Crop.whole(noisy)]
    singles = [character(letter) for letter in "gR7"] if Scope.CHARACTER in engines.spec(name).scopes else []
    return [*lines, *singles]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Runtime], Engine]:
    folder = tmp_path_factory.mktemp("models")

    @cache
    def load(name: str, runtime: Runtime) -> Engine:
        model = models.resolve(name, model_dir=folder / "models", cache_dir=folder / "cache")
        hand = models.resolve_handwriting(name, "auto", model, model_dir=folder / "models")
        return engines.spec(name).load(LoadOptions(model, runtime=runtime, handwriting=hand))

    return load


def _assert_alike(here: list[Hypothesis], there: list[Hypothesis]) -> None:
    """The same texts; probabilities to 0.05 each and 0.005 in the mean: torch computes the line networks in bfloat16
    where the processor does, and what OpenVINO gives PaddleOCR's network is padded further.
    """
    assert [each.text for each in here] == [each.text for each in there]
    apart = []
    for one, other in zip(here, there, strict=True):
        assert one.abstained == other.abstained
        for mine, theirs in zip(one.characters, other.characters, strict=True):
            apart.append(abs(mine.probability - theirs.probability))
            assert (mine.span is None) == (theirs.span is None)
            if mine.span is not None and theirs.span is not None:
                assert mine.span.start == pytest.approx(theirs.span.start, abs=12)
            likely = {each.text for each in mine.alternatives if each.probability > 0.1}
            assert likely <= {each.text for each in theirs.alternatives}
    assert max(apart) <= 0.05
    assert np.mean(apart) <= 0.005


@every_network
def test_openvino_reads_what_the_makers_framework_reads(name, loaded):
    read = crops(name)
    _assert_alike(loaded(name, Runtime.OPENVINO).read(read), loaded(name, Runtime.NATIVE).read(read))


def test_openvino_reads_handwriting_as_the_makers_framework_does(loaded):
    """The network for it by itself: a drawn script is read as print."""

    def read(runtime: Runtime) -> list[Hypothesis]:
        engine = loaded("easyocr", runtime)
        assert isinstance(engine, easyocr.EasyOCR)
        assert engine.handwriting is not None
        with engine.handwriting.used() as network:
            printed = [Hypothesis.abstain("this is no print")] * len(WRITTEN)
            return network.read([written(text) for text in WRITTEN], printed)

    _assert_alike(read(Runtime.OPENVINO), read(Runtime.NATIVE))


@pytest.mark.slow
def test_a_line_writer_of_ones_own_is_converted_and_reads_the_same(loaded, tmp_path):
    """Here the bundled weights without the graphs that lie beside them."""
    model = shutil.copytree(models.BUNDLED_DIR / "trocr", tmp_path / "model", ignore=shutil.ignore_patterns("openvino"))
    own = trocr.load(LoadOptions(model, runtime=Runtime.OPENVINO, cache_dir=tmp_path / "cache"))
    read = crops("trocr")
    _assert_alike(own.read(read), loaded("trocr", Runtime.NATIVE).read(read))


def test_paddleocr_reads_the_same_in_either_precision(loaded, monkeypatch):
    chosen = openvino_device.half_precision()
    other = {openvino_network.FLOAT32: openvino_network.BFLOAT16, openvino_network.BFLOAT16: openvino_network.FLOAT32}
    monkeypatch.setattr(openvino_device, "half_precision", lambda: other[chosen])
    read = crops("paddleocr")
    _assert_alike(loaded("paddleocr", Runtime.AUTO).read(read), loaded("paddleocr", Runtime.NATIVE).read(read))


@every_network
def test_on_a_card_openvino_is_refused_with_the_remedy(name):
    with pytest.raises(EngineUnavailable, match="OpenVINO reads on CPUs") as caught:
        openvino_device.by_openvino(name, LoadOptions(device="cuda", runtime=Runtime.OPENVINO), partial(int))
    assert "runtime" in caught.value.hint


READ_ALL = """
import sys
from pathlib import Path
import engines
from cluster.weights import models
from ocr import LoadOptions
from tests.engines.drawing import line, written
for name in sys.argv[2:]:
    model = models.resolve(name, model_dir=Path(sys.argv[1]), cache_dir=Path(sys.argv[1]))
    hand = models.resolve_handwriting(name, "auto", model, model_dir=Path(sys.argv[1]))
    engine = engines.spec(name).load(LoadOptions(model, handwriting=hand))
    engine.read([line("Invoice 1942"), written("Yours very truly")])
print(*sorted({module.partition(".")[0] for module in sys.modules}))
"""


def test_engines_on_a_cpu_import_no_framework(tmp_path: Path) -> None:
    command = [sys.executable, "-c", READ_ALL, str(tmp_path), *CONVERTED]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    frameworks = {"torch", "tensorflow", "keras", "transformers", "easyocr", "paddleocr", "paddlex", "onnxruntime"}
    assert "openvino" in imported
    assert frameworks.isdisjoint(imported)
