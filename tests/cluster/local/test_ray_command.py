"""How Ray's command line is made patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

pytestmark = pytest.mark.processes


def test_a_node_that_registers_itself_late_is_waited_for_and_one_that_never_does_is_not() -> None:
    from cluster.local.ray_command import patient

    asked: list[str] = []

    def get_node(address: str) -> Mapping[str, Any]:
        asked.append(address)
        if len(asked) < 3:
            raise RuntimeError("no such node")
        return {"address": address}

    assert patient(get_node)("here") == {"address": "here"}
    assert asked == ["here"] * 3
    asked.clear()
    with pytest.raises(RuntimeError, match="no such node"):
        patient(get_node, patience_s=0.0)("here")
