"""Reviews as the Gateway offers them: people correct the words of a job.

    reviews_api.py    make a review, hand out words, keep what people say
    review_words.py   from a page and a number to the word as it is asked
    review_answer.py  how a review is, as the contract says it
    review_files.py   the pictures of pages, and the files that are made of a review
    truth.py          what people said, as ground truth: truth.jsonl, ALTO, PAGE
    label_studio.py   tasks for Label Studio, and what was annotated there
    recent.py         what was used last

Knows no HTTP.
"""
