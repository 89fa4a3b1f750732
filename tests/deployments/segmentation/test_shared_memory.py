from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import numpy as np
import pytest

from deployments.segmentation.shared_memory import receive, send


@pytest.fixture
def ends() -> Iterator[tuple[Connection, Connection]]:
    one, other = Pipe()
    with one, other:
        yield one, other


def test_arrays_of_any_size_arrive_as_they_were_sent(ends):
    one, other = ends
    rng = np.random.default_rng(0)
    arrays = [
        rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((48, 900, 3), (1, 1, 3), (0, 5, 3), (2000, 3000, 3))
    ]
    send(one, {"crops": tuple(arrays), "name": "page"})  # more than the connection would take before it is read
    received = receive(other)
    assert received["name"] == "page"
    for sent, arrived in zip(arrays, received["crops"], strict=True):
        assert np.array_equal(sent, arrived)


def test_what_was_sent_first_stays_while_more_arrives(ends):
    one, other = ends
    received = []
    for level in (1, 2, 3):
        send(one, np.full((100, 100, 3), level, np.uint8))
        received.append(receive(other))
    assert [int(array[0, 0, 0]) for array in received] == [1, 2, 3]


@pytest.mark.parametrize("value", [None, "text", (1, 2.0), np.zeros((0, 3), np.uint8)])
def test_values_without_pixels_arrive_too(ends, value):
    one, other = ends
    send(one, value)
    received = receive(other)
    assert np.array_equal(received, value) if isinstance(value, np.ndarray) else received == value


def test_an_end_that_is_gone_is_told(ends):
    one, other = ends
    one.close()
    with pytest.raises(EOFError):
        receive(other)
