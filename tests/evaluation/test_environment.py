"""What stands beside every figure can be had anywhere: on machines without sessions, or with an empty file for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.environment import nice_of_session


@pytest.mark.parametrize(
    ("content", "nice"), [("/autogroup-12 nice -3\n", "-3"), ("", "0"), (None, "0")], ids=["named", "empty", "absent"]
)
def test_the_priority_of_the_session_is_zero_where_the_system_tells_none(
    content: str | None, nice: str, tmp_path: Path
) -> None:
    told = tmp_path / "autogroup"
    if content is not None:
        told.write_text(content)
    assert nice_of_session(told) == nice
