"""What is counted of a crowd, on an application in this process that has fewer places than there are clients."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.overload import crowd, idle_connections, report, story
from deployments.asking import Ask
from deployments.ensemble import CharacterReading
from ocr.errors import QuorumError
from tests.fakes.plain_service import PlainService, app_over
from tests.fakes.served import over_http


class SlowService(PlainService):
    """Takes a while for a character."""

    async def read_characters(self, images: Sequence[bytes], ask: Ask) -> list[CharacterReading | QuorumError]:
        await asyncio.sleep(0.05)
        return await super().read_characters(images, ask)


async def test_those_beyond_the_places_are_refused_and_come_again_when_they_were_told() -> None:
    with over_http(app_over(SlowService(), max_requests=2)) as url:
        met = await crowd(url, 6, 0.5)
    assert met.codes[503] == 4, "each of them was told to wait a second, which is longer than the crowd asks"
    assert met.codes[200] >= 2
    assert {answer.told_s for answer in met.answers if answer.code == 503} == {1, 2}
    assert all(answer.is_ours for answer in met.answers)


async def test_connections_that_say_nothing_take_no_place() -> None:
    with over_http(app_over(SlowService(), max_requests=2)) as url:
        met = await idle_connections(url, 20, 0.2)
    assert set(met.codes) == {200}


async def test_a_service_that_is_not_there_is_counted_as_such() -> None:
    assert set((await crowd("http://127.0.0.1:9", 1, 0.1)).codes) == {0}


async def test_the_report_has_a_row_for_each_crowd_and_tells_what_is_neither_answered_nor_refused() -> None:
    with over_http(app_over(SlowService(), max_requests=2)) as url:
        told = await story(url, 0.1, sizes=(4,))
    rows = report(told, {"commit": "abc"}).splitlines()
    [row] = [row for row in rows if row.startswith("| 4 clients")]
    cells = [cell.strip() for cell in row.split("|")]
    assert (cells[6], cells[9], cells[10]) == ("2", "2", "0")
