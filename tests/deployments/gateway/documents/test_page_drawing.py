"""Taking pages out of documents: choosing them, and what a process that dies, hangs or grows costs."""

from __future__ import annotations

import asyncio
import io
import itertools
import resource
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import psutil
import pytest

from benchmarks.inputs.bad_files import png_of_size
from deployments.gateway.documents.isolated_program import processor_s
from deployments.gateway.documents.page_drawing import DrawnPage, PageDrawer, RefusedPage
from deployments.messages.request import Asker
from ocr.errors import NotAnImage, OutOfRange, Overloaded, QuorumError, TooLarge
from segmentation.files.image_pages import MAX_IMAGE_BYTES
from segmentation.files.own_process import NICENESS
from segmentation.files.rendered_page import RefusedFile, RenderRequest, chosen_pages
from tests.fakes.files import bars_of, image_file, locked_pdf, pdf, picture, tiff
from tests.segmentation.files.tiff_files import page as tiff_page
from tests.segmentation.files.tiff_files import tiff_file

pytestmark = pytest.mark.processes

REQUEST = RenderRequest(
    pages=None,
    dpi=144,
    existing_text="use",
    max_pages=5,
    max_pixels=100_000,
    files=True,
    pictures=False,
    max_processor_s=60.0,
    max_decoding_mb=400.0,
    max_decoding_s=6.0,
)


async def drawn(
    file: bytes | Path, render_request: RenderRequest = REQUEST, drawer: PageDrawer | None = None
) -> list[DrawnPage | RefusedPage]:
    async with (drawer or PageDrawer(1, 1, 60.0)).opened(file, render_request, 1.0) as document:
        pages = [page async for page in document.pages()]
        assert [page.number for page in pages] == list(document.chosen)
        return pages


@pytest.mark.parametrize(
    ("pages", "chosen"),
    [
        (None, [1, 2, 3, 4, 5]),
        ("2", [2]),
        ("1-3,5", [1, 2, 3, 5]),
        ("4-", [4, 5]),
        ("5,1,1-2", [1, 2, 5]),
    ],
)
def test_pages_are_chosen_by_number_and_range_each_once_in_order(pages: str | None, chosen: list[int]) -> None:
    assert chosen_pages(pages, 5, 5) == chosen


@pytest.mark.parametrize(
    ("pages", "count", "code"),
    [
        (None, 6, "too_large"),
        ("1-6", 10, "too_large"),
        ("1-3,5-7", 10, "too_large"),
        ("1-", 999_999, "too_large"),
        ("7", 6, "out_of_range"),
        ("3-9", 6, "out_of_range"),
        ("3-2", 6, "out_of_range"),
        ("0", 6, "out_of_range"),
    ],
)
def test_pages_that_are_too_many_or_not_there_are_refused_not_left_out(
    pages: str | None, count: int, code: str
) -> None:
    with pytest.raises(RefusedFile) as caught:
        chosen_pages(pages, count, 5)
    assert caught.value.args[0] == code


@pytest.mark.parametrize("file", [pdf(3), tiff(3), tiff(3, "1"), tiff(3, "CMYK")], ids=["pdf", "tiff", "1", "cmyk"])
async def test_every_page_comes_as_a_file_of_its_own(file: bytes) -> None:
    pages = await drawn(file)
    assert [bars_of(page.file) for page in pages if isinstance(page, DrawnPage)] == [1, 2, 3]


@pytest.mark.parametrize("file", [pdf(3), tiff(3), b"\xef\xbb\xbf" + pdf(3)], ids=["pdf", "tiff", "pdf behind a mark"])
async def test_a_file_that_lies_on_the_disk_is_drawn_as_one_that_is_sent(file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(file)
    sent = await drawn(file.removeprefix(b"\xef\xbb\xbf"))
    assert [page.number for page in sent] == [1, 2, 3]
    assert await drawn(path) == sent


async def test_an_image_on_the_disk_that_no_memory_would_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    with path.open("wb") as file:
        file.write(image_file("PNG"))
        file.truncate(MAX_IMAGE_BYTES + 1)
    with pytest.raises(TooLarge, match="limit for one that is no PDF"):
        await drawn(path)


@pytest.mark.parametrize("mode", ["RGB", "1", "CMYK"])
async def test_the_pages_of_a_tiff_that_no_memory_would_hold_are_drawn_as_those_of_a_small_one(
    tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "upload"
    with path.open("wb") as file:
        file.write(tiff(3, mode))
        file.truncate(2_000_000_000)  # a gap, which takes no room on the disk
    assert await drawn(path) == await drawn(tiff(3, mode))


async def test_a_pdf_is_drawn_at_the_resolution_asked_for() -> None:
    [page] = await drawn(pdf(1), replace(REQUEST, dpi=288))
    assert isinstance(page, DrawnPage)
    assert PIL.Image.open(io.BytesIO(page.file)).size == (288, 144)


@pytest.mark.parametrize(
    ("file", "mode", "kind"),
    [
        (image_file("PNG", mode="RGBA"), "RGB", "jpeg"),
        (image_file("PNG", mode="I;16"), "L", "jpeg"),
        (image_file("TIFF", mode="1"), "1", "png"),
        (image_file("TIFF", mode="F"), "L", "jpeg"),
        (image_file("JPEG", mode="L"), "L", "jpeg"),
        (image_file("JPEG", mode="CMYK"), "RGB", "jpeg"),
        (image_file("WEBP"), "RGB", "jpeg"),
        (pdf(1, 30, 20), "L", "jpeg"),
    ],
    ids=["transparent", "16 bits", "two colours", "float", "grey", "cmyk", "webp", "pdf"],
)
async def test_a_picture_to_lay_text_over_is_made_of_every_kind(file: bytes, mode: str, kind: str) -> None:
    [page] = await drawn(file, replace(REQUEST, files=False, pictures=True))
    assert isinstance(page, DrawnPage)
    assert page.file == b""
    assert page.picture is not None
    assert (page.picture.mode, page.picture.kind, page.picture.width_px, page.picture.height_px) == (mode, kind, 60, 40)
    shown = PIL.Image.open(io.BytesIO(page.picture.content))
    assert (shown.size, shown.format) == ((60, 40), kind.upper())
    assert bars_of(page.picture.content) == (1 if file.startswith(b"%PDF") else 0)


async def test_pages_of_every_depth_are_light_paper_for_reading_and_to_lay_text_over() -> None:
    levels = np.repeat(np.linspace(350, 3900, 60)[np.newaxis, :, np.newaxis], 40, axis=0).astype(np.uint16)
    upright, inverted = tiff_page(levels), tiff_page(4095 - levels, 0)
    small = tiff_page(levels[:5, :5], tag_254=[1])
    pages = await drawn(tiff_file(upright, small, inverted, tiff_page(levels)), replace(REQUEST, pictures=True))
    assert len(pages) == 3
    for page in pages:
        assert isinstance(page, DrawnPage)
        assert page.picture is not None
        for file in (page.file, page.picture.content):
            shown = np.asarray(PIL.Image.open(io.BytesIO(file)).convert("L"))
            assert shown.shape == (40, 60)
            assert shown[20, 1] < 40
            assert shown[20, 58] > 230


async def test_white_letters_on_nothing_are_seen_in_the_picture_too() -> None:
    letters = PIL.Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    letters.paste((255, 255, 255, 255), (10, 10, 14, 30))
    file = io.BytesIO()
    letters.save(file, "PNG")
    [page] = await drawn(file.getvalue(), replace(REQUEST, pictures=True))
    assert isinstance(page, DrawnPage)
    assert page.picture is not None
    shown = np.asarray(PIL.Image.open(io.BytesIO(page.picture.content)).convert("L"))
    assert shown[20, 12] > 200
    assert shown[2, 2] < 50


async def test_the_page_of_a_fax_has_the_size_of_its_paper() -> None:
    file = io.BytesIO()
    picture(1728, 1400).convert("1").resize((1728, 673)).save(file, "TIFF", compression="group4", dpi=(204, 98))
    [page] = await drawn(file.getvalue(), replace(REQUEST, max_decoding_mb=50.0, pictures=True))
    assert isinstance(page, DrawnPage)
    assert page.picture is not None
    assert page.picture.dpi == pytest.approx((204, 98))
    assert (page.picture.width_px, page.picture.height_px) == (1728, 673)
    assert PIL.Image.open(io.BytesIO(page.file)).info["dpi"] == pytest.approx((204, 98), abs=0.1)


async def test_a_jpeg_that_lies_upright_goes_into_a_pdf_as_it_is() -> None:
    file = image_file("JPEG", mark=3)
    [page] = await drawn(file, replace(REQUEST, files=False, pictures=True))
    assert isinstance(page, DrawnPage)
    assert page.picture is not None
    assert page.picture.content == file


@pytest.mark.parametrize(
    ("file", "render_request", "error", "words"),
    [
        (b"%PDF-1.7 nothing", REQUEST, NotAnImage, "PDF is damaged"),
        (locked_pdf(), REQUEST, OutOfRange, "encrypted"),
        (pdf(6), REQUEST, TooLarge, "6 pages; the limit is 5"),
        (tiff(6), REQUEST, TooLarge, "6 pages; the limit is 5"),
        (pdf(2), replace(REQUEST, pages="3"), OutOfRange, "pages 1 to 2"),
        (b"II*\0junk", REQUEST, NotAnImage, "damaged"),
    ],
    ids=["damaged pdf", "locked", "long pdf", "long tiff", "no such page", "damaged tiff"],
)
async def test_what_is_wrong_with_the_whole_document_is_told_before_any_page(
    file: bytes, render_request: RenderRequest, error: type[QuorumError], words: str
) -> None:
    with pytest.raises(error, match=words):
        await drawn(file, render_request)


async def test_a_page_that_is_too_large_is_refused_in_its_place_and_the_next_is_drawn() -> None:
    import pikepdf

    with pikepdf.open(io.BytesIO(pdf(3))) as document:
        document.pages[1].MediaBox = [0, 0, 14_000, 14_000]
        file = io.BytesIO()
        document.save(file)
    first, second, third = await drawn(file.getvalue())
    assert isinstance(first, DrawnPage)
    assert isinstance(second, RefusedPage)
    assert isinstance(second.error, TooLarge)
    assert "page 2" in second.error.message
    assert isinstance(third, DrawnPage)


def talking(program: str, patience_s: float = 60.0) -> PageDrawer:
    """A drawer whose process says what `program` prints."""
    return PageDrawer(1, 1, patience_s, command=[sys.executable, "-I", "-c", program])


_OPENS = 'print(\'{"page_count": 3, "chosen": [1, 2, 3]}\', flush=True);'
_FIRST = 'print(\'{"page": 1, "file": 2, "picture": 0, "width": 1, "height": 1, "mode": "L", "kind": "", '
_FIRST += "\"dpi\": [1, 1], \"text\": 0}', flush=True); print('ok', end='', flush=True);"


async def test_a_process_that_dies_on_a_page_costs_that_page_and_says_how_to_get_the_others() -> None:
    first, second, third = await drawn(b"x", drawer=talking(_OPENS + _FIRST + "import os; os.kill(os.getpid(), 11)"))
    assert isinstance(first, DrawnPage)
    assert first.file == b"ok"
    for page in (second, third):
        assert isinstance(page, RefusedPage)
        assert "page 2 cannot be drawn" in page.error.message
        assert "pages=3-" in page.error.hint


async def test_a_document_that_used_up_its_processor_time_says_so_and_how_to_go_on() -> None:
    program = _OPENS + _FIRST + "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)"
    first, second, third = await drawn(b"x", replace(REQUEST, max_processor_s=7.0), talking(program))
    assert isinstance(first, DrawnPage)
    for page in (second, third):
        assert isinstance(page, RefusedPage)
        assert isinstance(page.error, TooLarge)
        assert "7 s of a processor" in page.error.message
        assert "limits.max_document_processor_s" in page.error.message
        assert "pages=2-" in page.error.hint


async def test_the_process_gives_way_and_may_take_no_more_of_the_processor_than_the_request_says() -> None:
    for max_processor_s, allowed_s in ((3.2, 4), (60.0, 5 + 3)):
        async with PageDrawer(1, 1, 60.0).opened(
            pdf(3), replace(REQUEST, max_processor_s=max_processor_s), 1.0
        ) as opened:
            assert [page.number async for page in opened.pages()] == [1, 2, 3]
            process = psutil.Process(opened._process.pid)
            assert process.nice() == psutil.Process().nice() + NICENESS
            assert resource.prlimit(process.pid, resource.RLIMIT_CPU)[0] == allowed_s


async def test_a_page_is_drawn_when_it_is_taken_and_not_before() -> None:
    program = "import sys, json, os\n"
    program += "told = json.loads(sys.stdin.buffer.readline()); sys.stdin.buffer.read(told['file_bytes'])\n"
    program += "print(json.dumps({'page_count': 3, 'chosen': [1, 2, 3]}), flush=True)\n"
    program += "for page in (1, 2, 3):\n"
    program += "    sys.stdin.buffer.readline(); os.write(2, b'.')\n"
    program += "    print(json.dumps({'page': page, 'error': ['not_an_image', 'none', '']}), flush=True)\n"
    async with talking(program).opened(b"x", REQUEST, 1.0) as document:
        pages = document.pages()
        assert (await anext(pages)).number == 1
        process = psutil.Process(document._process.pid)
        before = process.io_counters().write_count
        await asyncio.sleep(0.2)
        assert process.io_counters().write_count == before
        assert [page.number async for page in pages] == [2, 3]


async def test_documents_take_turns_page_by_page() -> None:
    """Two documents of one caller and one of another are drawn one page at a time: none waits for another's last."""
    callers = iter(["one", "one", "other"])
    drawer = PageDrawer(3, 1, 60.0, lambda: Asker(next(callers)))
    order: list[str] = []
    note = order.append

    async def read(name: str) -> None:
        async with drawer.opened(pdf(4), REQUEST, 1.0) as document:
            opened.append(name)
            await everybody.wait()
            async for page in document.pages():
                note(f"{name}{page.number}")

    opened: list[str] = []
    everybody = asyncio.Event()
    tasks = [asyncio.create_task(read(name)) for name in ("a", "b", "c")]
    while len(opened) < 3:
        await asyncio.sleep(0.01)
    everybody.set()
    await asyncio.gather(*tasks)
    assert len(order) == 12
    assert order.index("c4") <= 8  # the other caller has every second turn
    assert abs(order.index("a4") - order.index("b4")) == 1  # and one caller's documents take turns


_WAITS = "import time; time.sleep(600)"


_BLAME = pytest.mark.parametrize(("computed_s", "error"), [(0.4, NotAnImage), (0.1, Overloaded)])


@_BLAME
async def test_a_page_that_takes_too_long_is_given_up_and_blamed_only_if_it_computed_most_of_the_time(
    monkeypatch: pytest.MonkeyPatch, computed_s: float, error: type[QuorumError]
) -> None:
    spent_s = itertools.count(5.0, computed_s)
    monkeypatch.setattr("deployments.gateway.documents.page_drawing.processor_s", lambda _process: next(spent_s))
    async with talking(_OPENS + _WAITS).opened(b"x", REQUEST, 1.0) as document:
        document._limits = replace(document._limits, patience_s=0.6)
        pages = [page async for page in document.pages()]
    assert [type(page.error) for page in pages if isinstance(page, RefusedPage)] == [error] * 3


@_BLAME
async def test_a_document_that_takes_too_long_to_open_is_blamed_only_if_it_computed_most_of_the_time(
    monkeypatch: pytest.MonkeyPatch, computed_s: float, error: type[QuorumError]
) -> None:
    monkeypatch.setattr("deployments.gateway.documents.page_drawing.processor_s", lambda _process: computed_s)
    with pytest.raises(error, match="open"):
        await drawn(b"x" * 1_000_000, drawer=talking(_WAITS, patience_s=0.6))


async def test_a_process_that_dies_before_it_has_opened_the_document_has_refused_it() -> None:
    with pytest.raises(NotAnImage, match="open"):
        await drawn(b"x" * 1_000_000, drawer=talking("raise SystemExit(1)"))


async def test_the_processor_time_of_a_process_is_that_which_it_has_taken() -> None:
    computing = "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True); time.sleep(600)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", computing, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    assert 0.29 <= processor_s(process) < 2.0
    process.kill()
    await process.wait()


async def test_no_more_documents_are_open_than_allowed_and_the_next_is_told_when_it_waits_too_long() -> None:
    drawer = PageDrawer(1, 1, 60.0)
    async with drawer.opened(pdf(1), REQUEST, 1.0):
        with pytest.raises(Overloaded):
            await drawn(pdf(1), drawer=drawer)
    assert len(await drawn(pdf(1), drawer=drawer)) == 1


async def test_whoever_stops_looking_leaves_no_process_behind() -> None:
    async with PageDrawer(1, 1, 60.0).opened(pdf(3), REQUEST, 1.0) as document:
        process = document._process
        async for _ in _closing(document.pages()):
            break
    assert process.returncode is not None


async def _closing(pages: AsyncIterator[DrawnPage | RefusedPage]) -> AsyncIterator[DrawnPage | RefusedPage]:
    async for page in pages:
        yield page


async def test_memory_that_a_page_would_need_beyond_the_limit_is_refused() -> None:
    """A picture of 16,000 x 16,000 px needs 1 GB as Pillow holds it; the limits on decoding are set aside."""
    render_request = replace(REQUEST, max_decoding_mb=10_000.0, max_decoding_s=600.0)
    [page] = await drawn(png_of_size(16_000, 16_000), render_request)
    assert isinstance(page, RefusedPage)
    assert isinstance(page.error, TooLarge)
    assert "memory" in page.error.message


async def test_drawing_waits_for_nobody_else() -> None:
    drawer = PageDrawer(3, 3, 60.0)
    pages = await asyncio.gather(*(drawn(pdf(2), drawer=drawer) for _ in range(3)))
    assert [len(each) for each in pages] == [2, 2, 2]
