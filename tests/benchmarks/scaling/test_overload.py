"""What is counted of a crowd, on an application in this process that has fewer places than there are clients."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.scaling.overload import Answer, OverloadResult, Phase, crowd, idle_connections, report
from deployments.messages.answers import CharacterReading
from deployments.messages.request import ReadRequest
from ocr.errors import QuorumError
from tests.fakes.plain_service import PlainService, app_over
from tests.fakes.served import over_http


class SlowService(PlainService):
    """Takes a while for a character."""

    async def read_characters(
        self, images: Sequence[bytes], request: ReadRequest
    ) -> list[CharacterReading | QuorumError]:
        await asyncio.sleep(0.4)
        return await super().read_characters(images, request)


async def test_those_beyond_the_places_are_refused_and_come_again_when_they_were_told() -> None:
    with over_http(app_over(SlowService(), max_requests=2)) as url:
        met = await crowd(url, 6, 0.2)
    assert met.codes == {200: 2, 503: 4}, "each of them was told to wait a second, which is longer than the crowd asks"
    assert {answer.retry_after_s for answer in met.answers if answer.code == 503} == {1, 2, 3, 4}
    assert all(answer.is_ours for answer in met.answers)


async def test_connections_that_say_nothing_take_no_place() -> None:
    with over_http(app_over(SlowService(), max_requests=2)) as url:
        met = await idle_connections(url, 20, 0.2)
    assert set(met.codes) == {200}


async def test_a_service_that_is_not_there_is_counted_as_such() -> None:
    assert set((await crowd("http://127.0.0.1:9", 1, 0.1)).codes) == {0}


def test_the_report_has_two_rows_for_a_crowd_and_tells_what_is_neither_answered_nor_refused() -> None:
    mine = {"asked": 0.0, "seconds": 0.01, "is_ours": True}
    answers = [
        Answer(**mine, code=200, retry_after_s=None),
        Answer(**mine, code=503, retry_after_s=2),
        Answer(**{**mine, "is_ours": False}, code=503, retry_after_s=1),
        Answer(asked=9.0, seconds=1.5, code=200, retry_after_s=None, is_ours=True),
        Answer(asked=9.5, seconds=0.1, code=0, retry_after_s=None, is_ours=False),
    ]
    used = {"proxy": 100.0}
    result = OverloadResult(used, {"4 clients": Phase(4, 10.0, tuple(answers), {"proxy": 130.0})}, used)
    rows = report(result, {"commit": "abc"}).splitlines()
    cells = {row.split(" | ")[0]: [cell.strip() for cell in row.split("|")] for row in rows}
    assert cells["| 4 clients"][2:] == ["2", "0.2", "0.755", "1.485", "2", "0.010", "0.010", "1", "{0: 1}", ""]
    assert cells["| 4 clients, second half"][2:] == ["1", "0.2", "1.500", "1.500", "0", "", "", "0", "{0: 1}", ""]
    assert cells["| most: 4 clients"][2:] == ["130", ""]
