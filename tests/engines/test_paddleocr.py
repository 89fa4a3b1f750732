"""PaddleOCR with its bundled model: what it reads, where, and how it refuses."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pytest

from cluster.weights import models
from engines import paddleocr
from ocr import Classes, Crop, Engine, LoadOptions, Scope
from ocr.errors import EngineUnavailable
from ocr.interfaces import Runtime
from ocr.runtime import openvino_network
from tests.engines.drawing import character, draw, line

pytestmark = pytest.mark.engines


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paddle")
    path = models.resolve("paddleocr", model_dir=folder / "models", cache_dir=folder / "cache")
    assert path is not None
    return path


@pytest.fixture(scope="module")
def engine(model: Path) -> Engine:
    return paddleocr.load(LoadOptions(model))


def test_the_model_is_named_after_who_ships_it(engine):
    assert engine.model.startswith("PP-OCRv6_small_rec@rapidocr-")


@pytest.mark.parametrize("colours", [{"ink": 0, "paper": 255}, {"ink": 255, "paper": 0}, {"ink": 90, "paper": 190}])
def test_a_clean_line_is_read_in_any_polarity(engine, colours):
    [hypothesis] = engine.read([line("Invoice 1942 is paid", **colours)])
    assert hypothesis.text == "Invoice 1942 is paid"


def test_characters_stand_where_they_were_drawn(engine):
    # "H" is drawn alone in a wide crop: left, in the middle, and right.
    glyph = draw("H", size=40, margin=4)
    height, width = glyph.shape[:2]
    for left in (0, 150, 300 - width):
        canvas = np.full((height, 300, 3), 255, np.uint8)
        canvas[:, left : left + width] = glyph
        [hypothesis] = engine.read([Crop.whole(canvas)])
        [character] = hypothesis.characters
        assert character.span is not None
        middle = (character.span.start + character.span.end) / 2
        assert character.text == "H"
        assert abs(middle - (left + width / 2)) < width


def test_a_digit_is_a_digit_when_digits_are_asked_for(engine):
    crops = [character("O", classes) for classes in (Classes.DIGITS, Classes.UPPER)]
    assert [hypothesis.text for hypothesis in engine.read(crops)] == ["0", "O"]


def test_accents_are_read_in_english_too(engine):
    import matplotlib as mpl

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"  # Pillow's own font lacks most accents
    picture = PIL.Image.new("RGB", (640, 60), "white")
    font = PIL.ImageFont.truetype(str(folder / "DejaVuSerif.ttf"), 36)
    PIL.ImageDraw.Draw(picture).text((10, 6), "Škoda Ångström ≤ 5 µg", font=font, fill="black")
    [hypothesis] = engine.read([Crop.whole(np.array(picture))])
    assert hypothesis.text == "Škoda Ångström ≤ 5 µg"


def test_a_language_whose_letters_the_model_lacks_is_an_abstention_with_the_remedy(engine):
    whole = Crop.whole(draw("text"))
    [hypothesis] = engine.read([Crop(whole.pixels, whole.region, languages=("ru",))])
    assert hypothesis.abstention is not None
    assert "letters of Russian" in hypothesis.abstention
    assert "engines.paddleocr.model" in hypothesis.abstention


def test_a_directory_without_onnx_is_refused(model, tmp_path):
    (tmp_path / "inference.yml").write_bytes((model / "inference.yml").read_bytes())
    with pytest.raises(EngineUnavailable, match="does not load") as caught:
        paddleocr.load(LoadOptions(tmp_path))
    assert "inference.onnx" in caught.value.hint


def test_the_threads_are_those_that_were_given(model):
    loaded = paddleocr.load(LoadOptions(model, threads=2))
    assert isinstance(loaded, paddleocr.PaddleOCR)
    assert loaded.runs._max_workers == 2  # runs go side by side, each on one thread
    if isinstance(loaded.infer, openvino_network.Network):
        assert loaded.infer.compiled.get_property("INFERENCE_NUM_THREADS") == 2


def test_a_model_that_openvino_does_not_take_is_read_by_onnx_runtime_and_that_is_told(model, monkeypatch, caplog):
    def refuse(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("an operation that is not known here")

    monkeypatch.setattr(paddleocr, "open_network", refuse)
    with pytest.raises(EngineUnavailable, match="not known here") as caught:
        paddleocr.load(LoadOptions(model, runtime=Runtime.OPENVINO))
    assert "runtime" in caught.value.hint
    loaded = paddleocr.load(LoadOptions(model))
    assert "an operation that is not known here" in caplog.text
    [hypothesis] = loaded.read([line("Invoice 1942 is paid")])
    assert hypothesis.text == "Invoice 1942 is paid"


def test_without_openvino_onnx_runtime_reads(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)  # the import system takes it for absent
    loaded = paddleocr.load(LoadOptions(model))
    assert isinstance(loaded, paddleocr.PaddleOCR)
    assert not isinstance(loaded.infer, openvino_network.Network)
    [hypothesis] = loaded.read([line("Invoice 1942 is paid")])
    assert hypothesis.text == "Invoice 1942 is paid"


def test_a_mixed_batch_on_a_gpu_would_give_the_same(engine):
    """Padding crops of one batch to the widest, as on a GPU, moves neither text nor places."""
    crops = [line("short"), line("a line that is a good deal longer"), character("k")]
    assert isinstance(engine, paddleocr.PaddleOCR)
    batched = replace(engine, together=3)
    alone, together = engine.read(crops), batched.read(crops)
    assert [hypothesis.text for hypothesis in together] == [hypothesis.text for hypothesis in alone]
    for one, other in zip(alone, together, strict=True):
        for first, second in zip(one.characters, other.characters, strict=True):
            assert (first.span is None) == (second.span is None)
            if first.span is not None and second.span is not None:
                assert first.span.start == pytest.approx(second.span.start, abs=12)


def test_many_characters_in_one_run_are_read_as_each_alone(engine):
    wide = Crop.whole(np.tile(draw("8"), (1, 9, 1)), Scope.CHARACTER)
    crops = [*(character(letter) for letter in "Quorum2026"), line("and a line between"), wide, character("Z")]
    assert isinstance(engine, paddleocr.PaddleOCR)
    batches = list(engine._batches(crops, range(len(crops))))
    assert sorted(map(len, batches)) == [1, 1, 11], "what is wider than a character would make all of them as wide"
    alone = [engine.read([crop])[0].text for crop in crops]
    assert [hypothesis.text for hypothesis in engine.read(crops)] == alone


def test_the_scope_of_a_crop_is_respected(engine):
    drawn = draw("ab")
    [hypothesis] = engine.read([Crop.whole(drawn, Scope.CHARACTER)])
    assert len(hypothesis.characters) == 1


SENTENCES = (
    "The committee met on Tuesday to discuss the new bridge. Twelve engineers had measured the river in three places. "
    "Nobody expected the water to be so deep near the mill. A second report will be printed before the end of June."
)


@pytest.mark.parametrize("times", [1, 2])
def test_a_line_wider_than_the_network_takes_is_read_in_pieces_without_a_seam(engine, times):
    text = " ".join([SENTENCES] * times)
    crop = line(text)
    assert crop.region.width_px > 66 * crop.region.height_px
    [wide, short] = engine.read([crop, line("Invoice 1942")])
    assert short.text == "Invoice 1942"
    assert wide.text == text
    middles = [(each.span.start + each.span.end) / 2 for each in wide.characters if each.span is not None]
    assert middles == sorted(middles)
    assert middles[-1] > 0.97 * crop.region.width_px
