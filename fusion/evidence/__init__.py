"""What is fitted to labelled lines: how much a score, an engine's text and a spelling count."""
