"""In a process of its own: here pandas may have been imported long ago."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

_PROGRAM = """
import sys
import deployments.replica.preload
assert "ray.serve" in sys.modules
assert not [name for name in sys.modules if name.startswith("pandas.")], "pandas came along"
import pandas
print(pandas.DataFrame([[1]]).size)
"""


def test_serve_comes_without_pandas_which_can_be_imported_afterwards() -> None:
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert ran.stdout.split()[-1:] == ["1"], ran.stderr
