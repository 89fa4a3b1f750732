"""Which sets of pages are of one source, and what may be done with them.

Pages of one source are alike: the same typewriters, the same scanner, the same rules of transcription. What was fitted
to one of its sets is known to the others, so a measurement on pages that nothing was fitted to leaves out the source.
"""

from __future__ import annotations

COLLECTIONS = {
    "ehri": ("ehri", "german", "czech", "danish", "slovak"),
    "fondue": ("fondue", "french", "spanish", "italian"),
    "sroie": ("sroie",),
    "stanford": ("stanford",),
    "hooker": ("hooker",),
    "tapuscorpus": ("tapuscorpus",),
    "forms": ("forms",),
}
LEARNT = frozenset({"ehri", "fondue", "sroie", "stanford"})
"""Sets from whose `Split.TRAIN` the bundled networks learnt to read."""
TEST_PAGES_ONLY = LEARNT | {"hooker"}
"""Sets of which only `Split.TEST` is measured. From hooker's other letters the network for handwriting learns."""
MEASURE_ONLY = frozenset({"forms", "hooker"})
"""Sets to which no profile may be fitted: the terms of forms allow no more than research, and what is made from hooker
must be shared alike, as the bundled profiles are not.
"""


def collection_of(set_name: str) -> str:
    """A set that no collection names is one of its own."""
    return next((name for name, sets in COLLECTIONS.items() if set_name in sets), set_name)
