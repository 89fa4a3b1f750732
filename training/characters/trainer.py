"""The training run of the character network: batches, schedule, checkpoints, resume.

The batch of step n is a function of (seed, n) alone: sources are mixed by their shares, real characters are augmented
(training/characters/augmentation.py), junk gets the uniform target (outlier exposure, Hendrycks et al. 2019,
arXiv:1812.04606) so that the network says "I do not know" where no character is. A run that was stopped goes on where
its last epoch ended: weights, optimiser and step are in `resume/`, the history in `history.csv`.

It knows the sources as arrays of prepared glyphs, not where they come from.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.characters.collections import Characters
from evaluation.characters.network import as_input
from training.characters import architectures
from training.characters.augmentation import augmented
from training.characters.synthetic import JUNK_LABEL

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    class RunningAverage(keras.callbacks.Callback):  # type: ignore[misc]
        def restore_weights(self) -> None: ...


CLASSES = architectures.CLASSES
AUGMENTATION_LOST = 0.75
"""Of the strength of augmentation, by the end of a run."""
UNAUGMENTED_SHARE = 0.5
"""Of the characters, by the end of a run: what is augmented was drawn twice, and is softer than any original."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides a run besides its data. An epoch is `steps_per_epoch` batches, not a pass.

    `mixed` is the share of characters that have a weaker other one laid over them. What is validated, kept and served
    is a running average of the weights, which keeps `averaging` of itself at each step.
    """

    architecture: str = "residual"
    seed: int = 62
    epochs: int = 18
    steps_per_epoch: int = 400
    batch_size: int = 128
    peak_rate: float = 2e-3
    warmup_steps: int = 300
    weight_decay: float = 0.02
    smoothing: float = 0.05
    mixed: float = 0.0
    averaging: float = 0.996
    patience_epochs: int = 6
    threads: int = 2

    def __post_init__(self) -> None:
        for name in ("epochs", "steps_per_epoch", "batch_size", "threads", "patience_epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0.0 <= self.smoothing < 0.5:
            raise ValueError(f"smoothing is {self.smoothing}; expected 0 <= smoothing < 0.5")
        if not 0.0 <= self.mixed <= 1.0:
            raise ValueError(f"mixed is {self.mixed}; expected a share, 0 to 1")
        if not 0.0 <= self.averaging < 1.0:
            raise ValueError(f"averaging is {self.averaging}; expected 0 <= averaging < 1")

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True, slots=True)
class Source:
    """A set of training characters. `variation` is the strength of augmentation, 0 for none.

    Shares are relative: `share` at the beginning of a run, `last_share` at its end.
    """

    characters: Characters
    share: float
    last_share: float
    variation: float = 1.0

    def share_at(self, annealing: float) -> float:
        return (1.0 - annealing) * self.share + annealing * self.last_share


def share_of(characters: Characters) -> float:
    """How often a source is drawn.

    It rises slowly with the size and the number of classes: sixty thousand digits must not drown five thousand letters.
    """
    return math.sqrt(len(np.unique(characters.labels))) * math.sqrt(math.sqrt(len(characters)))


def batch(sources: Mapping[str, Source], recipe: Recipe, step: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Batch `step`: ink float32 (B, 28, 28, 1) in [0, 1], and targets float32 (B, 62), rows summing to 1."""
    rng = np.random.default_rng((recipe.seed, step))
    annealing = annealing_at(step, recipe)
    strength = 1.0 - AUGMENTATION_LOST * annealing
    names = sorted(sources)
    shares = np.array([sources[name].share_at(annealing) for name in names])
    chosen = rng.choice(len(names), size=recipe.batch_size, p=shares / shares.sum())
    images = np.zeros((recipe.batch_size, 28, 28), np.uint8)
    labels = np.zeros(recipe.batch_size, np.int64)
    for at, source in enumerate(sources[names[index]] for index in chosen):
        pick = int(rng.integers(len(source.characters)))
        image = source.characters.images[pick]
        as_it_is = not source.variation or rng.random() < UNAUGMENTED_SHARE * annealing
        images[at] = image if as_it_is else augmented(image, rng, strength=strength * source.variation)
        labels[at] = source.characters.labels[pick]
    return _mixed(as_input(images), targets(labels, recipe.smoothing), recipe.mixed, rng)


def _mixed(
    ink: NDArray[np.float32], wanted: NDArray[np.float32], share: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A share of the characters with a weaker other one over them, and as unsure a target (Zhang et al. 2018,
    arXiv:1710.09412): few hands write some sets, and between two of them lies what neither wrote.
    """
    if not share:
        return ink, wanted
    weight = rng.beta(0.3, 0.3, len(ink)).astype(np.float32)
    weight = np.where(rng.random(len(ink)) < share, np.maximum(weight, 1.0 - weight), np.float32(1.0))
    other = rng.permutation(len(ink))
    over = weight[:, None, None, None]
    return over * ink + (1.0 - over) * ink[other], weight[:, None] * wanted + (1.0 - weight[:, None]) * wanted[other]


def targets(labels: NDArray[np.int64], smoothing: float) -> NDArray[np.float32]:
    """Smoothed one-hot rows (N, 62); junk gets the uniform row."""
    uniform = np.full((len(labels), CLASSES), 1.0 / CLASSES, np.float32)
    one_hot = np.eye(CLASSES + 1, CLASSES, dtype=np.float32)[labels]
    smoothed = (1.0 - smoothing) * one_hot + smoothing * uniform
    return np.where((labels == JUNK_LABEL)[:, None], uniform, smoothed).astype(np.float32)


def rate_at(step: float, recipe: Recipe) -> float:
    """The learning rate: a linear rise, then a half cosine down to a thousandth of the peak."""
    if step < recipe.warmup_steps:
        return recipe.peak_rate * (step + 1) / recipe.warmup_steps
    progress = min(1.0, (step - recipe.warmup_steps) / max(1, recipe.total_steps - recipe.warmup_steps))
    return recipe.peak_rate * (0.001 + 0.999 * 0.5 * (1.0 + math.cos(math.pi * progress)))


def annealing_at(step: int, recipe: Recipe) -> float:
    """How far augmentation is annealed, in [0, 1]: 0 for the first 40 % of a run, 1 from 75 % on.

    The last epochs see characters as they are written, not as they might be, and fewer rendered ones.
    """
    progress = step / recipe.total_steps
    return min(1.0, max(0.0, (progress - 0.4) / 0.35))


def train(
    sources: Mapping[str, Source],
    validation: Mapping[str, Characters],
    recipe: Recipe,
    folder: Path,
    *,
    start_from: Path | None = None,
) -> keras.Model:
    """Train, or go on with, the run in `folder`; returns the model with the best validation loss.

    Writes `best.keras`, `history.csv` and `resume/`. A run that has all its epochs is not trained again; with more
    epochs in the recipe it goes on. `start_from` is a .keras file whose weights are the start of a fine-tuning.
    """
    import keras
    import tensorflow as tf

    folder.mkdir(parents=True, exist_ok=True)
    _limit_threads(recipe.threads)
    if len(read_history(folder)) >= recipe.epochs:
        return keras.models.load_model(folder / "best.keras", compile=False)
    if tf.config.list_physical_devices("GPU"):
        keras.mixed_precision.set_global_policy("mixed_float16")
    keras.utils.set_random_seed(recipe.seed)
    model = (
        keras.models.load_model(start_from, compile=False) if start_from else architectures.build(recipe.architecture)
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(_optimizer(recipe), loss, weighted_metrics=["accuracy"])
    model.fit(
        _batches_from(sources, recipe, _steps_done(folder, recipe)),
        epochs=recipe.epochs,
        steps_per_epoch=recipe.steps_per_epoch,
        validation_data=_weighted(validation, recipe),
        shuffle=False,
        callbacks=_callbacks(folder, recipe),
        verbose=2 if folder.joinpath("quiet").exists() else "auto",
    )
    return keras.models.load_model(folder / "best.keras", compile=False)


def _limit_threads(threads: int) -> None:
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:  # TensorFlow has already started, as in a test run: its threads stay as they are
        if "after initialization" not in str(error):
            raise


def _optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    import keras

    optimizer = keras.optimizers.AdamW(recipe.peak_rate, weight_decay=recipe.weight_decay, clipnorm=5.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _callbacks(folder: Path, recipe: Recipe) -> list[keras.callbacks.Callback]:
    import keras

    class Rate(keras.callbacks.Callback):  # type: ignore[misc]
        """Sets the rate by the optimiser's own step count, so that a resumed run continues its curve."""

        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            optimizer = self.model.optimizer
            optimizer.learning_rate = rate_at(int(optimizer.iterations.numpy()), recipe)

    average = _average(folder, recipe)
    best_so_far = min((float(row["val_loss"]) for row in read_history(folder)), default=None)
    return [
        Rate(),
        average,
        keras.callbacks.ModelCheckpoint(
            folder / "best.keras", monitor="val_loss", save_best_only=True, initial_value_threshold=best_so_far
        ),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=recipe.patience_epochs),
        keras.callbacks.CSVLogger(folder / "history.csv", append=bool(best_so_far)),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: average.restore_weights()),
        keras.callbacks.BackupAndRestore(folder / "resume", delete_checkpoint=False),
    ]


def _average(folder: Path, recipe: Recipe) -> RunningAverage:
    """The running average of the weights as a callback; it goes on from `average.npz` when a run is resumed."""
    import keras

    class Average(keras.callbacks.Callback):  # type: ignore[misc]
        """Is in the network from validation to the end of the epoch, so that the average is what is kept as best."""

        def on_train_begin(self, logs: object = None) -> None:
            path = folder / "average.npz"
            self._own: list[NDArray[np.float32]] | None = None
            if path.is_file():
                with np.load(path, allow_pickle=False) as stored:
                    self._mean = [stored[name] for name in stored.files]
            else:
                self._mean = self.model.get_weights()

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            # Fast at first, over a tenth of the steps: with a fixed share the start would be most of it for hundreds.
            share = max(1.0 - recipe.averaging, 10.0 / (int(self.model.optimizer.iterations.numpy()) + 10))
            for mean, now in zip(self._mean, self.model.get_weights(), strict=True):
                mean += np.float32(share) * (now - mean)

        def on_test_begin(self, logs: object = None) -> None:
            self._own = self.model.get_weights()
            self.model.set_weights(self._mean)

        def restore_weights(self) -> None:
            """The network's own weights again, once the epoch's checkpoint is written."""
            if self._own is not None:
                self.model.set_weights(self._own)
            np.savez(folder / "average.npz", *self._mean)

    return Average()


def read_history(folder: Path) -> list[dict[str, str]]:
    """The rows of `history.csv`, none before the first epoch ended."""
    path = folder / "history.csv"
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _steps_done(folder: Path, recipe: Recipe) -> int:
    return len(read_history(folder)) * recipe.steps_per_epoch if (folder / "resume").is_dir() else 0


def _batches_from(sources: Mapping[str, Source], recipe: Recipe, first_step: int) -> tf.data.Dataset:
    """A tf.data set that makes the batches from `first_step` on, some ahead of need."""
    import tensorflow as tf

    def generate() -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        for step in range(first_step, recipe.total_steps):
            yield batch(sources, recipe, step)

    signature = (tf.TensorSpec((None, 28, 28, 1), tf.float32), tf.TensorSpec((None, CLASSES), tf.float32))
    return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(8)


def _weighted(validation: Mapping[str, Characters], recipe: Recipe) -> tuple[NDArray[np.float32], ...]:
    """Validation characters of all sources as one set in which every source weighs the same."""
    sets = [validation[name] for name in sorted(validation)]
    total = sum(len(characters) for characters in sets)
    weights = [np.full(len(c), total / (len(sets) * len(c)), np.float32) for c in sets]
    labels = np.concatenate([c.labels for c in sets])
    images = np.concatenate([c.images for c in sets])
    return as_input(images), targets(labels, recipe.smoothing), np.concatenate(weights)
