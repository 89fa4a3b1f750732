"""Tesseract: one process reads all lines of a batch, one more all single characters of each class; as many processes
side by side share them as the engine may use threads and as are worth their start.

The program is called through pytesseract with a file that lists the images, and answers in hOCR with a box and a
confidence for every character. Crops are brought between two heights and get a border, which Tesseract needs to see
where a line ends: of the colour of the paper, because a white one on grey paper doubles its errors. Light text is
turned dark. Spans are in crop pixels. This file knows no model file: the language data are the system's, or a tessdata
directory, which need not have Tesseract's `configs` beside the data.

Environment: TESSERACT_CMD (the program), TESSERACT_CONFIG (further arguments; a --psm there replaces that of lines).
Source: https://tesseract-ocr.github.io/tessdoc/Command-Line-Usage.html
"""

from __future__ import annotations

import html
import math
import os
import re
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.common.blank_crops import is_blank
from engines.common.model_card import CARD_FILE, read_card
from engines.common.module_stubs import stubbed_modules
from engines.common.scratch_files import Scratch
from engines.common.tessdata import alphabet_of
from ocr.errors import DeadlineExceeded, EngineUnavailable, InternalFailure
from ocr.hypothesis import CharacterHypothesis, Hypothesis, Span
from ocr.image import Classes, Crop, Pixels, Scope
from ocr.interfaces import Engine, EngineSpec, LoadOptions, Resources
from ocr.runtime.gpu_memory import NoCard
from ocr.text.alphabet import Alphabet
from ocr.text.languages import LANGUAGES, package_of

LINE_HEIGHT_PX = (36, 64)
"""Lower crops are enlarged and higher ones reduced to these; between, Tesseract reads best what is not resampled."""
BORDER_PX = 10
MAX_WIDTH_PX = 10_000
"""Wider than any line at that height; Tesseract itself refuses images from 32,768 px on."""

CHARACTERS_A_PROCESS = 64
"""So many single characters are left to one process: to start another takes as long as to read thirty of them."""

_FOLDERS = "quorum-tesseract-"
_FOLDER = re.compile(r'in "(.+)"')
"""Where the data lie, in the first line of --list-langs."""
_LISTING_S = 30.0
_PSM_LINE, _PSM_CHARACTER = 7, 10


class Group(NamedTuple):
    """Crops that one process can read: the same kind of answer is asked of all. `data` are the names of the data."""

    scope: Scope
    data: tuple[str, ...]
    classes: Classes | None


class Prepared(NamedTuple):
    """Grey pixels for Tesseract, dark on light, and how to get back: crop x = (x - BORDER_PX) / scale."""

    pixels: NDArray[np.uint8]  # (H, W)
    scale: float
    width_px: int  # of the crop


@dataclass(frozen=True, slots=True, eq=False)
class Tesseract:
    """The program with the data that it has: by name the file, None where its folder is not known. `processes` read
    side by side, each on one thread; `timeout_s` is for one process: (fixed, per crop).
    """

    program: ModuleType
    version: str
    data: Mapping[str, Path | None]
    loaded_for: tuple[str, ...]
    processes: int = 1
    tessdata: Path | None = None
    config: str = ""
    timeout_s: tuple[float, float] = (60.0, 2.0)
    scratch: Scratch = field(default_factory=lambda: Scratch(_FOLDERS))

    @property
    def model(self) -> str:
        """The card of a tessdata directory; of the system's data only the program's version is known."""
        if self.tessdata is not None and (self.tessdata / CARD_FILE).is_file():
            return read_card(self.tessdata).label
        return f"tesseract-{'+'.join(_data_name(language) for language in self.loaded_for)}@{self.version}"

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
            (group, share)
            for group, prepared in groups.items()
            for share in _shares(prepared, min(self.processes, _most_processes(group, len(prepared))))
        ]
        with ThreadPoolExecutor(self.processes) as threads:
            for characters_of in threads.map(lambda run: self._read_group(*run), runs):
                for index, characters in characters_of.items():
                    answers[index] = self._hypothesis_of(crops[index], characters)
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

    def _read_group(self, group: Group, crops: dict[int, Prepared]) -> dict[int, list[CharacterHypothesis]]:
        """Run one process over the crops; the characters of each, by the crop's index, spans in crop pixels."""
        with self.scratch.folder(sum(crop.pixels.nbytes for crop in crops.values())) as base:
            paths = [base / f"{index}.pgm" for index in crops]
            for path, crop in zip(paths, crops.values(), strict=True):
                path.write_bytes(_pgm(crop.pixels))
            (base / "crops.txt").write_text("".join(f"{path}\n" for path in paths))
            self._run(base / "crops.txt", base / "answer", group, self.timeout_s[0] + self.timeout_s[1] * len(crops))
            hocr = (base / "answer.hocr").read_text(encoding="utf-8")
        return {
            index: [_to_crop(character, crops[index]) for character in characters] for index, characters in _pages(hocr)
        }

    def _run(self, listing: Path, answer: Path, group: Group, timeout_s: float) -> None:
        try:
            self.program.run_tesseract(
                str(listing), str(answer), "", "+".join(group.data), self._arguments(group), 0, timeout_s
            )
        except self.program.TesseractError as error:
            raise InternalFailure(
                f"tesseract: the program ended with status {error.status}: {error.message[-400:]}",
                "look at the arguments in TESSERACT_CONFIG, and for an out-of-memory kill",
            ) from error
        except RuntimeError as error:
            raise DeadlineExceeded(
                f"tesseract: the program did not end within {timeout_s:.0f} s and was killed",
                "send fewer lines at once",
            ) from error

    def _arguments(self, group: Group) -> str:
        line = group.classes is None
        # Not the config file "hocr", which does the same: a tessdata directory that was fetched has none.
        hocr = "-c tessedit_create_hocr=1 -c hocr_font_info=0 -c hocr_char_boxes=1"
        options = [f"--psm {_PSM_LINE if line else _PSM_CHARACTER}", hocr]
        if self.tessdata is not None:
            options.append(f"--tessdata-dir {shlex.quote(str(self.tessdata))}")
        if group.classes is not None:
            options.append(f"-c tessedit_char_whitelist={group.classes.alphabet}")
        # Of an option that is given twice the program takes the last.
        return " ".join([*options, self.config] if line else [self.config, *options])


def _most_processes(group: Group, crops: int) -> int:
    """How many processes are worth their start."""
    return crops if group.scope is Scope.LINE else math.ceil(crops / CHARACTERS_A_PROCESS)


def _shares(crops: Mapping[int, Prepared], most: int) -> list[dict[int, Prepared]]:
    """At most `most` parts of `crops` that take about as long to read: dealt out from the widest down."""
    widest_first = sorted(crops, key=lambda index: crops[index].pixels.shape[1], reverse=True)
    return [{index: crops[index] for index in widest_first[first::most]} for first in range(min(most, len(crops)))]


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


def _pgm(grey: NDArray[np.uint8]) -> bytes:
    height, width = grey.shape
    return f"P5 {width} {height} 255\n".encode() + grey.tobytes()


_TOKEN = re.compile(
    r"""class='ocr_page'[^>]*?image\ "[^"]*?(?P<page>\d+)\.pgm"
      | class='(?P<word>ocrx_word)'
      | class='ocrx_cinfo'\ title='x_bboxes\ (?P<left>-?\d+)\ -?\d+\ (?P<right>-?\d+)\ -?\d+;
        \ x_conf\ (?P<conf>-?[\d.]+)'>(?P<text>[^<]+)<""",
    re.VERBOSE,
)


def _pages(hocr: str) -> Iterator[tuple[int, list[CharacterHypothesis]]]:
    """(index of the crop, its characters) of every page in Tesseract's hOCR; spans in pixels of the prepared image."""
    index: int | None = None
    characters: list[CharacterHypothesis] = []
    new_word = False
    for token in _TOKEN.finditer(hocr):
        if token["page"] is not None:
            if index is not None:
                yield index, characters
            index, characters, new_word = int(token["page"]), [], False
        elif token["word"] is not None:
            new_word = bool(characters)
        else:
            character = _character(token)
            if new_word:
                characters.append(_space(characters[-1], character))
            characters.append(character)
            new_word = False
    if index is not None:
        yield index, characters


def _character(token: re.Match[str]) -> CharacterHypothesis:
    left, right = float(token["left"]), float(token["right"])
    span = Span(left, right) if left < right else None
    return CharacterHypothesis(html.unescape(token["text"]), _probability(float(token["conf"])), span)


def _probability(confidence: float) -> float:
    """Tesseract's 0 to 100 back to a probability: it is 100 + 5 (log p - 0.085), the offset being `kCertOffset` of
    src/lstm/lstmrecognizer.cpp (Tesseract 5). Outside of dictionary words Tesseract multiplies by 2.25 before.
    """
    return min(1.0, math.exp((confidence - 100.0) / 5.0 + 0.085))


def _space(before: CharacterHypothesis, after: CharacterHypothesis) -> CharacterHypothesis:
    """The gap between two words, for which Tesseract gives no confidence: as sure as the less sure neighbour."""
    span = None
    if before.span is not None and after.span is not None and before.span.end < after.span.start:
        span = Span(before.span.end, after.span.start)
    return CharacterHypothesis(" ", min(before.probability, after.probability), span)


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
    config = os.environ.get("TESSERACT_CONFIG", "")
    scratch = Scratch(_FOLDERS)
    scratch.prepare()
    return Tesseract(
        pytesseract, version, data, options.languages, options.threads, options.model, config, scratch=scratch
    )


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
    by_language=True,
)
