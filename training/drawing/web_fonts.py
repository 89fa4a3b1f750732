"""The handwriting fonts that the handwriting network learns from, and how to get them.

    python -m training.drawing.web_fonts fonts/

fetches each as `FAMILY.woff2` from its package `@fontsource/FAMILY` with npm. All come from Google Fonts; they are
under the SIL Open Font License 1.1, those in APACHE under the Apache License 2.0. A tenth of the families is held out:
how well the network reads hands that it has never seen is measured on them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

_LEARNT = (
    "allura annie-use-your-telescope architects-daughter arizonia babylonica birthstone bonheur-royale butterfly-kids "
    "caramel carattere caveat cedarville-cursive charm comforter comforter-brush coming-soon cookie corinthia "
    "courgette crafty-girls damion dancing-script dekko delicious-handrawn delius dr-sugiyama dynalight "
    "east-sea-dokdo edu-nsw-act-foundation edu-qld-beginner edu-sa-beginner edu-tas-beginner edu-vic-wa-nt-beginner "
    "engagement estonia explora felipa festive fuggles gaegu gamja-flower gloria-hallelujah gochi-hand grand-hotel "
    "grape-nuts great-vibes grechen-fuemen handlee herr-von-muellerhoff hi-melody hurricane imperial-script "
    "indie-flower inspiration island-moments italianno jim-nightshade just-another-hand kalam kaushan-script "
    "kavivanar kolker-brush kristi la-belle-aurore league-script leckerli-one liu-jian-mao-cao long-cang love-light "
    "lovers-quarrel luxurious-script ma-shan-zheng mansalva mea-culpa meddon meie-script meow-script merienda "
    "miss-fajardose montecarlo montez moon-dance mr-bedfort mr-dafoe mrs-saint-delafield ms-madi my-soul mynerve "
    "nanum-brush-script nanum-pen-script nerko-one niconne norican oleo-script oooh-baby over-the-rainbow pacifico "
    "parisienne passions-conflict patrick-hand petit-formal-script pinyon-script playball playpen-sans playwrite-ar "
    "playwrite-at playwrite-au-qld playwrite-au-vic playwrite-br playwrite-ca playwrite-cl playwrite-co playwrite-cz "
    "playwrite-de-grund playwrite-de-sas playwrite-dk-loopet playwrite-es playwrite-fr-moderne playwrite-fr-trad "
    "playwrite-hr playwrite-hu playwrite-ie playwrite-in playwrite-it-moderna playwrite-it-trad playwrite-mx "
    "playwrite-nl playwrite-no playwrite-nz playwrite-pl playwrite-pt playwrite-ro playwrite-us-modern "
    "playwrite-us-trad playwrite-za poor-story princess-sofia puppies-play quintessential qwigley qwitcher-grypen "
    "rancho redressed reenie-beanie romanesco ruge-boogie ruluko ruthie sacramento sassy-frass satisfy sedgwick-ave "
    "send-flowers sevillana shadows-into-light shadows-into-light-two shantell-sans short-stack single-day sofia "
    "sriracha stalemate style-script sue-ellen-francisco sunshiney swanky-and-moo-moo tangerine the-nautigal tillana "
    "twinkle-star updock vibur vujahday-script waiting-for-the-sunrise water-brush waterfall whisper windsong "
    "yellowtail yesteryear yomogi zen-kurenaido zhi-mang-xing"
)
LEARNT = tuple(_LEARNT.split())
"""The families to learn from."""
_HELD_OUT = (
    "alex-brush bad-script bilbo bilbo-swash-caps calligraffitti covered-by-your-grace dawning-of-a-new-day ephesis "
    "gwendolyn homemade-apple licorice loved-by-the-king marck-script mr-de-haviland nothing-you-could-do "
    "rouge-script schoolbell square-peg zeyada the-girl-next-door monsieur-la-doulaise"
)
HELD_OUT = tuple(_HELD_OUT.split())
"""The families that training never sees. Families of one design are on the same side."""
_APACHE = (
    "calligraffitti coming-soon crafty-girls homemade-apple just-another-hand montez rancho redressed satisfy "
    "schoolbell sunshiney yellowtail"
)
APACHE = tuple(_APACHE.split())
"""Of both, those under the Apache License 2.0; all others are under the SIL Open Font License 1.1."""
VERSION = "5.3.0"
VERSIONS = {
    "carattere": "5.2.8",
    "charm": "5.2.7",
    "comforter": "5.2.8",
    "estonia": "5.0.20",
    "imperial-script": "5.2.8",
    "inspiration": "5.2.7",
    "island-moments": "5.2.8",
    "jim-nightshade": "5.1.1",
    "league-script": "5.2.8",
    "ma-shan-zheng": "5.3.1",
    "montecarlo": "5.2.8",
    "moon-dance": "5.0.5",
    "my-soul": "5.1.0",
    "passions-conflict": "5.2.8",
    "playwrite-de-sas": "5.2.7",
    "qwigley": "5.2.8",
    "single-day": "5.3.1",
    "the-nautigal": "5.2.7",
    "tillana": "5.2.8",
    "waterfall": "5.1.1",
}
"""Of the packages that have no VERSION."""


def fetch(family: str, folder: Path) -> Path:
    """The font file of a family in `folder`, fetched when it is not there yet.

    Raises RuntimeError with what npm says when it cannot be had.
    """
    path = folder / f"{family}.woff2"
    if path.is_file():
        return path
    package = f"@fontsource/{family}@{VERSIONS.get(family, VERSION)}"
    with tempfile.TemporaryDirectory() as draft:
        try:
            done = subprocess.run(
                ["npm", "pack", "--json", "--pack-destination", draft, package],
                capture_output=True,
                text=True,
                check=True,
            )
        except FileNotFoundError as error:
            raise RuntimeError("npm is missing: apt-get install npm") from error
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{package}: {error.stderr.strip()}") from error
        packed = Path(draft) / Path(json.loads(done.stdout)[0]["filename"]).name
        path.write_bytes(_file_in(packed, f"package/files/{family}-latin-400-normal.woff2"))
    return path


def _file_in(packed: Path, name: str) -> bytes:
    with tarfile.open(packed) as archive:
        member = archive.extractfile(name)
        if member is None:
            raise RuntimeError(f"{packed.name} holds no file {name}")
        return member.read()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the font files are put")
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for family in (*LEARNT, *HELD_OUT):
        print(fetch(family, folder))


if __name__ == "__main__":
    main()
