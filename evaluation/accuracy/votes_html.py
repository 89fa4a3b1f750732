"""Lines as HTML: the picture, every engine's reading aligned slot by slot, and the votes in colour.

Green is right, red is wrong, grey is nothing, as the truth has it; a thick border is where engines differ. Hovering
over a fused character shows its votes. One file without anything outside of it.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2

from evaluation.accuracy.error_rates import FUSED
from evaluation.metrics.text_comparison import character_edits, correct_characters
from evaluation.readings.labelled_lines import LabelledLine
from fusion import FusedLine
from ocr.image import Pixels

_HEIGHT_PX = 64
_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1400px;padding:0 1rem;color:#1c1c1c;background:#fff}
section{border-top:1px solid #ccc;padding:1rem 0;overflow-x:auto}img{max-height:64px;max-width:100%;display:block}
table{border-collapse:collapse;font:15px/1.3 ui-monospace,monospace;margin-top:.5rem}
th{text-align:right;padding-right:.75rem;font:13px system-ui,sans-serif;white-space:nowrap}
td{min-width:.8em;text-align:center;border:1px solid #eee;padding:1px 2px;white-space:pre}
.r{background:#d3f0d3}.w{background:#f7c6c0}.n{background:#eee}.d{border-top:3px solid #444}
.f td{font-weight:700}p.about{color:#555;max-width:70ch}
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}td{border-color:#333}.r{background:#1f4d24}
.w{background:#6b2219}.n{background:#333}.d{border-top-color:#bbb}p.about{color:#aaa}}
"""


@dataclass(frozen=True, slots=True)
class LineExample:
    """One line to show: its picture, RGB uint8 (H, W, 3), what engines read there, and what the fusion made of it."""

    set_name: str
    pixels: Pixels
    line: LabelledLine
    fused: FusedLine


def page(shown: Sequence[LineExample], title: str, about: str) -> str:
    """The whole document."""
    rows = "\n".join(part for one in shown for part in _section(one))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n"
        f'<p class="about">{html.escape(about)}</p>\n{rows}\n</body></html>\n'
    )


def _section(shown: LineExample) -> Iterator[str]:
    line = shown.line
    edits = {
        name: character_edits(line.normalised(hypothesis.text), line.truth).edits
        for name, hypothesis in line.hypotheses.items()
    }
    edits[FUSED] = character_edits(line.normalised(shown.fused.text), line.truth).edits
    counts = ", ".join(f"{name} {count}" for name, count in edits.items())
    yield f"<section><h2>{html.escape(f'{shown.set_name}: {line.page.image.name}, line {line.index + 1}')}</h2>"
    yield f'<img alt="{html.escape(line.truth)}" src="data:image/jpeg;base64,{_jpeg(shown.pixels)}">'
    yield f"<p>true: <code>{html.escape(line.truth)}</code><br>edits: {html.escape(counts)}</p>"
    yield "<table>"
    yield from _rows(shown)
    yield "</table></section>"


def _rows(shown: LineExample) -> Iterator[str]:
    fused, line = shown.fused, shown.line
    network = fused.network
    unanimous = set(network.unanimous)
    differ = [" d" if slot not in unanimous else "" for slot in range(len(network.slots))]
    for hypothesis, own in zip(fused.aligned.hypotheses, fused.aligned.transcription_of, strict=True):
        texts = [network.transcriptions[own].text(slot[own]) for slot in network.slots]
        yield _row(hypothesis.engine, texts, _right(line, texts), differ)
    winners = {character.slot: character.text for character in fused.characters}
    texts = [winners.get(slot, "") for slot in range(len(network.slots))]
    yield _row(FUSED, texts, _right(line, texts), differ, [_votes(fused, slot) for slot in range(len(texts))])


def _right(line: LabelledLine, texts: Sequence[str]) -> list[bool]:
    """For each slot whether its text is right."""
    text = "".join(texts)
    same = line.normalised(text)
    right = iter(correct_characters(same if len(same) == len(text) else text, line.truth))
    return [min([next(right, False) for _ in letters], default=True) for letters in texts]


def _row(
    name: str, texts: Sequence[str], right: Sequence[bool], differ: Sequence[str], titles: Sequence[str] | None = None
) -> str:
    cells = []
    for slot, letters in enumerate(texts):
        kind = ("r" if right[slot] else "w") if letters else "n"
        title = f' title="{html.escape(titles[slot])}"' if titles else ""
        shown = html.escape(letters).replace(" ", "␣") or "&nbsp;"
        cells.append(f'<td class="{kind}{differ[slot]}"{title}>{shown}</td>')
    head = ' class="f"' if titles else ""
    return f'<tr{head}><th scope="row">{html.escape(name)}</th>{"".join(cells)}</tr>'


def _votes(fused: FusedLine, slot: int) -> str:
    return "; ".join(
        f"{vote.engine} {vote.text or 'nothing'} ({vote.probability:.2f}, weight {vote.weight:.2f})"
        for vote in fused.votes(slot)
    )


def _jpeg(pixels: Pixels) -> str:
    """At most _HEIGHT_PX high: a few hundred pictures are to fit into one file."""
    scale = min(1.0, _HEIGHT_PX / pixels.shape[0])
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    small = cv2.resize(pixels[:, :, ::-1], size, interpolation=cv2.INTER_AREA)
    return base64.b64encode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 70])[1].tobytes()).decode()
