"""The ways in which Tesseract is run: a program for each batch, or processes that stay."""
