"""From a fused line in crop pixels to the line of the answer, with polygons on the page.

A character that no engine has a position for lies between its neighbours. Where no engine knows any position, words
take the boxes that segmentation found, when it found as many, and characters have none. A word ends before the next one
begins. A line that runs from right to left is placed as in a mirror.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, groupby

from fusion.fused_line import FusedLine, FusedWord
from ocr import Character, Hypothesis, Line, Polygon, Reading, Region, Span, Word
from ocr.text.bidirectional import runs_leftwards, with_turned_runs

_LEAST_ROOM = 0.2  # of the height of a line, between words: readers of our formats take closer ones for one word


def line_on_page(
    fused: FusedLine, region: Region, hypotheses: Mapping[str, Hypothesis], *, keep_votes: bool = True
) -> Line:
    """The line of the answer: `fused` on the region's polygon, with what each engine read of it and of its words.

    With `keep_votes` every character has its votes. They are most of a page, and few who ask for it want them.
    """
    leftwards = runs_leftwards(fused.text)
    found = [character.span for character in fused.characters]
    if leftwards:
        texts = [character.text for character in fused.characters]
        found = with_turned_runs(texts, [_mirrored(span, region.width_px) for span in found])
    spans = complete_spans(found, region.width_px)
    characters = tuple(
        Character(
            character.text,
            character.confidence,
            fused.votes(character.slot) if keep_votes else (),
            _polygon(region, span, leftwards=leftwards),
        )
        for character, span in zip(fused.characters, spans, strict=True)
    )
    words = tuple(
        Word(characters[word.start : word.end], word.confidence, polygon, _word_votes(fused, word))
        for word, polygon in zip(
            fused.words, _word_polygons(fused.words, spans, region, leftwards=leftwards), strict=True
        )
    )
    readings = {engine: Reading.of(hypothesis) for engine, hypothesis in hypotheses.items()}
    return Line(characters, words, fused.confidence, region.polygon, region.block, readings, fused.legible, region.row)


def _word_votes(fused: FusedLine, word: FusedWord) -> dict[str, str]:
    """What each engine reads in all slots of the word together."""
    votes: dict[str, str] = {}
    for character in fused.characters[word.start : word.end]:
        for engine, text in fused.texts(character.slot):
            votes[engine] = votes.get(engine, "") + text
    return votes


def complete_spans(spans: Sequence[Span | None], width_px: float) -> list[Span | None]:
    """Spans for all characters of a line, inside of 0..width_px, from left to right: starts and ends never fall back.

    Characters without a span share the room between their neighbours; all None when no span is known.
    """
    known = [span for span in spans if span is not None]
    if not known:
        return [None] * len(spans)
    pitch = sum(end - start for start, end in known) / len(known)
    filled: list[Span] = []
    for is_known, run in groupby(enumerate(spans), key=lambda item: item[1] is not None):
        members = list(run)
        if is_known:
            filled += [span for _, span in members if span is not None]
        else:
            first, last = members[0][0], members[-1][0]
            before = filled[-1] if filled else None
            after = spans[last + 1] if last + 1 < len(spans) else None
            filled += _between(before, after, last + 1 - first, pitch)
    return list(_in_order(filled, width_px))


def _between(before: Span | None, after: Span | None, count: int, pitch: float) -> Iterator[Span]:
    """`count` spans side by side in the gap between two neighbours, or next to the only one."""
    if before is None and after is not None:
        start, end = after.start - count * pitch, after.start
    elif after is None and before is not None:
        start, end = before.end, before.end + count * pitch
    elif before is not None and after is not None:
        start, end = before.end, after.start
        if end - start < count * pitch / 4:  # no gap is left: take the inner halves of the neighbours
            start, end = (before.start + before.end) / 2, (after.start + after.end) / 2
    width = max(end - start, 0.0) / count
    return (Span(start + index * width, start + (index + 1) * width) for index in range(count))


def _in_order(spans: Sequence[Span], width_px: float) -> Iterator[Span]:
    """The spans cut to the crop, each starting and ending no further left than the one before, none empty."""
    least = min(1e-3, width_px / (len(spans) + 1))  # of a pixel: a span is never empty
    starts = accumulate((min(max(start, 0.0), width_px) for start, _ in spans), max)
    ends = accumulate((min(max(end, 0.0), width_px) for _, end in spans), max)
    for start, end in zip(starts, ends, strict=True):
        yield Span(min(start, width_px - least), max(end, min(start, width_px - least) + least))


def _mirrored(span: Span | None, width_px: float) -> Span | None:
    return None if span is None else Span(width_px - span.end, width_px - span.start)


def _polygon(region: Region, span: Span | None, *, leftwards: bool) -> Polygon | None:
    span = _mirrored(span, region.width_px) if leftwards else span
    if span is None:
        return None
    return region.polygon.slice(span.start / region.width_px, min(1.0, span.end / region.width_px))


def _word_polygons(
    words: Sequence[FusedWord], spans: Sequence[Span | None], region: Region, *, leftwards: bool
) -> Iterator[Polygon | None]:
    boxes = region.word_boxes if len(region.word_boxes) == len(words) else ()
    places: list[Span | None] = []
    for index, word in enumerate(words):
        known = [span for span in spans[word.start : word.end] if span is not None]
        if known:
            places.append(Span(known[0].start, known[-1].end))
        else:
            places.append(Span(boxes[index].left, boxes[index].right) if boxes else None)
    known_places = [place for place in places if place is not None]
    if len(known_places) == len(places):
        places = [*_apart(known_places, _LEAST_ROOM * region.height_px)]
    return (_polygon(region, place, leftwards=leftwards) for place in places)


def _apart(places: Sequence[Span], room_px: float) -> list[Span]:
    """The places of words, whose starts and ends never fall back, with room between one and the next; a word loses no
    more than a third of its width to it at either end.
    """
    parted = list(places)
    for index in range(len(places) - 1):
        (start, end), following = parted[index], parted[index + 1]
        if end > following.start:
            end = cut = (max(start, following.start) + end) / 2
            following = Span(cut, following.end)
        missing = max(0.0, room_px - (following.start - end)) / 2
        parted[index] = Span(start, end - min(missing, (end - start) / 3))
        parted[index + 1] = Span(following.start + min(missing, (following.end - following.start) / 3), following.end)
    return parted
