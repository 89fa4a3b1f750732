"""The ensemble over plain coroutines: pages, single characters, and what happens when parts are missing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from deployments.config.schema import CircuitBreakerConfig
from deployments.messages.answers import EngineAnswer, ImageRefused, LayoutAnswer
from deployments.messages.call_errors import CropsLost, NotDeployed, QueueFull, ReplicaLost
from deployments.messages.request import ReadRequest, RecognitionOptions
from deployments.messages.states import CircuitState, EngineState
from deployments.router.circuit_breaker import CircuitBreakers
from deployments.router.ensemble import CropsReference, Ensemble
from fusion import Cascade, Method, Profile, Step
from ocr import Hypothesis, Layout, Page, Status, TimedStep
from ocr.errors import DeadlineExceeded, InternalFailure, NotAnImage, NotReady, Overloaded, QuorumError
from ocr.interfaces import Checkpoint
from tests.fakes.plain_ensemble import SCOPES, PlainReader, PlainSegmentation, ensemble, read_request, readers, statuses


class LateReader(PlainReader):
    """Comes to the first crops only before its deadline."""

    def __init__(self, text: str, read: int) -> None:
        super().__init__(text)
        self.read = read

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        whole = await super().__call__(pixels, indices, options, deadline)
        return EngineAnswer(whole.model, (*whole.hypotheses[: self.read], *[None] * (len(indices) - self.read)))


async def test_all_engines_read_all_lines_and_the_majority_is_the_text() -> None:
    engines = readers()
    page = await ensemble(engines).read_page(b"page", replace(read_request(), explain=True))
    assert page.text == "hello\nhello"
    assert statuses(page) == dict.fromkeys(SCOPES, Status.OK)
    assert [reader.asked for reader in engines.values()] == [[("pixels 1", (0, 1))]] * 3
    assert {vote.engine: vote.text for vote in page.lines[0].characters[1].votes} == {"a": "e", "b": "e", "lines": "a"}


async def test_an_engine_that_fails_does_not_fail_the_page() -> None:
    page = await ensemble(readers(a=PlainReader("x", ValueError("no")))).read_page(b"page", read_request("a", "b"))
    assert page.text == "hello\nhello"
    assert statuses(page) == {"a": Status.ERROR, "b": Status.OK, "lines": Status.SKIPPED}


async def test_an_engine_known_to_be_unavailable_is_not_asked_and_says_why() -> None:
    engines = readers()
    page = await ensemble(engines, a="no model; pull one").read_page(b"page", read_request())
    assert statuses(page)["a"] is Status.UNAVAILABLE
    assert page.reports[0].detail == "no model; pull one"
    assert engines["a"].asked == []


async def test_an_engine_nobody_has_heard_of_yet_is_still_starting() -> None:
    plain = readers()
    known = {"b": EngineState("b", ())}
    starting = Ensemble(
        PlainSegmentation(), plain, SCOPES, lambda: known, time.time, CircuitBreakers(plain, time.monotonic)
    )
    page = await starting.read_page(b"page", read_request())
    assert statuses(page) == {"a": Status.UNAVAILABLE, "b": Status.OK, "lines": Status.UNAVAILABLE}
    assert "starting" in page.reports[0].detail


async def test_a_page_without_text_is_an_empty_answer_and_asks_no_engine() -> None:
    engines = readers()
    page = await ensemble(engines, PlainSegmentation(lines=0)).read_page(b"page", read_request("a"))
    assert (page.text, page.confidence) == ("", 0.0)
    assert statuses(page) == {"a": Status.OK, "b": Status.SKIPPED, "lines": Status.SKIPPED}
    assert engines["a"].asked == []


async def test_an_image_that_cannot_be_read_is_the_callers_error() -> None:
    with pytest.raises(NotAnImage, match="broken"):
        await ensemble(readers()).read_page(b"bad", read_request())


async def test_lost_pixels_are_cut_once_more() -> None:
    engines = readers(a=PlainReader("hello", CropsLost("node is gone")))
    page = await ensemble(engines).read_page(b"page", read_request("a"))
    assert page.text == "hello\nhello"
    assert [pixels for pixels, _ in engines["a"].asked] == ["pixels 1", "pixels 2"]


async def test_pixels_lost_twice_are_a_failure_of_ours() -> None:
    engines = readers(a=PlainReader("hello", CropsLost("gone"), CropsLost("gone")))
    with pytest.raises(InternalFailure, match="twice"):
        await ensemble(engines).read_page(b"page", read_request("a"))


def counted_fusions(monkeypatch: pytest.MonkeyPatch, before_each: Callable[[], None]) -> list[int]:
    """The numbers of the lines whose fusion was begun; `before_each` is called in its thread."""
    begun: list[int] = []

    def fused_page(
        layout: Layout, outcomes: object, request: ReadRequest, checkpoint: Checkpoint, languages: object
    ) -> Page:
        for line in range(1000):
            checkpoint()
            begun.append(line)
            before_each()
        raise AssertionError("nothing has stopped it")

    monkeypatch.setattr("deployments.router.ensemble.fused_page", fused_page)
    return begun


async def test_the_vote_on_a_page_stops_at_the_deadline_and_holds_up_nobody_meanwhile(monkeypatch) -> None:
    monkeypatch.setattr("deployments.router.ensemble._GRACE_S", 0.0)
    begun = counted_fusions(monkeypatch, lambda: time.sleep(0.01))
    reading = asyncio.create_task(ensemble(readers()).read_page(b"page", read_request(seconds=0.3)))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.001)
        turns += 1
    with pytest.raises(DeadlineExceeded, match="the vote took"):
        await reading
    assert turns > 10, "the event loop was free"
    assert 0 < len(begun) < 1000


async def test_the_vote_on_a_page_that_nobody_waits_for_stops(monkeypatch) -> None:
    go_on = threading.Event()
    begun = counted_fusions(monkeypatch, lambda: go_on.wait(10.0))  # type: ignore[arg-type, return-value]
    reading = asyncio.create_task(ensemble(readers()).read_page(b"page", read_request()))
    while not begun:
        await asyncio.sleep(0.001)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    go_on.set()
    await asyncio.to_thread(time.sleep, 0.01)
    assert begun == [0]


async def test_a_segmentation_that_does_not_answer_ends_with_the_deadline() -> None:
    with pytest.raises(DeadlineExceeded):
        await ensemble(readers()).read_page(b"slow", read_request(seconds=0.05))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (QueueFull("full"), Overloaded, "wait for their lines"),
        (NotDeployed("gone"), NotReady, "no segmentation"),
        (ReplicaLost("died"), ReplicaLost, "died"),
    ],
)
async def test_a_segmentation_that_cannot_be_asked_is_named(
    error: Exception, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmentation = PlainSegmentation()

    async def page(_data: bytes, _request: ReadRequest) -> tuple[LayoutAnswer | ImageRefused, CropsReference]:
        raise error

    monkeypatch.setattr(segmentation, "page", page)
    with pytest.raises(kind, match=words):
        await ensemble(readers(), segmentation).read_page(b"page", read_request())


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (QueueFull("full"), Overloaded),
        (TimeoutError(), DeadlineExceeded),
        (ValueError("bug"), InternalFailure),
        (ReplicaLost("died"), InternalFailure),
    ],
)
async def test_when_no_engine_answers_the_error_says_which_kind_of_failure(
    error: Exception, kind: type[QuorumError]
) -> None:
    engines = {name: PlainReader("x", *[error] * 5) for name in SCOPES}
    with pytest.raises(kind, match="a: "):
        await ensemble(engines).read_page(b"page", read_request())


async def test_a_page_of_which_nobody_read_anything_is_a_timeout_and_no_empty_page() -> None:
    engines = readers(a=LateReader("x", 0), b=LateReader("x", 0))
    with pytest.raises(DeadlineExceeded, match="no engine answered in time"):
        await ensemble(engines).read_page(b"page", read_request("a", "b"))


async def test_engines_that_are_missing_do_not_hide_that_the_others_were_too_slow() -> None:
    with pytest.raises(DeadlineExceeded):
        await ensemble(readers(a=LateReader("x", 0)), b="no model").read_page(b"page", read_request("a", "b"))


async def test_lines_that_an_engine_read_in_time_count_and_those_it_did_not_are_no_vote() -> None:
    page = await ensemble(readers(a=LateReader("hello", 1), b=PlainReader("hullo"))).read_page(
        b"page", read_request("a", "b")
    )
    assert statuses(page)["a"] is Status.TIMEOUT
    assert page.text == "hello\nhullo"
    assert [set(line.readings) for line in page.lines] == [{"a", "b"}, {"b"}]


async def test_an_image_of_a_batch_that_no_engine_came_to_is_an_error_in_its_place() -> None:
    engines = {"a": LateReader("Q", 1), "b": LateReader("Q", 1), "lines": PlainReader("x")}
    first, late = await ensemble(engines).read_characters([b"1", b"2"], read_request("a", "b"))
    assert not isinstance(first, QuorumError)
    assert first.character.text == "Q"
    assert isinstance(late, DeadlineExceeded)


async def test_when_every_engine_is_unavailable_the_service_is_not_ready() -> None:
    with pytest.raises(NotReady, match="no engine is ready"):
        await ensemble(readers(), a="no", b="no", lines="no").read_page(b"page", read_request())


async def test_single_characters_are_read_together_and_a_bad_image_is_an_error_in_its_place() -> None:
    engines = {"a": PlainReader("Q"), "b": PlainReader("O"), "lines": PlainReader("x")}
    first, bad, last = await ensemble(engines).read_characters([b"1", b"bad", b"3"], read_request("a", "b"))
    assert isinstance(bad, NotAnImage)
    assert not isinstance(first, QuorumError)
    assert not isinstance(last, QuorumError)
    assert (first.character.text, last.character.text) == ("Q", "Q")
    assert engines["a"].asked == [("pixels", (0, 1))]
    assert statuses(first) == {"a": Status.OK, "b": Status.OK, "lines": Status.SKIPPED}


# --- one tier after the other ---


class ChoosyReader(PlainReader):
    """Is sure of the lines with an even index, and of no other."""

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        whole = await super().__call__(pixels, indices, options, deadline)
        sure = [0.5 if index % 2 else 1.0 for index in indices]
        return EngineAnswer(whole.model, tuple(Hypothesis.of_text(self.text, own) for own in sure))


def in_tiers(first: str = "a", max_expected_errors: float = 0.1) -> ReadRequest:
    alone = Profile("alone", {"a": 1.0})
    return replace(
        read_request(),
        cascade=Cascade((Step((first,), max_expected_errors),)),
        profile=alone,
        method=Method.CONFIDENCE_WEIGHTED,
    )


async def test_lines_of_which_the_first_engines_are_not_sure_go_to_the_others() -> None:
    engines = readers(a=ChoosyReader("hello"))
    page = await ensemble(engines, PlainSegmentation(5)).read_page(b"page", in_tiers())
    assert [reader.asked for reader in engines.values()] == [
        [("pixels 1", (0, 1, 2, 3, 4))],
        [("pixels 1", (1, 3))],
        [("pixels 1", (1, 3))],
    ]
    assert statuses(page) == dict.fromkeys(SCOPES, Status.OK)
    assert [sorted(line.readings) for line in page.lines] == [["a"], sorted(SCOPES), ["a"], sorted(SCOPES), ["a"]]
    assert "2 of 5 lines" in next(report.detail for report in page.reports if report.engine == "b")


async def test_each_step_asks_about_the_lines_that_are_still_open() -> None:
    engines = readers(a=ChoosyReader("hello"), b=PlainReader("hello"))
    steps = Cascade((Step(("a",), 0.1), Step(("b",), 99.0)))
    page = await ensemble(engines, PlainSegmentation(5)).read_page(b"page", replace(in_tiers(), cascade=steps))
    assert [len(reader.asked) for reader in engines.values()] == [1, 1, 0]
    assert engines["b"].asked == [("pixels 1", (1, 3))]
    assert statuses(page) == {"a": Status.OK, "b": Status.OK, "lines": Status.SKIPPED}


async def test_engines_that_no_line_needs_are_reported_as_skipped() -> None:
    engines = readers()
    page = await ensemble(engines).read_page(b"page", in_tiers(max_expected_errors=3.0))
    assert statuses(page) == {"a": Status.OK, "b": Status.SKIPPED, "lines": Status.SKIPPED}
    assert engines["b"].asked == []
    assert page.text == "hello\nhello"


async def test_lines_that_the_first_engine_failed_on_go_to_the_others() -> None:
    engines = readers(a=PlainReader("x", ValueError("no")))
    page = await ensemble(engines).read_page(b"page", in_tiers(max_expected_errors=3.0))
    assert statuses(page) == {"a": Status.ERROR, "b": Status.OK, "lines": Status.OK}
    assert len(page.lines) == 2


async def test_when_none_of_those_who_begin_is_there_all_begin() -> None:
    engines = readers()
    page = await ensemble(engines).read_page(b"page", in_tiers(first="somebody", max_expected_errors=3.0))
    assert statuses(page) == dict.fromkeys(SCOPES, Status.OK)


# --- engines that keep failing ---

EAGER = CircuitBreakerConfig(failures=2, share=0.5, window_s=60.0, cool_down_s=0.05, patience_s=1.0)
PATIENT = EAGER.model_copy(update={"cool_down_s": 60.0})


class HangingReader(PlainReader):
    """Never answers."""

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        await super().__call__(pixels, indices, options, deadline)
        await asyncio.sleep(3600)
        raise AssertionError


async def test_an_engine_that_keeps_failing_is_left_out_and_the_answer_says_so() -> None:
    engines = readers(b=PlainReader("x", *[ValueError("no")] * 99))
    whole = ensemble(engines)
    pages = [await whole.read_page(b"page", replace(read_request(), circuit=PATIENT)) for _ in range(4)]
    assert [statuses(page)["b"] for page in pages] == [Status.ERROR] * 2 + [Status.UNAVAILABLE] * 2
    assert "kept failing" in next(report.detail for report in pages[3].reports if report.engine == "b")
    assert len(engines["b"].asked) == 2
    assert {page.text for page in pages} == {"hello\nhello"}


async def test_an_engine_that_hangs_costs_the_requests_that_open_its_circuit_their_budget_and_no_other() -> None:
    engines = readers(b=HangingReader("x"))
    whole = ensemble(engines)
    impatient = EAGER.model_copy(update={"patience_s": 0.1, "cool_down_s": 0.01})
    asked = [replace(read_request(seconds=0.3), circuit=impatient) for _ in range(2)]
    await asyncio.gather(*(whole.read_page(b"page", each) for each in asked))
    for _ in range(3):
        await asyncio.sleep(0.02)
        started = time.monotonic()
        page = await whole.read_page(b"page", replace(asked[0], deadline=time.time() + 5.0))
        assert time.monotonic() - started < 2.0
        assert statuses(page)["b"] is Status.UNAVAILABLE
    assert len(engines["b"].asked) == 3, "one probe, which is still under way"
    assert engines["b"].asked[-1][1] == (0,), "a probe is about one line"


async def test_an_engine_that_answers_again_is_found_out_beside_a_request_and_asked_by_the_next() -> None:
    engines = readers(b=PlainReader("hello", ValueError("no"), ValueError("no")))
    whole = ensemble(engines)
    request = replace(read_request(), circuit=EAGER)
    for _ in range(2):
        await whole.read_page(b"page", request)
    assert whole.circuit_breakers.states()["b"] is CircuitState.OPEN
    await asyncio.sleep(0.06)
    assert statuses(await whole.read_page(b"page", request))["b"] is Status.UNAVAILABLE
    await asyncio.sleep(0)
    assert whole.circuit_breakers.states()["b"] is CircuitState.CLOSED
    assert statuses(await whole.read_page(b"page", request))["b"] is Status.OK


async def test_a_probe_whose_crops_are_lost_is_followed_by_another() -> None:
    engines = readers(b=PlainReader("hello", ValueError("no"), ValueError("no"), CropsLost("gone")))
    whole = ensemble(engines)
    request = replace(read_request(), circuit=EAGER)
    for _ in range(2):
        await whole.read_page(b"page", request)
    await asyncio.sleep(0.06)
    for _ in range(2):
        await whole.read_page(b"page", request)
        await asyncio.sleep(0)
    assert whole.circuit_breakers.states()["b"] is CircuitState.CLOSED


@pytest.mark.parametrize("error", [QueueFull("full"), NotDeployed("no model")])
async def test_what_costs_a_request_no_time_opens_no_circuit(error: Exception) -> None:
    whole = ensemble(readers(b=PlainReader("x", *[error] * 99)))
    for _ in range(9):
        await whole.read_page(b"page", replace(read_request(), circuit=PATIENT))
    assert whole.circuit_breakers.states()["b"] is CircuitState.CLOSED


async def test_requests_that_give_an_engine_next_to_no_time_say_nothing_about_it() -> None:
    whole = ensemble(readers(b=LateReader("x", 0)))
    for _ in range(9):
        await whole.read_page(b"page", replace(read_request(seconds=0.9), circuit=PATIENT))
    assert whole.circuit_breakers.states()["b"] is CircuitState.CLOSED


async def test_an_engine_that_reads_a_part_in_time_is_slow_and_not_broken() -> None:
    whole = ensemble(readers(b=LateReader("x", 1)))
    for _ in range(9):
        await whole.read_page(b"page", replace(read_request(), circuit=PATIENT))
    assert whole.circuit_breakers.states()["b"] is CircuitState.CLOSED


async def test_an_engine_that_is_asked_alone_is_asked_whatever_its_circuit_says() -> None:
    engines = readers(b=PlainReader("hello", ValueError("no"), ValueError("no")))
    whole = ensemble(engines)
    for _ in range(2):
        await whole.read_page(b"page", replace(read_request(), circuit=PATIENT))
    page = await whole.read_page(b"page", replace(read_request("b"), circuit=PATIENT))
    assert statuses(page)["b"] is Status.OK


class MiscountingReader(PlainReader):
    """Has one hypothesis too few."""

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        whole = await super().__call__(pixels, indices, options, deadline)
        return EngineAnswer(whole.model, whole.hypotheses[1:])


async def test_an_answer_with_too_few_hypotheses_is_an_error_and_no_vote() -> None:
    page = await ensemble(readers(b=MiscountingReader("x"))).read_page(b"page", read_request())
    assert statuses(page)["b"] is Status.ERROR
    assert "1 hypotheses for 2 crops" in next(report.detail for report in page.reports if report.engine == "b")
    assert page.text == "hello\nhello"


# --- where the time goes ---


class TimedReader(PlainReader):
    """Says that it took a hundredth of a second, and takes at least that long."""

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        whole = await super().__call__(pixels, indices, options, deadline)
        await asyncio.sleep(0.015)
        return replace(whole, timings=(TimedStep("inference", self.text, 0.01),))


def names(timings: Sequence[TimedStep]) -> list[str]:
    return [step.name for step in timings]


async def test_a_page_says_where_its_time_went_and_in_each_engine() -> None:
    began = time.perf_counter()
    page = await ensemble(readers(a=TimedReader("hello"))).read_page(b"page", read_request("a", "b"))
    waited_s = time.perf_counter() - began
    assert names(page.timings) == ["segmentation", "engines", "fusion"]
    assert sum(step.seconds for step in page.timings) == pytest.approx(waited_s, abs=0.01)
    timed, plain = page.timings[1].parts
    assert (timed.name, plain.name) == ("a", "b")
    assert [(part.name, part.seconds) for part in timed.parts[1:]] == [("inference", 0.01)]
    assert timed.parts[0].name == "transfer"
    assert timed.parts[0].seconds > 0.004
    assert page.timings[1].longest is timed


async def test_characters_say_where_the_time_of_their_request_went() -> None:
    first, _, last = await ensemble(readers()).read_characters([b"1", b"bad", b"3"], read_request("a", "b"))
    assert not isinstance(first, QuorumError)
    assert not isinstance(last, QuorumError)
    assert names(first.timings) == ["segmentation", "engines", "fusion"]
    assert first.timings == last.timings


async def test_a_cascade_shows_each_step_and_an_engine_that_failed_takes_the_time_it_was_waited_for() -> None:
    engines = readers(a=ChoosyReader("hello"), b=PlainReader("x", ValueError("no")))
    page = await ensemble(engines, PlainSegmentation(5)).read_page(b"page", in_tiers())
    assert names(page.timings) == ["segmentation", "engines", "fusion", "engines", "fusion"]
    assert [names(step.parts) for step in page.timings if step.name == "engines"] == [["a"], ["b", "lines"]]
    assert page.timings[3].parts[0].parts == ()


async def test_an_attempt_whose_pixels_were_lost_is_part_of_the_time() -> None:
    engines = readers(a=PlainReader("hello", CropsLost("node is gone")))
    page = await ensemble(engines).read_page(b"page", read_request("a"))
    assert names(page.timings) == ["segmentation", "lost", "segmentation", "engines", "fusion"]


GERMAN = "Die Verhandlungen wurden am naechsten Morgen fortgesetzt und dauerten lange"


async def test_lines_in_another_language_are_read_again_by_those_to_whom_that_matters() -> None:
    asked = readers(a=PlainReader(GERMAN, in_other=GERMAN.replace("ae", "ä")), b=PlainReader(GERMAN.replace("ae", "ä")))
    page = await ensemble(asked).read_page(b"page", replace(read_request("a", "b"), finds_languages=True))
    assert asked["a"].languages == [("en",), ("de",)]
    assert asked["b"].languages == [("en",)]
    assert [line.language for line in page.lines] == ["de", "de"]
    assert page.lines[0].text == GERMAN.replace("ae", "ä")
    assert statuses(page)["a"] is Status.OK


async def test_an_english_page_is_read_once() -> None:
    english = "The members of the board met yesterday to discuss what had been proposed"
    asked = readers(a=PlainReader(english, in_other="never"), b=PlainReader(english))
    page = await ensemble(asked).read_page(b"page", replace(read_request("a", "b"), finds_languages=True))
    assert asked["a"].languages == [("en",)]
    assert [line.language for line in page.lines] == ["en", "en"]


async def test_an_engine_without_data_for_the_language_abstains_with_its_remedy_and_the_others_answer() -> None:
    asked = readers(a=PlainReader(GERMAN, in_other=""), b=PlainReader(GERMAN.replace("ae", "ä")))
    page = await ensemble(asked).read_page(b"page", replace(read_request("a", "b"), finds_languages=True))
    [report] = [report for report in page.reports if report.engine == "a"]
    assert report.status is Status.ABSTAINED
    assert report.detail == "2 of 2 lines: no data for it"
    assert page.lines[0].text == GERMAN.replace("ae", "ä")


class OnlyEnglish(PlainReader):
    """Is gone when it is asked in another language."""

    async def __call__(
        self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
    ) -> EngineAnswer:
        if options.languages != ("en",):
            raise NotDeployed("gone")
        return await super().__call__(pixels, indices, options, deadline)


async def test_what_could_not_be_read_again_keeps_its_first_reading() -> None:
    asked = readers(a=OnlyEnglish(GERMAN, in_other="unused"), b=PlainReader(GERMAN))
    page = await ensemble(asked).read_page(b"page", replace(read_request("a", "b"), finds_languages=True))
    [report] = [report for report in page.reports if report.engine == "a"]
    assert report.status is Status.OK
    assert report.detail == "2 of 2 lines: gone"
    assert page.lines[0].readings["a"].text == GERMAN


async def test_named_languages_are_asked_for_at_once() -> None:
    asked = readers()
    request = replace(read_request("a"), recognition=RecognitionOptions(("de", "fr")))
    await ensemble(asked).read_page(b"page", request)
    assert asked["a"].languages == [("de", "fr")]


async def test_where_time_is_short_the_worthiest_engine_reads_every_line_before_the_others_begin() -> None:
    class Slow(PlainReader):
        """Takes the time that its state says."""

        async def __call__(
            self, pixels: CropsReference, indices: Sequence[int], options: RecognitionOptions, deadline: float
        ) -> EngineAnswer:
            begun.append(self.text)
            await asyncio.sleep(0.2)
            return await super().__call__(pixels, indices, options, deadline)

    begun: list[str] = []
    slow = {"a": Slow("first"), "b": Slow("second"), "lines": Slow("third")}
    known = {name: EngineState(name, (), line_s=0.2, node="n", cores=1.0) for name in slow}
    engines = Ensemble(
        PlainSegmentation(1), slow, SCOPES, lambda: known, time.time, CircuitBreakers(slow, time.monotonic)
    )
    page = await engines.read_page(b"page", read_request(seconds=0.3))
    assert begun == ["first", "second"]
    assert page.text == "first"
    assert statuses(page) == {"a": Status.OK, "b": Status.TIMEOUT, "lines": Status.TIMEOUT}
    begun.clear()
    await engines.read_page(b"page", read_request())
    assert sorted(begun) == ["first", "second", "third"]
