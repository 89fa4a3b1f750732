"""Speed side by side: what is counted of a run, which figures are met, and that a regression is found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from benchmarks.harness.results import RESULTS
from benchmarks.harness.serving import PAGE
from benchmarks.harness.timing import Times
from benchmarks.speed import check, peers, readers, report, served
from benchmarks.speed.peers import Missing, errors_of, in_own_process, measured, pages_of, peer, process_environment
from benchmarks.speed.readers import DEFAULTS, ONE_THREAD, READERS, SEGMENTATION, Reading, Run, alone, run
from benchmarks.speed.report import Goal, bound, core_seconds_of_engines, goals, markdown
from benchmarks.speed.served import ALL, CASCADE, CNN, PAIR, flow, require_batch, require_whole
from deployments.config.schema import ENGINES
from engines.tesseract import Tesseract
from evaluation.metrics.line_matching import Quad
from ocr.contract import BatchAnswer, FailedItem, Problem, TextAnswer
from ocr.interfaces import Runtime
from tests.fakes.service import character_answer, listening, text_answer

SQUARE = [[0.0, 0.0], [1240.0, 0.0], [1240.0, 1754.0], [0.0, 1754.0]]


# --- one way, in its own process ---


def test_the_first_file_is_read_without_being_counted() -> None:
    read: list[Path] = []

    def reader(file: Path) -> list[tuple[Quad, str]]:
        read.append(file)
        return [(np.array(SQUARE, np.float32), file.name)]

    made = run(lambda: reader, Path("warm"), [Path("one"), Path("two")])
    assert isinstance(made, Run)
    assert read == [Path("warm"), Path("one"), Path("two")]
    assert [reading.lines for reading in made.readings] == [[(SQUARE, "one")], [(SQUARE, "two")]]
    assert made.peak_mb > 10.0


def test_a_script_of_one_thread_holds_every_library_to_one_and_the_others_are_told_nothing() -> None:
    given = {"OMP_NUM_THREADS": "7", "OMP_THREAD_LIMIT": "7", "HOME": "/home"}
    for name in (ONE_THREAD, SEGMENTATION, alone("trocr")):
        held = process_environment(name, given)
        assert held["HOME"] == "/home"
        assert {value for key, value in held.items() if key.endswith(("_NUM_THREADS", "_LIMIT"))} == {"1"}
    for name in (DEFAULTS, "pytesseract", "rapidocr"):
        assert not {key for key in process_environment(name, given) if key.endswith(("_NUM_THREADS", "_LIMIT"))}


def test_tesseract_at_its_defaults_is_one_process_with_the_threads_that_it_likes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    engine = Tesseract(os, "5", frozenset({"eng"}), ("en",), processes=2)
    unheld = readers._unheld(engine)
    assert isinstance(unheld, Tesseract)
    assert unheld.processes == 1
    assert "OMP_THREAD_LIMIT" not in os.environ


def test_at_the_libraries_defaults_nothing_reads_but_what_the_makers_give(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    monkeypatch.setattr(readers, "loaded_engine", lambda name, runtime, _threads: asked.update({name: runtime}))
    monkeypatch.setattr(readers, "_model", lambda _name: None)
    monkeypatch.setattr(readers, "_segmenter", lambda _threads, **_: None)
    readers.OURS[DEFAULTS]()
    assert asked == dict.fromkeys(ENGINES, Runtime.NATIVE)


@pytest.mark.processes
def test_a_way_that_cannot_be_had_says_why_from_its_process() -> None:
    told: list[str] = []
    [missing] = measured(["docTR, OnnxTR"], pages_of([], 0), told.append)
    assert isinstance(missing, Missing)
    assert "no package carries them" in missing.missing
    assert len(told) == 1


@pytest.mark.processes
def test_a_way_that_breaks_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"segmentation alone ended with 1: [\s\S]*absent\.png"):
        in_own_process(SEGMENTATION, [tmp_path / "absent.png"])


def test_the_others_are_measured_where_one_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str, _files: object) -> Run:
        if name == "ada":
            raise RuntimeError("ada ended with 1")
        return Run(1.0, [Reading(1.0, 1.0, [])], 9.0)

    monkeypatch.setattr(peers, "in_own_process", broken)
    ada, bob = measured(["ada", "bob"], pages_of([], 0), lambda _: None)
    assert ada == Missing("ada", "ada ended with 1")
    assert bob.name == "bob"


def test_the_figures_of_a_way_are_those_of_its_readings() -> None:
    [page] = pages_of([], 0)
    assert page.image == PAGE
    readings = [Reading(2.0, 3.0, [(SQUARE, page.text)]), Reading(6.0, 5.0, [(SQUARE, page.text + "!!")])]
    made = peer("ada", Run(1.5, readings, 100.0), [page, page])
    assert (made.pages, made.pages_per_s, made.p50_s, made.core_s) == (2, 0.25, 4.0, 4.0)
    assert (made.first_page_s, made.first_page_core_s) == (2.0, 3.0)
    assert made.error_rate == pytest.approx(1.0 / len(page.text))


def test_the_first_page_is_told_by_the_median_of_its_readings_and_they_count_once_among_the_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Path] = []

    def reads(_name: str, files: list[Path]) -> Run:
        asked.extend(files)
        return Run(1.0, [Reading(float(number), 2.0 * number, []) for number in range(1, len(files) + 1)], 9.0)

    monkeypatch.setattr(peers, "in_own_process", reads)
    [page] = pages_of([], 0)
    [made] = measured(["rapidocr"], [page, page], lambda _: None)
    assert len(asked) == 6
    assert isinstance(made, peers.Peer)
    assert (made.pages, made.p50_s) == (2, 1.5)
    assert (made.first_page_s, made.first_page_core_s) == (4.0, 8.0), "of 1, 3, 4, 5, 6"


def test_a_page_on_which_nothing_was_read_is_all_wrong() -> None:
    [page] = pages_of([], 0)
    assert errors_of(page, []).rate == 1.0


# --- the served ensemble ---


def whole(text: str) -> TextAnswer:
    answer = text_answer(text)
    spoke = {name: said for name, said in answer.engine_predictions.items() if said.status == "ok"}
    return answer.model_copy(update={"engine_predictions": spoke})


def test_an_answer_without_one_of_the_engines_that_were_asked_does_not_count() -> None:
    require_whole(whole("words"))
    with pytest.raises(RuntimeError, match="unavailable"):
        require_whole(text_answer("words"))
    with pytest.raises(RuntimeError, match="does not count"):
        require_whole(whole("words").model_copy(update={"engine_predictions": {}}))


def test_a_batch_counts_when_each_of_its_items_does() -> None:
    def of(*results: Any) -> BatchAnswer:
        return BatchAnswer(results=list(results), count=len(results), succeeded=1, processing_time_ms=1.0)

    require_batch(of(character_answer(), character_answer()))
    failed = FailedItem(error=Problem(code="overloaded", message="no", hint="later"))
    with pytest.raises(RuntimeError, match="overloaded"):
        require_batch(of(character_answer(), failed))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A service that answers the third request without an engine; the bodies that it got."""
    bodies: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(len(request.content))
        said = text_answer("words") if len(bodies) == 3 else whole("words")
        return httpx.Response(200, json=said.model_dump(mode="json"))

    with listening(answer) as url:
        monkeypatch.setattr(served, "URL", url)
        yield bodies


async def test_several_clients_read_each_file_once_and_what_failed_is_no_throughput(service: list[int]) -> None:
    [page] = pages_of([], 0)
    met = await flow([page.image] * 5, 2, {page.image: page})
    assert len(service) == 5
    assert (met.files, met.times.count, len(met.failures)) == (5, 5, 1)
    assert met.per_s * met.times.p50_s < 2.0
    assert met.error_rate is not None
    assert met.error_rate > 0.9, "the page says more than that"


# --- what is made of it ---


def times(seconds: float) -> dict[str, Any]:
    return {"count": 9, "least_s": seconds, "p50_s": seconds, "p95_s": seconds, "p99_s": seconds}


def flow_of(clients: int, per_s: float) -> dict[str, Any]:
    return {
        "clients": clients,
        "files": 9,
        "per_s": per_s,
        "times": times(1.0),
        "core_s": {"paddleocr": 2.0, "raylet": 0.001, "gcs_server": 0.004},
        "failures": [],
        "error_rate": None,
    }


def service_of(slowness: float, setting: dict[str, str]) -> dict[str, Any]:
    """A served version: its times are so many times those of the one with 1."""
    pages = {ALL: [5.0, *[3.0] * 8, 4.0], PAIR: [3.0], CASCADE: [3.5]}
    flows = {"one client": (1, 0.2), "several clients": (4, 0.35), "one client, a.png": (1, 1.0)}
    flows["50 clients, a.png"] = (50, 0.96)
    return {
        "setting": setting,
        "first_start_s": 70.0 * slowness,
        "ready_s": 50.0 * slowness,
        "characters": {CNN: times(0.02 * slowness), ALL: times(0.3 * slowness)},
        "batches": {CNN: times(0.05 * slowness), ALL: times(1.0 * slowness)},
        "pages": {
            name: {"seconds": [slowness * second for second in seconds], "core_s": 6.0 * slowness}
            for name, seconds in pages.items()
        },
        "flows": {name: flow_of(clients, per_s / slowness) for name, (clients, per_s) in flows.items()},
        "memory_mb": {"Gateway": 200.0 * slowness, "raylet": 30.0 * slowness},
    }


def figures() -> dict[str, Any]:
    """Each engine takes a core-second beside half a core-second of segmentation: 5.5 in all, a bound of 2 / 5.5."""
    setting = {"machine": "2 cores, made up, 8 GB", "instructions": "avx2"}
    core_s = {SEGMENTATION: 0.5, **{alone(name): 1.5 for name in ENGINES}, ONE_THREAD: 5.5, DEFAULTS: 6.0}
    of_ways = [
        {
            "name": name,
            "pages": 7,
            "pages_per_s": 0.25 if name == DEFAULTS else 1.0 / spent,
            "core_s": spent,
            "peak_mb": 500.0,
            "error_rate": 0.01,
            "loading_s": 3.0,
            **dict.fromkeys(("p50_s", "p95_s", "p99_s", "first_page_s", "first_page_core_s"), spent),
        }
        for name, spent in core_s.items()
    ]
    of_service = service_of(1.0, setting)
    absent = {"name": "easyocr.readtext", "missing": "its detector is not here"}
    slower = {**of_ways[0], "name": "rapidocr", "first_page_s": 4.0, "first_page_core_s": 8.0}
    others = {"setting": setting, "peers": [slower, absent]}
    return {"ours": {"setting": setting, "peers": of_ways}, "others": others, "served": of_service}


def test_the_bound_is_all_cores_on_segmentation_once_and_every_engine() -> None:
    made = figures()
    assert core_seconds_of_engines(report.by_name(made)) == pytest.approx(5.5)
    assert bound(made) == pytest.approx(2.0 / 5.5)


def test_each_ratio_that_was_wanted_is_met_or_not_by_what_was_measured() -> None:
    by_name = {goal.name: goal for goal in goals(figures())}
    assert by_name[f"throughput over {ONE_THREAD}"].measured == pytest.approx(0.35 * 5.5)
    page = by_name[f"one page of 40 lines, {ALL}, p50, over rapidocr's own pipeline"]
    assert (page.measured, page.core, page.met) == (0.75, 0.75, True)
    first = by_name["the first page after a start over the 10th"]
    assert (first.measured, first.met) == (1.25, True)
    missing = {name for name, goal in by_name.items() if goal.measured is None}
    assert {name for name, goal in by_name.items() if not goal.met} == missing
    assert f"one page of 40 lines, {CASCADE}, p50, over paddleocr's own pipeline" in missing


def test_ratios_over_an_earlier_version_are_of_what_both_were_asked() -> None:
    made = figures()
    made["base"] = service_of(4.0, made["served"]["setting"])
    made["base"]["flows"] = {"several clients": made["base"]["flows"]["several clients"]}
    over = {goal.name: goal for goal in goals(made) if goal.name.endswith("earlier version")}
    assert {name: goal.measured for name, goal in over.items()} == pytest.approx(
        {name: 4.0 if "a second" in name else 0.25 for name in over}
    )
    assert len(over) == 6
    assert all(goal.met for goal in over.values())
    assert "## Served by an earlier version" in markdown(made)


@pytest.mark.parametrize(("instructions", "wanted"), [("avx512_bf16", 0.65), ("avx2", 1.0)])
def test_more_is_wanted_of_a_processor_with_bfloat16(instructions: str, wanted: float) -> None:
    made = figures()
    made["served"]["setting"]["instructions"] = instructions
    [page] = [goal for goal in goals(made) if goal.name.startswith(f"one page of 40 lines, {ALL}, p50, over rapidocr")]
    assert page.wanted == wanted


@pytest.mark.parametrize(("most", "met"), [(True, False), (False, True)])
def test_a_goal_is_a_ceiling_or_a_floor(most: bool, met: bool) -> None:
    assert Goal("pages", 2.0, 3.0, most=most).met is met


def test_the_report_has_a_row_for_each_way_and_the_reason_for_each_that_is_missing() -> None:
    told = markdown(figures())
    for name in (*map(alone, ENGINES), ONE_THREAD, DEFAULTS, "rapidocr", "50 clients, a.png"):
        assert f"\n| {name} |" in told
    assert "**easyocr.readtext** not measured: its detector is not here." in told
    assert f"| throughput over {DEFAULTS} | at least 1.05 | 1.4 |  | yes |" in told
    assert "one file, with several clients: paddleocr 2.00, all others 0.01." in told


def test_a_figure_that_needs_a_part_that_was_not_measured_is_not_met() -> None:
    told = markdown({"served": figures()["served"]})
    assert f"| throughput over {ONE_THREAD} | at least 1.6 | not measured |  | no |" in told
    assert "The bound" not in told
    assert "| one page of 40 lines, cascade | 3500.0 |" in told
    assert "Core-seconds of the whole cluster for one page of 40 lines: every engine 6.00," in told


def test_percentiles_of_times() -> None:
    assert Times.of([3.0, 1.0, 2.0]) == Times(3, 1.0, 2.0, pytest.approx(2.9), pytest.approx(2.98))


# --- regressions ---

SPENT = dict.fromkeys({way for pair in check.RATIOS.values() for way in pair}, 2.0)


def compare(kept: Path, spent: dict[str, float], *, keep: bool = False) -> int:
    return check.compare(kept, keep=keep, measure=lambda: spent)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """What was measured before, beside other results."""
    path = tmp_path / "speed.json"
    path.write_text(json.dumps({"served": {"ready_s": 50}}))
    assert compare(path, SPENT, keep=True) == 0
    assert json.loads(path.read_text())["served"] == {"ready_s": 50}
    return path


def test_an_engine_that_takes_half_as_long_again_is_a_regression(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(kept, {**SPENT, alone("trocr"): 3.0}) == 1
    told = capsys.readouterr()
    assert "WORSE trocr" in told.out
    assert "as slow as in the last result: trocr." in told.err


def test_a_machine_that_is_half_as_fast_is_none(kept: Path) -> None:
    assert compare(kept, {way: 2.0 * spent for way, spent in SPENT.items()}) == 0


def test_what_became_faster_or_stayed_within_the_tolerance_is_none(kept: Path) -> None:
    assert compare(kept, {**SPENT, alone("trocr"): 1.0, alone("easyocr"): 2.5}) == 0


def test_nothing_to_compare_with_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(tmp_path / "speed.json", SPENT) == 1
    assert "--keep" in capsys.readouterr().err


def test_everything_that_is_compared_is_a_way_or_a_part_of_the_page_in_python() -> None:
    ways = {way for pair in check.RATIOS.values() for way in pair}
    assert ways - READERS.keys() == {check.PYTHON, check.ROUTER, check.GATEWAY}


def test_the_last_result_has_every_ratio() -> None:
    last = json.loads((RESULTS / "speed.json").read_text())
    assert last["check"]["ratios"].keys() == check.RATIOS.keys()
