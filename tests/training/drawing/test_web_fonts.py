"""The list of handwriting fonts and how one is fetched; npm is a stand-in."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from training.drawing import web_fonts
from training.drawing.web_fonts import APACHE, HELD_OUT, LEARNT, VERSIONS, fetch


def test_no_family_is_learnt_from_and_held_out() -> None:
    families = [*LEARNT, *HELD_OUT]
    assert len(set(families)) == len(families)
    assert set(APACHE) | set(VERSIONS) <= set(families)
    assert 0.09 < len(HELD_OUT) / len(families) < 0.12


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What npm was asked for; it packs a font file that holds its package's name."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        family = command[-1].split("/")[1].split("@")[0]
        if family == "nobody":
            raise subprocess.CalledProcessError(1, command, stderr="404 Not Found")
        packed = Path(command[command.index("--pack-destination") + 1]) / f"fontsource-{family}.tgz"
        with tarfile.open(packed, "w:gz") as archive:
            member = tarfile.TarInfo(f"package/files/{family}-latin-400-normal.woff2")
            member.size = len(family)
            archive.addfile(member, io.BytesIO(family.encode()))
        return subprocess.CompletedProcess(command, 0, json.dumps([{"filename": packed.name}]), "")

    monkeypatch.setattr(web_fonts.subprocess, "run", run)
    return asked


def test_a_font_is_fetched_once_in_the_recorded_version(npm: list[list[str]], tmp_path: Path) -> None:
    path = fetch("allura", tmp_path)
    assert (path.name, path.read_text()) == ("allura.woff2", "allura")
    assert fetch("allura", tmp_path) == path
    fetch("charm", tmp_path)
    assert [command[-1] for command in npm] == ["@fontsource/allura@5.3.0", "@fontsource/charm@5.2.7"]


def test_what_npm_says_is_told(npm: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"@fontsource/nobody@5.3.0: 404 Not Found"):
        fetch("nobody", tmp_path)
    assert not list(tmp_path.iterdir())
