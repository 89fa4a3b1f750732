"""A job's TIFF as a searchable PDF, which is made of pictures that are drawn again; with the programs that draw."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from pathlib import Path

import httpx
import pikepdf
import PIL.Image
import pytest

from tests.fakes.job_worker import with_a_worker
from tests.fakes.plain_service import asking, plain_config
from tests.fakes.sized_pages import HEIGHT, SizedPages, width_of

pytestmark = pytest.mark.processes

PAGES = 5


def tiff() -> bytes:
    """Each page wider than the one before it."""
    first, *others = [PIL.Image.effect_noise((width_of(number), HEIGHT), 40) for number in range(1, PAGES + 1)]
    file = io.BytesIO()
    first.save(file, "TIFF", save_all=True, append_images=others)
    return file.getvalue()


async def ended_job(client: httpx.AsyncClient) -> str:
    response = await client.post("/jobs", files={"file": ("scan.tif", tiff())}, data={"formats": "pdf"})
    job: str = response.json()["id"]
    async with asyncio.timeout(60.0):
        while (await client.get(f"/jobs/{job}")).json()["finished_at"] is None:
            await asyncio.sleep(0.05)
    return job


async def test_a_pdf_of_pictures_has_all_pages_however_many_one_request_may_have(tmp_path: Path) -> None:
    with with_a_worker(SizedPages(), tmp_path, max_pages=2) as whole:
        async with asking(whole.app()) as client:
            response = await client.get(f"/jobs/{await ended_job(client)}/result")
    assert response.status_code == 200, response.text
    with pikepdf.open(io.BytesIO(response.content)) as pdf:
        shown = [int(page.obj.Resources.XObject["/Page"].Width) for page in pdf.pages]
    assert shown == [width_of(number) for number in range(1, PAGES + 1)]


async def test_more_pictures_than_a_gateway_may_have_in_memory_are_refused_before_the_answer_begins(
    tmp_path: Path,
) -> None:
    with with_a_worker(SizedPages(), tmp_path) as whole:
        async with asking(whole.app()) as client:
            job = await ended_job(client)
        narrow = replace(whole, config=plain_config(limits={"max_bodies_mb": 0.004}))
        async with asking(narrow.app()) as client:
            refused = await client.get(f"/jobs/{job}/result")
            part = await client.get(f"/jobs/{job}/result?pages=1")
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_large")
    assert "pages=" in refused.json()["error"]["hint"]
    assert part.status_code == 200
