"""TrOCR: what tokens become, and a checkpoint loaded from a directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import trocr
from engines.trocr import Token, characters
from ocr import Crop, Engine, LoadOptions
from ocr.errors import EngineUnavailable
from tests.engines.drawing import character, line
from tests.engines.tiny_models import trocr_checkpoint

PIECES = {1: b"th", 2: b"e", 3: b" ", 4: "é".encode()[:1], 5: "é".encode()[1:], 6: b"quick"}


def decode(ids: Sequence[int]) -> str:
    return b"".join(PIECES[token] for token in ids).decode(errors="replace")


def read(*tokens: tuple[int, float]) -> list[tuple[str, float]]:
    found = characters([Token(*token) for token in tokens], decode)
    return [(character.text, round(character.probability, 3)) for character in found]


def test_a_token_shares_its_probability_between_its_letters():
    assert read((1, 0.81), (2, 0.5)) == [("t", 0.9), ("h", 0.9), ("e", 0.5)]


def test_bytes_that_make_one_letter_together_are_one_letter():
    assert read((4, 0.5), (5, 0.8)) == [("é", 0.4)]


def test_spaces_at_the_ends_are_left_out():
    assert read((3, 0.9), (2, 0.9), (3, 0.9), (2, 0.9), (3, 0.9)) == [("e", 0.9), (" ", 0.9), ("e", 0.9)]


def test_no_tokens_are_no_characters():
    assert read() == []


@given(st.lists(st.tuples(st.sampled_from([1, 2, 6]), st.floats(0.01, 1.0)), max_size=12))
def test_the_product_over_the_letters_is_that_over_the_tokens(tokens):
    product = 1.0
    for one in characters([Token(*token) for token in tokens], decode):
        product *= one.probability
    expected = 1.0
    for _, probability in tokens:
        expected *= probability
    assert product == pytest.approx(expected)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trocr_checkpoint(tmp_path_factory.mktemp("trocr") / "tiny-trocr")


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> Engine:
    return trocr.load(LoadOptions(checkpoint))


@pytest.mark.engines
def test_a_checkpoint_without_a_card_is_named_after_its_directory(engine):
    assert engine.model == "tiny-trocr@local"


@pytest.mark.engines
def test_a_checkpoint_writes_letters_with_probabilities(engine):
    answers = engine.read([line("first"), line("the second line is longer"), line("INVERTED", ink=255, paper=0)])
    assert any(answer.characters for answer in answers)
    assert all(0.0 < character.probability <= 1.0 for answer in answers for character in answer.characters)


@pytest.mark.engines
def test_it_abstains_on_single_characters_and_other_languages(engine):
    whole = line("ligne")
    answers = engine.read([character("x"), Crop(whole.pixels, whole.region, languages=("fr",)), whole])
    assert [answer.abstained for answer in answers] == [True, True, False]


@pytest.mark.engines
def test_a_pickle_is_not_taken_for_a_checkpoint(checkpoint, tmp_path):
    for path in checkpoint.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"not opened")
    with pytest.raises(EngineUnavailable, match="does not load") as caught:
        trocr.load(LoadOptions(tmp_path))
    assert "model.safetensors" in caught.value.hint
