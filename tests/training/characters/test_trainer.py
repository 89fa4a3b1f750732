"""The recipe of a run: batches that depend on (seed, step), the schedule, the architectures, and one run end to end."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from evaluation.characters.collections import Characters, Collection, Part
from training.characters.run import sources_of
from training.characters.synthetic import JUNK_LABEL
from training.characters.trainer import Recipe, Source, annealing_at, batch, rate_at, share_of, targets


def characters(count: int, classes: int = 62, seed: int = 0) -> Characters:
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 28, 28), np.uint8)
    for image in images:
        cv2.line(image, tuple(rng.integers(4, 24, 2).tolist()), tuple(rng.integers(4, 24, 2).tolist()), 255, 3)
    return Characters(images, rng.integers(0, classes, count))


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    sources = {"a": Source(characters(50), 1.0, 1.0), "b": Source(characters(50, seed=1), 2.0, 1.0)}
    recipe = Recipe(batch_size=16)
    ink, wanted = batch(sources, recipe, 5)
    again, same = batch(dict(reversed(sources.items())), recipe, 5)
    np.testing.assert_array_equal(ink, again)
    np.testing.assert_array_equal(wanted, same)
    assert not np.array_equal(ink, batch(sources, recipe, 6)[0])
    assert ink.shape == (16, 28, 28, 1)
    assert 0.0 <= ink.min() <= ink.max() <= 1.0


@pytest.mark.parametrize(("step", "zeros_share"), [(0, 0.75), (99, 0.25)])
def test_sources_are_drawn_by_shares_that_change_as_augmentation_is_annealed(step: int, zeros_share: float) -> None:
    zeros = Characters(characters(20).images, np.zeros(20, np.int64))
    ones = Characters(characters(20).images, np.ones(20, np.int64))
    sources = {"zeros": Source(zeros, 3.0, 1.0, variation=0.0), "ones": Source(ones, 1.0, 3.0, variation=0.0)}
    _, wanted = batch(sources, Recipe(epochs=1, steps_per_epoch=100, batch_size=800), step)
    assert (wanted.argmax(axis=1) == 0).mean() == pytest.approx(zeros_share, abs=0.05)


def test_characters_that_are_mixed_stay_mostly_what_they_are_and_say_how_much() -> None:
    zeros = Characters(np.full((20, 28, 28), 0, np.uint8), np.zeros(20, np.int64))
    ones = Characters(np.full((20, 28, 28), 255, np.uint8), np.ones(20, np.int64))
    sources = {"zeros": Source(zeros, 1.0, 1.0, variation=0.0), "ones": Source(ones, 1.0, 1.0, variation=0.0)}
    ink, wanted = batch(sources, Recipe(batch_size=400, mixed=1.0, smoothing=0.0), 3)
    np.testing.assert_allclose(wanted[:, 1], ink.mean(axis=(1, 2, 3)), atol=1e-5)  # as much a 1 as there is ink of one
    np.testing.assert_allclose(wanted.sum(axis=1), 1.0, rtol=1e-5)
    between = (wanted[:, 1] > 0.01) & (wanted[:, 1] < 0.99)
    assert 0.1 < between.mean() < 0.6
    plain = batch(sources, Recipe(batch_size=400, smoothing=0.0), 3)[1]
    assert (wanted.argmax(axis=1) == plain.argmax(axis=1)).all()


def test_the_end_of_a_run_sees_letters_twice_as_often_as_digits_alone_and_fewer_rendered_characters() -> None:
    def collection(name: str, count: int, classes: int) -> Collection:
        return Collection(name, "", {part: characters(count, classes) for part in Part}, 0, 0)

    sources = sources_of([collection("digits", 2000, 10), collection("all", 300, 62), collection("synthetic", 100, 62)])
    first, last = ({name: source.share_at(annealing) for name, source in sources.items()} for annealing in (0.0, 1.0))
    assert first["all"] > first["digits"]
    assert last["all"] == pytest.approx(2 * last["digits"])
    for shares, rendered in ((first, 0.28), (last, 0.15)):
        assert shares["synthetic"] / sum(shares.values()) == pytest.approx(rendered)


def test_a_large_set_of_digits_does_not_drown_a_small_one_of_all_classes() -> None:
    digits, letters = characters(6000, classes=10), characters(500)
    assert share_of(letters) > share_of(digits)


def test_targets_are_smoothed_and_junk_is_uniform() -> None:
    rows = targets(np.array([3, JUNK_LABEL]), 0.1)
    np.testing.assert_allclose(rows.sum(axis=1), 1.0, rtol=1e-5)
    assert rows[0, 3] == pytest.approx(0.9 + 0.1 / 62)
    np.testing.assert_allclose(rows[1], 1 / 62)


def test_the_rate_rises_then_falls_to_almost_nothing() -> None:
    recipe = Recipe(epochs=10, steps_per_epoch=100, warmup_steps=50, peak_rate=1e-3)
    rates = [rate_at(step, recipe) for step in range(recipe.total_steps + 1)]
    assert max(rates) == pytest.approx(1e-3, rel=0.03)
    assert rates.index(max(rates)) in (49, 50)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[50:]))
    assert rates[-1] < 1e-5


def test_augmentation_is_full_at_first_and_annealed_at_the_end() -> None:
    recipe = Recipe(epochs=10, steps_per_epoch=100)
    annealing = [annealing_at(step, recipe) for step in range(recipe.total_steps + 1)]
    assert annealing[:400] == [0.0] * 400
    assert annealing[750:] == [1.0] * 251
    assert all(later >= earlier for earlier, later in itertools.pairwise(annealing))


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"batch_size": 0}, {"smoothing": 0.7}, {"mixed": 1.5}, {"averaging": 1.0}]
)
def test_a_recipe_refuses_nonsense(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Recipe(**wrong)


def write_emnist(folder: Path, text: str, copies: int) -> None:
    """An EMNIST ByClass in small: each character of `text`, `copies` times by different hands, stored transposed."""
    from training.drawing.fonts import ALPHABET

    rng = np.random.default_rng(11)
    for part, count in (("train", copies), ("test", max(2, copies // 4))):
        images, labels = [], []
        for character in text * count:
            image = np.zeros((28, 28), np.uint8)
            cv2.putText(image, character, (5, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)
            matrix = np.eye(2, 3) + np.hstack([rng.normal(0, 0.08, (2, 2)), rng.normal(0, 1, (2, 1))])
            images.append(cv2.warpAffine(image, matrix, (28, 28)).T)
            labels.append(ALPHABET.index(character))
        for what, array in (("images-idx3", np.stack(images)), ("labels-idx1", np.array(labels, np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"emnist-byclass-{part}-{what}-ubyte").write_bytes(header + array.tobytes())


@pytest.mark.engines
@pytest.mark.parametrize(("name", "parameters"), [("baseline", 312_350), ("residual", 254_206)])
def test_architectures_have_their_size_and_answer_62_classes(name: str, parameters: int) -> None:
    from training.characters import architectures

    model = architectures.build(name)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 62)


def test_an_unknown_architecture_names_the_known_ones() -> None:
    from training.characters import architectures

    with pytest.raises(ValueError, match="baseline, residual"):
        architectures.build("transformer")


@pytest.mark.engines
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3 with numpy 2
@pytest.mark.timeout(400)
def test_the_byclass_recipe_runs_end_to_end_resumes_is_measured_served_and_fine_tuned(tmp_path: Path) -> None:
    import typer

    from engines.emnist_cnn import load
    from ocr import Crop, LoadOptions, Scope
    from quorum.cli import evaluate, train

    app = typer.Typer()
    train.register(app)
    evaluate.register(app)
    idx_dir, model, run = tmp_path / "idx", tmp_path / "model", tmp_path / "run"
    idx_dir.mkdir()
    write_emnist(idx_dir, "7Ab", 60)
    common = ["--idx-dir", str(idx_dir), "--cache-dir", str(tmp_path / "cache")]
    first = ["train", "cnn", *common, "--out", str(model), "--run-dir", str(run), "--batch-size", "32"]
    sizes = ["--steps-per-epoch", "12", "--peak-rate", "0.004", "--model-version", "9"]

    def invoke(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    def about_now() -> dict[str, Any]:
        return json.loads((model / "metadata.json").read_text())

    invoke(*first, *sizes, "--epochs", "2")
    rows_before = (run / "history.csv").read_text().count("\n")
    about = about_now()
    assert about["trained_on"][0]["name"] == "emnist_byclass"
    assert about["trained_on"][0]["test"] == 45
    assert about["recipe"]["seed"] == 62
    assert (model / "model.keras").stat().st_size < 6_000_000

    invoke(*first, *sizes, "--epochs", "7")
    assert rows_before < (run / "history.csv").read_text().count("\n")

    figures = tmp_path / "figures.json"
    invoke(
        "evaluate", "cnn", "--model", str(model), *common, "--json", str(figures), "--plots", str(tmp_path / "plots")
    )
    assert json.loads(figures.read_text())["emnist_byclass"]["plain"] > 0.8
    pictures = ["reliability.png", "confusion-emnist_byclass.png", "errors-emnist_byclass.png"]
    for drawn in [run / "history.png", *(tmp_path / "plots" / name for name in pictures)]:
        assert cv2.imread(str(drawn)) is not None, drawn

    picture = np.full((80, 80, 3), 255, np.uint8)
    cv2.putText(picture, "A", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.8, (0, 0, 0), 4, cv2.LINE_AA)
    (answer,) = load(LoadOptions(model=model)).read([Crop.whole(picture, Scope.CHARACTER)])
    assert answer.text == "A"

    own = tmp_path / "own"
    for name, text in (("upper_K", "K"), ("lower_r", "r")):
        (own / name).mkdir(parents=True)
        for at in range(12):
            drawn = np.full((48, 48), 255, np.uint8)
            cv2.putText(drawn, text, (8 + at % 4, 38), cv2.FONT_HERSHEY_DUPLEX, 1.0 + at / 30, 0, 2, cv2.LINE_AA)
            assert cv2.imwrite(str(own / name / f"{at}.png"), drawn)
    tuned = ["--characters-dir", str(own), "--fine-tune-from", str(model), "--synthetic", "0", "--epochs", "1"]
    tuned += ["--start-share", "0.25"]
    folders = ["--out", str(tmp_path / "tuned"), "--run-dir", str(tmp_path / "run2"), "--steps-per-epoch", "5"]
    invoke("train", "cnn", *tuned, *folders, "--cache-dir", str(tmp_path / "cache"))
    tuned_card = json.loads((tmp_path / "tuned" / "metadata.json").read_text())
    assert tuned_card["trained_on"][0]["name"] == "own"
    assert tuned_card["started_from"] == about_now()["files"]["model.keras"]
    assert tuned_card["start_share"] == 0.25


@pytest.mark.engines
def test_a_network_that_reads_bars_as_digits_is_leant_to_the_letter_and_says_how_far() -> None:
    import keras

    from evaluation.characters.network import logits_of
    from training.characters.run import shift_classes

    inputs = keras.Input((28, 28, 1))
    logits = keras.layers.Dense(62, kernel_initializer="zeros", name="logits")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, logits)
    bias = np.full(62, -9.0, np.float32)
    bias[[1, 18]] = [0.6, 0.0]  # a bar is read as 1, and next as I
    kernel, _ = model.get_layer("logits").get_weights()
    model.get_layer("logits").set_weights([kernel, bias])
    bars = Characters(characters(40).images, np.full(40, 18))
    shifts = shift_classes(model, [Collection("letters", "", dict.fromkeys(Part, bars), 0, 0)])
    found = logits_of(model, bars)[0]
    assert found.argmax() == 18
    np.testing.assert_allclose(found - bias, list(shifts.values()), atol=1e-3)


@pytest.mark.engines
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras 3 with numpy 2
def test_a_network_is_brought_back_towards_its_start_by_the_share(tmp_path: Path) -> None:
    import keras

    from training.characters.run import interpolate_weights

    def network(value: float) -> keras.Model:
        inputs = keras.Input((2,))
        model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
        model.set_weights([np.full_like(weights, value) for weights in model.get_weights()])
        return model

    network(1.0).save(tmp_path / "start.keras")
    later = network(5.0)
    interpolate_weights(later, tmp_path / "start.keras", 0.25)
    assert all((weights == 4.0).all() for weights in later.get_weights())
