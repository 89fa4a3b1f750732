"""Answers that are kept: of pages that were read before, and of work that several callers wait for."""
