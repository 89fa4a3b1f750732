"""Adds layers of text to a PDF, in a process of its own (segmentation/files/pdf/text_layer.py), a few at the same time.

The PDF stays in memory and goes through pipes. Knows no HTTP and no Serve.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict

from deployments.gateway.documents.isolated_program import ProcessorTime, command_of, ended, refusal, started
from deployments.gateway.formats import TextLayers
from deployments.messages.request import NOBODY, Asker
from deployments.replica.fair_turns import FairTurns
from deployments.replica.processor_turns import ProcessorTurns
from ocr.errors import NotAnImage, QuorumError, TooLarge
from segmentation.files.pdf import text_layer

_COMMAND = command_of(text_layer)


class TextLayerWriter:
    """Writes `at_once` PDFs at a time; callers take turns. `asker` says for whom the work of this moment is done.
    `processors` are those of the node, which engines use too.
    """

    def __init__(
        self,
        at_once: int,
        asker: Callable[[], Asker] = lambda: NOBODY,
        command: Sequence[str] = _COMMAND,
        processors: ProcessorTurns | None = None,
    ) -> None:
        self._turns = FairTurns(at_once)
        self._asker = asker
        self._command = tuple(command)
        self._processors = processors or ProcessorTurns()

    async def added(self, pdf: bytes, layers: TextLayers, max_processor_s: float) -> bytes:
        """The PDF with the layers; byte for byte the same where there is none to add.

        Raises OutOfRange for a PDF that is signed or encrypted, NotAnImage for a damaged one, and TooLarge for one that
        takes more memory or processor time than is allowed.
        """
        if not layers.layers:
            return pdf
        told = json.dumps(asdict(layers)).encode()
        head = {"layers": len(told), "file": len(pdf), "max_processor_s": max_processor_s}
        asker, time = self._asker(), ProcessorTime()
        async with (
            self._processors.turn(asker, time.spent_s),
            self._turns.turn(asker.line),
            started(self._command) as process,
        ):
            time.process = process
            answer, _ = await process.communicate(json.dumps(head).encode() + b"\n" + told + pdf)
            status = await ended(process)
        said, _, made = answer.partition(b"\n")
        if not said or status != 0:
            raise _broken_off(status, max_processor_s)
        problem = json.loads(said).get("error")
        if problem:
            raise refusal(problem)
        return made


def _broken_off(status: int, max_processor_s: float) -> QuorumError:
    if status == -signal.SIGXCPU:
        return TooLarge(
            f"the PDF was not written: it takes more than {max_processor_s:g} s of a processor "
            "(limits.max_document_processor_s)",
            "ask for another format, or cut it into parts",
        )
    return NotAnImage("no text can be added to this PDF: writing it broke off", "ask for another format")
