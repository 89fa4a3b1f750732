"""How the marks and accents of English documents are read: each printed many times, in fonts that nothing learnt from.

    python -m benchmarks.accuracy.symbols

Lines of words, measures, prices, names and notes are set in the held-out families of training/drawing/fonts.py, clean
and as large as print of 9 to 12 points is at 300 dpi. Every engine reads them, and the vote. A symbol is right where
the answer has it in its place, doubted where the word there has a confidence below the threshold of review, or where no
word stands there one of those beside it, and otherwise wrong and not doubted, which is what must not be. The same lines
in every run of one seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from benchmarks.harness import command
from benchmarks.harness.results import RESULTS
from evaluation.accuracy.arguments import profile_of
from evaluation.environment import as_table, environment
from evaluation.markdown import document, table
from evaluation.readings.reader import ENGINES, Reader
from evaluation.readings.store import ReadingStore
from fusion import FusedLine, Method, Thresholds, fuse_page
from ocr import Crop, Hypothesis
from ocr.image import Pixels, Region
from segmentation.cutting import cut_line
from training.drawing.fonts import Face, held_out_faces

SYMBOLS = "€£¥¢" + "µ°±×÷≤≥≠≈√∞ΩØΔπ" + "⁰¹²³⁴⁵⁶⁷⁸⁹" + "½¼¾⅓⅔⅛⅜⅝⅞" + "←↑→↓" + "§¶©®™†•…–—" + "‘’“”„«»"
"""The marks that are counted, besides the accents of NAMES."""
NAMES = (
    "José Núñez", "Zoë Brontë", "Jürgen Müller", "crème brûlée", "Søren Ångström", "Łukasz Wójcik", "Dvořák", "Erdoğan",
    "Žižek", "Nguyễn", "Çelik", "São Paulo", "Ştefan", "Țepeș", "Őrség", "Kārlis", "Ūla", "façade", "naïve", "Ďurica",
)  # fmt: skip
PATTERNS = (
    "Dose {} 5 mg daily", "see item {} below", "value 12{} of all", "about {}40 in total", "page 7 {} page 9",
    "with {} in it", "total: {} 250", "({}) was marked", "18 {} 24 hours", "note{} and more",
)  # fmt: skip
SURE = Thresholds().review
PAGE_LINES = 25


@dataclass(frozen=True, slots=True)
class Printed:
    """A line as it was set, its text, and where in it the symbols stand that count."""

    crop: Crop
    text: str
    places: tuple[int, ...]


@dataclass(slots=True)
class Count:
    """Of each symbol how often it was printed, read right, and neither right nor doubted."""

    printed: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    unnoticed: Counter[str] = field(default_factory=Counter)
    taken_for: Counter[tuple[str, str]] = field(default_factory=Counter)


def texts(symbol_times: int, rng: np.random.Generator) -> list[str]:
    """Each symbol `symbol_times` times, each name a quarter as often, in no order."""
    lines = []
    for symbol in SYMBOLS:
        for _ in range(symbol_times):
            pattern = PATTERNS[int(rng.integers(len(PATTERNS)))]
            lines.append(_quoted(symbol) if symbol in "‘’“”„«»" else pattern.format(symbol))
    lines += [f"by {name} in 19{rng.integers(10, 99)}" for name in NAMES for _ in range(max(1, symbol_times // 4))]
    return [lines[index] for index in rng.permutation(len(lines))]


def _quoted(mark: str) -> str:
    pair = {"‘": "‘’", "’": "‘’", "“": "“”", "”": "“”", "„": "„“", "«": "«»", "»": "«»"}[mark]
    return f"the word {pair[0]}other{pair[1]} stands"


def printed_lines(symbol_times: int, seed: int = 5) -> list[Printed]:
    """The lines, each in a face that has its characters."""
    rng = np.random.default_rng(seed)
    faces = held_out_faces()
    lines = []
    for text in texts(symbol_times, rng):
        able = [face for face in faces if face.characters.issuperset(text.replace(" ", ""))]
        face = able[int(rng.integers(len(able)))]
        places = tuple(at for at, letter in enumerate(text) if not letter.isascii())
        region, pixels = _as_found(_set(text, face, int(rng.integers(38, 51))))
        lines.append(Printed(Crop(pixels, region), text, places))
    return lines


def _as_found(picture: Pixels) -> tuple[Region, Pixels]:
    """The line as it is cut from a page, with its words and glyphs."""
    height, width = picture.shape[:2]
    return cut_line(picture, np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32))


def _set(text: str, face: Face, size_px: int) -> Pixels:
    """Black on white, RGB uint8, with the room around it that a line finder leaves."""
    font = ImageFont.truetype(str(face.path), size_px, index=face.index)
    left, top, right, bottom = font.getbbox(text)
    margin = size_px // 5
    canvas = Image.new("RGB", (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin), "white")
    ImageDraw.Draw(canvas).text((margin - left, margin - top), text, fill="black", font=font)
    return np.array(canvas)


def judged(line: Printed, read: str, doubted: Sequence[bool], count: Count) -> None:
    """Count the symbols of a line that was read so; `doubted` tells of each character of `read` whether its word is."""
    same = dict[int, int]()
    for block in Levenshtein.opcodes(line.text, read):
        if block.tag in ("equal", "replace"):
            span = min(block.src_end - block.src_start, block.dest_end - block.dest_start)
            same |= {block.src_start + offset: block.dest_start + offset for offset in range(span)}
    for place in line.places:
        symbol, found = line.text[place], same.get(place)
        count.printed[symbol] += 1
        if found is not None and read[found] == symbol:
            count.right[symbol] += 1
            continue
        if not any(doubted[known] for known in _beside(place, line.text, read, same)):
            count.unnoticed[symbol] += 1
            count.taken_for[symbol, "" if found is None else read[found]] += 1


def _beside(place: int, text: str, read: str, same: Mapping[int, int]) -> Iterator[int]:
    """Where in `read` the character at `place` of `text` stands, or those that stand nearest before and after it."""
    if place in same and read[same[place]] != " ":
        yield same[place]
        return
    for way in (range(place - 1, -1, -1), range(place + 1, len(text))):
        yield from [same[at] for at in way if at in same and read[same[at]] != " "][:1]


def of_fused(line: Printed, fused: FusedLine, count: Count) -> None:
    doubted = [False] * len(fused.characters)
    for word in fused.words:
        doubted[word.start : word.end] = [word.confidence < SURE] * (word.end - word.start)
    letters, told = [], []
    for character, doubt in zip(fused.characters, doubted, strict=True):
        letters.append(character.text)
        told += [doubt] * len(character.text)
    judged(line, "".join(letters), told, count)


def of_engine(line: Printed, hypothesis: Hypothesis, count: Count) -> None:
    told = [character.probability < SURE for character in hypothesis.characters for _ in character.text]
    judged(line, hypothesis.text, told, count)


def pages_of(lines: Sequence[Printed]) -> Iterator[Sequence[Printed]]:
    for first in range(0, len(lines), PAGE_LINES):
        yield lines[first : first + PAGE_LINES]


def measure(symbol_times: int, store: ReadingStore, engines: Sequence[str]) -> tuple[Count, dict[str, Count]]:
    """The counts of the vote and of each engine."""
    vote, by_engine = Count(), {name: Count() for name in engines}
    readers = {name: Reader(name) for name in engines}
    profile = profile_of(list(readers.values()), "auto", "bundled")
    for number, page in enumerate(pages_of(printed_lines(symbol_times))):
        crops = [line.crop for line in page]
        key = f"symbols/{symbol_times}-{number:03}"
        read = {name: store.read_crops(key, reader, partial(list, crops)) for name, reader in readers.items()}
        own = [{name: told.hypotheses[index] for name, told in read.items()} for index in range(len(page))]
        of_models = profile.for_models({name: told.model for name, told in read.items()})
        fused = fuse_page(
            own,
            [line.crop.region.material for line in page],
            of_models,
            Method.CONFIDENCE_WEIGHTED,
        )
        for line, hypotheses, together in zip(page, own, fused, strict=True):
            of_fused(line, together, vote)
            for name, hypothesis in hypotheses.items():
                of_engine(line, hypothesis, by_engine[name])
    return vote, by_engine


def report(vote: Count, by_engine: Mapping[str, Count]) -> str:
    total = vote.printed.total()
    everybody = {"vote": vote, **by_engine}
    rows = [
        (
            name,
            f"{100 * own.right.total() / total:.2f}",
            f"{100 * (1 - (own.right.total() + own.unnoticed.total()) / total):.2f}",
            f"{100 * own.unnoticed.total() / total:.2f}",
        )
        for name, own in everybody.items()
    ]
    each = [
        (
            symbol,
            times,
            *(f"{100 * own.right[symbol] / times:.0f}" for own in everybody.values()),
            vote.unnoticed[symbol],
        )
        for symbol, times in sorted(vote.printed.items())
    ]
    wrong = ", ".join(f"`{one}` as `{other}` {n}" for (one, other), n in vote.taken_for.most_common(40))
    return document(
        "Marks and accents in fonts never seen",
        f"{total:,} printed symbols in {len(vote.printed)} kinds, clean print at 300 dpi.",
        table(["", "right %", "doubted %", "wrong and not doubted %"], rows),
        "Right, in percent, and how many the vote has wrong and not doubted:",
        table(["symbol", "printed", *everybody, "not doubted"], each),
        f"What the vote takes for what without doubting it: {wrong or 'nothing'}.",
        as_table(environment()),
    )


def main(
    times: Annotated[int, typer.Option(help="How often each symbol is printed.")] = 68,
    engines: Annotated[str, typer.Option(help="Whose readings count, with commas.")] = ",".join(ENGINES),
    readings: Annotated[Path, typer.Option(help="Keeps what was read.")] = Path("runs/readings"),
    out: Annotated[Path, typer.Option(help="The report.")] = RESULTS / "symbols.md",
) -> None:
    """Write the report."""
    vote, by_engine = measure(times, ReadingStore(readings), engines.split(","))
    out.write_text(report(vote, by_engine), encoding="utf-8")


if __name__ == "__main__":
    command.run(main)
