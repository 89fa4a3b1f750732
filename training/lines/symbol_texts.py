"""What stands in documents besides words: doses, measures, formulas, prices, ranges, notes, and quotations.

Each maker draws from its generator alone. Together they use every mark of training/lines/characters.py, those of
foreign scripts aside, which `foreign_characters` draws: a network learns from them what it cannot write.
"""

from __future__ import annotations

import numpy as np

from training.lines.characters import CHARACTERS, GREEK, LATIN_LETTERS, MARKS
from training.random_draws import chance, pick

_UNITS = (
    *("mg", "µg", "g", "kg", "ml", "mL", "µL", "l", "mmol/l", "µmol/L", "mm", "cm", "m", "km", "µm", "nm", "m²", "m³"),
    *("cm²", "cm³", "km²", "°C", "°F", "K", "Ω", "kΩ", "MΩ", "V", "mV", "A", "mA", "µA", "W", "kW", "Hz", "kHz", "s"),
    *("ms", "µs", "%", "‰", "mm²", "m/s²", "µg/m³", "g/cm³", "mg/kg", "×10⁹/L", "mmHg", "dB", "kJ", "°", "′", "″"),
    *("µF", "Å"),
)
_RELATIONS = "≤≥<>=≠≈±"
_RAISED, _LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉"
_FRACTIONS = "½¼¾⅓⅔⅛⅜⅝⅞"
_CURRENCIES = "€€€££$$¥¢₹₽₺ƒ"
_ARROWS = "→→→←↑↓↔⇒"
_BULLETS = "••·■□●○✓–—*-†‡"
_QUANTITIES = ("Dose", "age", "BMI", "HbA1c", "eGFR", "Temp.", "R", "U", "I", "pH", "n", "p", "x", "y", "T", "v", "d")
_FORMULA_WORDS = (
    "CO₂", "H₂O", "H₂SO₄", "NH₄⁺", "Ca²⁺", "SO₄²⁻", "CH₃", "O₂", "Na⁺", "NO₃⁻", "C₆H₁₂O₆", "PM₁₀", "x²", "y³",
)  # fmt: skip
_FUNCTIONS = "√∑∫∂∞"
_FOREIGN = (
    *map(chr, range(0x410, 0x450)),  # Cyrillic; what looks like a Latin or Greek letter is left out below
    *map(chr, range(0x5D0, 0x5EB)),  # Hebrew
    *map(chr, range(0x531, 0x556)),  # Armenian
    *map(chr, range(0x10D0, 0x10F1)),  # Georgian
    *"∀∃∇∠∴∮≡⊆⊇⊕⊗⊥ℵℜℑ℘∓≪≫☎☺♠♣♥♦♪♫☑☒★☆☞♀♂♯",
    *"ひらがなカタ漢字日本中国文",
)
_LIKE_OURS = set("АВГЕЗИКЛМНОПРСТУФХЬЫЪЭавгезиклмнопрстуфхцшьыъэ" + "וןסיםז" + "ԱԼԾՈՍՏՕաժլծհղոստցօ" + "იოიძ")
FOREIGN = tuple(dict.fromkeys(character for character in _FOREIGN if character not in _LIKE_OURS))
"""Characters that the networks have no class for."""


def _amount(rng: np.random.Generator) -> str:
    value = float(np.exp(rng.uniform(np.log(0.05), np.log(20_000))))
    form = pick(("{:.0f}", "{:.0f}", "{:.1f}", "{:.2f}", "{:,.0f}"), rng).format(value)
    return form.replace(".", ",") if chance(rng, 0.15) and "," not in form else form


def measure(rng: np.random.Generator) -> str:
    """A dose, a measure, a tolerance, a range: "Dose ≤ 5 mg", "12 ± 0.5 µm", "16 → 28", "Ø 12 mm"."""
    unit, space = pick(_UNITS, rng), pick((" ", " ", ""), rng)
    kind = int(rng.integers(8))
    if kind == 0:
        return f"{pick(_QUANTITIES, rng)} {pick(_RELATIONS, rng)} {_amount(rng)}{space}{unit}"
    if kind == 1:
        return f"{_amount(rng)} ± {_amount(rng)}{space}{unit}"
    if kind == 2:
        return f"{_amount(rng)}{pick(('–', ' – ', '-', ' × ', '×', ' : ', ' ÷ '), rng)}{_amount(rng)}{space}{unit}"
    if kind == 3:
        return f"{pick(('Ø ', 'Ø', 'ø ', '≈ ', '~', '√', '± ', '×'), rng)}{_amount(rng)}{space}{unit}"
    if kind == 4:
        return f"{_amount(rng)}{space}{unit} {pick(_ARROWS, rng)} {_amount(rng)}{space}{unit}"
    if kind == 5:
        return f"{int(rng.integers(1, 13))}{pick(_FRACTIONS, rng)} {pick((unit, 'cups', 'lb', 'in', 'h', 'pt'), rng)}"
    if kind == 6:
        return f"{pick(_RELATIONS, rng)}{pick(('', ' '), rng)}{_amount(rng)}{space}{unit}"
    return f"{_amount(rng)}{space}{unit}"


def formula(rng: np.random.Generator) -> str:
    """A formula: "Δp = 3·10⁻⁴ Pa", "x² + y² ≠ z³", "√2 ≈ 1.41", "CO₂ → …"."""
    kind = int(rng.integers(7))
    letter, digit, relation = pick("xyzabr", rng), pick(_RAISED, rng), pick(_RELATIONS, rng)
    if kind == 0:
        return f"{pick(GREEK, rng)}{pick(('', 'x', 't', 'p', 'T'), rng)} {relation} {_amount(rng)}"
    if kind == 1:
        power = pick(("", "⁻"), rng) + "".join(pick(_RAISED, rng) for _ in range(int(rng.integers(1, 3))))
        return f"{_amount(rng)}{pick((' × ', '·', ' · ', '×'), rng)}10{power}"
    if kind == 2:
        return f"{letter}{digit} {pick('+-=±≈≠', rng)} {pick('xyzabr', rng)}{pick(_RAISED, rng)}"
    if kind == 3:
        of = pick(("2", "x", "(x)", "n", "3", "f"), rng)
        return f"{pick(_FUNCTIONS, rng)}{of} {relation} {_amount(rng)}"
    if kind == 4:
        return f"{pick(_FORMULA_WORDS, rng)} {pick((*_ARROWS, '+', '='), rng)} {pick(_FORMULA_WORDS, rng)}"
    if kind == 5:
        return f"{pick('ABCHNOPSTVRnxk', rng)}{pick(_LOWERED, rng)} = {_amount(rng)} {pick(_UNITS, rng)}"
    second = pick(_RAISED, rng) if chance(rng, 0.3) else ""
    return f"{_amount(rng)}{pick(('', ' '), rng)}{digit}{second}"


def money(rng: np.random.Generator) -> str:
    """An amount in some currency, before or behind it."""
    mark = pick(_CURRENCIES, rng)
    amount = _amount(rng)
    return pick((f"{mark}{amount}", f"{mark} {amount}", f"{amount} {mark}", f"{amount}{mark}"), rng)


def note(words: str, rng: np.random.Generator) -> str:
    """Some words with a bullet, a footnote sign, a section, a trade mark or an ellipsis."""
    kind = int(rng.integers(9))
    if kind == 0:
        return f"{pick(_BULLETS, rng)} {words}"
    if kind == 1:
        return f"{words}{pick(('†', '‡', '¹', '²', '³', '⁴', '®', '™', '*', '…', '°', 'ª', 'º'), rng)}"
    if kind == 2:
        return f"§ {int(rng.integers(1, 400))} {words}" if chance(rng, 0.5) else f"¶ {words}"
    if kind == 3:
        return f"© {int(rng.integers(1950, 2030))} {words}"
    if kind == 4:
        return f"{pick(('¿{}?', '¡{}!', '…{}', '{}…', '№ {}', '{} …'), rng).format(words)}"
    if kind == 5:
        return f"{words} {pick(('–', '—', '·', '•', '¦', '|'), rng)} {_amount(rng)}"
    if kind == 6:
        return f"{words} ({int(rng.integers(1, 90))}{pick(('ª', 'º', '°', '%', '‰'), rng)})"
    if kind == 7:
        return f"{int(rng.integers(1, 90))}º{int(rng.integers(0, 60))}′{int(rng.integers(0, 60))}″ {words}"
    return f"{pick(('✓', '□', '■', '●', '○', '¬'), rng)} {words}"


def any_marks(rng: np.random.Generator) -> str:
    """Characters of all classes in no order, so that none is unknown and no neighbour can be guessed."""
    pool = pick((MARKS, MARKS + GREEK, LATIN_LETTERS, LATIN_LETTERS, CHARACTERS[:-1]), rng)
    drawn = "".join(pick(pool, rng) for _ in range(int(rng.integers(1, 14))))
    return " ".join(drawn) if chance(rng, 0.15) else drawn


def foreign_characters(words: str, rng: np.random.Generator) -> str:
    """`words` with some characters of FOREIGN among them, alone, in a row or within a word."""
    strange = "".join(pick(FOREIGN, rng) for _ in range(int(rng.integers(1, 6))))
    place = int(rng.integers(len(words) + 1)) if chance(rng, 0.3) else words.find(" ") + 1
    return f"{words[:place]}{strange}{' ' if chance(rng, 0.6) else ''}{words[place:]}"


def typographic(text: str, rng: np.random.Generator) -> str:
    """`text` with the quotes and dashes of a book: curved, low, pointed or single; dashes long between words."""
    quotes = pick(("“”", "“”", "“”", "„“", "«»", "‘’", "‹›", "‚‘", "””"), rng)
    drawn: list[str] = []
    inside = False
    for letter in text:
        drawn.append(quotes[inside] if letter == '"' else letter)
        inside ^= letter == '"'
    text = "".join(drawn).replace("'", "’")
    dash = pick((" – ", " — ", "—", " – "), rng)
    text = text.replace(" - ", dash).replace("--", "—")
    return text.replace("...", "…") if chance(rng, 0.5) else text
