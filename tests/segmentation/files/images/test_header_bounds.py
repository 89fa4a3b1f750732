"""A header that is too long is refused before Pillow sees it; what is let through Pillow goes through quickly."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from contextlib import suppress

import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from ocr.errors import NotAnImage, QuorumError, TooLarge
from segmentation.files.images import header_bounds
from segmentation.files.images.decoding import DecodingLimits, decode, inspect
from segmentation.files.images.header_bounds import require_short_header

LIMITS = DecodingLimits(max_pixels=1_000_000, max_mb=100.0, max_s=1.0)


def saved(kind: str, picture: PIL.Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (picture or PIL.Image.linear_gradient("L").convert("RGB")).save(file, kind, **options)
    return file.getvalue()


def segment(code: int, content: bytes = b"") -> bytes:
    return b"\xff" + bytes([code]) + struct.pack(">H", len(content) + 2) + content


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def into_jpeg(part: bytes) -> bytes:
    jpeg = saved("JPEG")
    return jpeg[:2] + part + jpeg[2:]


def into_png(part: bytes) -> bytes:
    png = saved("PNG")
    return png[:33] + part + png[33:]  # behind the header chunk


def ifd(*tags: tuple[int, int, int, int], order: str = "<") -> bytes:
    return struct.pack(f"{order}H", len(tags)) + b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags) + bytes(4)


def tiff(*tags: tuple[int, int, int, int]) -> bytes:
    page = [(256, 4, 1, 16), (257, 4, 1, 16), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 256)]
    kept = {tag[0]: tag for tag in (*page, *tags)}
    return b"II*\0" + struct.pack("<I", 264) + bytes(256) + ifd(*sorted(kept.values()))


def exif(tags: int) -> bytes:
    return b"II*\0" + struct.pack("<I", 8) + ifd(*((tag, 3, 1, 1) for tag in range(1, tags + 1)))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        pytest.param(into_png(chunk(b"prVt") * 1100), "chunks", id="PNG"),
        pytest.param(saved("PNG")[:-12] + chunk(b"prVt") * 1100, "chunks", id="PNG, behind the pixels"),
        pytest.param(into_jpeg(segment(0xE5) * 1100), "markers", id="JPEG, segments"),
        pytest.param(into_jpeg(b"\xff" * 1100), "markers", id="JPEG, bytes that fill"),
        pytest.param(into_jpeg(segment(0xFE) + bytes(1100)), "markers", id="JPEG, bytes between markers"),
        pytest.param(into_jpeg(b"\xff\xd0" * 1100), "markers", id="JPEG, restarts"),
        pytest.param(into_jpeg(segment(0xDB, (b"\0" + bytes(64)) * 400)), "tables", id="JPEG, tables"),
        pytest.param(into_jpeg(segment(0xED, b"8BIM" * 1100)), "Photoshop", id="JPEG, Photoshop"),
        pytest.param(saved("JPEG", exif=b"Exif\0\0" + exif(1100)), "EXIF data has 1100 tags", id="JPEG, EXIF"),
        pytest.param(saved("PNG", exif=exif(1100)), "EXIF data has 1100 tags", id="PNG, EXIF"),
        pytest.param(saved("WEBP", exif=exif(1100)), "EXIF data has 1100 tags", id="WEBP, EXIF"),
        pytest.param(tiff((273, 4, 200_000, 8)), "200000 strips", id="TIFF, strips"),
        pytest.param(saved("JPEG2000")[:12] + box(b"free") * 1100, "JPEG 2000", id="JPEG 2000, boxes"),
        pytest.param(saved("JPEG2000")[:12] + box(b"jp2h", box(b"res ") * 1100), "JPEG 2000", id="JPEG 2000, inner"),
        pytest.param(saved("JPEG2000", no_jp2=True)[:51] + segment(0x64) * 1100, "JPEG 2000", id="JPEG 2000, comments"),
        pytest.param(tiff((258, 3, 200_000, 8)), "200000 depths", id="TIFF, samples"),
    ],
)
def test_a_header_of_too_many_parts_is_refused_with_what_there_are_too_many_of(data, what):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TooLarge, match=what) as raised:
            inspect(data, LIMITS)
    assert raised.value.hint


def test_an_exif_note_in_several_segments_is_one():
    note = exif(1100)
    parts = b"".join(segment(0xE1, b"Exif\0\0" + note[start : start + 100]) for start in range(0, len(note), 100))
    with pytest.raises(TooLarge, match="1100 tags"):
        require_short_header(into_jpeg(parts))


def test_an_exif_note_behind_the_pixels_of_a_png_is_looked_at_before_it_is_read():
    data = saved("PNG")[:-12] + chunk(b"eXIf", exif(1100)) + chunk(b"IEND")
    with pytest.raises(TooLarge, match="1100 tags"):
        decode(data, LIMITS)


@pytest.mark.parametrize("head", [b"II*\0", b"II\0*", b"MM\0*", b"MM*\0"])
def test_tags_are_counted_whichever_way_round_the_head_is(head):
    order = "<" if head.startswith(b"II") else ">"
    data = head + struct.pack(f"{order}I", 8) + ifd(*((tag, 3, 1, 1) for tag in range(300, 1400)), order=order)
    with pytest.raises(NotAnImage, match="1100 entries"):
        inspect(data, LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(into_png(chunk(b"prVt") * 900), id="PNG of 900 chunks"),
        pytest.param(into_jpeg(segment(0xE5, bytes(60_000)) * 300), id="JPEG with 18 MB of notes"),
        pytest.param(into_jpeg(b"\xff" * 900), id="JPEG with bytes that fill"),
        pytest.param(saved("JPEG", exif=b"Exif\0\0" + exif(900)), id="JPEG of 900 EXIF tags"),
        pytest.param(
            saved("JPEG", exif=b"Exif\0\0II*\0" + b"\xff" * 20), id="JPEG with an EXIF note that leads nowhere"
        ),
        pytest.param(saved("TIFF", PIL.Image.new("L", (30, 30_000)), tiffinfo={278: 1}), id="TIFF of a strip a row"),
        pytest.param(saved("JPEG", icc_profile=bytes(200_000), progressive=True), id="JPEG with a large profile"),
        pytest.param(saved("MPO", save_all=True, append_images=[PIL.Image.new("RGB", (9, 9))]), id="MPO"),
    ],
)
def test_what_programs_write_and_more_is_let_through(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of notes that make no sense
        assert inspect(data, LIMITS).width_px >= 1


class CountedReads(io.BytesIO):
    """A file that counts how often it is read from."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


ALLOWED = 40

_parts_of_jpeg = st.one_of(
    st.sampled_from(
        [b"\xff", b"\0", b"\xff\0", b"\xff\xd0", b"\xff\xd8", b"\xff\xd9", b"\xff\xc8", b"\xff\x01", b"\x7f"]
    ),
    st.builds(segment, st.sampled_from([0xE0, 0xE1, 0xE5, 0xFE, 0xC4, 0xDB, 0xDD]), st.binary(max_size=6)),
    st.builds(
        lambda code, length: b"\xff" + bytes([code, 0, length]), st.sampled_from([0xE5, 0xFE]), st.integers(0, 9)
    ),
)
_parts_of_png = st.one_of(
    st.builds(chunk, st.sampled_from([b"prVt", b"tIME", b"gAMA", b"IDAT"]), st.binary(max_size=6)),
    st.binary(max_size=3),
)


def reads_of(kind: type[JpegImageFile | PngImageFile], data: bytes) -> int:
    file = CountedReads(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(SyntaxError, OSError, ValueError, KeyError, IndexError, struct.error):
            kind(file)
    return file.reads


@settings(max_examples=300)
@given(st.lists(st.tuples(_parts_of_jpeg, st.sampled_from([1, 1, 30, 100])), max_size=6))
def test_what_is_let_through_pillow_reads_in_few_steps(parts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header_bounds, "_FEW", ALLOWED)
        data = into_jpeg(b"".join(part * times for part, times in parts))
        try:
            require_short_header(data)
        except QuorumError:
            return
        assert reads_of(JpegImageFile, data) <= 4 * (ALLOWED + 10)


@settings(max_examples=200)
@given(st.lists(st.tuples(_parts_of_png, st.sampled_from([1, 1, 30, 100])), max_size=6))
def test_what_is_let_through_of_a_png_pillow_reads_in_few_steps(parts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header_bounds, "_FEW", ALLOWED)
        data = into_png(b"".join(part * times for part, times in parts))
        try:
            require_short_header(data)
        except QuorumError:
            return
        assert reads_of(PngImageFile, data) <= 4 * (ALLOWED + 10)
