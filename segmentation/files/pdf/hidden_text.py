"""Takes the text that nobody sees (covered_text.py) out of a page of a PDF: the layer that an earlier OCR wrote.

The operators that show it go; everything else stays, in its order. The page is gone through twice: a picture hides what
was painted before it, also in forms that were drawn before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pikepdf

from segmentation.files.pdf.affine import IDENTITY, Matrix, applied, times
from segmentation.files.pdf.covered_text import SMALL_PICTURE_PX, cover_of, is_without_ink
from segmentation.files.pdf.untyped import Untyped

_DEEPEST = 6
_SHOWS = frozenset({"Tj", "TJ", "'", '"'})
_NEXT_LINE = frozenset({"T*", "'", '"'})
_FONT = pikepdf.Name.Font
_FORMS = pikepdf.Name.XObject

Place = tuple[int, ...]
"""An operator: its number in the page, or that of the one that draws a form and then its number in the form."""


@dataclass(frozen=True)
class _State:
    """What q saves and Q brings back, as far as it matters here, and where text is set."""

    matrix: Matrix = IDENTITY
    mode: int = 0
    opacity: float = 1.0
    font: str = ""
    leading: float = 0.0
    text: Matrix = IDENTITY
    line: Matrix = IDENTITY

    def moved(self, x: float, y: float) -> _State:
        """At the beginning of another line of text, so far from that of this one."""
        line = times((1.0, 0.0, 0.0, 1.0, x, y), self.line)
        return replace(self, text=line, line=line)

    @property
    def text_begins(self) -> tuple[float, float]:
        """Where on the page text would be shown."""
        return applied(times(self.text, self.matrix), 0.0, 0.0)


@dataclass
class _Found:
    """Where text is shown, in which font, and which of it nobody sees; what is in forms that are drawn."""

    fonts: dict[Place, str] = field(default_factory=dict)
    seen: dict[Place, tuple[float, float]] = field(default_factory=dict)
    hidden: set[Place] = field(default_factory=set)
    streams: dict[Place, list[Untyped]] = field(default_factory=dict)
    forms: dict[Place, str] = field(default_factory=dict)

    @cached_property
    def hidden_in(self) -> set[Place]:
        """Where forms are drawn in which, however deep, something is hidden; asked for once all is found."""
        return {place[:depth] for place in self.hidden for depth in range(1, len(place))}

    def hide_under(self, matrix: Matrix, page_area: float) -> None:
        """Note that an opaque picture is painted."""
        cover = cover_of(matrix, page_area)
        if cover is not None:
            under = [place for place, point in self.seen.items() if cover.hides(point)]
            self.hidden.update(under)
            for place in under:
                del self.seen[place]


def without_hidden_text(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Change the page, and no other that shares its fonts and forms."""
    box = page.cropbox
    size = abs(float(box[2] - box[0]) * float(box[3] - box[1])) or 1.0
    resources = own_copy(page)
    found = _Found()
    _look(found, page.obj, resources, _State(), size, ())
    if found.hidden:
        page.obj.Contents = pdf.make_stream(_cleaned(pdf, found, resources, [()]))


def own_copy(page: pikepdf.Page) -> Untyped:
    """The resources of the page as a dictionary that is the page's own, with the fonts and forms in it."""
    page.obj.Resources = _copied(page.resources)
    return page.obj.Resources


def _copied(shared: Untyped) -> pikepdf.Dictionary:
    own = pikepdf.Dictionary({str(name): value for name, value in shared.items()})
    for kind in (_FONT, _FORMS):
        if kind in own:
            own[kind] = pikepdf.Dictionary({str(name): value for name, value in own[kind].items()})
    return own


def _look(
    found: _Found, stream: pikepdf.Object, resources: Untyped, state: _State, page_area: float, place: Place
) -> None:
    """Go through the content of a page, or of a form that is drawn at `place`."""
    saved = [state]
    found.streams[place] = list(pikepdf.parse_content_stream(stream))
    for index, instruction in enumerate(found.streams[place]):
        at = (*place, index)
        if isinstance(instruction, pikepdf.ContentStreamInlineImage):
            picture = instruction.iimage
            if min(picture.width, picture.height) >= SMALL_PICTURE_PX and not picture.image_mask:
                found.hide_under(saved[-1].matrix, page_area)
            continue
        operator, operands = str(instruction.operator), instruction.operands
        if operator == "q":
            saved.append(saved[-1])
        elif operator == "Q" and len(saved) > 1:
            saved.pop()
        elif operator == "Do":
            _look_at_drawn(found, operands[0], resources, saved[-1], page_area, at)
        else:
            saved[-1] = _after(saved[-1], operator, operands, resources)
            if operator in _SHOWS:
                _note(found, saved[-1], at)


def _note(found: _Found, now: _State, at: Place) -> None:
    found.fonts[at] = now.font
    if is_without_ink(now.mode, now.opacity):
        found.hidden.add(at)
    else:
        found.seen[at] = now.text_begins


def _look_at_drawn(
    found: _Found, name: Untyped, resources: Untyped, state: _State, page_area: float, at: Place
) -> None:
    drawn = _form(resources, str(name))
    if drawn is None:
        return
    if drawn.get("/Subtype") == "/Image":
        transparent = state.opacity < 1.0 or any(key in drawn for key in ("/SMask", "/Mask"))
        small = min(int(drawn.get("/Width", 0)), int(drawn.get("/Height", 0))) < SMALL_PICTURE_PX
        if not (transparent or small or bool(drawn.get("/ImageMask", False))):
            found.hide_under(state.matrix, page_area)
    elif drawn.get("/Subtype") == "/Form" and len(at) <= _DEEPEST:
        within = replace(state, matrix=times([float(value) for value in drawn.get("/Matrix", IDENTITY)], state.matrix))
        found.forms[at] = str(name)
        _look(found, drawn, drawn.get("/Resources", resources), within, page_area, at)


def _form(resources: Untyped, name: str) -> Untyped | None:
    forms = resources.get(_FORMS, {})
    drawn = forms.get(name) if isinstance(forms, pikepdf.Dictionary) else None
    return drawn if isinstance(drawn, pikepdf.Stream) else None


def _after(state: _State, operator: str, operands: Untyped, resources: Untyped) -> _State:
    """The state after an operator; before it shows text, where it does."""
    try:
        if operator == "cm":
            return replace(state, matrix=times([float(value) for value in operands], state.matrix))
        if operator == "gs":
            told = resources.ExtGState[str(operands[0])]
            return replace(state, opacity=float(told.get("/ca", state.opacity)))
        return _after_text_operator(state, operator, operands)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError):
        return state  # a damaged operator changes nothing for viewers either


def _after_text_operator(state: _State, operator: str, operands: Untyped) -> _State:
    if operator == "BT":
        return replace(state, text=IDENTITY, line=IDENTITY)
    if operator == "Tr":
        return replace(state, mode=int(operands[0]))
    if operator == "Tf":
        return replace(state, font=str(operands[0]))
    if operator == "TL":
        return replace(state, leading=float(operands[0]))
    if operator == "Tm":
        a, b, c, d, e, f = (float(value) for value in operands)
        return replace(state, text=(a, b, c, d, e, f), line=(a, b, c, d, e, f))
    if operator in ("Td", "TD"):
        x, y = (float(value) for value in operands)
        return (replace(state, leading=-y) if operator == "TD" else state).moved(x, y)
    if operator in _NEXT_LINE:
        return state.moved(0.0, -state.leading)
    return state


def _cleaned(pdf: pikepdf.Pdf, found: _Found, resources: Untyped, drawings: Sequence[Place]) -> bytes:
    """The content of a page, or of a form that is drawn at `drawings`, without the text that is hidden in each of them.
    `resources` are its own, and change: forms with less in them, and no fonts that only hidden text was in.
    """
    kept: list[Untyped] = []
    taken_fonts, fonts = set(), set()
    inner: dict[str, list[Place]] = {}
    for index, instruction in enumerate(found.streams[drawings[0]]):
        places = [(*place, index) for place in drawings]
        font = found.fonts.get(places[0])
        if font is not None and all(place in found.hidden for place in places):
            taken_fonts.add(font)
            kept += _without_text(instruction)
            continue
        if font is not None:
            fonts.add(font)
        if places[0] in found.forms:
            inner.setdefault(found.forms[places[0]], []).extend(places)
        kept.append(instruction)
    for name, places in inner.items():
        _clean_form(pdf, found, resources, name, places)
    for font in taken_fonts - fonts:
        if font in resources.get(_FONT, {}):
            del resources[_FONT][font]
    return pikepdf.unparse_content_stream(kept)


def _clean_form(pdf: pikepdf.Pdf, found: _Found, resources: Untyped, name: str, places: Sequence[Place]) -> None:
    form = _form(resources, name)
    if form is None or not found.hidden_in.intersection(places):
        return
    own = _copied(form.get("/Resources", resources))
    content = _cleaned(pdf, found, own, places)
    fields = {str(key): value for key, value in form.items() if key not in ("/Length", "/Filter", "/DecodeParms")}
    resources[_FORMS][name] = pikepdf.Stream(pdf, content, {**fields, "/Resources": own})


def _without_text(shows: Untyped) -> list[Untyped]:
    """What an operator that shows text does besides: ' and " begin a new line, and " sets both spacings as well."""
    operator, operands = str(shows.operator), shows.operands
    new_line = pikepdf.ContentStreamInstruction([], pikepdf.Operator("T*"))
    if operator == "'":
        return [new_line]
    if operator == '"' and len(operands) == 3:
        spacings = zip(operands, ("Tw", "Tc"), strict=False)
        set_both = [pikepdf.ContentStreamInstruction([value], pikepdf.Operator(name)) for value, name in spacings]
        return [*set_both, new_line]
    return []
