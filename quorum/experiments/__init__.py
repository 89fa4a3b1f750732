"""What needs training and evaluation together: runs that fit and measure, or measure on what training drew.

character_network   `quorum evaluate cnn`: test characters of collections, EMNIST, held-out fonts and other sources
single_characters   `quorum evaluate characters`: the vote on drawn and left-out characters
"""
