"""A program of its own that adds a layer of invisible text to a PDF and leaves everything else in it as it is.

    python -c 'from segmentation.files.pdf.text_layer import main; main()' < request-layers-and-file > pdf

A PDF that strangers wrote is opened here and not where others are served, as in page_renderer.py: with so much memory
and processor time and no more.

In: one line of JSON {"layers", "file", "max_processor_s"}, the first two being counts of bytes; the layers as JSON
{"to_unicode", "layers"}, the table of characters of their font and for each page to change {"number", "operators",
"replaces_hidden"}; the PDF. Out: one line of JSON {"file"} and as many bytes, or {"error": [code, message, hint]}.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pikepdf

from segmentation.files.own_process import MEMORY_BYTES, allow_processor, confine
from segmentation.files.pdf.hidden_text import own_copy, without_hidden_text
from segmentation.files.pdf.invisible_font import invisible_font
from segmentation.files.pdf.untyped import Untyped
from segmentation.files.rendered_page import RefusedFile

FONT_NAME = "/QuorumInvisible"
"""What the operators of a layer call their font."""
_MOST_FIELDS = 5000


def with_layers(file: bytes, to_unicode: str, layers: Sequence[Mapping[str, Any]]) -> bytes:
    """The PDF with a layer on each page that `layers` names: in its own units, before everything else on it, so that no
    state that the page leaves behind matters. Pages, pictures, compression, outline, links, metadata, labels,
    attachments and encryption stay. Raises RefusedFile.
    """
    try:
        with pikepdf.open(io.BytesIO(file)) as pdf:
            _require_unsigned(pdf)
            font = invisible_font(pdf, to_unicode.encode())
            for layer in layers:
                _add(pdf, pdf.pages[layer["number"] - 1], font, layer)
            return _saved(pdf)
    except pikepdf.PasswordError as error:
        raise RefusedFile("out_of_range", "the PDF is encrypted", "send it without a password") from error
    except (pikepdf.PdfError, pikepdf.DataDecodingError, IndexError) as error:
        raise RefusedFile(
            "not_an_image",
            f"the PDF is damaged, so that no text can be added to it: {error}",
            "ask for another format, or save it anew",
        ) from error


def _add(pdf: pikepdf.Pdf, page: pikepdf.Page, font: pikepdf.Object, layer: Mapping[str, Any]) -> None:
    if layer["replaces_hidden"]:
        without_hidden_text(pdf, page)
    resources = own_copy(page)
    if pikepdf.Name.Font not in resources:
        resources.Font = pikepdf.Dictionary()
    resources.Font[FONT_NAME] = font
    if layer["operators"]:
        page.contents_add(layer["operators"].encode() + b"\n", prepend=True)


def _saved(pdf: pikepdf.Pdf) -> bytes:
    made = io.BytesIO()
    # What is compressed stays as it was compressed; qpdf cannot promise that for what it encrypts anew.
    level = None if pdf.is_encrypted else pikepdf.StreamDecodeLevel.none
    pdf.save(
        made,
        stream_decode_level=level,
        fix_metadata_version=False,
        linearize=pdf.is_linearized,
        encryption=True if pdf.is_encrypted else None,
        deterministic_id=not pdf.is_encrypted,
    )
    return made.getvalue()


def _require_unsigned(pdf: pikepdf.Pdf) -> None:
    """Raises RefusedFile for a PDF with a signature, which any change would break."""
    if "/Perms" in pdf.Root or any(
        field.get("/FT") == "/Sig" and "/V" in field for field in _fields(pdf.Root.get("/AcroForm", {}))
    ):
        raise RefusedFile(
            "out_of_range",
            "the PDF is signed, and a text layer would break its signature",
            "ask for another format, or print the PDF to a new one and send that",
        )


def _fields(form: Untyped) -> Iterator[Untyped]:
    waiting = list(form.get("/Fields", []))
    for _ in range(_MOST_FIELDS):
        if not waiting:
            return
        found = waiting.pop()
        if isinstance(found, pikepdf.Dictionary):
            yield found
            waiting += list(found.get("/Kids", []))


def main() -> None:
    """Answer the one request that comes in, within the memory and the time that are allowed."""
    confine()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    head = json.loads(source.readline())
    allow_processor(head["max_processor_s"])
    told = json.loads(source.read(head["layers"]))
    try:
        made, said = with_layers(source.read(head["file"]), told["to_unicode"], told["layers"]), {}
    except RefusedFile as refused:
        made, said = b"", {"error": refused.args}
    except MemoryError:
        problem = f"the PDF needs more than {MEMORY_BYTES // 1_000_000} MB to be written"
        made, said = b"", {"error": ("too_large", problem, "cut it into parts")}
    with suppress(BrokenPipeError):
        target.write(json.dumps({"file": len(made), **said}).encode() + b"\n")
        target.write(made)
        target.flush()
