from __future__ import annotations

import re
from pathlib import Path

from fusion.alignment.align import align
from fusion.alignment.confusion_network import ABSENT, Row

PAGE = (Path(__file__).parents[2] / "docs" / "fusion.md").read_text()


def test_the_example_of_the_page_runs() -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(example, "fusion.md", "exec"), {})


def test_the_network_drawn_on_the_page_is_the_one_that_is_made() -> None:
    [drawing] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    *drawn, links = drawing.splitlines()
    network = align([Row(tuple(row.replace("·", ""))) for row in drawn])
    made = [
        "".join("·" if column[row] == ABSENT else network.rows[row].text(column[row]) for column in network.columns)
        for row in range(len(drawn))
    ]
    assert made == sorted(drawn, key=lambda row: row.replace("·", ""))
    assert network.linked == {place for place, mark in enumerate(links) if mark == "^"}
