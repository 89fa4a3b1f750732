"""`quorum train MODEL`: train one of the bundled models again, or your own.

    quorum train cnn --collections-dir ../shared/data/characters
    quorum train cnn --idx-dir emnist/ --variant byclass
    quorum train cnn --fine-tune-from cluster/bundled/emnist_cnn --characters-dir my_letters/
    quorum train easyocr --pages my_pages/
    quorum train handwriting --pages my_letters/ --fonts fonts/
    quorum train trocr --pages my_pages/ --ctc-from models/easyocr

When a run was stopped, the same command continues it. It writes a model directory. To use it, set the `model` of the
engine in serve_config.yaml to its path.

Exit codes: 0 the model is written; 1 the data is missing; 2 the command was not understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cluster.weights.models import BUNDLED_DIR, HANDWRITING
from quorum.terminal.output import errors_speak

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from evaluation.characters.collections import Collection
    from training.characters.trainer import Recipe

Variant = Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"]

BUNDLED_EASYOCR = BUNDLED_DIR / "easyocr"
BUNDLED_HAND = BUNDLED_EASYOCR / HANDWRITING

# What both trainings of line readers take.
Pages = Annotated[list[Path], typer.Option(help="Folder of pages with truth.jsonl; may be given several times.")]
OutDir = Annotated[Path, typer.Option(help="Model directory to write.")]
RunDir = Annotated[Path, typer.Option(help="Checkpoint, history, readings; a stopped run continues.")]
CacheDir = Annotated[Path, typer.Option(help="Where synthetic lines are kept.")]
SyntheticLines = Annotated[int, typer.Option(help="Synthetic lines to typeset.")]
SyntheticSeed = Annotated[int, typer.Option(help="Random seed of the synthetic lines.")]
RealShare = Annotated[float, typer.Option(help="Share of real lines among the training lines.")]
HandwrittenShare = Annotated[float, typer.Option(help="Share of handwriting fonts among the synthetic lines.")]
Emphasis = Annotated[
    list[str] | None, typer.Option(metavar="FOLDER=TIMES", help="Use a folder of pages this many times as often.")
]
StartFrom = Annotated[Path | None, typer.Option(help="Model directory whose weights to start from.")]
Lines = Annotated[int, typer.Option(help="Training lines, counting repetitions.")]
PeakRate = Annotated[float, typer.Option(help="Highest learning rate.")]
Seed = Annotated[int, typer.Option(help="Random seed of weights, batches and augmentation.")]
Threads = Annotated[int, typer.Option(help="CPU threads.")]
ModelVersion = Annotated[str, typer.Option(help="The version written into its metadata.")]

group = typer.Typer(no_args_is_help=True, help="Train a model: the bundled ones again, or your own.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="train")


@group.command()
def cnn(
    out: Annotated[Path, typer.Option(help="Where the model directory is written.")] = Path("models/emnist_cnn"),
    run_dir: Annotated[Path, typer.Option(help="Checkpoints and history of the run.")] = Path("runs/emnist_cnn"),
    cache_dir: Annotated[Path, typer.Option(help="Prepared and rendered characters.")] = Path("runs/cache"),
    collections_dir: Annotated[Path | None, typer.Option(help="Folder of .npz collections.")] = None,
    idx_dir: Annotated[Path | None, typer.Option(help="Folder of the original EMNIST or MNIST idx files.")] = None,
    tfds: Annotated[bool, typer.Option("--tfds", help="EMNIST through tensorflow-datasets.")] = False,
    variant: Annotated[Variant, typer.Option(help="Which EMNIST.")] = "byclass",
    characters_dir: Annotated[Path | None, typer.Option(help="Your own: LABEL/*.png, LABEL as A or upper_A.")] = None,
    fine_tune_from: Annotated[Path | None, typer.Option(help="Model directory to start from.")] = None,
    start_share: Annotated[
        float, typer.Option(help="Share of the starting weights in the final ones.", min=0, max=1)
    ] = 0.0,
    synthetic: Annotated[int | None, typer.Option(help="Rendered characters; a multiple of 10000.")] = None,
    stroke_fonts: Annotated[Path | None, typer.Option(help="Folder of single-stroke SVG fonts.")] = None,
    architecture: Annotated[Literal["baseline", "residual"], typer.Option(help="The network.")] = "residual",
    epochs: Annotated[int | None, typer.Option(help="Epochs of --steps-per-epoch batches.")] = None,
    steps_per_epoch: Annotated[int, typer.Option(help="Batches of an epoch.")] = 400,
    batch_size: Annotated[int, typer.Option(help="Characters of a batch.")] = 128,
    peak_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    mixed: Annotated[float, typer.Option(help="Share of characters mixed with another one (mixup).")] = 0.0,
    patience: Annotated[int, typer.Option(help="Epochs without a better validation loss before it stops.")] = 6,
    seed: Annotated[int, typer.Option(help="Random seed of weights, batches and augmentation.")] = 62,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
    model_version: Annotated[str, typer.Option(help="The version written into its metadata.")] = "local",
) -> None:
    """Train the character network on collections, EMNIST files, rendered fonts or your own folder."""
    from training.characters.trainer import Recipe

    with errors_speak():
        recipe = Recipe(
            architecture=architecture,
            seed=seed,
            epochs=epochs or (6 if fine_tune_from else 18),
            steps_per_epoch=steps_per_epoch,
            batch_size=batch_size,
            peak_rate=peak_rate or (3e-4 if fine_tune_from else 2e-3),
            mixed=mixed,
            patience_epochs=patience,
            threads=threads,
        )
        rendered = synthetic if synthetic is not None else (0 if idx_dir or tfds else 120_000)
        origins = _Origins(collections_dir, idx_dir, tfds, variant, characters_dir, rendered, stroke_fonts, cache_dir)
        _train(_collections(origins), recipe, run_dir, out, model_version, fine_tune_from, start_share)


@dataclass(frozen=True, slots=True)
class _Origins:
    """Where the characters come from, as it was typed."""

    collections_dir: Path | None
    idx_dir: Path | None
    tfds: bool
    variant: str
    characters_dir: Path | None
    rendered: int
    stroke_fonts: Path | None
    cache_dir: Path

    def __post_init__(self) -> None:
        if not (self.collections_dir or self.idx_dir or self.tfds or self.characters_dir):
            raise typer.BadParameter("nothing to learn from: --collections-dir, --idx-dir, --tfds or --characters-dir")


def _collections(origins: _Origins) -> list[Collection]:
    """Every origin that was named, prepared and split."""
    from rich.progress import BarColumn, Progress, TextColumn

    from training.characters import datasets
    from training.drawing.fonts import STROKE_FONT_DIR

    found: list[Collection] = []
    with Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}")) as bars:
        report = _reporter(bars)
        if origins.collections_dir:
            found += datasets.from_collections(origins.collections_dir, origins.cache_dir, report)
        if origins.idx_dir:
            found.append(datasets.from_idx(origins.idx_dir, origins.variant, origins.cache_dir, report))
        if origins.tfds:
            found.append(datasets.from_tfds(origins.variant, origins.cache_dir, report))
        if origins.characters_dir:
            found.append(datasets.from_folder(origins.characters_dir))
        if origins.rendered:
            options = datasets.Synthetic(origins.rendered, stroke_fonts=origins.stroke_fonts or STROKE_FONT_DIR)
            found.append(datasets.synthetic(options, origins.cache_dir, report))
    return found


class _reporter:  # noqa: N801 - used as a function
    """Shows how far each preparation is, one bar for each."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=None)
        self._bars.update(self._tasks[what], completed=done)


@contextmanager
def _refused_by_name() -> Iterator[None]:
    """Values refuse at birth what cannot be; who typed it reads why."""
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@group.command()
def easyocr(
    pages: Pages,
    out: OutDir = Path("models/easyocr"),
    run_dir: RunDir = Path("runs/easyocr"),
    cache_dir: CacheDir = Path("runs/cache"),
    synthetic: SyntheticLines = 70_000,
    synthetic_seed: SyntheticSeed = 7,
    real_share: RealShare = 0.36,
    handwritten_share: HandwrittenShare = 0.18,
    emphasis: Emphasis = None,
    hands: Annotated[
        Path | None, typer.Option(help="Folder of handwriting fonts that python -m training.drawing.web_fonts filled.")
    ] = None,
    start_from: StartFrom = None,
    neck: Annotated[Literal["recurrent", "convolutional"], typer.Option(help="The network's neck.")] = "convolutional",
    lines: Lines = 400_000,
    peak_rate: PeakRate = 2e-3,
    seed: Seed = 32,
    threads: Threads = 2,
    model_version: ModelVersion = "local",
) -> None:
    """Train the line network that EasyOCR loads, on true pages and synthetic lines."""
    from training.lines.batches import Shares
    from training.lines.ctc.run import Origins, train_model
    from training.lines.ctc.task import Recipe

    with errors_speak():
        with _refused_by_name():
            recipe = Recipe(neck=neck, lines=lines, peak_rate=peak_rate, seed=seed, threads=threads)
            shares = Shares(real_share, handwritten_share, _emphasis(emphasis or ()))
            origins = Origins(tuple(pages), synthetic, synthetic_seed, cache_dir, shares, hands)
        figures = train_model(
            origins,
            recipe,
            run_dir,
            out,
            version=model_version,
            log=typer.echo,
            report=_lines_set,
            start_from=start_from,
        )
        _tell_rates(figures, out)


@group.command()
def handwriting(
    pages: Pages,
    fonts: Annotated[Path, typer.Option(help="Folder that python -m training.drawing.web_fonts filled.")],
    out: OutDir = Path("models/handwriting"),
    run_dir: RunDir = Path("runs/handwriting"),
    cache_dir: CacheDir = Path("runs/cache"),
    synthetic: SyntheticLines = 20_000,
    synthetic_seed: SyntheticSeed = 11,
    real_share: RealShare = 0.6,
    emphasis: Emphasis = None,
    start_from: StartFrom = BUNDLED_HAND,
    lines: Lines = 400_000,
    minutes: Annotated[
        float | None, typer.Option(help="Learn for so many minutes from now instead of --lines.", min=0.1)
    ] = None,
    peak_rate: PeakRate = 2e-3,
    seed: Seed = 40,
    threads: Threads = 2,
    model_version: ModelVersion = "local",
) -> None:
    """Train the line network for handwriting, which EasyOCR loads too, on letters and lines in handwriting fonts."""
    from training.lines.batches import Shares
    from training.lines.ctc.handwriting_run import Letters, train_model
    from training.lines.ctc.task import HandRecipe
    from training.lines.deadline import Deadline

    with errors_speak():
        pace = Deadline.in_minutes(minutes) if minutes is not None else None
        with _refused_by_name():
            recipe = HandRecipe(lines=lines, peak_rate=peak_rate, seed=seed, threads=threads)
            shares = Shares(real_share, 1.0, _emphasis(emphasis or ()))
            letters = Letters(tuple(pages), synthetic, synthetic_seed, cache_dir, shares, fonts=fonts)
        figures = train_model(
            letters,
            recipe,
            run_dir,
            out,
            version=model_version,
            log=typer.echo,
            report=_lines_set,
            start_from=start_from or BUNDLED_HAND,
            pace=pace,
        )
        _tell_rates(figures, out)


@group.command()
def trocr(
    pages: Pages,
    out: OutDir = Path("models/trocr"),
    run_dir: RunDir = Path("runs/trocr"),
    cache_dir: CacheDir = Path("runs/cache"),
    ctc_from: Annotated[Path, typer.Option(help="EasyOCR's model directory: the network inside.")] = BUNDLED_EASYOCR,
    synthetic: SyntheticLines = 70_000,
    synthetic_seed: SyntheticSeed = 7,
    real_share: RealShare = 0.36,
    handwritten_share: HandwrittenShare = 0.18,
    emphasis: Emphasis = None,
    start_from: StartFrom = None,
    lines: Lines = 100_000,
    frozen_lines: Annotated[int, typer.Option(help="So long the CTC network inside does not learn.")] = 100_000,
    peak_rate: PeakRate = 1.5e-3,
    seed: Seed = 64,
    threads: Threads = 2,
    model_version: ModelVersion = "local",
) -> None:
    """Train the line writer that TrOCR loads, over a CTC network, on true pages and synthetic lines."""
    from training.lines.batches import Shares
    from training.lines.ctc.run import Origins
    from training.lines.trocr.run import train_model
    from training.lines.trocr.task import Recipe

    with errors_speak():
        with _refused_by_name():
            recipe = Recipe(lines=lines, frozen_lines=frozen_lines, peak_rate=peak_rate, seed=seed, threads=threads)
            shares = Shares(real_share, handwritten_share, _emphasis(emphasis or ()))
            origins = Origins(tuple(pages), synthetic, synthetic_seed, cache_dir, shares)
        figures = train_model(
            origins,
            recipe,
            run_dir,
            out,
            version=model_version,
            ctc_from=ctc_from,
            log=typer.echo,
            report=_lines_set,
            start_from=start_from,
        )
        _tell_rates(figures, out)


def _emphasis(given: Iterable[str]) -> dict[str, float]:
    """`FOLDER=TIMES` each. Raises ValueError, naming the one that is not."""
    times = {}
    for entry in given:
        folder, _, number = entry.rpartition("=")
        try:
            times[folder] = float(number)
        except ValueError as error:
            raise ValueError(f"--emphasis {entry} is not FOLDER=TIMES, such as stanford=3") from error
    return times


def _lines_set(done: int) -> None:
    typer.echo(f"{done} synthetic lines typeset")


def _tell_rates(figures: Mapping[str, float], out: Path) -> None:
    for origin, rate in figures.items():
        typer.echo(f"{origin}: {rate:.2%} character errors on test lines")
    typer.echo(f"model written to {out}")


def _train(
    collections: list[Collection],
    recipe: Recipe,
    run_dir: Path,
    out: Path,
    version: str,
    start_from: Path | None,
    start_share: float,
) -> None:
    from training.characters.run import train_model

    start = start_from / "model.keras" if start_from else None
    measured = train_model(
        collections, recipe, run_dir, out, version=version, start_from=start, start_share=start_share
    )
    for name, found in measured.figures.items():
        typer.echo(
            f"{name}: {found.plain:.2%} of 62 classes, {found.case_merged:.2%} case-merged, "
            f"calibration error {found.calibration_error:.3f}, n = {found.n}"
        )
    typer.echo(f"model written to {out}")
