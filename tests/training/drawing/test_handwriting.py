"""Lines in a hand: words in one piece, neighbours that cross, only characters that the font has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.drawing.fonts import Face, faces_in_folder
from training.drawing.handwriting import Neighbours, characters_of, written_line
from training.drawing.typesetting import STRIP_PX


@pytest.fixture(scope="module")
def face() -> Face:
    """DejaVu Serif, which matplotlib brings along."""
    import matplotlib as mpl

    return Face("DejaVu Serif", Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf", 0, handwritten=True)


def test_a_line_depends_on_the_state_of_its_numbers_alone(face: Face) -> None:
    first, again = (written_line("My dear Sir", Neighbours(), face, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.ink, again.ink)
    assert (first.text, first.handwritten) == ("My dear Sir", True)


def test_letters_lie_in_the_rows_of_the_line(face: Face) -> None:
    for seed in range(20):
        line = written_line("Hanging gardens", Neighbours(), face, np.random.default_rng(seed))
        assert line.ink.shape[0] == STRIP_PX
        assert 0 <= line.top < line.bottom <= STRIP_PX
        assert line.ink[line.top : line.bottom].sum() > 0.85 * line.ink.sum(dtype=np.int64)


def test_lines_above_and_below_reach_into_the_strip(face: Face) -> None:
    around = Neighbours(above="MMMMMMMMMM", below="MMMMMMMMMM")
    edges = [
        written_line("a a a", neighbours, face, np.random.default_rng(5)).ink[[4, -5]].sum()
        for neighbours in (Neighbours(), around)
    ]
    assert edges[0] < edges[1]


def test_the_back_of_the_sheet_is_weaker_than_the_front(face: Face) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        line = written_line("a", Neighbours(behind="MMMMMMMMMMMM"), face, rng)
        plain = written_line("a", Neighbours(), face, np.random.default_rng(seed))
        assert line.ink.max() == plain.ink.max() or plain.ink.max() < 110


def test_a_face_is_asked_which_characters_it_has(face: Face) -> None:
    assert characters_of(face) == frozenset(map(chr, range(0x20, 0x7F)))


def test_a_missing_font_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "one.woff2").touch()
    assert [face.family for face in faces_in_folder(tmp_path, ["one"])] == ["one"]
    with pytest.raises(FileNotFoundError, match=r"two.woff2 is missing: python -m training.drawing.web_fonts"):
        faces_in_folder(tmp_path, ["one", "two"])
