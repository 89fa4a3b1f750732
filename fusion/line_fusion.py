"""Several hypotheses of each line of a page become one: align them, vote in every slot, put the winners together.

Positions are horizontal spans in crop pixels; nothing here knows pages, pixels or engines by name. Every character of a
fused line was read, in that slot, by some engine.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from fusion.alignment.confusion_network import ABSENT
from fusion.alignment.similarity import NULL
from fusion.evidence.confidence import CharacterConfidence, is_legible
from fusion.fused_line import FusedCharacter, FusedLine, FusedWord
from fusion.profiles.profile import Profile
from fusion.votes.abilities import decide
from fusion.votes.aligned_hypotheses import AlignedHypotheses
from fusion.votes.disputed_slots import DisputedSlots
from fusion.votes.glimpsed_marks import GlimpsedMarks
from fusion.votes.line_evidence import LineEvidence, SlotEvidence
from fusion.votes.page_evidence import PageEvidence, ReadLine
from fusion.votes.voting import Ballot, Method, count_votes, effective_weights
from fusion.votes.weighted_hypotheses import WeightedHypothesis, weighted_hypotheses
from fusion.word_evidence import WordEvidence
from ocr import Hypothesis, Span
from ocr.interfaces import Checkpoint, go_on

_ANY_MATERIAL = ""


def fuse_page(
    lines: Sequence[Mapping[str, Hypothesis]],
    materials: Sequence[str],
    profile: Profile,
    method: Method = Method.WEIGHTED_VOTING,
    checkpoint: Checkpoint = go_on,
) -> list[FusedLine]:
    """What the engines read together on each line of a page; `materials[k]` is the kind of material of line k. In a
    tuned profile what counts depends on all lines, and on nothing beside them. `checkpoint` is called for every line,
    and stops the work with the error that it raises: 5,000 lines take half a minute.
    """
    profiles = [profile.for_material(material) for material in materials]
    read = []
    for hypotheses, own in zip(lines, profiles, strict=True):
        checkpoint()
        read.append(ReadLine.of(AlignedHypotheses.of(weighted_hypotheses(hypotheses, own))))
    page = None
    if profile.tuning is not None and method is Method.CONFIDENCE_WEIGHTED:
        spelling = profile.tuning.spelling
        page = PageEvidence.of(read, None if spelling is None else spelling.languages)
    fused = []
    for line, own in zip(read, profiles, strict=True):
        checkpoint()
        fused.append(_fused(line, page, own, method))
    return fused if page is None else judged(fused)


def fuse_line(
    hypotheses: Mapping[str, Hypothesis], profile: Profile, method: Method = Method.WEIGHTED_VOTING
) -> FusedLine:
    """What the engines read together on a page of one line; an empty line with confidence 0 when none reads a
    character.

    An engine that abstains has no vote. One that reads an empty line votes for NULL in every slot.
    """
    return fuse_page([hypotheses], [_ANY_MATERIAL], profile, method)[0]


def _fused(line: ReadLine, page: PageEvidence | None, profile: Profile, method: Method) -> FusedLine:
    aligned = line.aligned
    if not aligned.network.slots:
        return FusedLine(aligned=aligned)
    evidence = None if page is None else LineEvidence.of(line, page, profile)
    winners = list(_winners(line, method, evidence))
    characters = tuple(_single_spaced(character for character in winners if character.text != NULL))
    lost = {character.slot: character.limit for character in winners if character.text == NULL}
    words = tuple(_words(characters, lost, line, evidence, profile))
    spelling_votes = {} if evidence is None else evidence.spelling_votes()
    specialised = evidence is not None and _led_by_a_model_for_it(line, evidence)
    return FusedLine(characters, words, line_confidence(characters), aligned, spelling_votes, specialised=specialised)


def judged(page: Sequence[FusedLine]) -> list[FusedLine]:
    """The lines of a page, and of each whether somebody can read it. Where most are noise, as where the back of a sheet
    shows through, what is left is mostly noise as well, and has to be surer.
    """
    legible = [_is_legible(line) for line in page]
    if 2 * legible.count(False) > len(page):
        legible = [_is_legible(line, among_noise=True) for line in page]
    return [line if is_so else replace(line, legible=False) for line, is_so in zip(page, legible, strict=True)]


def _is_legible(line: FusedLine, *, among_noise: bool = False) -> bool:
    printed = [character.confidence for character in line.characters if character.text != " "]
    engines = len(line.aligned.hypotheses)
    return is_legible(printed, engines, specialised=line.specialised, among_noise=among_noise)


def _led_by_a_model_for_it(line: ReadLine, evidence: LineEvidence) -> bool:
    engines = zip(evidence.engines, line.aligned.hypotheses, strict=True)
    return any(own.leads and hypothesis.specialised for own, hypothesis in engines)


# --- the vote ---


def _winners(line: ReadLine, method: Method, evidence: LineEvidence | None) -> Iterator[FusedCharacter]:
    """The characters that win, from left to right; and NULL where that wins."""
    marks = GlimpsedMarks.of(line.aligned)
    for character in _by_slot_group(line, method, evidence):
        limit = min(character.limit, marks.limit(character.slot, character.text))
        yield character._replace(limit=limit) if limit < character.limit else character


def _by_slot_group(line: ReadLine, method: Method, evidence: LineEvidence | None) -> Iterator[FusedCharacter]:
    aligned = line.aligned
    unanimous = _unanimous(line, method, evidence)
    for index, slots in enumerate(aligned.network.slot_groups):
        if index not in line.disputed:
            yield unanimous[slots.start]
        elif evidence is None:
            yield from _voted(aligned, line.disputed[index], method)
        else:
            slot_evidence = evidence.disputed[slots.start]
            yield from _voted(aligned, slot_evidence.disputed, method, slot_evidence, evidence.confidence)


def _unanimous(line: ReadLine, method: Method, evidence: LineEvidence | None) -> dict[int, FusedCharacter]:
    """The characters that all engines read, by slot: what a vote would find, for the whole line at once."""
    found, hypotheses = line.unanimous, line.aligned.hypotheses
    if evidence is None:
        weights = effective_weights([hypothesis.weight for hypothesis in hypotheses], method)
        by_slot = zip(*found.probabilities, strict=True)
        confidences = [min(1.0, sum(map(operator.mul, weights, slot))) for slot in by_slot]
    else:
        confidences = evidence.unanimous_confidences(found)
    spans = _spans(list(zip(hypotheses, found.indices, strict=True)))
    return {
        slot: FusedCharacter(text, confidence, span, slot)
        for slot, text, confidence, span in zip(found.slots, found.texts, confidences, spans, strict=True)
    }


def _voted(
    aligned: AlignedHypotheses,
    disputed: DisputedSlots,
    method: Method,
    evidence: SlotEvidence | None = None,
    confidence: CharacterConfidence | None = None,
) -> Iterator[FusedCharacter]:
    """The characters of disputed slots that win the vote, where the engine of most weight that reads them has them, or
    NULL where that wins.
    """
    arcs = list(zip(aligned.hypotheses, disputed.arcs, strict=True))
    if evidence is None:
        ballots = [Ballot(arc.text, own.weight, arc.probability) for own, arc in arcs]
        count = partial(count_votes, method=method)
    else:
        ballots = [
            Ballot(arc.text, own.weight, arc.probability, support=support)
            for (own, arc), support in zip(arcs, evidence.supports, strict=True)
        ]
        count = partial(count_votes, method=method, more_supports=evidence.beyond_choices, confidence=confidence)
    winner, limit = decide(ballots, [own.alphabet for own, _ in arcs], count)
    if winner.text == NULL:
        yield FusedCharacter(NULL, winner.confidence, None, disputed.slots.start, limit)
        return
    agreeing = [(own, arc.indices) for own, arc in arcs if arc.text == winner.text]
    lead, placed = max(agreeing, key=lambda arc: (arc[0].weight, [index != ABSENT for index in arc[1]]))
    for offset, index in enumerate(placed):
        if index != ABSENT:
            own = [(hypothesis, [indices[offset]]) for hypothesis, indices in agreeing if indices[offset] != ABSENT]
            slot = disputed.slots.start + offset
            yield FusedCharacter(lead.texts[index], winner.confidence, _spans(own)[0], slot, limit)


def _spans(indices: Sequence[tuple[WeightedHypothesis, Sequence[int]]]) -> list[Span | None]:
    """For each of some characters that several engines read, its span by the engine of most weight that knows one:
    spans of one engine fit together, means over changing engines do not.
    """
    spans: list[Span | None] = [None] * len(indices[0][1])
    for hypothesis, own in sorted(indices, key=lambda entry: -entry[0].weight):
        if None not in spans:
            break
        spans = [known or hypothesis.spans[index] for known, index in zip(spans, own, strict=True)]
    return spans


def _single_spaced(characters: Iterator[FusedCharacter]) -> Iterator[FusedCharacter]:
    """The same without spaces at the ends, and without the second of two spaces that a lost character leaves."""
    space: FusedCharacter | None = None
    begun = False
    for character in characters:
        if character.text == " ":
            space = space or character
            continue
        if space is not None and begun:
            yield space
        yield character
        space, begun = None, True


# --- confidence of more than one character ---


def word_confidence(characters: Sequence[FusedCharacter]) -> float:
    """The confidence that a word is right: the geometric mean of its characters."""
    return math.prod(character.confidence for character in characters) ** (1.0 / len(characters))


def line_confidence(characters: Sequence[FusedCharacter]) -> float:
    """The share of a line's characters that is expected to be right: their mean confidence, 0 for an empty line."""
    if not characters:
        return 0.0
    return min(1.0, math.fsum(character.confidence for character in characters) / len(characters))


def _words(
    characters: Sequence[FusedCharacter],
    lost: Mapping[int, float],
    line: ReadLine,
    evidence: LineEvidence | None,
    profile: Profile,
) -> Iterator[FusedWord]:
    """The words; no word is surer than the limit of what was lost in it or beside it, by slot in `lost`."""
    confidence = profile.tuning.word_confidence if profile.tuning else None
    known = None if evidence is None else WordEvidence.of(line.aligned, evidence)
    start = 0
    for end in range(len(characters) + 1):
        if end == len(characters) or characters[end].text == " ":
            if end > start:
                own = characters[start:end]
                mean = min(1.0, word_confidence(own))
                features = None if known is None else known.features(own, mean)
                sure = mean if confidence is None or features is None else confidence.of(features)
                before = characters[start - 1].slot if start else -1
                after = characters[end].slot if end < len(characters) else math.inf
                limits = [limit for slot, limit in lost.items() if before < slot < after]
                sure = min(sure, *[character.limit for character in own], *limits)
                yield FusedWord(start, end, sure, features)
            start = end + 1
