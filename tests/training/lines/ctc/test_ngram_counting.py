"""Counting n-grams of characters from texts and pages, up to the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.common.character_ngrams import read_ngrams, symbol
from ocr.errors import InvalidRequest
from training.lines.ctc import ngram_counting
from training.lines.ctc.ngram_counting import Kept, count_grams, main, mixed, read_text, smoothed, text_files

TEI = """<TEI><teiHeader><p>not this</p></teiHeader><text><body>
<p>One <hi>&amp;</hi>
 two.</p><p>“Three”</p></body></text></TEI>"""


def test_of_tei_the_paragraphs_of_the_body_are_read(tmp_path: Path) -> None:
    path = tmp_path / "novel.xml"
    path.write_text(TEI, encoding="utf-8")
    assert read_text(path) == 'One & two. "Three"'


def test_of_a_plain_text_everything_is_read_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("My dear\nHooker\n", encoding="utf-8")
    assert read_text(path) == "My dear Hooker"


def test_a_folder_without_texts_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=str(tmp_path)):
        text_files([tmp_path])


def test_texts_are_counted_alike_in_one_chunk_and_in_many(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["the first text", "the second", "a third text"]
    whole = count_grams([" ".join(texts)], 1)[0]
    monkeypatch.setattr(ngram_counting, "_CHUNK", 1)
    grams, seen = count_grams(texts, 1)[0]
    letters = grams != symbol(" ")  # each chunk begins with a space of its own
    np.testing.assert_array_equal(grams[letters], whole[0][letters])
    np.testing.assert_array_equal(seen[letters], whole[1][letters])


def test_what_is_on_pages_counts_so_many_times() -> None:
    [(grams, seen)] = mixed(count_grams(["a"], 1), count_grams(["ab"], 1), 5)
    assert dict(zip(grams.tolist(), seen.tolist(), strict=True)) == {symbol(" "): 6, symbol("a"): 6, symbol("b"): 5}


def test_what_was_seen_seldom_is_left_to_shorter_contexts() -> None:
    counted = count_grams(["abcabcabcabd"], 3)
    everything, little = smoothed(counted, Kept(0, 0)), smoothed(counted, Kept(contexts=4, grams=0))
    assert len(little[2].contexts) < len(everything[2].contexts)
    assert len(little[1].contexts) == len(everything[1].contexts)


def test_the_command_writes_a_model_of_texts_and_of_pages_to_train_on(tmp_path: Path) -> None:
    texts, pages = tmp_path / "texts", tmp_path / "pages"
    texts.mkdir()
    (texts / "novel.txt").write_text("a text " * 40, encoding="utf-8")
    (pages / "images").mkdir(parents=True)
    rows = [
        {
            "image": f"{index}.png",
            "width": 9,
            "height": 9,
            "lines": [{"polygon": [[0, 0], [9, 0], [9, 9]], "text": "QQQ"}],
        }
        for index in range(20)
    ]
    (pages / "truth.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    out = tmp_path / "models" / "en.npz"
    main(["--texts", str(texts), "--pages", str(pages), "--out", str(out)])
    ngrams = read_ngrams(out)
    after_q = ngrams.log_probabilities(symbol("Q"))
    assert after_q[symbol("Q")] > after_q[symbol("t")]
