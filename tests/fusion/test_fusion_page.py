from __future__ import annotations

import re
from pathlib import Path

from fusion.alignment.confusion_network import ABSENT, Transcription
from fusion.alignment.line_alignment import align

PAGE = (Path(__file__).parents[2] / "docs" / "fusion.md").read_text()


def test_the_example_of_the_page_runs() -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "fusion.md", "exec"), {})


def test_the_network_drawn_on_the_page_is_the_one_that_is_made() -> None:
    [drawing] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    *drawn, links = drawing.splitlines()
    network = align([Transcription(tuple(row.replace("·", ""))) for row in drawn])
    made = [
        "".join("·" if slot[row] == ABSENT else network.transcriptions[row].text(slot[row]) for slot in network.slots)
        for row in range(len(drawn))
    ]
    assert made == sorted(drawn, key=lambda row: row.replace("·", ""))
    assert network.linked == {slot for slot, mark in enumerate(links) if mark == "^"}
