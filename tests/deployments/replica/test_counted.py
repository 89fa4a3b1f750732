"""What is under way is counted, and leaves nothing behind."""

from __future__ import annotations

from collections import Counter

import pytest

from deployments.replica.counted import counted


def test_a_key_is_counted_while_its_blocks_last_and_gone_after_the_last() -> None:
    under_way: Counter[str] = Counter()
    with counted(under_way, "a"), counted(under_way, "b", 0):
        with counted(under_way, "a", 5):
            assert under_way["a"] == 6
        assert under_way == {"a": 1, "b": 0}
    assert list(under_way) == []


def test_a_block_that_raises_is_counted_no_more() -> None:
    under_way: Counter[str] = Counter()
    with pytest.raises(KeyError), counted(under_way, "a"):
        raise KeyError
    assert list(under_way) == []
