"""Reading requirements.lock and the files of its form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A requirement as it is written, and the sha256 that its files may have."""

    pin: str
    hashes: tuple[str, ...]


def locked(path: Path) -> list[Entry]:
    entries = [entry.split() for entry in path.read_text().replace(" \\\n", " ").splitlines()]
    return [
        Entry(
            " ".join(word for word in entry if not word.startswith("--")),
            tuple(word.removeprefix("--hash=") for word in entry if word.startswith("--")),
        )
        for entry in entries
    ]
