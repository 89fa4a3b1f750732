"""The parts of the line writer's encoder: pictures of their own width, and columns numbered by characters."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.engines


def test_a_line_keeps_its_proportions_and_a_very_wide_one_is_squeezed():
    from engines.line_models.line_pictures import MAX_RATIO, scaled

    assert scaled(np.zeros((64, 640, 3), np.uint8), 32).shape == (32, 320)
    assert scaled(np.zeros((2, 3000, 3), np.uint8), 32).shape == (32, 32 * MAX_RATIO)
    assert scaled(np.zeros((3000, 4), np.uint8), 32).shape == (32, 1)


def test_a_batch_repeats_the_last_column_of_each_line():
    from engines.line_models.line_pictures import MARGIN_PX, batch

    short, long = np.zeros((32, 5), np.uint8), np.zeros((32, 32), np.uint8)
    short[:, -1] = 255
    images = batch([short, long])
    assert images.shape == (2, 1, 32, 32 + MARGIN_PX)
    assert (images[0, 0, :, 4:] == 1.0).all()
    assert (images[0, 0, :, :4] == -1.0).all()


def test_columns_behind_the_last_ink_are_not_of_the_line():
    import torch

    from engines.line_models.line_encoder import PAPER_COLUMNS, behind_line

    pixels = torch.ones(2, 1, 32, 80)
    pixels[0, 0, 3, 9] = 0.0  # in the third column
    behind = behind_line(pixels, 20)
    assert behind.sum(dim=1).tolist() == [20 - 3 - PAPER_COLUMNS, 20 - PAPER_COLUMNS]
    assert behind[0, -1]
    assert not behind[0, 0]


def test_columns_are_numbered_by_the_characters_that_begin_before_them():
    import torch

    from engines.line_models.line_encoder import counts

    best = torch.tensor([[0, 7, 7, 0, 7, 9, 0, 0]])
    assert counts(best).tolist() == [[0, 0, 0, 0, 1, 2, 2, 2]]


def test_the_code_of_a_place_is_nearest_to_itself():
    import torch

    from engines.line_models.line_encoder import code

    codes = code(torch.arange(100)[None], 64)[0]
    assert (codes @ codes.T).argmax(dim=1).tolist() == list(range(100))
