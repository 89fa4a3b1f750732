"""How right engines and their vote are. A part of the product: `quorum evaluate` runs it, `quorum tune` and training
stand on it.

pages         pages with ground truth, split into train, tune and test; which of their lines are typed
readings      what engines read on them, kept on disk; lines with their ground truth and every reading
metrics       edits between texts, lines matched by where they lie, the lattice oracle, bootstrap intervals
accuracy      error rates of engines and fusion on pages, calibration, cascades; the report; lines as HTML
characters    collections of single characters, the character network and the vote on them; reports and plots
environment   the commit, machine and versions beside every figure
markdown      pages and tables of reports
"""
