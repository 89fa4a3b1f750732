"""The confusion network of a line, and what aligning costs."""
