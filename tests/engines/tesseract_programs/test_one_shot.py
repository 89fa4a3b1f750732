"""The program that is started for each run: its arguments and what its hOCR says."""

import pytest

from engines.tesseract_programs.groups import Group
from engines.tesseract_programs.one_shot import OneShotProgram, pages
from ocr import Scope

HOCR = """
  <div class='ocr_page' id='page_1' title='image "/some/folder/4.pgm"; bbox 0 0 120 60; ppageno 0; scan_res 70 70'>
      <span class='ocrx_word' id='word_1_1' title='bbox 20 20 60 40; x_wconf 96'>
       <span class='ocrx_cinfo' title='x_bboxes 20 20 40 40; x_conf 99.574'>R</span>
       <span class='ocrx_cinfo' title='x_bboxes 40 20 60 40; x_conf 98'>&amp;</span>
      </span>
      <span class='ocrx_word' id='word_1_2' title='bbox 80 20 90 40; x_wconf 96'>
       <span class='ocrx_cinfo' title='x_bboxes 80 20 90 40; x_conf 90.5'>D</span>
      </span>
  </div>
  <div class='ocr_page' id='page_2' title='image "/some/folder/7.pgm"; bbox 0 0 20 60; ppageno 1; scan_res 70 70'>
  </div>
"""


def test_hocr_becomes_characters_with_places_and_spaces():
    read = dict(pages(HOCR))
    assert {index: "".join(found.text for found in characters) for index, characters in read.items()} == {
        4: "R& D",
        7: "",
    }
    assert [found.span for found in read[4]] == [(20, 40), (40, 60), (60, 80), (80, 90)]


def test_certainty_without_doubt_is_probability_one():
    characters = dict(pages(HOCR))[4]
    assert characters[0].probability == pytest.approx(1.0, abs=1e-3)
    assert characters[-1].probability == pytest.approx(0.163, abs=1e-3)


def test_a_space_is_as_sure_as_its_less_sure_neighbour():
    characters = dict(pages(HOCR))[4]
    assert characters[2].probability == characters[3].probability


@pytest.mark.parametrize(
    ("scope", "crops", "most"), [(Scope.LINE, 2, 2), (Scope.CHARACTER, 32, 1), (Scope.CHARACTER, 65, 2)]
)
def test_a_process_is_started_for_what_takes_longer_than_its_start(scope, crops, most):
    assert OneShotProgram(None).runs(Group(scope, ("eng",), None), crops) == most
