"""Whose vote counts how much: weights, thresholds, tuned profiles and cascades."""
