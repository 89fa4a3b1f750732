"""Text is added to a PDF by a program of its own, when its caller has a turn."""

from __future__ import annotations

import asyncio
import sys

import pytest

from deployments.gateway.documents.text_layers import TextLayerWriter
from deployments.gateway.formats.output_format import TextLayer, TextLayers
from deployments.messages.request import Asker
from deployments.replica.processor_turns import ProcessorTurns
from ocr.errors import NotAnImage
from tests.fakes.held_shares import HeldShares

pytestmark = pytest.mark.processes

_ADDS = "import sys; sys.stdin.buffer.read(); sys.stdout.buffer.write(b'{}\\nwith text')"
_BREAKS_OFF = "import sys; sys.stdin.buffer.read()"
LAYERS = TextLayers((TextLayer(1, "BT ET", replaces_hidden=False),), "")


def writer(program: str, shares: HeldShares) -> TextLayerWriter:
    command = [sys.executable, "-I", "-c", program]
    return TextLayerWriter(1, lambda: Asker("book", "batch"), command, ProcessorTurns(shares))


async def test_text_is_added_when_those_who_have_had_less_leave_a_core() -> None:
    shares = HeldShares()
    adding = asyncio.create_task(writer(_ADDS, shares).added(b"%PDF", LAYERS, 60.0))
    await asyncio.sleep(0.1)
    assert not adding.done()
    assert shares.wanted[-1] == {"book batch": 1.0}
    shares.may = {"book batch"}
    assert await adding == b"with text"
    assert shares.wanted[-1] == {}


async def test_a_pdf_without_layers_is_the_same_and_waits_for_nobody() -> None:
    assert await writer(_ADDS, HeldShares()).added(b"%PDF", TextLayers((), ""), 60.0) == b"%PDF"


async def test_a_program_that_breaks_off_is_told() -> None:
    with pytest.raises(NotAnImage, match="broke off"):
        await writer(_BREAKS_OFF, HeldShares("book batch")).added(b"%PDF", LAYERS, 60.0)
