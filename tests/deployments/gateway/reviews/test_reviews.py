"""Reviews over HTTP: who is asked what, what is kept, who may, and what becomes of the results."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from deployments.review.review import LEASE_S
from ocr.contract import DocumentAnswer, PageAnswer
from ocr.review_contract import NextWordsAnswer, ReviewAnswer
from tests.deployments.gateway.reviews.conftest import ANN, BOB, Person, Service, name_of


async def test_the_most_doubtful_word_is_asked_first_with_its_line_and_all_readings(ann: Person) -> None:
    response = await ann.asks("POST", "/review/next", json={"session": "ann"})
    words = NextWordsAnswer.model_validate(response.json()).words
    assert [word.number for word in words] == [1, 3, 5]
    first = words[0]
    assert (first.text, first.line_text, first.start, first.page) == ("Qvay", "Harbour Qvay Road", 8, 1)
    assert [(choice.text, choice.engines) for choice in first.readings] == [
        ("Qvay", ["tesseract", "trocr"]),
        ("Quay", ["paddleocr"]),
    ]
    assert first.polygon == ((100, 20), (180, 20), (180, 60), (100, 60))


async def test_what_is_decided_counts_and_is_not_asked_again(ann: Person) -> None:
    await ann.next()
    answer = await ann.says(
        {"number": 1, "kind": "taken", "text": "Quay"},
        {"number": 3, "kind": "taken", "text": "Bristo1"},
        {"number": 5, "kind": "illegible"},
    )
    assert answer["kept"] == [1, 3, 5]
    review = ReviewAnswer.model_validate(answer["review"])
    assert (review.decided, review.changed, review.illegible, review.left) == (3, 1, 1, 0)
    assert review.reviewers == {"Ann": 3}
    assert await ann.next() == []


async def test_the_review_goes_on_where_it_was_left_and_what_was_taken_back_is_asked_again(ann: Person) -> None:
    await ann.types(1, "Quay")
    assert [word["number"] for word in await ann.next()] == [3, 5]
    await ann.says({"number": 1, "kind": "undo"})
    assert [word["number"] for word in await ann.next()] == [1, 3, 5]


async def test_several_people_share_a_review_by_its_key_and_look_at_different_words(ann: Person, bob: Person) -> None:
    assert [word["number"] for word in await ann.next(1)] == [1]
    assert [word["number"] for word in await bob.next(1)] == [3]
    refused = (await bob.types(1, "Quay"))["refused"]
    assert [(each["number"], each["reason"]) for each in refused] == [(1, "somebody else looks at this word")]
    await ann.types(1, "Quay")
    assert (await bob.types(1, "Quai"))["refused"][0]["reason"] == "Ann has decided this word"
    await bob.types(3, "Bristol")
    assert (await ann.asks("GET", "/review")).json()["reviewers"] == {"Ann": 1, "Bob": 1}


async def test_words_of_somebody_who_left_are_free_after_a_while(ann: Person, bob: Person, service: Service) -> None:
    await ann.next()
    assert await bob.next() == []
    service.skipped_s = LEASE_S + 1.0
    assert [word["number"] for word in await bob.next()] == [1, 3, 5]


async def test_without_the_key_a_review_is_not_there_and_nobody_but_the_owner_is_told_the_key(
    ann: Person, bob: Person, person: Callable[..., Person]
) -> None:
    for stranger in (person(BOB, "bob"), person(BOB, "bob", "guessed")):
        refusal = await stranger.asks("GET", "/review", 404)
        assert "X-Review-Key" in refusal.json()["error"]["hint"]
    assert (await bob.asks("GET", "/review")).json()["key"] is None
    assert (await ann.asks("GET", "/review")).json()["key"] == bob.review_key


async def test_only_the_owner_deletes_a_review_and_what_was_said_in_it_is_gone(ann: Person, bob: Person) -> None:
    await bob.types(1, "Quay")
    await bob.asks("DELETE", "/review", 404)
    assert (await ann.asks("DELETE", "/review")).json()["decided"] == 1
    await ann.asks("GET", "/review", 404)
    assert "Qvay" in (await ann.asks("GET", "/result?format=text")).text


async def test_a_review_is_made_once_and_another_one_is_refused_before_anything_is_lost(ann: Person) -> None:
    await ann.types(1, "Quay")
    again = await ann.asks("POST", "/review", 200, json={"sure_share": 0.0})
    assert again.json()["decided"] == 1
    refusal = await ann.asks("POST", "/review", 422, json={"order": "reading"})
    assert "DELETE" in refusal.json()["error"]["hint"]


async def test_a_job_is_kept_while_people_review_it(ann: Person, service: Service) -> None:
    before = (await ann.asks("GET", "")).json()["expires_at"]
    await ann.types(1, "Quay")
    job = await service.store.get("1")
    assert job is not None
    assert job.expires_at >= service.queue.now + service.config.jobs.reviewed_expires_s - 60.0
    assert (await ann.asks("GET", "")).json()["expires_at"] > before


async def test_who_only_looks_at_words_does_not_keep_a_job(ann: Person, bob: Person, service: Service) -> None:
    before = await service.store.get("1")
    await bob.next()
    await ann.says({"number": 1, "kind": "taken", "text": "nobody read this"})
    job = await service.store.get("1")
    assert job is not None
    assert before is not None
    assert job.expires_at == before.expires_at == before.created_at + 3600.0


async def test_the_result_says_what_people_said_and_who_changed_what(ann: Person) -> None:
    await ann.says(
        {"number": 1, "kind": "taken", "text": "Quay"},
        {"number": 3, "kind": "typed", "text": "Bris tol"},
        {"number": 4, "kind": "typed", "text": ""},
        {"number": 5, "kind": "illegible"},
    )
    document = DocumentAnswer.model_validate((await ann.asks("GET", "/result?format=json")).json())
    assert document.text == "Harbour Quay Road\nBris tol\n\nlnvoice"
    first, second = document.pages
    assert isinstance(first, PageAnswer)
    assert isinstance(second, PageAnswer)
    [taken] = [word.correction for line in first.lines for word in line.words if word.text == "Quay"]
    assert taken is not None
    assert (taken.was, taken.kind, taken.engines, taken.who) == ("Qvay", "taken", ["paddleocr"], "Ann")
    assert taken.by == name_of(ANN)
    parts = [word for word in first.lines[1].words if word.correction]
    assert [(word.text, word.polygon and word.polygon[0][0]) for word in parts] == [("Bris", 0.0), ("tol", 50.0)]
    assert [word.text for word in first.lines[1].removed_words] == ["BS1"]
    assert "".join(place.character for place in first.characters) == "HarbourQuayRoadBristol"
    [unread] = second.lines[0].words
    assert (unread.text, unread.confidence, second.doubted_words) == ("lnvoice", 0.0, 1)
    assert first.doubted_words == 0


async def test_the_result_is_there_as_it_was_read_too(ann: Person) -> None:
    await ann.types(1, "Quay")
    assert "Qvay" in (await ann.asks("GET", "/result?format=text&corrected=false")).text
    lines = (await ann.asks("GET", "/result?format=ndjson")).text.splitlines()
    assert json.loads(lines[0])["answer"]["text"].startswith("Harbour Quay Road")
    answer = json.loads((await ann.asks("GET", "/result?format=ndjson&corrected=false")).text.splitlines()[0])
    assert answer["answer"]["text"].startswith("Harbour Qvay Road")
    assert "correction" not in json.dumps(answer)


async def test_the_truth_has_the_lines_of_which_every_word_was_looked_at(ann: Person) -> None:
    assert (await ann.asks("GET", "/review/truth")).text == ""
    for number, text in ((0, "Harbour"), (1, "Quay"), (2, "Road"), (3, "Bristol")):
        await ann.types(number, text)
    [row] = [json.loads(line) for line in (await ann.asks("GET", "/review/truth")).text.splitlines()]
    assert row["image"] == "0000-letter-0001.jpg"
    assert [(line["text"], line["polygon"]) for line in row["lines"]] == [
        ("Harbour Quay Road", [[0, 20], [800, 20], [800, 60], [0, 60]])
    ]
    [everything] = [json.loads(line) for line in (await ann.asks("GET", "/review/truth?lines=all")).text.splitlines()]
    assert [(line["text"], line["complete"]) for line in everything["lines"]] == [
        ("Harbour Quay Road", True),
        ("Bristol BS1", False),
    ]
    quay = everything["lines"][0]["words"][1]
    assert (quay["start"], quay["end"], quay["was"], quay["chance"]) == (8, 12, "Qvay", 1.0)


@pytest.mark.parametrize(("form", "told"), [("alto", 'CONTENT="Quay"'), ("page", "<Unicode>Quay</Unicode>")])
async def test_the_truth_is_there_as_alto_and_page_of_complete_lines(ann: Person, form: str, told: str) -> None:
    refusal = await ann.asks("GET", f"/review/truth?format={form}", 422)
    assert "complete" in refusal.json()["error"]["message"]
    for number, text in ((0, "Harbour"), (1, "Quay"), (2, "Road"), (5, "Invoice")):
        await ann.types(number, text)
    await ann.says({"number": 3, "kind": "illegible"}, {"number": 4, "kind": "taken", "text": "BS1"})
    response = await ann.asks("GET", f"/review/truth?format={form}")
    if form == "alto":
        assert told in response.text
        assert "Bristo1" not in response.text
    else:
        assert response.headers["content-type"] == "application/zip"


async def test_the_picture_of_a_page_comes_from_the_file_that_was_submitted(ann: Person) -> None:
    response = await ann.asks("GET", "/review/picture?file=0&page=1")
    assert response.headers["content-type"] in ("image/png", "image/jpeg")
    assert "private" in response.headers["cache-control"]
    await ann.asks("GET", "/review/picture?file=0&page=7", 422)
    await ann.asks("GET", "/review/picture?file=3&page=1", 422)


async def test_the_estimate_tells_what_so_many_more_words_bring(ann: Person) -> None:
    estimate = (await ann.asks("GET", "/review?words=1")).json()["estimate"]
    assert estimate["error_rate"] == pytest.approx((3 * 0.05 + 0.7 + 0.5 + 0.4) / 6)
    assert estimate["error_rate_after"] == pytest.approx((3 * 0.05 + 0.5 + 0.4) / 6)
    assert estimate["seconds"] > 0


@pytest.mark.parametrize(
    ("decision", "problem"),
    [
        ({"number": 99, "kind": "illegible"}, "0 to 5"),
        ({"number": 1, "kind": "taken", "text": "Kai"}, "kind 'typed'"),
        ({"number": 1, "kind": "undo"}, "you said nothing"),
    ],
)
async def test_a_decision_that_cannot_be_is_refused_and_the_others_are_kept(
    ann: Person, decision: dict[str, object], problem: str
) -> None:
    answer = await ann.says(decision, {"number": 3, "kind": "typed", "text": "Bristol"})
    assert answer["kept"] == [3]
    assert problem in answer["refused"][0]["reason"]


@pytest.mark.parametrize(
    "body",
    [
        {"session": "a b", "decisions": [{"number": 1, "kind": "illegible"}]},
        {"session": "a", "decisions": []},
        {"session": "a", "decisions": [{"number": 1, "kind": "typed"}]},
        {"session": "a", "decisions": [{"number": 1, "kind": "illegible", "text": "x"}]},
    ],
)
async def test_a_malformed_decision_is_refused_with_what_is_wrong(ann: Person, body: dict[str, object]) -> None:
    response = await ann.asks("POST", "/review/decisions", 422, json=body)
    assert response.json()["error"]["message"]


async def test_a_job_that_still_runs_is_not_reviewed(service: Service, person: Callable[..., Person]) -> None:
    job = await service.store.get("1")
    assert job is not None
    running = job.changed(ended_as=None, finished_at=None, version=job.version + 1)
    assert await service.store.replace(running, job)
    refusal = await person(ANN, "ann").asks("POST", "/review", 409, json={})
    assert refusal.json()["error"]["message"] == "the job is running"


async def test_a_review_of_a_deleted_job_is_gone_and_says_so(ann: Person, bob: Person) -> None:
    await ann.asks("DELETE", "")
    await ann.asks("GET", "/review", 404)
    await bob.asks("POST", "/review/next", 404, json={"session": "bob"})


async def test_an_export_of_a_stranger_or_of_millions_of_values_is_refused_before_it_is_parsed(
    ann: Person, person: Callable[..., Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    def parsed(_: bytes) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr("deployments.gateway.routes.reviews.json", SimpleNamespace(loads=parsed))
    export = b"[" + b"{}," * 3000 + b"{}]"
    headers = {"Content-Type": "application/json", "X-API-Key": BOB}
    stranger = await ann.client.post("/jobs/1/review/label-studio", content=export, headers=headers)
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (404, "not_found")
    own = await ann.client.post(
        "/jobs/1/review/label-studio", content=export, headers={**headers, "X-API-Key": ann.api_key}
    )
    assert (own.status_code, own.json()["error"]["code"]) == (413, "too_large")
