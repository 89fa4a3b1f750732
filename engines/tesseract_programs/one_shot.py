"""Tesseract's program, started through pytesseract for each run, with a file that lists the pictures; it answers in
hOCR with a box and a confidence for every character.

What crashes or hangs costs that run. To start it takes as long as to read thirty characters.
Source: https://tesseract-ocr.github.io/tessdoc/Command-Line-Usage.html
"""

from __future__ import annotations

import html
import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from engines.common.scratch_files import Scratch
from engines.tesseract_programs.groups import Group, Run, Symbol, characters
from ocr.errors import DeadlineExceeded, InternalFailure
from ocr.hypothesis import CharacterHypothesis
from ocr.image import Scope

CHARACTERS_A_PROCESS = 64
"""So many single characters are left to one process: to start another takes as long as to read thirty of them."""

FOLDERS = "quorum-tesseract-"


@dataclass(frozen=True, slots=True, eq=False)
class OneShotProgram:
    """`program` is the module pytesseract. `config` are further arguments; a --psm there replaces that of lines.
    `timeout_s` is for one process: (fixed, per crop).
    """

    program: ModuleType
    tessdata: Path | None = None
    config: str = ""
    timeout_s: tuple[float, float] = (60.0, 2.0)
    scratch: Scratch = field(default_factory=lambda: Scratch(FOLDERS))

    def runs(self, group: Group, crops: int) -> int:
        return crops if group.scope is Scope.LINE else math.ceil(crops / CHARACTERS_A_PROCESS)

    def read(self, run: Run) -> dict[int, list[CharacterHypothesis]]:
        with self.scratch.folder(sum(crop.pixels.nbytes for crop in run.crops.values())) as base:
            paths = [base / f"{index}.pgm" for index in run.crops]
            for path, crop in zip(paths, run.crops.values(), strict=True):
                path.write_bytes(_pgm(crop.pixels))
            (base / "crops.txt").write_text("".join(f"{path}\n" for path in paths))
            timeout_s = self.timeout_s[0] + self.timeout_s[1] * len(run.crops)
            self._run(base / "crops.txt", base / "answer", run.group, timeout_s)
            return dict(pages((base / "answer.hocr").read_text(encoding="utf-8")))

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
        options = [f"--psm {group.mode}", hocr]
        if self.tessdata is not None:
            options.append(f"--tessdata-dir {shlex.quote(str(self.tessdata))}")
        if group.whitelist:
            options.append(f"-c tessedit_char_whitelist={group.whitelist}")
        # Of an option that is given twice the program takes the last.
        return " ".join([*options, self.config] if line else [self.config, *options])


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


def pages(hocr: str) -> Iterator[tuple[int, list[CharacterHypothesis]]]:
    """(index of the crop, its characters) of every page in Tesseract's hOCR; spans in pixels of the prepared image."""
    index: int | None = None
    symbols: list[Symbol] = []
    begins_word = False
    for token in _TOKEN.finditer(hocr):
        if token["page"] is not None:
            if index is not None:
                yield index, characters(symbols)
            index, symbols = int(token["page"]), []
        elif token["word"] is not None:
            begins_word = True
        else:
            text, confidence = html.unescape(token["text"]), float(token["conf"])
            symbols.append((text, confidence, float(token["left"]), float(token["right"]), begins_word))
            begins_word = False
    if index is not None:
        yield index, characters(symbols)
