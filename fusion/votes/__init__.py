"""The vote on a line: hypotheses side by side, disputed slots, evidence, winners."""
