"""Adds layers of text to a PDF, in a process of its own (segmentation/files/pdf/text_layer.py), a few at the same time.

The PDF stays in memory and goes through pipes. Knows no HTTP and no Serve.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from deployments.gateway.documents.fair_turns import FairTurns
from deployments.gateway.formats import TextLayers
from ocr.errors import InputError, NotAnImage, OutOfRange, QuorumError, TooLarge
from segmentation.files.pdf import text_layer

# Isolated (-I), so that neither the folder that we run in nor the environment can put another module in its place.
_ROOT = str(Path(text_layer.__file__).parents[3])
_PROGRAM = f"import sys; sys.path.insert(0, {_ROOT!r}); from segmentation.files.pdf.text_layer import main; main()"
_COMMAND = (sys.executable, "-I", "-W", "ignore", "-c", _PROGRAM)
_KINDS: dict[str, type[InputError]] = {kind.code: kind for kind in (TooLarge, OutOfRange, NotAnImage)}


class TextLayerWriter:
    """Writes `at_once` PDFs at a time; callers take turns. `caller` says for whom the work of this moment is done."""

    def __init__(self, at_once: int, caller: Callable[[], str] = lambda: "", command: Sequence[str] = _COMMAND) -> None:
        self._turns = FairTurns(at_once)
        self._caller = caller
        self._command = tuple(command)

    async def added(self, pdf: bytes, layers: TextLayers, max_processor_s: float) -> bytes:
        """The PDF with the layers; byte for byte the same where there is none to add.

        Raises OutOfRange for a PDF that is signed or encrypted, NotAnImage for a damaged one, and TooLarge for one that
        takes more memory or processor time than is allowed.
        """
        if not layers.layers:
            return pdf
        told = json.dumps(asdict(layers)).encode()
        head = {"layers": len(told), "file": len(pdf), "max_processor_s": max_processor_s}
        async with self._turns.turn(self._caller()):
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
            )
            try:
                answer, _ = await process.communicate(json.dumps(head).encode() + b"\n" + told + pdf)
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                status = await process.wait()
        said, _, made = answer.partition(b"\n")
        if not said or status != 0:
            raise _broken_off(status, max_processor_s)
        problem = json.loads(said).get("error")
        if problem:
            raise _KINDS[problem[0]](*problem[1:])
        return made


def _broken_off(status: int, max_processor_s: float) -> QuorumError:
    if status == -signal.SIGXCPU:
        return TooLarge(
            f"the PDF was not written: it takes more than {max_processor_s:g} s of a processor "
            "(limits.max_document_processor_s)",
            "ask for another format, or cut it into parts",
        )
    return NotAnImage("no text can be added to this PDF: writing it broke off", "ask for another format")
