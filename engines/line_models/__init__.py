"""The parts of a small VisionEncoderDecoder checkpoint that reads lines at their own width; transformers has none.

engines/trocr.py registers them when it loads, so that `from_pretrained` opens such a checkpoint as it opens
microsoft/trocr-*. Of the modules here line_pictures.py and drafted_decoding.py import no framework; the others import
torch, and most of them transformers. Importing this package imports none of them.
"""

LINE_ENCODER = "quorum-line-encoder"
"""The encoder of line_encoder.py, as config.json names it."""
