"""What has to be true of a machine before the cluster starts on it, each with its remedy.

A check looks at one thing and returns a `Finding`; it changes nothing and raises nothing that was to be expected. What
it looks at comes in as an argument, so that a test can show it another machine. Memory is megabytes of 1,000,000
bytes. How the findings are shown, and what else the person wanted to do, is not known here.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import shutil
import socket
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cluster.weights import models
from ocr.errors import EngineUnavailable
from ocr.text.languages import INSTALLED, LANGUAGES

_NO_CARD = (
    "run this on a node with a card and the engine's packages of cluster/gpu/, or start from serve_config.cpu.yaml, "
    "which asks for no card"
)
_FRAMEWORK_S = 120.0  # TensorFlow's first import from a cold disk


class Verdict(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"  # it starts, but a part of it will be missing or slow
    FAILED = "failed"  # it cannot start


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `remedy` is the next step, empty when there is nothing to do."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.OK and not self.remedy:
            raise ValueError(f"{self.name}: a finding that is not ok needs a remedy")


def program(name: str, package: str, *, which: Callable[[str], str | None] = shutil.which) -> Finding:
    """Whether the program `name` (or the path of one) can be started; `package` is the system package that brings it.

    A warning only: the engine that needs it is unavailable without it, and the others read.
    """
    path = which(name)
    if path is None:
        return Finding(
            name, Verdict.WARNING, f"the program {name} is not installed", f"apt-get install {package}, or make setup"
        )
    return Finding(name, Verdict.OK, path)


def tesseract_languages(
    command: str, wanted: Iterable[str] = INSTALLED, *, run: Callable[[list[str]], str] | None = None
) -> Finding:
    """Whether Tesseract has data for the languages `wanted` (codes of ocr/text/languages.py)."""
    name = "tesseract languages"
    try:
        listing = (run or _output_of)([command, "--list-langs"])
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(name, Verdict.WARNING, f"{command} does not run: {error}", "apt-get install tesseract-ocr")
    data = set(listing.split())
    missing = [LANGUAGES[code] for code in wanted if LANGUAGES[code].tesseract not in data]
    if missing:
        names = ", ".join(language.name for language in missing)
        packages = " ".join(language.package for language in missing)
        return Finding(
            name,
            Verdict.WARNING,
            f"no data for {names}: Tesseract abstains in them",
            f"apt-get install {packages}",
        )
    there = [code for code, language in LANGUAGES.items() if language.tesseract in data]
    return Finding(name, Verdict.OK, f"{len(there)}: {', '.join(there)}")


def _output_of(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


OPENCV = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
"""Distributions that all install the same package `cv2`; the last one that was installed owns its files."""


def cv2_owner(
    distributions: Callable[[str], importlib.metadata.Distribution] = importlib.metadata.distribution,
) -> Finding:
    """Which distribution owns `cv2`. Any but a headless one needs libGL, which a server does not have."""
    name = "cv2"
    remedy = "make setup FORCE=1 (it reinstalls opencv-python-headless last)"
    installed = [found for found in (_distribution(key, distributions) for key in OPENCV) if found is not None]
    if not installed:
        return Finding(name, Verdict.WARNING, "OpenCV is not installed", "pip install opencv-python-headless")
    owner = next((found for found in installed if _owns_cv2(found)), None)
    if owner is None:
        names = ", ".join(found.metadata["Name"] for found in installed)
        return Finding(name, Verdict.FAILED, f"cv2 is a mixture of {names}", remedy)
    title = f"{owner.metadata['Name']} {owner.version}"
    if "headless" not in owner.metadata["Name"]:
        return Finding(name, Verdict.WARNING, f"cv2 comes from {title}, which needs libGL", remedy)
    return Finding(name, Verdict.OK, title)


def _distribution(
    key: str, distributions: Callable[[str], importlib.metadata.Distribution]
) -> importlib.metadata.Distribution | None:
    try:
        return distributions(key)
    except importlib.metadata.PackageNotFoundError:
        return None


def _owns_cv2(distribution: importlib.metadata.Distribution) -> bool:
    """Whether the files of cv2 are those that the distribution's RECORD lists: the version by its hash, the library by
    its size (hashing 70 MB would take a second).
    """
    listed = {str(path): path for path in distribution.files or ()}
    version = listed.get("cv2/version.py")
    libraries = [path for key, path in listed.items() if key.startswith("cv2/cv2") and path.suffix in (".so", ".pyd")]
    if version is None or version.hash is None or not libraries:
        return False
    found = Path(str(version.locate()))
    if not found.is_file() or _record_hash(found) != version.hash.value:
        return False
    return all(_size(Path(str(library.locate()))) == library.size for library in libraries)


def _record_hash(path: Path) -> str:
    """sha256 as RECORD writes it (https://packaging.python.org/specifications/recording-installed-packages/)."""
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def free_port(host: str, port: int) -> Finding:
    """Whether a server may listen on `host`:`port`."""
    name = f"port {port}"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was closed a moment ago is free
        try:
            probe.bind((host, port))
            probe.listen(1)  # SO_REUSEADDR lets two bind, but only one listen
        except OSError as error:
            return Finding(
                name,
                Verdict.FAILED,
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                f"stop what uses it, or choose another: --port {port + 1 if port < 65535 else 8000}",
            )
    return Finding(name, Verdict.OK, f"{host}:{port} is free")


def memory(available_mb: float, needed_mb: float) -> Finding:
    """Whether `needed_mb` of memory are free."""
    detail = f"{available_mb:,.0f} MB free, about {needed_mb:,.0f} MB needed"
    if available_mb >= needed_mb:
        return Finding("memory", Verdict.OK, detail)
    return Finding("memory", Verdict.WARNING, detail, "stop other programs, or take engines out of the configuration")


def model(key: str, choice: str, *, model_dir: Path, cache_dir: Path, handwriting: str = "auto") -> Finding:
    """Whether the model that `choice` names for the engine `key` is here, and the one for `handwriting`."""
    name = f"model of {key}"
    store = model_dir.expanduser()
    try:
        path = models.resolve(key, choice, model_dir=store, cache_dir=cache_dir.expanduser())
        hand = models.resolve_handwriting(key, handwriting, path, model_dir=store)
    except EngineUnavailable as error:
        return Finding(name, Verdict.WARNING, error.message, error.hint)
    own = "the engine's own" if path is None else str(path)
    return Finding(name, Verdict.OK, own if hand is None else f"{own}; for handwriting {hand}")


def card(fractions: Mapping[str, float], memory_bytes: Callable[[], int]) -> Finding:
    """Whether a card is here for the engines with these `fractions` of one, and how many cards they fill.

    `memory_bytes` asks the driver for the memory of the first card and raises EngineUnavailable when there is none.
    """
    engines = ", ".join(f"{name} {fraction:g}" for name, fraction in fractions.items())
    try:
        memory_gb = memory_bytes() / 1e9
    except EngineUnavailable as error:
        return Finding(
            "GPU",
            Verdict.FAILED,
            f"engines have fractions of a card ({engines}), but {error.message}",
            _NO_CARD,
        )
    return Finding("GPU", Verdict.OK, f"{memory_gb:.0f} GB; {engines} fill {sum(fractions.values()):.2f} cards")


def framework(name: str, python: str, *, run: Callable[..., Any] = subprocess.run) -> Finding:
    """Whether the framework of the engine `name` sees a card in the environment of the interpreter `python`.

    A driver alone says nothing: a build for CPUs reads without a word of complaint, and pays for a card. Asked in a
    process of its own, because two frameworks in one quarrel, and each deployment may have its own interpreter.
    """
    asked = "import sys, engines; engines.spec(sys.argv[1]).card.require()"
    try:
        said = run([python, "-c", asked, name], capture_output=True, text=True, timeout=_FRAMEWORK_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(f"card of {name}", Verdict.FAILED, f"{python} did not answer: {error}", _NO_CARD)
    if said.returncode == 0:
        return Finding(f"card of {name}", Verdict.OK, "its framework sees it")
    last = (said.stderr.strip().splitlines() or ["it ended without a message"])[-1]
    return Finding(f"card of {name}", Verdict.FAILED, last.partition(": ")[2] or last, _NO_CARD)


def machine(
    *, host: str, port: int, engines: Collection[str], available_mb: float, needed_mb: float, tesseract: str
) -> list[Finding]:
    """What the machine itself must offer to run the `engines` (their keys) and to serve on `host`:`port`."""
    found = [free_port(host, port), memory(available_mb, needed_mb), cv2_owner()]
    if "tesseract" in engines:
        found.append(program(tesseract, "tesseract-ocr"))
        if found[-1].verdict is Verdict.OK:
            found.append(tesseract_languages(tesseract))
    return found
