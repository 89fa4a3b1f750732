"""Files made to do harm, against the whole way of a file but the engines: the header, the drawing, the cutting.

What they cost in time and memory is measured by benchmarks/inputs/robustness.py on a real cluster; here is only checked
that each is answered as it should be, in the form of the contract, and that the next request is read.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from benchmarks.inputs.bad_files import BadFile, bad_files
from deployments.messages.answers import ImageRefused
from deployments.messages.request import ReadRequest
from deployments.segmentation.image_file_segmenter import ImageFileSegmenter
from ocr import Page
from ocr.contract import ErrorAnswer
from segmentation.detection.projection import ProjectionDetector
from segmentation.segmenter import TextSegmenter
from tests.fakes.files import image_file
from tests.fakes.plain_service import REPORTS, PlainService, app_over

pytestmark = pytest.mark.processes

# These take seconds each: they are read, or refused only after they were drawn.
_LONG = (
    "4,400",
    "one colour",
    "packed",
    "GB",
    "100 MB",
    "20,000 x",
    "20,000 deep",
    "double",
    "400 MB",
    "nested filters",
    "scans",
    "draws itself",
)


class CuttingService(PlainService):
    """Finds the lines of a page, and reads nothing on them."""

    def __init__(self) -> None:
        super().__init__()
        self._segmenter = ImageFileSegmenter(TextSegmenter(ProjectionDetector()))
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def read_page(self, data: bytes, request: ReadRequest) -> Page:
        cut = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._segmenter.page, data, request.segmentation
        )
        if isinstance(cut, ImageRefused):
            raise cut.error
        return Page(cut.layout.width_px, cut.layout.height_px, (), REPORTS, str(request.method), request.profile.name)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_over(CuttingService(), draw_timeout_s=60.0), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=300) as client:
        yield client


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, marks=[pytest.mark.slow] if any(part in file.name for part in _LONG) else [], id=file.name)
        for file in bad_files()
    ],
)
async def test_a_file_made_to_do_harm_is_answered_and_the_next_request_is_read(
    client: httpx.AsyncClient, file: BadFile
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of broken files, as it should
        response = await client.post("/predict_text", content=file.make(), params=file.options)
    assert response.status_code in file.statuses, response.text[:300]
    if response.status_code != 200:
        assert ErrorAnswer.model_validate(response.json()).error.hint
    assert (await client.post("/predict_text", content=image_file("PNG"))).status_code == 200
