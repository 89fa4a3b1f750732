"""The page at `/` as a person meets it, in a real browser."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import PIL.Image
import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.deployments.gateway.web_ui.conftest import Script

pytestmark = pytest.mark.browser


def _picture(name: str = "hello.png") -> dict[str, object]:
    file = io.BytesIO()
    PIL.Image.new("RGB", (200, 60), "white").save(file, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": file.getvalue()}


def _read(screen: Page) -> None:
    screen.set_input_files("#file", _picture())
    screen.wait_for_selector(".word")


def test_a_chosen_file_is_read_at_once_and_its_words_shown_in_the_colours_of_their_confidence(screen: Page) -> None:
    _read(screen)
    words = screen.locator(".word")
    assert words.all_inner_texts() == ["Hello,", "world"]
    assert "high" in (words.nth(0).get_attribute("class") or "")
    assert "low" in (words.nth(1).get_attribute("class") or "")
    assert screen.locator("#boxes polygon").count() == 2


def test_a_dropped_and_a_pasted_picture_are_read(screen: Page, script: Script) -> None:
    for kind, property in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        with screen.expect_response("**/predict_text*"):
            screen.evaluate(
                """async ([kind, property]) => {
                    const canvas = new OffscreenCanvas(20, 20);
                    canvas.getContext("2d");
                    const blob = await canvas.convertToBlob();
                    const carried = new DataTransfer();
                    carried.items.add(new File([blob], "page.png", { type: "image/png" }));
                    const options = { [property]: carried, bubbles: true, cancelable: true };
                    const Kind = kind === "drop" ? DragEvent : ClipboardEvent;
                    document.dispatchEvent(new Kind(kind, options));
                }""",
                [kind, property],
            )
    assert len(script.forms) == 2


def test_pointing_at_a_box_shows_how_every_engine_voted_for_its_word(screen: Page) -> None:
    _read(screen)
    screen.locator("#boxes polygon").nth(1).hover()
    rows = screen.locator(".ballot tbody tr").all_inner_texts()
    assert [row.split()[:2] for row in rows] == [["tesseract", "world"], ["paddleocr", "w0rld"]]
    assert screen.locator(".ballot .lost").all_inner_texts() == ["0\n90"]
    assert "1 of 2 engines" in screen.locator("#votes").inner_text()


def test_the_time_is_shown_in_words_and_as_a_chart_with_a_row_for_each_that_ran_at_the_same_time(screen: Page) -> None:
    _read(screen)
    assert screen.locator("#waited").inner_text() == (
        "100 ms, of them inference 90 ms (paddleocr), render 10 ms (Gateway)."
    )
    bars = screen.locator("#flames rect").evaluate_all(
        "bars => bars.map(bar => [bar.getAttribute('class'), Math.floor(bar.getAttribute('y'))])"
    )
    assert bars == [["holder", 0], ["beside", 1], ["waited", 2], ["waited", 0]]


def test_the_words_are_one_tab_stop_and_the_arrow_keys_go_through_them(screen: Page) -> None:
    _read(screen)
    screen.locator(".word").first.focus()
    screen.keyboard.press("ArrowRight")
    assert screen.locator(".why .said").inner_text() == "world"
    assert [word.get_attribute("tabindex") for word in screen.locator(".word").all()] == ["-1", "0"]


def test_the_chosen_profile_and_method_are_asked_for(screen: Page, script: Script) -> None:
    screen.select_option("#profile", "general")
    screen.select_option("#method", "majority_voting")
    _read(screen)
    assert script.forms[-1] == {"profile": "general", "method": "majority_voting", "explain": "true"}


@pytest.mark.parametrize(("label", "format", "name"), [("ALTO", "alto", "hello.alto.xml"), ("PDF", "pdf", "hello.pdf")])
def test_the_result_is_downloaded_in_another_format(
    screen: Page, script: Script, label: str, format: str, name: str
) -> None:
    _read(screen)
    with screen.expect_download() as download:
        screen.get_by_role("button", name=f"Download {label}").click()
    assert download.value.suggested_filename == name
    assert script.formats[-1] == format


def test_comparing_marks_the_words_that_another_method_reads_otherwise(screen: Page) -> None:
    _read(screen)
    screen.get_by_role("button", name="Compare methods").click()
    screen.wait_for_selector(".variant")
    assert screen.locator(".variant").count() == 3  # two methods, one profile
    assert screen.locator(".variant mark").all_inner_texts() == ["w0rld"]


def test_an_engine_that_is_missing_is_told_apart_not_by_colour_alone(screen: Page) -> None:
    assert screen.locator(".engine.off").all_inner_texts() == ["trocr (off)"]


def test_a_refusal_says_what_to_do_and_the_next_file_is_read(screen: Page, script: Script) -> None:
    problem = {"error": {"code": "not_an_image", "message": "not an image", "hint": "send a PNG"}}
    script.refusal = JSONResponse(problem, 400)
    screen.set_input_files("#file", _picture())
    screen.wait_for_selector(".message.wrong")
    assert screen.locator("#message").inner_text() == "not an image. send a PNG."
    script.refusal = None
    _read(screen)


@pytest.mark.parametrize("width", [375, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_and_the_audit_finds_no_barrier(screen: Page, width: int, scheme: str) -> None:
    screen.set_viewport_size({"width": width, "height": 800})
    screen.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    _read(screen)
    screen.locator(".word").nth(1).hover()
    assert screen.evaluate("document.documentElement.scrollWidth") == width
    found = Axe().run(screen).response["violations"]
    assert [(barrier["id"], barrier["impact"]) for barrier in found] == []
