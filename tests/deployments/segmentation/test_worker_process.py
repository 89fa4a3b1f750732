"""A page that hangs, dies or computes without end costs its worker and itself: the next page is read."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from deployments.messages.answers import ImageRefused
from deployments.messages.request import SegmentationRequest
from deployments.segmentation import worker_process
from deployments.segmentation.worker_process import WorkerProcess
from deployments.segmentation.worker_tasks import DrawPictures, PrepareCharacters, SegmentPage
from ocr.errors import (
    DeadlineExceeded,
    EngineUnavailable,
    InternalFailure,
    NotAnImage,
    Overloaded,
    QuorumError,
    TooLarge,
)
from tests.deployments.segmentation.test_image_file_segmenter import png
from tests.fakes.segmenting import COMPUTES, CRASHES, HANGS, IS_FAULTY, LOOKS_UP, RUNS_OUT_OF_MEMORY, Harmful, Missing

pytestmark = pytest.mark.processes


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


@pytest.fixture
def worker(pids: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkerProcess]:
    monkeypatch.setattr(worker_process, "_GRACE_S", 0.2)
    worker = WorkerProcess(Harmful(pids), hung_after_s=60.0)
    worker.start()
    yield worker
    worker.close()


def request(deadline: float = math.inf, **limits: Any) -> SegmentationRequest:
    return SegmentationRequest("general", (), 1_000_000, deadline, **limits)


def width_read(worker: WorkerProcess, width: int = 30) -> int:
    (page, _) = worker.run(SegmentPage(png(width), request()))
    assert not isinstance(page, ImageRefused)
    return int(page.pixels[0].shape[1])


def test_a_page_comes_back_with_its_pixels_and_where_the_time_went(worker):
    page, timings = worker.run(SegmentPage(png(300), request()))
    assert page.layout.regions[0].width_px == 300
    assert np.array_equal(page.pixels[0], np.full((20, 300, 3), 200, np.uint8))
    assert [step.name for step in timings] == ["decode", "clean", "find lines"]


def test_characters_and_pictures_come_back_too(worker):
    answer, crops = worker.run(PrepareCharacters((png(30), b"junk", png(40)), request()))
    assert [crop.shape[1] for crop in crops.pixels] == [30, 40]
    assert isinstance(answer.outcomes[1], NotAnImage)
    pictures = worker.run(DrawPictures(png(30), request()))
    assert [picture.name for picture in pictures] == ["sent", "lines", "line 1"]


@pytest.mark.parametrize(
    ("width", "error"),
    [
        pytest.param(CRASHES, NotAnImage, id="a crash"),
        pytest.param(RUNS_OUT_OF_MEMORY, Overloaded, id="no memory"),
        pytest.param(COMPUTES, TooLarge, id="no end of computing"),
    ],
)
def test_a_page_that_ends_its_worker_is_told_so_and_the_next_is_read_by_another(worker, pids, width, error):
    with pytest.raises(error) as raised:
        worker.run(SegmentPage(png(width), request(max_processor_s=0.1)))
    assert raised.value.hint
    assert not worker.is_ready
    assert width_read(worker) == 30
    assert worker.is_ready
    assert len(set(pids.read_text().split())) == 2


def test_a_page_that_hangs_is_given_up_soon_after_its_deadline_and_its_worker_is_ended(worker, pids):
    with pytest.raises(DeadlineExceeded):
        worker.run(SegmentPage(png(HANGS), request(deadline=time.time() + 0.3)))
    assert not psutil.pid_exists(int(pids.read_text()))
    assert width_read(worker) == 30


def test_a_page_that_hangs_is_given_up_however_long_its_caller_would_wait(pids):
    worker = WorkerProcess(Harmful(pids), hung_after_s=0.3)
    with pytest.raises(DeadlineExceeded, match="given up"):
        worker.run(SegmentPage(png(HANGS), request()))
    worker.close()


def test_a_fault_of_ours_costs_no_worker_and_tells_no_details(worker, pids, caplog):
    with pytest.raises(InternalFailure) as raised:
        worker.run(SegmentPage(png(IS_FAULTY), request()))
    assert "a secret" not in str(raised.value)
    assert "ZeroDivisionError: a secret" in caplog.text
    assert width_read(worker) == 30
    assert len(pids.read_text().split()) == 1


def test_a_page_that_is_abandoned_stops_and_costs_no_worker(worker, pids):
    with ThreadPoolExecutor() as threads:
        page = threads.submit(worker.run, SegmentPage(png(LOOKS_UP), request()))
        while not page.done():
            worker.abandon()
            time.sleep(0.01)
    (refused, _) = page.result()
    assert isinstance(refused.error, DeadlineExceeded)
    assert "nobody waits" in refused.error.message
    assert width_read(worker) == 30  # the next page is wanted
    assert len(pids.read_text().split()) == 1


def test_a_page_that_nobody_waits_for_is_not_looked_at(worker, pids):
    with pytest.raises(DeadlineExceeded):
        worker.run(SegmentPage(png(HANGS), request(deadline=time.time() - 1.0)))
    assert worker.is_ready


def test_a_worker_that_died_between_two_pages_costs_none_of_them(worker, pids):
    os.kill(int(pids.read_text()), signal.SIGKILL)
    psutil.Process(int(pids.read_text())).wait(10)
    assert not worker.is_ready
    assert width_read(worker) == 30


def test_what_cannot_be_loaded_is_said_and_the_worker_sees_no_secrets(monkeypatch):
    monkeypatch.setenv("API_KEYS", "a secret")
    worker = WorkerProcess(Missing(), hung_after_s=60.0)
    with pytest.raises(EngineUnavailable, match="the model is missing") as raised:
        worker.start()
    assert "PATH" in raised.value.message
    assert "API_KEYS" not in raised.value.message
    assert not worker.is_ready


def test_a_worker_that_does_not_start_is_a_problem_until_one_does(pids):
    worker = WorkerProcess(Harmful(pids), hung_after_s=60.0, command=["false"])
    with pytest.raises(InternalFailure, match="does not start: exit status 1"):
        worker.start()
    assert worker.problem
    worker._command = worker_process._COMMAND
    worker.start()
    assert not worker.problem
    worker.close()


def test_the_worker_ends_with_the_process_that_started_it(tmp_path, pids):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from deployments.segmentation.worker_process import WorkerProcess\n"
        "from tests.fakes.segmenting import Harmful\n"
        "WorkerProcess(Harmful(Path(sys.argv[1])), 60.0).start(); print('started', flush=True); time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", program, str(pids)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        orphan = psutil.Process(int(pids.read_text()))
        parent.kill()
    orphan.wait(10)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_pages_and_lost_workers_leave_no_file_open(worker):
    width_read(worker)
    before = open_files()
    for width in (30, CRASHES, 40, 50):
        try:
            width_read(worker, width)
        except QuorumError:
            assert width == CRASHES
    assert open_files() == before
