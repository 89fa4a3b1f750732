"""Tesseract: crops are brought between two heights and get a border, which Tesseract needs to see where a line ends: of
the colour of the paper, because a white one on grey paper doubles its errors. Light text is turned dark. Spans are in
crop pixels. This file knows no model file: the language data are the system's, or a tessdata directory, which need not
have Tesseract's `configs` beside the data.

It is read by processes that stay, with the library of the system's program (engines/tesseract_programs/resident.py).
With `runtime: native`, without that library, or where the environment says how, the program is started through
pytesseract for each batch (engines/tesseract_programs/one_shot.py).

Environment: TESSERACT_CMD (the program), TESSERACT_CONFIG (further arguments; a --psm there replaces that of lines).
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import numpy as np

from engines.common.blank_crops import is_blank
from engines.common.model_card import CARD_FILE, read_card
from engines.common.module_stubs import stubbed_modules
from engines.common.scratch_files import Scratch
from engines.common.tessdata import alphabet_of
from engines.tesseract_programs.groups import Group, Prepared, Run, TesseractProgram
from engines.tesseract_programs.one_shot import FOLDERS, OneShotProgram
from engines.tesseract_programs.resident import ResidentProgram
from ocr.errors import EngineUnavailable, QuorumError
from ocr.hypothesis import CharacterHypothesis, Hypothesis, Span
from ocr.image import Crop, Pixels, Scope
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources, Runtime
from ocr.runtime.gpu_memory import NoCard
from ocr.text.alphabet import Alphabet
from ocr.text.languages import LANGUAGES, package_of

log = logging.getLogger("quorum.engines")

LINE_HEIGHT_PX = (36, 64)
"""Lower crops are enlarged and higher ones reduced to these; between, Tesseract reads best what is not resampled."""
BORDER_PX = 10
MAX_WIDTH_PX = 10_000
"""Wider than any line at that height; Tesseract itself refuses images from 32,768 px on."""

_FOLDER = re.compile(r'in "(.+)"')
"""Where the data lie, in the first line of --list-langs."""
_LISTING_S = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Tesseract:
    """With the data that it has: by name the file, None where its folder is not known. `processes` read side by side,
    each on one thread.
    """

    program: TesseractProgram
    version: str
    data: Mapping[str, Path | None]
    loaded_for: tuple[str, ...]
    processes: int = 1
    tessdata: Path | None = None

    @property
    def model(self) -> str:
        """The card of a tessdata directory; the system's data are known by their checksum: programs of one version read
        with data of several makers.
        """
        if self.tessdata is not None and (self.tessdata / CARD_FILE).is_file():
            return read_card(self.tessdata).label
        names = tuple(_data_name(language) for language in self.loaded_for)
        return f"tesseract-{'+'.join(names)}@{_version_of(tuple(self.data[name] for name in names)) or self.version}"

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that there is data for."""
        return tuple(code for code, language in LANGUAGES.items() if language.tesseract in self.data)

    def read(self, crops: Sequence[Crop]) -> list[Hypothesis]:
        """One hypothesis per crop, in order. Abstains on a language without data.

        Raises:
            InternalFailure: the program died.
            DeadlineExceeded: it did not end in time.
        """
        answers = [Hypothesis()] * len(crops)
        groups: dict[Group, dict[int, Prepared]] = defaultdict(dict)
        for index, crop in enumerate(crops):
            data = self._data_for(crop.languages)
            if not data:
                answers[index] = Hypothesis.abstain(_missing(crop.languages))
            elif (prepared := _prepare(crop.pixels)) is not None:
                single = crop.region.scope is Scope.CHARACTER
                groups[Group(crop.region.scope, data, crop.classes if single else None)][index] = prepared
        runs = [
            Run(group, share)
            for group, prepared in groups.items()
            for share in _shares(prepared, min(self.processes, self.program.runs(group, len(prepared))))
        ]
        prepared_crops = {index: crop for prepared in groups.values() for index, crop in prepared.items()}
        with ThreadPoolExecutor(self.processes) as threads:
            for characters_of in threads.map(self.program.read, runs):
                for index, characters in characters_of.items():
                    placed = [_to_crop(character, prepared_crops[index]) for character in characters]
                    answers[index] = self._hypothesis_of(crops[index], placed)
        return answers

    def _data_for(self, languages: tuple[str, ...]) -> tuple[str, ...]:
        """The names of the data that there are for some of these languages."""
        return tuple(_data_name(language) for language in languages if _data_name(language) in self.data)

    def _hypothesis_of(self, crop: Crop, characters: list[CharacterHypothesis]) -> Hypothesis:
        """What was read; of a single character only the most probable reading."""
        if crop.region.scope is Scope.CHARACTER and characters:
            characters = [max(characters, key=lambda character: character.probability)]
        lacking = [language for language in crop.languages if _data_name(language) not in self.data]
        return Hypothesis(
            tuple(characters),
            alphabet=_alphabet(tuple(self.data[name] for name in self._data_for(crop.languages))),
            remark=_missing(lacking) if lacking else "",
        )


def _shares(crops: Mapping[int, Prepared], most: int) -> list[dict[int, Prepared]]:
    """At most `most` parts of `crops` that take about as long to read: dealt out from the widest down."""
    widest_first = sorted(crops, key=lambda index: crops[index].pixels.shape[1], reverse=True)
    return [{index: crops[index] for index in widest_first[first::most]} for first in range(min(most, len(crops)))]


@lru_cache(maxsize=16)
def _version_of(data: tuple[Path | None, ...]) -> str:
    """The beginning of the SHA-256 of all files together; empty where one is not known."""
    files = [path for path in data if path is not None]
    if len(files) < len(data):
        return ""
    checksum = sha256()
    for path in files:
        checksum.update(path.read_bytes())
    return checksum.hexdigest()[:8]


@lru_cache(maxsize=256)
def _alphabet(data: tuple[Path | None, ...]) -> Alphabet | None:
    """What can be written with several data together; None where it is not known of one."""
    known = [None if path is None else alphabet_of(path) for path in data]
    if not known or any(alphabet is None for alphabet in known):
        return None
    return Alphabet.of(character for alphabet in known if alphabet is not None for character in alphabet)


def _prepare(pixels: Pixels) -> Prepared | None:
    """RGB (H, W, 3) to grey, dark on light, as high as LINE_HEIGHT_PX, with a border; None for a crop of one colour."""
    if is_blank(pixels):
        return None
    from PIL import Image

    picture = Image.fromarray(pixels).convert("L")
    full = np.asarray(picture)  # (H, W) uint8
    height = min(max(picture.height, LINE_HEIGHT_PX[0]), LINE_HEIGHT_PX[1])
    scale = min(height / picture.height, MAX_WIDTH_PX / picture.width)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    grey = np.asarray(picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0))  # (H, W) uint8
    background = float(np.median(grey))
    if background < (float(full.min()) + float(full.max())) / 2:
        grey, background = 255 - grey, 255 - background
    return Prepared(np.pad(grey, BORDER_PX, constant_values=int(background)), scale, pixels.shape[1])


def _to_crop(character: CharacterHypothesis, prepared: Prepared) -> CharacterHypothesis:
    """The same character with its span in pixels of the crop; no span where it lies in the border."""
    if character.span is None:
        return character
    start, end = (min(max((x - BORDER_PX) / prepared.scale, 0.0), prepared.width_px) for x in character.span)
    return CharacterHypothesis(character.text, character.probability, Span(start, end) if start < end else None)


def _data_name(language: str) -> str:
    """A code of ISO 639-1 as Tesseract names its data; another name as it is."""
    return LANGUAGES[language].tesseract if language in LANGUAGES else language


def _missing(languages: Sequence[str]) -> str:
    """What to install for languages without data."""
    return f"no Tesseract data for {', '.join(languages)}: {_remedy(languages)}"


def _remedy(languages: Sequence[str]) -> str:
    packages = (package_of(_data_name(language)) for language in languages)
    return f"apt-get install {' '.join(packages)}"


def load(options: LoadOptions) -> Engine:
    """Tesseract with data for `options.languages`; `options.model` is a tessdata directory, None the system's.

    Raises EngineUnavailable when pytesseract, the program or the data of a language are missing.
    """
    try:
        with stubbed_modules("pandas"):  # pytesseract imports it for an output format that is not used here
            from pytesseract import pytesseract
    except ImportError as error:
        raise EngineUnavailable(
            "tesseract: pytesseract is not installed", "pip install 'quorum-ocr[tesseract]'"
        ) from error
    # One thread a process: on lines Tesseract's threads mostly wait for each other. Its children inherit this.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    pytesseract.tesseract_cmd = os.environ.get("TESSERACT_CMD") or "tesseract"
    version, data = _probe(pytesseract, options.model)
    missing = [language for language in options.languages if _data_name(language) not in data]
    if missing:
        raise EngineUnavailable(
            f"tesseract: no data for {', '.join(missing)} (there is {', '.join(sorted(data))})", _remedy(missing)
        )
    program = _program(pytesseract, version, data, options)
    return Tesseract(program, version, data, options.languages, options.threads, options.model)


def _program(
    pytesseract: ModuleType, version: str, data: Mapping[str, Path | None], options: LoadOptions
) -> TesseractProgram:
    """What reads. Raises EngineUnavailable where there is no such thing as was asked for."""
    if options.runtime is Runtime.OPENVINO:
        raise EngineUnavailable("tesseract: OpenVINO does not read its networks", "leave runtime at auto, or native")
    config = os.environ.get("TESSERACT_CONFIG", "")
    [folder] = {None if file is None else file.parent for file in data.values()}
    is_own = bool(config or os.environ.get("TESSERACT_CMD")) or options.runtime is Runtime.NATIVE
    if not is_own and folder is not None:
        resident = ResidentProgram(folder)
        try:
            of_library = resident.version
            if of_library == version:
                return resident
            resident.close()
            log.warning("tesseract: the library is %s and the program %s: the program reads", of_library, version)
        except QuorumError as error:
            log.warning("tesseract: %s: a program is started for each batch instead", error.message)
    scratch = Scratch(FOLDERS)
    scratch.prepare()
    return OneShotProgram(pytesseract, options.model, config, scratch=scratch)


def _probe(program: ModuleType, tessdata: Path | None) -> tuple[str, dict[str, Path | None]]:
    """The version of the program, and by their names the files of the data that it has."""
    command = [program.tesseract_cmd, "--list-langs"]
    if tessdata is not None:
        command += ["--tessdata-dir", str(tessdata)]
    try:
        version = str(program.get_tesseract_version())
        listed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_LISTING_S).stdout
    except (OSError, SystemExit, subprocess.SubprocessError) as error:
        raise EngineUnavailable(
            f"tesseract: {program.tesseract_cmd!r} does not run: {error}",
            "apt-get install tesseract-ocr tesseract-ocr-eng, or set TESSERACT_CMD to the program",
        ) from error
    head, *names = listed.splitlines() or [""]
    told = _FOLDER.search(head)
    folder = Path(told[1]) if told else tessdata
    return version, {name: None if folder is None else folder / f"{name}.traineddata" for name in names if name}


SPEC = EngineSpec(
    name="tesseract",
    scopes=frozenset({Scope.LINE, Scope.CHARACTER}),
    load=load,
    batch_size=64,
    resources=Resources(cpu=1.0, gpu=0.0, memory_mb=300),
    card=NoCard("Tesseract's network runs on CPUs only: the program has no code for a card"),
    prior_weights={"general": 0.20, "handwritten": 0.05, "printed": 0.40, "noisy": 0.05},
    languages=lambda engine: engine.languages,
    by_language=lambda _engine: True,
)
