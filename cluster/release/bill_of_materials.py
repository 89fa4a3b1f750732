"""What Quorum is made of, as a CycloneDX document (https://cyclonedx.org, version 1.6): every distribution of the lock
with its licence and the sha256 of its files, and the models that are bundled with theirs.

    python -m cluster.release.bill_of_materials > quorum.cdx.json          or: make audit

Asks nobody: the lock, the metadata of what is installed and the files here say all of it. What an image holds beside
that, the packages of its system, is written down when the image is built (.github/workflows/ci.yml).
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cluster.licence_notice import LOCK, installed_metadata, licence_of, read_lock

_BUNDLED = Path(__file__).parents[1] / "bundled"
_CARD = "metadata.json"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

Component = dict[str, Any]


def bill_of_materials(version: str, lock: str, bundled: Path = _BUNDLED) -> dict[str, Any]:
    """The document of this version of Quorum, with the text of its lock and the folder of its models."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "quorum-ocr",
                "version": version,
                "purl": f"pkg:pypi/quorum-ocr@{version}",
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": [*_distributions(lock), *_models(bundled)],
    }


def _distributions(lock: str) -> Iterator[Component]:
    hashes = hashes_of(lock)
    for locked in read_lock(lock):
        licence = licence_of(locked.name, installed_metadata(locked.name))
        for version in locked.versions:
            yield {
                "type": "library",
                "name": locked.name,
                "version": version,
                "purl": f"pkg:pypi/{locked.name}@{version}",
                "licenses": [{"expression": licence}],
                # A distribution has a file for each platform; the lock takes any of these and no other.
                "properties": [{"name": "sha256", "value": each} for each in hashes[f"{locked.name}=={version}"]],
            }


def hashes_of(lock: str) -> dict[str, list[str]]:
    """The sha256 of the files of each pin, by `name==version`."""
    found: dict[str, list[str]] = {}
    pin = ""
    for line in lock.splitlines():
        if pinned := re.match(r"([A-Za-z0-9._-]+==[^ ;]+)", line):
            pin = pinned[1]
        found.setdefault(pin, []).extend(_HASH.findall(line))
    return found


def _models(bundled: Path) -> Iterator[Component]:
    for path in sorted(each for each in bundled.rglob("*") if each.is_file() and "__pycache__" not in each.parts):
        yield {
            "type": "machine-learning-model",
            "name": path.relative_to(bundled).as_posix(),
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
            "licenses": [{"expression": _licence(path, bundled)}],
        }


def _licence(file: Path, bundled: Path) -> str:
    """That of the card nearest above the file, if it says one; else the project's own."""
    folders = [folder for folder in file.parents if folder.is_relative_to(bundled)]
    cards = (folder / _CARD for folder in folders)
    nearest = next((card for card in cards if card.is_file()), None)
    return json.loads(nearest.read_text(encoding="utf-8")).get("licence", "MIT") if nearest else "MIT"


def main() -> None:
    from importlib.metadata import version

    json.dump(bill_of_materials(version("quorum-ocr"), LOCK.read_text()), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
