"""The pages of a PDF: drawn, with the text that they have, and with a layer of text added."""
