"""From the bytes of a file to pixels: one image, or the pages of a document."""
