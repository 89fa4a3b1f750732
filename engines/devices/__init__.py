"""How each framework is told its threads and its share of a graphics card, and how large the batches are that it is
given.
"""
