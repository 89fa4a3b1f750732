"""Which fonts synthetic characters are rendered from, and which are kept away from training.

The one place that names them: the Debian packages to install, the families that look handwritten, the printed families
that no training run may see (the printed figure is measured on them), and families that are no use (symbols, outlines,
decoration). Families that are copies of one design (Carlito is Lato, Hack comes from DejaVu Sans Mono) are on the same
side of the split. Single-stroke fonts (SVG, one line where the pen goes) come from Inkscape's package.

This file finds files; it draws nothing.
"""

from __future__ import annotations

import re
import string
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LETTERS_AND_DIGITS = "30-39 41-5a 61-7a"
PRINTABLE_CHARSET = "20-7e"
"""All of ASCII that is printed: what lines are made of."""

HANDWRITING_PACKAGES = (
    "fonts-alee fonts-aoyagi-soseki fonts-beteckna fonts-breip fonts-cherrybomb fonts-comic-neue "
    "fonts-dancingscript fonts-dkg-handwriting fonts-dustin fonts-ecolier-court fonts-femkeklaver "
    "fonts-humor-sans fonts-kaushanscript fonts-kiloji fonts-klee fonts-kouzan-mouhitsu fonts-kristi "
    "fonts-leckerli-one fonts-lemonada fonts-levien-typoscript fonts-lobstertwo fonts-lxgw-wenkai fonts-nanum "
    "fonts-nanum-eco fonts-nanum-extra fonts-opendyslexic fonts-rufscript fonts-seto fonts-sil-andika "
    "fonts-sjfonts fonts-smc-chilanka fonts-staypuft fonts-summersby fonts-tlwg-purisa-ttf fonts-tomsontalks "
    "fonts-unfonts-extra fonts-woowa-bm fonts-yozvox-yozfont fonts-yozvox-yozfont-cute fonts-yusei-magic"
)
PRINT_PACKAGES = (
    "fonts-3270 fonts-adf-accanthis fonts-adf-baskervald fonts-adf-gillius fonts-adf-libris fonts-adf-romande "
    "fonts-adf-universalis fonts-agave fonts-allerta fonts-anonymous-pro fonts-arapey fonts-averia-gwf "
    "fonts-averia-sans-gwf fonts-b612 fonts-cabin fonts-cantarell fonts-cardo fonts-clear-sans fonts-cmu "
    "fonts-comfortaa fonts-compagnon fonts-courier-prime fonts-croscore fonts-crosextra-caladea "
    "fonts-crosextra-carlito fonts-dejavu-core fonts-dejavu-extra fonts-dosis fonts-ebgaramond fonts-elstob "
    "fonts-essays1743 fonts-eurofurence fonts-fanwood fonts-fantasque-sans fonts-firacode fonts-freefont-ttf "
    "fonts-georgewilliams fonts-gfs-didot fonts-gfs-neohellenic fonts-gnutypewriter fonts-go "
    "fonts-goudybookletter fonts-hack fonts-inconsolata fonts-inter fonts-jetbrains-mono fonts-johnsmith-induni "
    "fonts-junction fonts-junicode fonts-jura fonts-karla fonts-klaudia-berenika fonts-lato fonts-league-spartan "
    "fonts-lg-aboriginal fonts-liberation fonts-lindenhill fonts-linuxlibertine fonts-lmodern fonts-manrope "
    "fonts-mmcedar fonts-monofur fonts-mononoki fonts-national-park fonts-noto-mono fonts-ocr-a fonts-ocr-b "
    "fonts-okolaks fonts-oldstandard fonts-open-sans fonts-opendin fonts-osifont fonts-paratype fonts-pc "
    "fonts-play fonts-prociono fonts-quattrocento fonts-quicksand fonts-roadgeek fonts-roboto-unhinted "
    "fonts-routed-gothic fonts-sil-charis fonts-sil-gentiumplus fonts-sora fonts-stix fonts-texgyre "
    "fonts-thai-tlwg-ttf fonts-tiresias fonts-tuffy fonts-uralic fonts-urw-base35 fonts-vollkorn "
    "fonts-yanone-kaffeesatz fonts-yrsa-rasa"
)
STROKE_FONT_PACKAGE = "inkscape"
STROKE_FONT_DIR = Path("/usr/share/inkscape/extensions/svg_fonts")

# Patterns of family names, matched from the start.
_HANDWRITTEN = (
    "AoyagiSoseki|BM Euljiro 10|BM HANNA Air|BM KIRANG|BM YEONSUNG|Because We|Beteckna$|Breip|CMU Classical|"
    "CMU Serif Upright|Caliban|Chancery Uralic|Cherry Bomb|Chilanka|Comic Neue|Cupola|Dancing Script|Delphine|"
    "DkgHandwriting|Domestic Manners|Ecolier|El Abogado|Eunjin Nakseo|Humor Sans|It wasn't me|Junkyard|Kaushan|"
    "Klee One|Kouzan|Kristi|LXGW|Leckerli|Lemonada|Lobster Two|Nanum Brush|Nanum Pen|NanumBarunpen|OpenDyslexic|"
    "Penguin Attack|Purisa|Romande ADF Script|Rufscript|SetoFont|StayPuft|Steve|Summersby|TeX Gyre Chorus|"
    "Tomson Talks|UnPen|UnPilgia|YOz|Yusei Magic|Z003|kiloji|Andika"
)
_HELD_OUT_PRINT = (
    "DejaVu|Hack|Lato|Carlito|Open Sans|Noto|Roboto|PT |EB Garamond|Linux Libertine|Linux Biolinum O|Inconsolata|"
    "Courier Prime|Cantarell|Karla|Vollkorn|Old Standard|Junicode|Gentium|Charis|Quattrocento|Play|Cabin$|B612|"
    "Fira Code|Inter|Manrope|Caladea|Prociono|Gillius|GFS Didot|Cardo|Jura|Comfortaa"
)
_TYPEWRITER = (
    "FreeMono|Nimbus Mono|TeX Gyre Cursor|Tlwg (Mono|Typewriter|Typist|Typo)|CMU Typewriter Text$|Compagnon|Cousine|"
    "Liberation Mono|Latin Modern Mono( Light)?$|Mono Uralic|IndUni-C|Anonymous Pro|OCR|IBM 3270|GWMonospace|Go Mono|"
    "GNUTypewriter|Fantasque|JetBrains|mononoki|monofur|Agave"
)
_BOOK = (
    "FreeSerif|Nimbus Roman|TeX Gyre (Termes|Pagella|Schola|Bonum)$|Tinos|Liberation Serif|CMU Serif$|CMU Concrete|"
    "Latin Modern Roman$|STIX|Roman Uralic|IndUni-(T|P)|C059|P052|Palladio|Schoolbook|Bookman|URW Bookman|Caslon|"
    "Fanwood|Goudy|Linden Hill|Accanthis|Baskervald|Romande ADF|Arapey|Berenika|ElstobD|Essays|Norasi|Kinnari|Rasa|"
    "Yrsa|UnBatang|NanumMyeongjo"
)
_OF_NO_USE = (
    ".*BRK|Standard Symbols|D050000L|Atari|C-64|BM EULJIRO|BM Euljiro ora|Blankenburg|Cabin ?Sketch|Isabella|"
    "Linux Biolinum Keyboard|Px |Solide Mirage|Ubuntu-Title|Wargames|femkeklaver|unifur|Apropal|Go Smallcaps|"
    "Latin Modern Math|Latin Modern .*Caps|Romande ADF Style|STIX Math|SetoFont-ex|DDC|UnJamo|Engadget|"
    "DejaVu Math|okolaks|Bandal|Bangwool|KouzanBrushFontSousyo"
)


@dataclass(frozen=True, slots=True)
class Face:
    """One font file (and index in it) of a family. `handwritten` says what it imitates, `characters` what it has."""

    family: str
    path: Path
    index: int
    handwritten: bool
    characters: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @property
    def typewritten(self) -> bool:
        """Whether every letter is as wide as any other, as typewriters and tills print them."""
        return bool(re.match(_TYPEWRITER, self.family))

    @property
    def bookish(self) -> bool:
        """Whether books are set in it: the letters have serifs."""
        return bool(re.match(_BOOK, self.family))


@dataclass(frozen=True, slots=True)
class StrokeFace:
    """A single-stroke font: for each character its pen paths as an SVG path string, in units of `units_per_em`."""

    family: str
    units_per_em: float
    paths: dict[str, str]


def installed_faces(max_per_family: int = 6, charset: str = _LETTERS_AND_DIGITS) -> list[Face]:
    """Every useful installed face that has all characters of `charset`, at most `max_per_family` of a family, sorted.

    A charset is written as fontconfig does it: hexadecimal code points and ranges of them.

    Raises RuntimeError when fontconfig is missing.
    """
    families: dict[str, list[tuple[Path, int, str]]] = defaultdict(list)
    for line in _fontconfig_lines(charset):
        file, index, family, has = line.split("\t")
        if int(index) < 0x10000 and "aenigma" not in file and not re.match(_OF_NO_USE, family):
            families[family].append((Path(file), int(index), has))
    return [
        Face(family, path, index, bool(re.match(_HANDWRITTEN, family)), characters_in(has))
        for family in sorted(families)
        for path, index, has in sorted(families[family])[:max_per_family]
    ]


def characters_in(charset: str) -> frozenset[str]:
    """The characters of the Basic Multilingual Plane in a charset as fontconfig writes it: "20-7e a3"."""
    ranges = (tuple(int(end, 16) for end in part.split("-")) for part in charset.split())
    return frozenset(chr(code) for ends in ranges if ends[-1] < 0x10000 for code in range(ends[0], ends[-1] + 1))


def faces_in_folder(folder: Path, families: Sequence[str]) -> list[Face]:
    """Handwriting faces of these families in a folder of font files that are named FAMILY.woff2, in their order.

    Raises FileNotFoundError, naming the file, when one is missing.
    """
    paths = [(family, folder / f"{family}.woff2") for family in families]
    for _, path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: python -m training.drawing.web_fonts {folder}")
    listed = _run(["fc-scan", "--format", "%{file}\t%{charset}\n", str(folder)])
    has = dict(line.split("\t") for line in listed if line.count("\t") == 1)
    return [Face(family, path, 0, True, characters_in(has.get(str(path), ""))) for family, path in paths]


def training_faces(charset: str = _LETTERS_AND_DIGITS) -> list[Face]:
    """The faces that training may use."""
    return [face for face in installed_faces(charset=charset) if face.handwritten or not _is_held_out(face)]


def held_out_faces(charset: str = _LETTERS_AND_DIGITS) -> list[Face]:
    """One printed face of each held-out family: training never sees them."""
    faces = installed_faces(max_per_family=1, charset=charset)
    return [face for face in faces if not face.handwritten and _is_held_out(face)]


def _is_held_out(face: Face) -> bool:
    return bool(re.match(_HELD_OUT_PRINT, face.family))


def _fontconfig_lines(charset: str) -> list[str]:
    listed = _run(["fc-list", "--format", "%{file}\t%{index}\t%{family[0]}\t%{charset}\n", f":charset={charset}"])
    return [line for line in listed if line.count("\t") == 3 and not line.startswith("\t")]


def _run(command: Sequence[str]) -> list[str]:
    """The lines that a program of fontconfig prints."""
    try:
        # Not checked: fc-scan ends with 1 when one of the files is no font.
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    except FileNotFoundError as error:
        raise RuntimeError(
            f"{command[0]} is missing: apt-get install fontconfig, and the packages named here"
        ) from error


def stroke_faces(folder: Path = STROKE_FONT_DIR) -> list[StrokeFace]:
    """The single-stroke fonts in `folder` (SVG fonts); none when the package is not installed."""
    return [face for path in sorted(folder.glob("*.svg")) if (face := _read_stroke_face(path)) is not None]


def _read_stroke_face(path: Path) -> StrokeFace | None:
    """The face in an SVG font, or None for black letter and for fonts without all 62 characters."""
    if "Goth" in path.stem:
        return None
    root = ElementTree.parse(path).getroot()  # noqa: S314 - a file of an installed system package
    space = {"svg": "http://www.w3.org/2000/svg"}
    info = root.find(".//svg:font-face", space)
    paths = {
        glyph.get("unicode", ""): glyph.get("d", "")
        for glyph in root.findall(".//svg:glyph", space)
        if glyph.get("unicode", "") in set(ALPHABET) and glyph.get("d")
    }
    if info is None or len(paths) < len(ALPHABET):
        return None
    return StrokeFace(path.stem, float(info.get("units-per-em", "1000")), paths)


def packages() -> Sequence[str]:
    """All Debian packages to install before synthetic characters are made."""
    return [*HANDWRITING_PACKAGES.split(), *PRINT_PACKAGES.split(), STROKE_FONT_PACKAGE]


def by_design(faces: Iterable[Face]) -> tuple[tuple[Face, ...], ...]:
    """The faces of each design together."""
    groups: dict[str, list[Face]] = {}
    for face in faces:
        groups.setdefault(face.family[:3] if face.family.startswith("YOz") else face.family, []).append(face)
    return tuple(tuple(group) for group in groups.values())
