"""EasyOCR: loaded by its own Reader from a directory, and only when its files are the recorded ones."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from engines import easyocr
from ocr import Crop, LoadOptions
from ocr.errors import EngineUnavailable
from ocr.hypothesis import Hypothesis
from tests.engines.drawing import by_hand, character, line, written
from tests.engines.tiny_models import CHARACTERS, easyocr_network, easyocr_official

pytestmark = pytest.mark.engines


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return easyocr_network(tmp_path / "model", "tiny_crnn_to_spoil")


@pytest.fixture(autouse=True)
def _forget_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reader appends to sys.path and imports the network by its name; each test has its own."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "tiny_crnn_to_spoil", raising=False)


def test_a_custom_network_reads_with_probabilities_and_places(model):
    engine = easyocr.load(LoadOptions(model))
    [hypothesis] = engine.read([line("anything at all")])
    assert engine.model == "tiny-crnn@1"
    assert hypothesis.characters
    assert {character.text for character in hypothesis.characters} <= set(CHARACTERS)
    assert all(character.span is not None for character in hypothesis.characters)


def test_a_file_of_the_makers_is_read_by_their_own_network(tmp_path, monkeypatch):
    from easyocr.config import recognition_models

    directory = easyocr_official(tmp_path / "official")
    md5 = hashlib.md5((directory / "english_g2.pth").read_bytes()).hexdigest()
    monkeypatch.setitem(recognition_models["gen2"]["english_g2"], "md5sum", md5)
    engine = easyocr.load(LoadOptions(directory))
    assert isinstance(engine, easyocr.EasyOCR)
    assert (engine.model, engine.network.height_px) == ("english_g2@1", 64)
    assert len(engine.read([line("one"), line("another one")])) == 2


def test_a_file_that_only_looks_like_that_of_the_makers_is_refused(tmp_path):
    directory = easyocr_official(tmp_path / "official")
    with pytest.raises(EngineUnavailable, match="MD5 mismatch"):
        easyocr.load(LoadOptions(directory))


def test_the_height_of_the_network_is_read_from_its_description(model):
    engine = easyocr.load(LoadOptions(model))
    assert isinstance(engine, easyocr.EasyOCR)
    assert engine.network.height_px == 32


@pytest.mark.parametrize("file", ["tiny_crnn_to_spoil.pth", "tiny_crnn_to_spoil.py"])
def test_a_changed_file_is_not_opened(model, file):
    with (model / file).open("ab") as content:
        content.write(b"\n# changed")
    with pytest.raises(EngineUnavailable, match=rf"{file}: sha256 is") as caught:
        easyocr.load(LoadOptions(model))
    assert "do not open it" in caught.value.hint
    assert "tiny_crnn_to_spoil" not in sys.modules


def test_a_file_without_a_recorded_hash_is_not_opened(model):
    (model / "metadata.json").unlink()
    with pytest.raises(EngineUnavailable, match="no sha256 is recorded") as caught:
        easyocr.load(LoadOptions(model))
    assert "metadata.json" in caught.value.hint


def test_a_card_that_is_no_card_says_what_it_wants(model):
    (model / "metadata.json").write_text(json.dumps(["no card"]))
    with pytest.raises(EngineUnavailable, match="not a model card"):
        easyocr.load(LoadOptions(model))


def test_a_language_that_the_network_does_not_know_is_refused(model):
    with pytest.raises(EngineUnavailable, match="does not load for de"):
        easyocr.load(LoadOptions(model, languages=("de",)))


def test_a_network_without_its_description_is_refused(model):
    (model / "tiny_crnn_to_spoil.yaml").unlink()
    with pytest.raises(EngineUnavailable, match="does not load"):
        easyocr.load(LoadOptions(model))


def test_two_networks_in_one_directory_are_refused(model):
    (model / "second.pth").write_bytes(b"")
    with pytest.raises(EngineUnavailable, match="must have one"):
        easyocr.load(LoadOptions(model))


def test_without_a_gpu_the_remedy_is_named(model):
    with pytest.raises(EngineUnavailable, match="sees no CUDA card") as caught:
        easyocr.load(LoadOptions(model, device="cuda", gpu_fraction=0.2))
    assert "num_gpus" in caught.value.hint


def test_the_bundled_model_reads_print_and_a_lone_character():
    from cluster.weights.models import BUNDLED_DIR

    engine = easyocr.load(LoadOptions(BUNDLED_DIR / "easyocr"))
    assert engine.model.startswith("quorum-lines@")
    [printed, seven] = engine.read([line("Two thousand copies, 1931."), character("7")])
    assert Levenshtein.distance(printed.text, "Two thousand copies, 1931.") <= 2
    assert seven.text == "7"
    assert sum(said.probability for said in printed.characters) / len(printed.characters) > 0.8


def test_the_bundled_model_reads_small_letters_on_much_paper_and_tells_their_places():
    from cluster.weights.models import BUNDLED_DIR

    engine = easyocr.load(LoadOptions(BUNDLED_DIR / "easyocr"))
    alone = line("Two thousand copies, 1931.")
    room = np.full((30, alone.pixels.shape[1], 3), 255, np.uint8)
    [tight, loose] = engine.read([alone, Crop.whole(np.concatenate([room, alone.pixels, room]))])
    assert Levenshtein.distance(loose.text, tight.text) <= 2
    assert tight.characters[-1].span is not None
    assert loose.characters[-1].span is not None
    assert abs(loose.characters[-1].span.start - tight.characters[-1].span.start) < 0.05 * alone.pixels.shape[1]


def test_a_file_of_the_network_for_handwriting_that_was_changed_is_not_opened(model, tmp_path):
    hand = easyocr_network(tmp_path / "hand", "tiny_hand")
    with (hand / "tiny_hand.pth").open("ab") as content:
        content.write(b"changed")
    with pytest.raises(EngineUnavailable, match=r"tiny_hand.pth: sha256 is"):
        easyocr.load(LoadOptions(model, handwriting=hand))


def test_a_network_for_handwriting_of_ones_own_is_loaded_when_a_written_line_comes(model, tmp_path):
    hand = easyocr_network(tmp_path / "hand", "tiny_hand")
    engine = easyocr.load(LoadOptions(model, handwriting=hand))
    assert isinstance(engine, easyocr.EasyOCR)
    assert engine.handwriting is not None
    assert engine.model == "tiny-crnn@1+tiny-crnn@1"
    engine.read([line("print"), character("7")])
    assert not engine.handwriting.is_held
    assert len(engine.read([line("print"), by_hand(line("a letter"))])) == 2
    assert engine.handwriting.is_held


def test_the_bundled_model_has_a_network_for_handwriting_that_reads_script():
    from cluster.weights.models import BUNDLED_DIR, HANDWRITING

    options = LoadOptions(BUNDLED_DIR / "easyocr")
    engine = easyocr.load(replace(options, handwriting=BUNDLED_DIR / "easyocr" / HANDWRITING))
    assert isinstance(engine, easyocr.EasyOCR)
    assert engine.model.partition("+")[2].startswith("quorum-hands@")
    assert engine.handwriting is not None
    text = "on the following day he wrote to them"
    with engine.handwriting.used() as network:
        [hypothesis] = network.read([written(text)], [Hypothesis.abstain("this is no print")])
    assert Levenshtein.distance(hypothesis.text, text) <= 0.2 * len(text)


def test_the_bundled_network_reads_marks_and_all_latin_letters_whatever_the_language():
    import matplotlib as mpl

    from cluster.weights.models import BUNDLED_DIR

    engine = easyocr.load(LoadOptions(BUNDLED_DIR / "easyocr"))
    text = "Jürgen Müller, 250 µg ≤ 5 €"
    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"), 40)
    picture = Image.new("RGB", (round(font.getlength(text)) + 24, 64), "white")
    ImageDraw.Draw(picture).text((12, 6), text, font=font, fill="black")
    english = Crop.whole(np.asarray(picture))
    [read] = engine.read([english])
    assert Levenshtein.distance(read.text, text) <= 4
    assert set("üµ≤€") <= set(read.text)
    assert engine.read([Crop(english.pixels, english.region, languages=("de",))]) == [read]
    assert {"en", "de", "cs", "vi"} <= set(easyocr.SPEC.languages(engine))
    assert not easyocr.SPEC.by_language(engine)


def test_the_bundled_network_is_the_one_that_is_trained():
    from cluster.weights.models import BUNDLED_DIR
    from engines.line_models import ctc_network

    assert (BUNDLED_DIR / "easyocr" / "quorum_lines.py").read_bytes() == Path(ctc_network.__file__).read_bytes()
