"""What every engine in engines/ promises. The engines are found in the folder; a new one is tested by being there.

An engine whose model is not on this machine is read with a tiny random one of the same format where there is one;
else it is judged by how it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import engines
from cluster.weights import models
from ocr import Crop, Engine, EngineSpec, Hypothesis, LoadOptions, Scope
from ocr.errors import EngineUnavailable
from ocr.text.alphabet import UNWRITABLE
from ocr.text.languages import LANGUAGES
from tests.engines.drawing import character, draw, line
from tests.engines.tiny_models import easyocr_network, trocr_checkpoint

SPECS = engines.specs()
PROFILES = {"general", "handwritten", "printed", "noisy"}
TINY: dict[str, Callable[[Path], Path]] = {"easyocr": easyocr_network, "trocr": trocr_checkpoint}

every_engine = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


def noise(height: int, width: int) -> Crop:
    return Crop.whole(np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8))


def one_colour(height: int, width: int, value: int = 255) -> Crop:
    return Crop.whole(np.full((height, width, 3), value, np.uint8))


def speck(side: int) -> Crop:
    pixels = np.full((side, side, 3), 255, np.uint8)
    pixels[side // 2, side // 2] = 0
    return Crop.whole(pixels)


CROPS = {
    "a line": line("The quick brown fox, 1942"),
    "a line with marks": line("Prices: 12.50 (net) & more!"),
    "light on dark": line("Light on dark", ink=255, paper=0),
    "grey on grey": line("Grey on grey", ink=110, paper=150),
    "a big line": line("BIG", size=120),
    "a small line": line("small print", size=9, margin=2),
    "foreign letters": line("Ångström naïve Čapek"),
    "a character": character("g"),
    "a light character": character("R", ink=255, paper=0),
    "blank paper": one_colour(40, 300),
    "black": one_colour(40, 300, 0),
    "one pixel": one_colour(1, 1),
    "one dark pixel on paper": speck(19),
    "one row": noise(1, 200),
    "one column": noise(200, 1),
    "very wide": noise(4, 3000),
    "very tall": noise(3000, 4),
    "noise": noise(40, 200),
}
BLANK = ("blank paper", "black", "one pixel")


@cache
def load(name: str, tiny: Path) -> Engine | EngineUnavailable:
    """The engine with the model that `auto` finds, or a tiny one, or how it says that it has none."""
    try:
        model = models.resolve(name, model_dir=tiny / "models", cache_dir=tiny / "cache")
    except EngineUnavailable as error:
        if name not in TINY:
            return error
        model = TINY[name](tiny / name)
    return SPECS[name].load(LoadOptions(model))


@cache
def _read_all(name: str, engine: Engine) -> dict[str, Hypothesis]:
    hypotheses = engine.read(list(CROPS.values()))
    assert len(hypotheses) == len(CROPS)
    return dict(zip(CROPS, hypotheses, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def engine(spec: EngineSpec, folder: Path) -> Engine:
    loaded = load(spec.name, folder)
    if isinstance(loaded, EngineUnavailable):
        assert spec.name in loaded.message
        assert loaded.hint
        pytest.skip(str(loaded))
    return loaded


@pytest.fixture
def answers(spec: EngineSpec, engine: Engine) -> dict[str, Hypothesis]:
    """What the engine says of all CROPS in one batch; read once for all tests."""
    return _read_all(spec.name, engine)


def test_the_five_engines_are_found():
    assert {"emnist_cnn", "tesseract", "easyocr", "trocr", "paddleocr"} <= SPECS.keys()


@every_engine
def test_a_spec_has_a_weight_for_every_profile(spec):
    assert set(spec.prior_weights) == PROFILES


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_prior_weights_of_a_profile_sum_to_one(profile):
    assert sum(spec.prior_weights[profile] for spec in SPECS.values()) == pytest.approx(1.0)


@every_engine
def test_the_key_of_an_engine_is_the_name_of_its_file(spec):
    assert spec.load.__module__ == f"engines.{spec.name}"


@pytest.mark.engines
@every_engine
def test_an_engine_without_its_model_says_what_to_do(spec, tmp_path):
    with pytest.raises(EngineUnavailable) as caught:
        spec.load(LoadOptions(tmp_path / "nothing"))
    assert spec.name in str(caught.value)
    assert caught.value.hint


@pytest.mark.engines
@every_engine
def test_the_model_has_a_name_and_a_version(spec, engine):
    name, at, version = engine.model.partition("@")
    assert name
    assert at
    assert version


@pytest.mark.engines
@every_engine
def test_no_crops_are_no_hypotheses(spec, engine):
    assert engine.read([]) == []


@pytest.mark.engines
@every_engine
def test_a_mixed_batch_gives_each_crop_what_it_gets_alone(spec, engine, answers):
    alone = {name: engine.read([crop]) for name, crop in CROPS.items()}
    assert {name: [hypothesis.text] for name, hypothesis in answers.items()} == {
        name: [hypothesis.text for hypothesis in answer] for name, answer in alone.items()
    }
    assert [hypothesis.confidence for hypothesis in answers.values()] == pytest.approx(
        [answer[0].confidence for answer in alone.values()], abs=1e-3
    )


@pytest.mark.engines
@every_engine
def test_reading_twice_gives_the_same(spec, engine):
    crops = [CROPS["a line"], CROPS["a character"], CROPS["noise"]]
    assert engine.read(crops) == engine.read(crops)


@pytest.mark.engines
@every_engine
@pytest.mark.parametrize("name", CROPS)
def test_characters_lie_inside_the_crop(spec, answers, name):
    for one in answers[name].characters:
        assert one.span is None or 0.0 <= one.span.start < one.span.end <= CROPS[name].region.width_px


@pytest.mark.engines
@every_engine
def test_alternatives_are_other_characters_and_most_probable_first(spec, answers):
    for hypothesis in answers.values():
        for one in hypothesis.characters:
            shares = [other.probability for other in one.alternatives]
            assert shares == sorted(shares, reverse=True)
            assert one.text not in [other.text for other in one.alternatives]


@pytest.mark.engines
@every_engine
@pytest.mark.parametrize("name", BLANK)
def test_nothing_is_read_where_nothing_is(spec, answers, name):
    assert answers[name].text == ""


@pytest.mark.engines
@every_engine
def test_what_is_read_can_be_written(spec, answers):
    for hypothesis in answers.values():
        if hypothesis.alphabet is not None:
            read = "".join(character.text for character in hypothesis.characters)
            assert hypothesis.alphabet.can_write(read.replace(UNWRITABLE, ""))


@pytest.mark.engines
@every_engine
def test_a_language_that_is_not_read_is_an_abstention_with_a_reason(spec, engine):
    read = spec.languages(engine)
    assert "en" in read
    whole = CROPS["a line"]
    for language in sorted(set(LANGUAGES) - set(read)):
        [answer] = engine.read([Crop(whole.pixels, whole.region, languages=(language,))])
        assert answer.abstention, language


@pytest.mark.engines
@every_engine
def test_a_line_neither_begins_nor_ends_with_a_space(spec, answers):
    for hypothesis in answers.values():
        assert hypothesis.text == hypothesis.text.strip()


@pytest.mark.engines
@every_engine
def test_a_scope_outside_of_the_spec_is_an_abstention(spec, engine):
    crops = {Scope.LINE: CROPS["a line"], Scope.CHARACTER: CROPS["a character"]}
    for scope in set(Scope) - spec.scopes:
        assert engine.read([crops[scope]])[0].abstained


@pytest.mark.engines
@every_engine
def test_of_a_single_character_at_most_one_is_claimed(spec, engine):
    crops = [character(letter) for letter in "gR7"] + [Crop.whole(draw("two"), Scope.CHARACTER)]
    for hypothesis in engine.read(crops):
        assert len(hypothesis.characters) <= 1


@pytest.mark.engines
@every_engine
def test_the_crops_are_left_as_they_were(spec, engine):
    crop = line("untouched")
    before = crop.pixels.copy()
    engine.read([crop])
    assert np.array_equal(crop.pixels, before)
