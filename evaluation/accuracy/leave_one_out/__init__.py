"""Accuracy on collections that nothing was fitted to: the tables, and how they are written."""
