"""A network is given batches of a few sizes, and what it makes of them is that of each picture."""

import numpy as np
import pytest

from engines.devices.full_batches import in_full_batches


@pytest.mark.parametrize(
    ("count", "given"), [(1, [1]), (2, [4]), (4, [4]), (5, [16]), (16, [16]), (17, [16, 1]), (36, [16, 16, 4])]
)
def test_a_batch_is_cut_and_filled_up_to_sizes_that_were_met(count, given):
    met = []

    def doubled(batch):
        met.append(len(batch))
        return 2 * batch.sum(axis=2)

    pictures = np.arange(count * 6, dtype=np.float32).reshape(count, 2, 3)
    assert in_full_batches(doubled, (1, 4, 16))(pictures).tolist() == (2 * pictures.sum(axis=2)).tolist()
    assert met == given
