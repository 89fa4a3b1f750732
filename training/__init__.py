"""How the bundled weights were made, and how to make your own: `quorum train` and `quorum tune`.

characters    the character network: data, augmentation, architectures, the run, calibration
lines         the line networks: EasyOCR's and that for handwriting (CTC), TrOCR's (encoder and decoder)
votes         profiles: weights, evidence, spelling, cascades, the judge of materials
drawing       what these share: fonts, glyphs, typesetting, handwriting, form pages
"""
