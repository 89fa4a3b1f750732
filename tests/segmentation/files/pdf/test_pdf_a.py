"""A layer of text leaves PDF/A valid, as PDFBox's Preflight judges it (ISO 19005-1, level B)."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pikepdf
import pytest

from tests.fakes.files import add_scan_page, picture, saved
from tests.segmentation.files.pdf.test_text_layer import HELLO, searchable, text_of

pytestmark = [pytest.mark.slow, pytest.mark.processes]

_JARS = ("preflight", "pdfbox2", "fontbox2", "xmpbox", "commons-logging", "javax.activation", "jaxb-api")
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
<pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>"""


def problems(file: bytes, folder: Path) -> list[str]:
    """What Preflight finds wrong with the file."""
    jars = [Path("/usr/share/java") / f"{name}.jar" for name in _JARS]
    missing = [jar.name for jar in jars if not jar.exists()]
    if missing:
        pytest.fail(f"{missing} are missing: apt-get install libpdfbox2-java libactivation-java libjaxb-api-java")
    path = folder / "file.pdf"
    path.write_bytes(file)
    command = ["java", "-cp", ":".join(map(str, jars)), "org.apache.pdfbox.preflight.Validator_A1b", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "is a valid PDF/A-1b file" in said.stdout or "is not a valid PDF/A-1b file" in said.stdout, said.stderr
    found = said.stdout.splitlines()[1:]
    assert said.returncode == 0 or found
    return [line for line in found if line]


def grey_profile() -> bytes:
    """The least that a profile of grey has to say (ICC.1:2001-04)."""
    d50 = struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"Grey\0" + bytes(8 + 3 + 67)
    tags = {
        b"cprt": b"text" + bytes(4) + b"None\0",
        b"desc": description,
        b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0233),
        b"wtpt": b"XYZ " + bytes(4) + d50,
    }
    table, content = struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(content), len(value))
        content += value + bytes(-len(value) % 4)
    head = bytes(8) + struct.pack(">I", 0x02100000) + b"mntrGRAYXYZ " + struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head += b"acsp" + bytes(28) + d50 + bytes(48)
    size = len(head) + len(table) + len(content)
    return struct.pack(">I", size) + head[4:] + table + content


def pdf_a(*, intent: bool = True) -> bytes:
    """Two scanned pages in grey."""
    with pikepdf.new() as document:
        for number in (1, 2):
            add_scan_page(document, picture(620, 877, "L", mark=number), (595.0, 842.0))
        if intent:
            profile = document.make_stream(grey_profile(), N=1)
            document.Root.OutputIntents = pikepdf.Array(
                [
                    pikepdf.Dictionary(
                        Type=pikepdf.Name.OutputIntent,
                        S=pikepdf.Name("/GTS_PDFA1"),
                        OutputConditionIdentifier=pikepdf.String("Grey"),
                        Info=pikepdf.String("Grey"),
                        DestOutputProfile=profile,
                    )
                ]
            )
        document.Root.Metadata = document.make_stream(
            _XMP.encode(), Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML
        )
        plain = pikepdf.ObjectStreamMode.disable
        return saved(document, force_version="1.4", object_stream_mode=plain, deterministic_id=True)


@pytest.mark.parametrize("word", ["Hello", "Größe", "Ωμέγα", "слово", "日本"])
def test_pdf_a_with_a_layer_of_text_is_valid(tmp_path: Path, word: str) -> None:
    before = pdf_a()
    assert problems(before, tmp_path) == []
    after = searchable(before, (word, HELLO[1]))
    assert text_of(after) == word
    assert problems(after, tmp_path) == []


def test_a_second_layer_in_place_of_the_first_is_valid_too(tmp_path: Path) -> None:
    once = searchable(pdf_a(), HELLO)
    again = searchable(once, ("again", HELLO[1]), choice="redo")
    assert text_of(again) == "again"
    assert problems(again, tmp_path) == []


def test_what_is_no_pdf_a_is_found_out(tmp_path: Path) -> None:
    assert problems(pdf_a(intent=False), tmp_path)
