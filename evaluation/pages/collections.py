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
MEASURE_ONLY = frozenset({"forms"})
"""Sets to which nothing may be fitted: their terms allow no more than research."""


def collection_of(set_name: str) -> str:
    """A set that no collection names is one of its own."""
    return next((name for name, sets in COLLECTIONS.items() if set_name in sets), set_name)
