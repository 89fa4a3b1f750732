"""TrOCR folders in every shape that their makers publish load, and read what the network they were saved from reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import trocr
from ocr import LoadOptions
from ocr.errors import EngineUnavailable
from ocr.interfaces import Runtime
from tests.engines.drawing import line
from tests.engines.published_trocr import PUBLISHED, SENTENCE, publish

pytestmark = pytest.mark.engines
both_kinds = pytest.mark.parametrize("name", ["small-printed", "base-printed"])


def _change(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def _processor(folder: Path) -> Any:
    return trocr.load(LoadOptions(folder)).writer.processor  # type: ignore[attr-defined]


@pytest.mark.parametrize("named_class", [True, False], ids=["class named", "class not named"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_it_loads_and_reads_as_before_it_was_saved(name, named_class, tmp_path):
    import torch

    published = publish(name, tmp_path / name, named_class)
    engine = trocr.load(LoadOptions(published.folder))
    loaded = engine.writer.network  # type: ignore[attr-defined]
    images, tokens = torch.rand(2, 3, 32, 32), torch.tensor([[2, 5, 6, 7]]).expand(2, -1)
    with torch.inference_mode():
        before = published.network(pixel_values=images, decoder_input_ids=tokens).logits
        np.testing.assert_array_equal(loaded(pixel_values=images, decoder_input_ids=tokens).logits, before)
    [answer] = engine.read([line("words")])
    assert not answer.abstained


@both_kinds
def test_the_tokenizer_is_the_same_whether_its_class_is_named_or_not(name, tmp_path):
    def tokens(named_class: bool) -> list[int]:
        published = publish(name, tmp_path / str(named_class), named_class)
        tokenizer = _processor(published.folder).tokenizer
        ids: list[int] = tokenizer.encode(SENTENCE.format(7))
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == SENTENCE.format(7)
        return ids

    assert tokens(True) == tokens(False)


@both_kinds
@pytest.mark.parametrize("named", ["TokenizersBackend", "ATokenizerThatIsYetToBeWritten"])
def test_a_class_that_makes_no_tokenizer_of_these_files_is_passed_over(name, named, tmp_path):
    published = publish(name, tmp_path / "model")
    tokenizer = _processor(published.folder).tokenizer
    _change(published.folder / "tokenizer_config.json", lambda content: content.update(tokenizer_class=named))
    again = _processor(published.folder).tokenizer
    assert again.encode(SENTENCE.format(7)) == tokenizer.encode(SENTENCE.format(7))


@both_kinds
def test_a_tokenizer_json_alone_is_enough(name, tmp_path):
    published = publish(name, tmp_path / "model")
    tokenizer = _processor(published.folder).tokenizer
    tokenizer.save_pretrained(published.folder)
    for file in ("vocab.json", "merges.txt", "sentencepiece.bpe.model"):
        (published.folder / file).unlink(missing_ok=True)
    _change(published.folder / "tokenizer_config.json", lambda content: content.pop("tokenizer_class"))
    assert _processor(published.folder).tokenizer.encode("the dog") == tokenizer.encode("the dog")


@both_kinds
def test_an_image_processor_without_a_class_is_that_of_the_encoder(name, tmp_path):
    published = publish(name, tmp_path / "model")
    images = _processor(published.folder).image_processor
    _change(published.folder / "preprocessor_config.json", lambda content: content.pop("feature_extractor_type"))
    again = _processor(published.folder).image_processor
    assert type(again) is type(images)
    assert again.to_dict() == images.to_dict()


@both_kinds
def test_what_todays_transformers_saves_again_makes_the_same(name, tmp_path):
    published = publish(name, tmp_path / "model")
    processor = _processor(published.folder)
    for file in published.folder.iterdir():
        if file.name not in ("config.json", "generation_config.json", "model.safetensors"):
            file.unlink()
    processor.save_pretrained(published.folder)
    again = _processor(published.folder)
    assert again.tokenizer.encode("the dog") == processor.tokenizer.encode("the dog")
    assert again.image_processor.to_dict() == processor.image_processor.to_dict()


@pytest.mark.parametrize("name", ["small-printed", "base-printed", "large-printed"])
def test_openvino_says_which_runtime_reads_it(name, tmp_path):
    published = publish(name, tmp_path / "model")
    with pytest.raises(EngineUnavailable, match="transformers alone has the encoder") as caught:
        trocr.load(LoadOptions(published.folder, runtime=Runtime.OPENVINO, cache_dir=tmp_path / "cache"))
    assert "native" in caught.value.hint


def test_a_folder_without_an_image_processor_says_which_files_make_one(tmp_path):
    published = publish("base-printed", tmp_path / "model")
    (published.folder / "preprocessor_config.json").unlink()
    with pytest.raises(EngineUnavailable, match=r"preprocessor_config\.json; processor_config\.json"):
        trocr.load(LoadOptions(published.folder))


def test_a_folder_without_a_tokenizer_says_which_files_make_one(tmp_path):
    published = publish("base-printed", tmp_path / "model", named_class=False)
    (published.folder / "merges.txt").unlink()
    with pytest.raises(EngineUnavailable, match=r"vocab\.json and merges\.txt"):
        trocr.load(LoadOptions(published.folder))


def test_files_that_do_not_belong_together_are_found_when_it_loads(tmp_path):
    """Its images are made larger than the encoder takes them."""
    published = publish("base-printed", tmp_path / "model")
    _change(published.folder / "preprocessor_config.json", lambda content: content.update(size=48))
    with pytest.raises(EngineUnavailable, match="fails on a line") as caught:
        trocr.load(LoadOptions(published.folder))
    assert "one checkpoint" in caught.value.hint
