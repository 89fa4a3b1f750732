"""The parts of a small VisionEncoderDecoder checkpoint that reads lines at their own width; transformers has none.

engines/trocr.py registers them when it loads, so that `from_pretrained` opens such a checkpoint as it opens
microsoft/trocr-*. The modules here import torch and transformers; importing this package does not.
"""
