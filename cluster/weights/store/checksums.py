"""The sha256 of files as sha256sum(1) writes them, named by whoever pulls files whose makers publish none.

A line is the sha256, two blanks, and MODEL/FILE.
"""

from __future__ import annotations

import re
from pathlib import Path

from ocr.errors import InvalidRequest

_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?P<path>\S.*)")


def read_sums(path: Path) -> dict[str, str]:
    """MODEL/FILE -> sha256. Raises InvalidRequest for a line of another form, and for a file that is named twice."""
    found: dict[str, str] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = _LINE.fullmatch(text)
        if line is None or line["path"] in found:
            raise InvalidRequest(
                f"{path}, line {number}: {text[:80]!r} does not name one more file and its sha256",
                "write it as `sha256sum MODEL/FILE` does",
            )
        found[line["path"]] = line["sha256"]
    return found
