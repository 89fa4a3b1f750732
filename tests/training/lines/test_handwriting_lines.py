"""Lines of letters for the handwriting network: reproducible, in characters that the hand has, at the asked height."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.drawing.fonts import Face
from training.lines import handwriting_lines
from training.lines.degradation import Room, augmented, photographed
from training.lines.handwriting_lines import HandwritingGenerator, unseen_hands
from training.lines.synthetic import UNSEEN
from training.lines.texts import LETTER_CHARACTERS, Texts, is_printable, letter_text


@pytest.fixture(scope="module")
def generator() -> HandwritingGenerator:
    """DejaVu Serif, which matplotlib brings along, for a hand."""
    import matplotlib as mpl

    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSerif.ttf"
    prose = (
        "I have gone into the matter, and am satisfied that whatever should come of it will be read with pleasure.",
    )
    texts = Texts(("word", "zebra's"), ("Ada", "Paris"), prose, ("said the King",))
    return HandwritingGenerator(texts, (Face("DejaVu Serif", path, 0, handwritten=True),))


def test_texts_of_letters_are_prose_for_the_most_part_and_never_long(generator: HandwritingGenerator) -> None:
    rng = np.random.default_rng(1)
    lines = [letter_text(generator.texts, rng) for _ in range(500)]
    assert all(is_printable(line) and len(line) <= LETTER_CHARACTERS for line in lines)
    assert (
        sum(
            line in generator.texts.prose[0].replace(" and ", " & ") or line in generator.texts.prose[0]
            for line in lines
        )
        > 150
    )
    assert any("&" in line for line in lines)
    assert not any("GST" in line for line in lines)


def test_a_line_depends_on_seed_and_index_alone(generator: HandwritingGenerator) -> None:
    generator.typeset(4, 4)
    first, again, other = generator.typeset(1, 7), generator.typeset(1, 7), generator.typeset(2, 7)
    np.testing.assert_array_equal(first.ink, again.ink)
    assert first.text == again.text
    assert first.ink.shape != other.ink.shape or first.text != other.text


def test_a_text_is_drawn_in_characters_that_the_hand_has(
    generator: HandwritingGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = frozenset("abcdefghijklmnopqrstuvwxyz ")
    monkeypatch.setattr(handwriting_lines, "characters_of", lambda face: letters)
    assert letters.issuperset("".join(generator.typeset(1, index).text for index in range(30)))
    monkeypatch.setattr(handwriting_lines, "characters_of", lambda face: frozenset("q"))
    with pytest.raises(ValueError, match=r"DejaVuSerif.ttf lacks characters"):
        generator.typeset(1, 1)


def test_unseen_hands_are_the_same_each_time_and_as_high_as_asked(
    generator: HandwritingGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HandwritingGenerator, "installed", lambda *_: generator)
    first, again = (unseen_hands(Path("fonts"), 5, 48) for _ in range(2))
    assert [line.source for line in first] == [UNSEEN] * 5
    for line, same in zip(first, again, strict=True):
        assert line.crop.shape[0] == 48
        np.testing.assert_array_equal(line.crop, same.crop)


def test_a_written_line_is_made_at_the_height_of_the_network(generator: HandwritingGenerator) -> None:
    assert photographed(generator.typeset(1, 1), np.random.default_rng(1), 48).shape[0] == 48
    assert photographed(generator.typeset(1, 1), np.random.default_rng(1)).shape[0] == 32


def test_crops_of_written_lines_reach_into_their_surroundings_at_times() -> None:
    picture = np.full((128, 704), 200, np.uint8)
    picture[:20] = picture[-20:] = 0  # the neighbours, beyond the line's own rows
    seen = [
        augmented(picture, "x" * 20, np.random.default_rng(n), room=Room(32, 32, 32, 32), by_hand=True, height_px=48)
        for n in range(80)
    ]
    assert {strip.shape[0] for strip in seen} == {48}
    with_neighbours = sum(int(strip[:4].mean() < 0.6 * np.median(strip)) for strip in seen)
    assert 2 <= with_neighbours < 40
