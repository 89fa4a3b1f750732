"""People look at words that were read and say what they are.

    asking.py        which words are asked, in which order, and with which chance
    word_index.py    all words of some documents with their doubt, numbered
    review.py        a review as a value: decisions and leases; every change is a pure function
    estimate.py      how many errors are expected to be left, now and after more words

Knows neither HTTP nor Ray nor where reviews are kept: they are kept with their jobs.
"""
