"""Which network of the easyocr engine reads what: fakes here write one letter as often as a line is wide."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cluster.weights.models import BUNDLED_DIR, HANDWRITING
from engines.common.character_ngrams import CharacterNgrams
from engines.common.ctc import Decoder, Steps
from engines.common.on_demand import OnDemand
from engines.easyocr import EasyOCR
from engines.easyocr_networks.handwriting_reader import HandwritingReader, read_languages
from engines.easyocr_networks.line_network import LineNetwork
from ocr import Crop
from ocr.image import Material
from tests.engines.drawing import by_hand, character, line
from training.lines.ctc.ngram_counting import Kept, count_grams, smoothed

ASCII = "".join(map(chr, range(32, 127)))
GERMAN = ASCII + "äöüÄÖÜß"
UNSURE, SURE = 0.65, 0.75
"""Of the network for print, where that for handwriting gives its letter 0.6."""


def network(letter: str, probability: float, characters: str = GERMAN) -> LineNetwork:
    """Sees one `letter` with this probability in whatever it is given."""

    def infer(pictures: NDArray[np.float32]) -> Steps:
        steps = np.zeros((len(pictures), 3, 1 + len(characters)), np.float32)
        steps[:, :, 0] = 1.0
        steps[:, 1, 0] = 1.0 - probability
        steps[:, 1, 1 + characters.index(letter)] = probability
        return steps

    return LineNetwork(infer, Decoder(["", *characters]), 32, 0.5, letter, 1, ThreadPoolExecutor(1))


def engine(print_sure: float = UNSURE, **languages: CharacterNgrams) -> EasyOCR:
    """An engine whose network for print reads "p", and the one for handwriting "h"."""
    hand = OnDemand("hand", lambda: HandwritingReader(network("h", 0.6, ASCII), languages))
    return EasyOCR(network("p", print_sure), hand, "p@1+h@1")


def texts(reader: EasyOCR, *crops: Crop) -> list[str]:
    return [hypothesis.text for hypothesis in reader.read(crops)]


def held(reader: EasyOCR) -> bool:
    assert reader.handwriting is not None
    return reader.handwriting.is_held


def test_a_line_that_looks_written_is_read_by_the_network_for_it() -> None:
    reader = engine()
    assert texts(reader, line("one"), by_hand(line("two")), line("three")) == ["p", "h", "p"]
    assert held(reader)


@pytest.mark.parametrize("material", [Material.PRINTED, Material.NOISY])
def test_other_lines_never_load_it(material: Material) -> None:
    reader = engine()
    crop = line("one")
    other = replace(crop, region=replace(crop.region, material=material))
    assert texts(reader, other, character("x")) == ["p", "p"]
    assert not held(reader)


def test_neither_do_single_characters_blank_paper_and_languages_that_nobody_can_write() -> None:
    reader = engine()
    blank = Crop.whole(np.full((40, 300, 3), 255, np.uint8))
    crops = [by_hand(character("x")), by_hand(blank), replace(by_hand(line("one")), languages=("ru",))]
    single, nothing, foreign = reader.read(crops)
    assert (single.text, nothing.text) == ("p", "")
    assert foreign.abstained
    assert not held(reader)


def test_it_reads_every_language_in_latin_script_and_no_other() -> None:
    russian = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
    reader = replace(engine(), network=network("p", UNSURE, GERMAN + russian))
    german, cyrillic = (replace(by_hand(line("one")), languages=(code,)) for code in ("de", "ru"))
    assert texts(reader, cyrillic) == ["p"]
    assert not held(reader)
    assert texts(reader, german) == ["h"]


def test_a_line_that_is_surely_print_stays_so_whatever_it_looks_like() -> None:
    assert texts(engine(print_sure=SURE), by_hand(line("one"))) == ["p"]


def test_what_is_read_says_what_its_network_can_write() -> None:
    [printed, written] = engine().read([line("one"), by_hand(line("two"))])
    assert printed.alphabet is not None
    assert written.alphabet is not None
    assert printed.alphabet.can_write("ß")
    assert not written.alphabet.can_write("ß")


def test_what_the_network_for_handwriting_read_says_so() -> None:
    hypotheses = engine().read([line("one"), by_hand(line("two"))])
    assert [hypothesis.specialised for hypothesis in hypotheses] == [False, True]
    assert not engine(print_sure=SURE).read([by_hand(line("one"))])[0].specialised


def test_without_a_second_network_the_one_reads_all() -> None:
    assert texts(EasyOCR(network("p", UNSURE), None, "p@1"), by_hand(line("one"))) == ["p"]


def ngrams(text: str) -> CharacterNgrams:
    return CharacterNgrams(tuple(smoothed(count_grams([text] * 50, 3), Kept(0, 0))))


NONE_BEGINS_WITH_H = ngrams("a word or two")
"""After a space "h" is so unlikely that a blank of 0.4 is likelier than an "h" of 0.6."""


def test_the_language_decides_what_the_picture_leaves_open() -> None:
    [read] = engine(en=NONE_BEGINS_WITH_H).read([by_hand(line("one"))])
    assert (read.text, read.specialised) == ("", True)


def test_no_language_has_a_say_on_a_line_in_another_one_or_in_print() -> None:
    reader = engine(en=NONE_BEGINS_WITH_H)
    assert texts(reader, replace(by_hand(line("one")), languages=("de", "en"))) == ["h"]
    assert texts(reader, line("one")) == ["p"]
    assert texts(engine(print_sure=SURE, en=NONE_BEGINS_WITH_H), by_hand(line("one"))) == ["p"]


def test_a_character_that_the_language_agrees_to_is_surer_than_by_the_picture_alone() -> None:
    crop = by_hand(line("one"))
    [alone], [supported] = engine().read([crop]), engine(en=ngrams("h h h")).read([crop])
    assert (alone.text, supported.text) == ("h", "h")
    assert alone.confidence < supported.confidence <= 1.0
    assert supported.characters[0].span == alone.characters[0].span


def test_the_bundled_network_for_handwriting_has_english() -> None:
    assert list(read_languages(BUNDLED_DIR / "easyocr" / HANDWRITING)) == ["en"]
