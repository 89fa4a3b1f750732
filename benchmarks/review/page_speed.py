"""How long a person who reviews waits for the next word: from the key to the frame that shows it, in headless Chromium.

    python -m benchmarks.review.page_speed [--url http://127.0.0.1:8000] [--out benchmarks/results/review_page.md]

Has the sample page read as a job, makes a review that asks all of its words, and decides 100 of them by keyboard: of
ten words seven are taken as they are, two by number, one is typed. Every decision is sent to the service meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from benchmarks.harness import command
from benchmarks.harness.chromium import chromium
from benchmarks.harness.results import RESULTS, publish
from benchmarks.harness.serving import PAGE, URL, served_at
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from quorum.client import Client

if TYPE_CHECKING:
    from playwright.sync_api import Page

WORDS = 100

_TIMER = """
() => {
    window.waits = {};
    const word = document.getElementById("review-word");
    document.addEventListener("keydown", (event) => {
        const [begun, before] = [event.timeStamp, word.dataset.number];
        const look = () => {
            if (word.dataset.number === before && !word.hidden) return;
            requestAnimationFrame((painted) => window.waits[before] = painted - begun);
        };
        requestAnimationFrame(look);
    }, true);
}
"""
"""Notes for each word the time from the last key to the frame after the one in which another was put on the screen."""


def measured(url: str, link: str) -> list[float]:
    """Decide WORDS words of the review behind the link; for each the milliseconds until the next one was there."""
    with chromium() as browser, browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(link)
        page.wait_for_selector("#crop image[href^=blob]", timeout=60_000)
        page.evaluate(_TIMER)
        for number in range(WORDS):
            _decide(page, number)
        waits: list[float] = page.evaluate("Object.values(window.waits)")
    if len(waits) < WORDS:
        raise RuntimeError(f"{len(waits)} of {WORDS} words were followed by another one at {url}")
    return waits


def _decide(page: Page, number: int) -> None:
    """Say what one word is."""
    before = page.locator("#review-word").get_attribute("data-number")
    if number % 10 == 9:
        page.keyboard.type("typed")
        page.keyboard.press("Enter")
    else:
        page.keyboard.press("1" if number % 10 >= 7 else "Enter")
    page.wait_for_selector(f"#review-word:not([data-number='{before}'])", state="attached")
    page.wait_for_timeout(50)


def report(waits: Sequence[float], before: dict[str, str]) -> str:
    quantiles = (float(np.quantile(waits, share)) for share in (0.5, 0.95, 1.0))
    return document(
        "How long a person who reviews waits for the next word",
        "Made by `python -m benchmarks.review.page_speed`; its docstring says how.",
        as_table(before),
        table(
            ["words", "median ms", "95 % ms", "longest ms"],
            [[len(waits), *(f"{value:.0f}" for value in quantiles)]],
        ),
    )


def main(
    url: Annotated[str | None, typer.Option(help="Where the service runs; otherwise it is started here.")] = None,
    out: Path = RESULTS / "review_page.md",
) -> None:
    """Measure the page of reviews."""
    before = environment()
    with served_at(url), Client(url or URL, timeout_s=300.0) as client:
        job = client.submit(PAGE, priority="interactive")
        job.wait()
        review = client.review(job.id, below=1.0, sure_share=1.0)
        waits = measured(url or URL, review.link(url or URL))
    publish(report(waits, before), out)


if __name__ == "__main__":
    command.run(main)
