"""Where the text is on a page: detectors, rotated rectangles, lines."""
