"""Files made to do harm: sizes that lie, bombs, loops, broken and ambiguous files. All made here, none copied.

Each says what an answer to it may be: most are refused, some are odd but fair and have to be read.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import PIL.Image

REFUSED = frozenset({400, 413, 415, 422})
READ = frozenset({200})
ANY = REFUSED | READ
"""Where a decoder decides whether to make something of a broken file: either is fine, a crash is not."""

_MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file by name, with the statuses that an answer may have and the options it is sent with."""

    name: str
    make: Callable[[], bytes]
    statuses: frozenset[int] = REFUSED
    options: dict[str, str] = field(default_factory=dict)


def bad_files() -> list[BadFile]:
    """All of them, by kind."""
    return [
        *_headers_that_lie(),
        *_long_headers(),
        *_large_but_fair(),
        *_broken(),
        *_bombs(),
        *_tiffs(),
        *_pdfs(),
        *_polyglots(),
    ]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(width: int, height: int, *chunks: bytes, colour: int = 2, bits: int = 8) -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + _chunk(b"IEND", b"")


def _packed(count: int, unit: bytes = b"\0") -> bytes:
    """Zlib's form of about `count` bytes of `unit`: one block is compressed, and stands there many times."""
    block = unit * max(1, _MEGA // len(unit))
    raw = zlib.compressobj(9, wbits=-15)
    segment = raw.compress(block) + raw.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(count // len(block)):
        checksum = zlib.adler32(block, checksum)
    rest = unit * (count % len(block) // len(unit))
    last = raw.compress(rest) + raw.flush()
    return b"\x78\xda" + segment * (count // len(block)) + last + struct.pack(">I", zlib.adler32(rest, checksum))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header says so; its pixels break off after some."""
    return _png(width, height, _idat(100_000))


def _idat(count: int) -> bytes:
    """`count` zero bytes of pixels, compressed."""
    return _chunk(b"IDAT", _packed(count))


def _saved(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _small(kind: str = "PNG", **options: object) -> bytes:
    return _saved(PIL.Image.linear_gradient("L").convert("RGB"), kind, **options)


def _ifd(tags: Mapping[int, int], *more: tuple[int, int, int, int], following: int = 0) -> bytes:
    """An IFD of TIFF: values by tag, then (tag, type, count, offset) each, and the offset of the next one."""
    entries = [
        *((tag, 3 if value < 2**16 and tag not in _OFFSETS else 4, 1, value) for tag, value in tags.items()),
        *more,
    ]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


_OFFSETS = frozenset({273, 279, 324, 325})


def _tiff_page(width: int, height: int, data_at: int, data_length: int, following: int = 0) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: data_at, 277: 1, 278: height, 279: data_length}
    return _ifd(tags, following=following)


def _tiff(data: bytes, *ifds: bytes) -> bytes:
    """A TIFF of pixels from byte 8 on, and IFDs behind them."""
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + b"".join(ifds)


def _pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of the objects 1, 2, ..."""
    file = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(file) + b"trailer <</Size %d %s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)


_CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
_A = b"/XObject<</A 5 0 R>>"


def _one_page(content: bytes, resources: bytes = b"", *more: bytes, box: bytes = b"0 0 300 200") -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 4 0 R/Resources<<%s>>>>" % (box, resources)
    return _pdf(_CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, content, *more)


def _stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n" % (len(content), entries) + content + b"\nendstream"


def _flate(count: int, unit: bytes = b"\0", entries: bytes = b"") -> bytes:
    """A compressed stream that unfolds to `count` bytes of `unit`."""
    return _stream(_packed(count, unit), b"/Filter/FlateDecode" + entries)


def _headers_that_lie() -> Iterator[BadFile]:
    jpeg = _small("JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    yield BadFile("PNG of 65,000 x 65,000", lambda: _png(65_000, 65_000, _idat(1000)))
    yield BadFile("PNG of 2,147,483,647 x 2,147,483,647", lambda: _png(2**31 - 1, 2**31 - 1, _idat(1000)))
    yield BadFile("PNG of 0 x 0", lambda: _png(0, 0, _idat(10)))
    yield BadFile("JPEG of 65,000 x 65,000", lambda: jpeg[:at] + struct.pack(">HH", 65_000, 65_000) + jpeg[at + 4 :])
    yield BadFile("JPEG of height 0", lambda: jpeg[:at] + struct.pack(">HH", 0, 256) + jpeg[at + 4 :])
    bmp = _small("BMP")
    yield BadFile("BMP of 65,000 x 65,000", lambda: bmp[:18] + struct.pack("<ii", 65_000, 65_000) + bmp[26:])
    yield BadFile("BMP of height -2,147,483,648", lambda: bmp[:22] + struct.pack("<i", -(2**31)) + bmp[26:])
    big = _ifd({256: 65_000, 257: 65_000, 258: 8, 262: 1, 273: 8, 279: 9})
    yield BadFile("TIFF of 65,000 x 65,000", lambda: _tiff(b"", big))
    wide = struct.pack("<I", 2**24 - 1)[:3]
    extended = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + wide + wide
    webp = b"WEBP" + extended + _small("WEBP")[12:]
    yield BadFile("WEBP of 16,777,216 x 16,777,216", lambda: b"RIFF" + struct.pack("<I", len(webp)) + webp)


def _long_headers() -> Iterator[BadFile]:
    """As many parts as fit into a request: what reads them one by one is busy for seconds."""
    too_large = frozenset({413})
    pixels = _idat(4 * 3 + 4)
    empty, text = _chunk(b"prVt", b""), _chunk(b"tEXt", b"a\0b")
    yield BadFile("PNG of 790,000 chunks", lambda: _png(4, 4, _repeated(empty), pixels), too_large)
    yield BadFile("PNG of 630,000 texts", lambda: _png(4, 4, _repeated(text), pixels), too_large)
    yield BadFile("PNG of 790,000 chunks behind its pixels", lambda: _png(4, 4, pixels, _repeated(empty)), too_large)
    segments = {
        "2,300,000 notes of programs": _segment(0xE5),
        "2,300,000 comments": _segment(0xFE),
        "9,500,000 bytes that fill": b"\xff",
        "4,700,000 restarts": b"\xff\xd0",
        "140,000 tables": _segment(0xDB, (b"\0" + bytes(range(64))) * 1000),
        "3,100,000 components": _segment(0xC0, b"\x08\0\x10\0\x10\x03" + b"\1\x11\0" * 21_000),
        "800,000 notes of Photoshop": _segment(0xED, b"Photoshop 3.0\0" + (b"8BIM\0\1\0\0" + bytes(4)) * 5400),
        "500,000 parts of a colour profile": _segment(0xE2, b"ICC_PROFILE\0\1\1"),
    }
    for name, segment in segments.items():
        yield BadFile(f"JPEG with {name}", partial(_jpeg_with, segment), too_large)
    yield BadFile("JPEG with 65,000 EXIF tags", lambda: _jpeg_with_exif(_exif(65_000)), too_large)
    yield BadFile("TIFF of 2,400,000 strips", lambda: _many_strips(273), too_large)
    yield BadFile("TIFF of 2,400,000 tiles", lambda: _many_strips(324), too_large)
    turned = b"MM*\0" + struct.pack(">IH", 8, 65_000) + bytes(12 * 65_000)
    yield BadFile("TIFF with 65,000 tags and its head turned", lambda: turned)


def _repeated(part: bytes) -> bytes:
    return part * (9_500_000 // len(part))


def _segment(code: int, content: bytes = b"") -> bytes:
    """A segment of JPEG behind the marker of this code."""
    return b"\xff" + bytes([code]) + struct.pack(">H", len(content) + 2) + content


def _jpeg_with(segment: bytes) -> bytes:
    jpeg = _small("JPEG")
    return jpeg[:2] + _repeated(segment) + jpeg[2:]


def _many_strips(tag: int) -> bytes:
    offsets = _repeated(struct.pack("<I", 8))
    tags = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 278: 1}
    return _tiff(offsets, _ifd(tags, (tag, 4, len(offsets) // 4, 8), (tag + (6 if tag == 273 else 1), 4, 1, 8)))


def _large_but_fair() -> Iterator[BadFile]:
    """Just under the limit of 20 million pixels."""
    side = 4400
    yield BadFile("PNG of 4,400 x 4,400, black", lambda: _png(side, side, _idat((3 * side + 1) * side)), READ)
    with_alpha, grey = _idat((4 * side + 1) * side), _idat((2 * side + 1) * side)
    yield BadFile("PNG of 4,400 x 4,400 with transparency", lambda: _png(side, side, with_alpha, colour=6), READ)
    yield BadFile("PNG of 4,400 x 4,400, 16-bit grey", lambda: _png(side, side, grey, colour=0, bits=16), READ)
    squares = partial(_saved, _squares(side), "JPEG", quality=30)
    yield BadFile("JPEG of 4,400 x 4,400 of squares", squares, READ)
    cleaned = {"preprocess": "bilateral,denoise", "timeout_s": "10"}
    yield BadFile("JPEG of 4,400 x 4,400 of squares, cleaned twice", squares, READ | {504}, cleaned)
    yield BadFile("PNG of 32,000 x 1", lambda: _saved(PIL.Image.new("L", (32_000, 1), 255), "PNG"), READ)
    yield BadFile("PNG of 1 x 32,000", lambda: _saved(PIL.Image.new("L", (1, 32_000), 255), "PNG"), READ)
    yield BadFile("PNG of 1,000,000 x 1", lambda: _saved(PIL.Image.new("1", (1_000_000, 1), 1), "PNG"))


def _squares(side: int) -> PIL.Image.Image:
    rows, columns = np.indices((side, side), dtype=np.uint16) // 12
    return PIL.Image.fromarray(((rows + columns) % 2 * 255).astype(np.uint8))


def _broken() -> Iterator[BadFile]:
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF"):
        whole = _small(kind)
        yield BadFile(f"{kind} cut in the middle", lambda whole=whole: whole[: len(whole) // 2], ANY)  # type: ignore[misc]
        yield BadFile(f"{kind} cut in the header", lambda whole=whole: whole[:20])  # type: ignore[misc]
        yield BadFile(f"{kind} with bytes turned", lambda whole=whole: _turned(whole), ANY)  # type: ignore[misc]
    yield BadFile("PNG with a wrong checksum", lambda: _small()[:-20] + b"\0" * 8 + _small()[-12:], ANY)
    yield BadFile("empty file", lambda: b"")
    yield BadFile("one byte", lambda: b"\x89")
    yield BadFile("random bytes", lambda: np.random.default_rng(0).bytes(100_000))
    yield BadFile("text", lambda: b"Dear reader, this is no image. " * 100)


def _turned(whole: bytes) -> bytes:
    broken = bytearray(whole)
    for place in np.random.default_rng(1).integers(len(whole) // 3, len(whole), 50):
        broken[place] ^= 0x5A
    return bytes(broken)


def _bombs() -> Iterator[BadFile]:
    pixels = _idat(4 * 3 + 4)
    zipped = b"a\0\0" + _packed(200 * _MEGA)
    texts = [_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000)))] * 1000
    yield BadFile("PNG with 200 MB of text", lambda: _png(4, 4, _chunk(b"zTXt", zipped), pixels), ANY)
    yield BadFile("PNG with 1,000 texts of 0.9 MB", lambda: _png(4, 4, *texts, pixels), ANY)
    yield BadFile("PNG with a colour profile of 200 MB", lambda: _png(4, 4, _chunk(b"iCCP", zipped), pixels), ANY)
    yield BadFile("PNG with pixels for 400 MB in 4 x 4", lambda: _png(4, 4, _idat(400 * _MEGA)), ANY)
    yield BadFile("PNG with 60,000 EXIF tags of 1 MB", lambda: _png(4, 4, _chunk(b"eXIf", _exif(60_000)), pixels), ANY)
    yield BadFile("JPEG with 5,000 EXIF tags of 64 kB", lambda: _jpeg_with_exif(_exif(5000)[:65_000]), ANY)
    yield BadFile("JPEG with 20,000 scans", lambda: _many_scans(20_000))
    yield BadFile("WEBP of 200 frames", lambda: _frames("WEBP"))
    yield BadFile("PNG of 200 frames", lambda: _frames("PNG"))
    yield BadFile("BMP that says one colour for all", _run_lengths, ANY)


def _exif(tags: int) -> bytes:
    blobs = ((tag, 7, 1_000_000, 8) for tag in range(1, tags + 1))
    return _tiff(b"", _ifd({}, *blobs), bytes(max(0, 1_000_100 - 12 * tags)))


def _jpeg_with_exif(exif: bytes) -> bytes:
    """With an EXIF note in as many segments as it needs: Pillow puts them together."""
    jpeg = _small("JPEG")
    parts = (exif[start : start + 65_000] for start in range(0, len(exif), 65_000))
    return jpeg[:2] + b"".join(_segment(0xE1, b"Exif\0\0" + part) for part in parts) + jpeg[2:]


def _many_scans(scans: int) -> bytes:
    """A progressive JPEG of 6,000 x 6,000 whose last scan is repeated."""
    jpeg = _saved(PIL.Image.new("L", (6000, 6000), 255), "JPEG", progressive=True, quality=30)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + jpeg[last:-2] * min(scans, 9 * _MEGA // (len(jpeg) - last)) + jpeg[-2:]


def _frames(kind: str) -> bytes:
    pictures = [PIL.Image.new("RGB", (64, 64), (shade, 0, 0)) for shade in range(200)]
    return _saved(pictures[0], kind, save_all=True, append_images=pictures[1:])


def _run_lengths() -> bytes:
    """Runs of 255 pixels that go on far behind the end of the picture."""
    header = struct.pack("<IiiHHIIiiII", 40, 6000, 6000, 1, 8, 1, 0, 2835, 2835, 256, 0) + bytes(1024)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(header)) + header + b"\xff\x01" * 4_000_000


def _tiffs() -> Iterator[BadFile]:
    yield BadFile("TIFF of 10,000 pages", lambda: _many_pages(10_000), frozenset({413}))
    yield BadFile("TIFF of 10,000 pages, the last asked for", lambda: _many_pages(10_000), READ, {"pages": "10000"})
    yield BadFile("TIFF whose pages go round", _round, ANY)
    yield BadFile("TIFF with 65,000 tags over all of the file", _many_tags, ANY)
    yield BadFile("TIFF with a tile of 65,520 x 65,520", _giant_tile, ANY)
    yield BadFile("TIFF with a strip beyond the file", lambda: _tiff(b"", _tiff_page(64, 64, 2**31, 4096)), ANY)
    yield BadFile("TIFF packed 1,000 times", _packed_tiff, ANY)
    yield BadFile("BigTIFF with offsets at the end of the world", lambda: b"II+\0\x08\0\0\0" + b"\xff" * 200)


def _many_pages(pages: int) -> bytes:
    data, size = bytes(range(0, 256, 4)) * 4, len(_tiff_page(16, 16, 8, 256))
    nexts = [8 + len(data) + (index + 1) * size for index in range(pages - 1)]
    return _tiff(data, *(_tiff_page(16, 16, 8, 256, following) for following in (*nexts, 0)))


def _round() -> bytes:
    first, size = 8 + 256, len(_tiff_page(16, 16, 8, 256))
    return _tiff(bytes(256), _tiff_page(16, 16, 8, 256, first + size), _tiff_page(16, 16, 8, 256, first))


def _many_tags() -> bytes:
    blobs = ((tag, 7, 8 * _MEGA, 8) for tag in range(300, 65_000))
    return _tiff(bytes(8 * _MEGA), _ifd({256: 16, 257: 16, 258: 8, 262: 1, 273: 8, 279: 256}, *blobs))


def _giant_tile() -> bytes:
    tags = {256: 100, 257: 100, 258: 8, 259: 5, 262: 1, 277: 1, 322: 65_520, 323: 65_520, 324: 8, 325: 100}
    return _tiff(bytes(100), _ifd(tags))


def _packed_tiff() -> bytes:
    data = _packed(6000 * 6000)
    tags = {256: 6000, 257: 6000, 258: 8, 259: 8, 262: 1, 277: 1, 273: 8, 278: 6000, 279: len(data)}
    return _tiff(data, _ifd(tags))


def _pdfs() -> Iterator[BadFile]:
    loop = b"<</Type/Pages/Kids[2 0 R 2 0 R 2 0 R]/Count 3>>"
    yield BadFile("PDF whose pages contain themselves", lambda: _pdf(_CATALOG, loop), ANY)
    liar = b"<</Type/Pages/Kids[3 0 R]/Count 1000000000>>"
    yield BadFile("PDF of 1,000,000,000 pages", lambda: _pdf(_CATALOG, liar, b"<</Type/Page/Parent 2 0 R>>"), ANY)
    yield BadFile("PDF of 10,000 pages", lambda: pdf_of_pages(10_000), frozenset({413}))
    yield BadFile("PDF of 10,000 pages, the last asked for", lambda: pdf_of_pages(10_000), READ, {"pages": "10000"})
    yield BadFile("PDF in which trees of pages are 20,000 deep", _deep_tree, ANY)
    large = partial(_one_page, _stream(b""), box=b"0 0 14400 14400")
    yield BadFile("PDF with a page of 200 inches", large, READ)  # drawn as large as the limit allows
    yield BadFile("PDF with a page of 200 inches at 1,200 dpi", large, options={"dpi": "1200"})
    yield BadFile("PDF with a page of 10^30 points", lambda: _one_page(_stream(b""), box=b"0 0 1e30 1e30"), ANY)
    yield BadFile("PDF with a page of no size", lambda: _one_page(_stream(b""), box=b"0 0 0 0"), ANY)
    yield BadFile("PDF with 2 GB of operators", lambda: _one_page(_flate(2000 * _MEGA, b"q 1 0 0 1 0 0 cm Q ")), ANY)
    curves = b"0 0 m 9 9 300 0 0 300 c S "
    yield BadFile("PDF with 100 MB of curves", lambda: _one_page(_flate(100 * _MEGA, curves)), ANY)
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 300 200]/Resources<</XObject<</A 5 0 R/B 5 0 R>>>>"
    twice = _stream(b"/A Do /B Do /A Do /B Do", form)
    yield BadFile("PDF with a form that draws itself", lambda: _one_page(_stream(b"/A Do"), _A, twice), ANY)
    yield BadFile("PDF with forms that double 40 times", _doubling_forms, ANY)
    shown = _stream(b"300 0 0 200 0 0 cm /A Do")
    image = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/%s/BitsPerComponent 8"
    broken, whole_image = image % (60_000, 60_000, b"DeviceRGB"), image % (20_000, 20_000, b"DeviceGray")
    yield BadFile(
        "PDF with a picture of 60,000 x 60,000", lambda: _one_page(shown, _A, _flate(_MEGA, entries=broken)), ANY
    )
    yield BadFile(
        "PDF with a whole picture of 20,000 x 20,000",
        lambda: _one_page(shown, _A, _flate(400 * _MEGA, entries=whole_image)),
        ANY,
    )
    yield BadFile("PDF with nested filters", lambda: _one_page(_nested_filters()), ANY)
    yield BadFile("PDF whose table of objects goes round", lambda: pdf_of_pages(1) + b"startxref\n9\n%%EOF", ANY)
    endless = b"<</Length 4 0 R>>stream\nendstream"
    yield BadFile("PDF whose length is an object that goes round", lambda: _one_page(endless), ANY)
    whole = pdf_of_pages(3)
    yield BadFile("PDF cut in the middle", lambda: whole[: len(whole) // 2], ANY)
    yield BadFile("PDF with bytes turned", lambda: _turned(whole), ANY)
    yield BadFile("PDF of nothing", lambda: b"%PDF-1.7\n")
    yield BadFile("PDF with a script", _with_script, READ)


def pdf_of_pages(pages: int) -> bytes:
    """A PDF of so many empty pages."""
    kids = b" ".join(b"%d 0 R" % (number + 3) for number in range(pages))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 36]>>"
    return _pdf(_CATALOG, b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages), *[page] * pages)


def pdf_of_text(pages: int) -> bytes:
    """A PDF of so many pages with a line of text each, from which they are answered without an engine."""
    font = b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    kids = b" ".join(b"%d 0 R" % (number + 4) for number in range(pages))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 3 0 R/Resources<<%s>>>>" % font
    tree = b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, pages)
    return _pdf(_CATALOG, tree, _stream(b"BT /F 12 Tf 36 100 Td (Harbour and Vale Instruments) Tj ET"), *[page] * pages)


def _deep_tree() -> bytes:
    depth = 20_000
    trees = [b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (number + 3) for number in range(depth)]
    return _pdf(_CATALOG, *trees, b"<</Type/Page/MediaBox[0 0 72 36]>>")


def _doubling_forms() -> bytes:
    head = b"/Type/XObject/Subtype/Form/BBox[0 0 300 200]/Resources<</XObject<</A %d 0 R>>>>"
    forms = [_stream(b"/A Do /A Do", head % (number + 6)) for number in range(40)]
    last = _stream(b"0 0 300 200 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 300 200]")
    return _one_page(_stream(b"/A Do"), _A, *forms, last)


def _nested_filters() -> bytes:
    content = zlib.compress(zlib.compress(_packed(300 * _MEGA), 9), 9)
    return _stream(content, b"/Filter[/FlateDecode/FlateDecode/FlateDecode]")


def _with_script() -> bytes:
    catalog = b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(while(true){})>>>>"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 36]>>"
    return _pdf(catalog, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page)


def _polyglots() -> Iterator[BadFile]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as inside:
        inside.writestr("zeros", bytes(50 * _MEGA))
    yield BadFile("PNG with an archive behind it", lambda: _small() + archive.getvalue(), READ)
    yield BadFile("JPEG with a PDF behind it", lambda: _small("JPEG") + pdf_of_pages(1), READ)
    yield BadFile("PDF with an image behind it", lambda: pdf_of_pages(1) + _small(), ANY)
    yield BadFile("PDF behind 500 bytes of something else", lambda: b"junk " * 100 + pdf_of_pages(1), READ)
    yield BadFile("GIF that is a script", lambda: b"GIF89a/*" + bytes(64) + b"*/=1;alert(1)//")
    yield BadFile("archive", archive.getvalue)
    yield BadFile("page of HTML", lambda: b"<!DOCTYPE html><script>alert(1)</script>")
    yield BadFile(
        "SVG that asks for a file",
        lambda: b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/hostname">]><svg>&x;</svg>',
    )
    yield BadFile("PostScript", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n")
    yield BadFile("program", lambda: b"\x7fELF" + bytes(2000))
