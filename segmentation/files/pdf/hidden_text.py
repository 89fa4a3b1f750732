"""Takes the text that nobody sees out of a page of a PDF: the layer that an earlier OCR wrote.

That is text in rendering mode 3, and text under a picture of the whole page. The operators that show it go; everything
else stays, in its order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pikepdf

from segmentation.files.pdf.affine import IDENTITY, Matrix, area, times
from segmentation.files.pdf.untyped import Untyped

_INVISIBLE = 3
_WHOLE_PAGE = 0.95  # a picture of so much of the page leaves nothing beside it
_DEEPEST = 6
_SHOWS = frozenset({"Tj", "TJ", "'", '"'})
_FONT = pikepdf.Name.Font
_FORMS = pikepdf.Name.XObject


@dataclass(frozen=True)
class _State:
    """What q saves and Q brings back, as far as it matters here."""

    matrix: Matrix = IDENTITY
    mode: int = 0
    font: str = ""


@dataclass
class _Cleaned:
    """What stays of each operator of a stream, and the fonts of the text that stays or goes."""

    kept: list[list[Untyped]] = field(default_factory=list)
    shown: dict[int, str] = field(default_factory=dict)  # where text is shown that stays so far, and in which font
    taken_fonts: set[str] = field(default_factory=set)

    def take(self, index: int, font: str) -> None:
        """Take out text; what its operator changes for the text behind it stays."""
        [shows] = self.kept[index]
        self.kept[index] = _without_text(shows)
        self.taken_fonts.add(font)


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


def without_hidden_text(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Change the page, and no other that shares its fonts and forms."""
    box = page.cropbox
    size = abs(float(box[2] - box[0]) * float(box[3] - box[1])) or 1.0
    resources = own_copy(page)
    cleaned = _cleaned(pdf, page.obj, resources, _State(), size, 0)
    if cleaned is not None:
        page.obj.Contents = pdf.make_stream(cleaned)


def own_copy(page: pikepdf.Page) -> Untyped:
    """The resources of the page as a dictionary that is the page's own, with the fonts and forms in it."""
    shared = page.resources
    own = pikepdf.Dictionary({str(name): value for name, value in shared.items()})
    for kind in (_FONT, _FORMS):
        if kind in own:
            own[kind] = pikepdf.Dictionary({str(name): value for name, value in own[kind].items()})
    page.obj.Resources = own
    return page.obj.Resources


def _cleaned(
    pdf: pikepdf.Pdf, stream: pikepdf.Object, resources: Untyped, state: _State, page_size: float, depth: int
) -> bytes | None:
    """The content of a page or a form without hidden text; None where there is none in it."""
    cleaned, saved, changed = _Cleaned(), [state], False
    for index, instruction in enumerate(pikepdf.parse_content_stream(stream)):
        operator, operands = str(instruction.operator), instruction.operands
        cleaned.kept.append([instruction])
        now = saved[-1]
        if operator == "q":
            saved.append(now)
        elif operator == "Q" and len(saved) > 1:
            saved.pop()
        elif operator in _SHOWS:
            if now.mode == _INVISIBLE:
                cleaned.take(index, now.font)
            else:
                cleaned.shown[index] = now.font
        elif operator == "Do":
            changed |= _drawn(pdf, operands[0], resources, now, page_size, depth, cleaned)
        else:
            saved[-1] = _after(now, operator, operands)
    if not changed and not cleaned.taken_fonts:
        return None
    _drop_fonts(resources, cleaned)
    return pikepdf.unparse_content_stream([instruction for kept in cleaned.kept for instruction in kept])


def _after(state: _State, operator: str, operands: Untyped) -> _State:
    try:
        if operator == "cm":
            return replace(state, matrix=times([float(value) for value in operands], state.matrix))
        if operator == "Tr":
            return replace(state, mode=int(operands[0]))
        if operator == "Tf":
            return replace(state, font=str(operands[0]))
    except (ValueError, TypeError, IndexError):  # a damaged operator changes nothing for viewers either
        return state
    return state


def _drawn(
    pdf: pikepdf.Pdf,
    name: Untyped,
    resources: Untyped,
    state: _State,
    page_size: float,
    depth: int,
    cleaned: _Cleaned,
) -> bool:
    """Look at what Do draws. Returns whether it is a form that was changed."""
    forms = resources.get(_FORMS, {})
    drawn = forms.get(str(name)) if isinstance(forms, pikepdf.Dictionary) else None
    if not isinstance(drawn, pikepdf.Stream):
        return False
    if drawn.get("/Subtype") == "/Image":
        transparent = any(key in drawn for key in ("/SMask", "/Mask")) or bool(drawn.get("/ImageMask", False))
        if not transparent and area(state.matrix) >= _WHOLE_PAGE * page_size:
            for index, font in cleaned.shown.items():
                cleaned.take(index, font)
            cleaned.shown.clear()
        return False
    if drawn.get("/Subtype") != "/Form" or depth >= _DEEPEST:
        return False
    inner = pikepdf.Dictionary({str(key): value for key, value in drawn.get("/Resources", resources).items()})
    for kind in (_FONT, _FORMS):
        if kind in inner:
            inner[kind] = pikepdf.Dictionary({str(key): value for key, value in inner[kind].items()})
    within = replace(state, matrix=times([float(value) for value in drawn.get("/Matrix", IDENTITY)], state.matrix))
    content = _cleaned(pdf, drawn, inner, within, page_size, depth + 1)
    if content is None:
        return False
    fields = {str(key): value for key, value in drawn.items() if key not in ("/Length", "/Filter", "/DecodeParms")}
    forms[str(name)] = pikepdf.Stream(pdf, content, {**fields, "/Resources": inner})
    return True


def _drop_fonts(resources: Untyped, cleaned: _Cleaned) -> None:
    """Fonts that only hidden text was in."""
    fonts = resources.get(_FONT, {})
    for name in cleaned.taken_fonts - set(cleaned.shown.values()):
        if name in fonts:
            del fonts[name]
