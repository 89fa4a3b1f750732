"""Comb fields: rows of boxes on a form with one character in each. They are found by their rules, not by their ink."""
