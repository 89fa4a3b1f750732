"""What the easyocr engine does with a network: how a line is given to it, and what comes out."""
