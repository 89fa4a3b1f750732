"""Draws the sample pages of this folder, as a scanner would have seen them: slightly skewed, soft, unevenly lit, noisy.

    python examples/make_pages.py            writes page.png, page.txt, quick.png and quick.txt beside this file

Lengths are pixels of an A4 page at 150 dpi (1240 x 1754), colours are gray in [0, 255] with 0 for ink. The text is
ours, the font is DejaVu Serif as matplotlib carries it (free licence, see NOTICE.md), and the noise comes from a fixed
seed, so that the same versions of Pillow, NumPy and matplotlib draw the same pages again. What reads the pages is not
known here.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

A4_150_DPI = (1240, 1754)
MARGIN_PX = 110
SEED = 20260301
GRAY_LEVELS = 16

LETTER = """\
Harbour & Vale Instruments Ltd.
14 Quayside Road, Bristol BS1 6XN
Telephone 0117 496 0253, orders@harbourvale.example

12 March 2026
Our reference: HV-2026/0347
The Survey Office
Coastal Survey Institute
7 Lighthouse Lane
Falmouth TR11 4JQ

Dear colleagues,
Re: repair of tide gauge no. 58821 (delivered 19 January 2026)

Thank you for returning the gauge to our workshop. We opened it on
2 February and found that salt water had reached the circuit board
through a cracked seal; the float itself, the steel cable and both
bearings are sound. Nothing suggests that the crack was there when
the instrument left us, yet we have seen the same fault twice since
last autumn, and so we will carry half of the cost ourselves.

The work falls into three parts:
(a) a new seal and housing, quoted at £186.40 before tax;
(b) cleaning and drying of the board, 3.5 hours at £62.00 an hour;
(c) calibration against our reference column, from 0 to 8.25 m.

The total comes to £403.40, of which you would pay £201.70. Should
you prefer a replacement, the present model (type Q7, accuracy 0.2%)
costs £1,149.00 and could be sent within 10 working days. Please let
us know by Friday, 27 March, which of the two you would like.

During the test we also read the memory. Of 43,920 values recorded
between 1 October and 31 December, 97.8% were complete; the gaps lie
mostly in the nights of 5 and 6 November, when the mains failed. A
copy of the record is on the card that travels with the gauge (file
TIDE_Q4.csv, 1.6 MB; columns: date, time, level in m, battery). Would
you compare it with your own log? "Two clocks are better than one,"
as our old foreman used to say - and he was rarely wrong.

The certificate (no. 2026-118) will follow by post. If anything is
unclear, call me on extension 42, Monday to Thursday, 9:30 to 16:00.

Yours sincerely,
For the workshop
Instrument repairs

Registered in England since 1987; open to visitors by appointment.
Please quote our reference in every letter, and on the parcel.
Enclosed: 1 memory card, 2 photographs, invoice draft no. 7719
"""

NOTE = """\
Minutes of the reading group, 4 June 2026
Present: four readers, the chair and 9 guests.

1. The minutes of 7 May were accepted without change.
2. The new scanner costs $2,385.50; delivery takes 3 weeks.
3. Box 17 holds 412 letters, of which 268 are dated.
4. Who keeps the key? The chair does, until 30 September.
5. The cellar stays at 16.5 degrees, 48% humidity.

Please bring pencils, not pens: ink stains are forever!
Next meeting: Thursday, 2 July, 18:45, room B-204.
Until then: sort boxes 18-20, and write labels.
Coffee is at the door; cups cost 20 cents (or 0.20 EUR).
Signed: the chair
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page to draw. `skew_degrees` turns it counter-clockwise, as a hasty hand lays it on the glass."""

    name: str
    text: str
    size_px: tuple[int, int]
    font_px: int
    leading_px: int
    skew_degrees: float


SHEETS = (
    Sheet("page", LETTER, A4_150_DPI, font_px=24, leading_px=35, skew_degrees=0.4),
    Sheet("quick", NOTE, (1040, 640), font_px=26, leading_px=42, skew_degrees=-0.3),
)


def font_path() -> Path:
    """DejaVu Serif inside the matplotlib package, found without importing it."""
    package = importlib.util.find_spec("matplotlib")
    if package is None or package.origin is None:
        sys.exit("matplotlib, which carries the font, is not installed: pip install matplotlib")
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSerif.ttf"


def typeset(sheet: Sheet) -> Image.Image:
    """The page as it was printed: black on white, one line of the text a line."""
    page = Image.new("L", sheet.size_px, 255)
    pen = ImageDraw.Draw(page)
    font = ImageFont.truetype(font_path(), sheet.font_px, layout_engine=ImageFont.Layout.BASIC)
    top = MARGIN_PX if sheet.size_px == A4_150_DPI else MARGIN_PX // 2
    for line in sheet.text.splitlines():
        pen.text((MARGIN_PX, top), line, fill=25, font=font)
        top += sheet.leading_px if line else sheet.leading_px // 2
    return page


def scan(page: Image.Image, skew_degrees: float, random: np.random.Generator) -> Image.Image:
    """The page as a scanner saw it, reduced to 16 grays."""
    turned = page.rotate(skew_degrees, Image.Resampling.BICUBIC, fillcolor=255)
    soft = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.6)), dtype=np.float32)  # (H, W) in [0, 255]
    lit = soft * _light(soft.shape[0], soft.shape[1])
    noisy = lit + random.normal(0.0, 2.7, soft.shape) + _dust(soft.shape, random)
    step = 255.0 / (GRAY_LEVELS - 1)
    return Image.fromarray(np.uint8(np.round(np.clip(noisy, 0, 255) / step) * step))


def _light(height: int, width: int) -> NDArray[np.float32]:
    """How much of the light comes back, (H, W): less towards the left edge, where the page lifts off the glass."""
    falloff = np.linspace(0.0, 1.0, width, dtype=np.float32) ** 0.25
    return np.broadcast_to(0.93 + 0.07 * falloff, (height, width))


def _dust(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float32]:
    """Dark specks of a pixel or two, (H, W): what to take away from the gray."""
    specks = (random.random(shape) < 4e-5).astype(np.float32)
    return -120.0 * np.maximum(specks, np.roll(specks, 1, axis=1))


def main() -> None:
    folder = Path(__file__).parent
    for sheet in SHEETS:
        scanned = scan(typeset(sheet), sheet.skew_degrees, np.random.default_rng(SEED))
        grays = scanned.quantize(GRAY_LEVELS)  # 4 bits a pixel
        grays.save(folder / f"{sheet.name}.png", optimize=True, dpi=(150, 150))
        (folder / f"{sheet.name}.txt").write_text(sheet.text)
        print(f"{sheet.name}.png: {(folder / f'{sheet.name}.png').stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
