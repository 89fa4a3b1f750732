"""Steps that clean an image before it is read, and pipelines of them.

A step is a frozen value with its parameters; called with RGB uint8 (H, W, 3) it returns a new array of the same kind,
and of the same shape unless its name is "resize". Steps that work on brightness leave colour alone. A `Pipeline` is a
row of steps that is changed by making a new one. Lengths are pixels, levels are grey levels of 0 to 255. Nothing
here knows lines, engines or requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.errors import OutOfRange
from ocr.image import Pixels
from segmentation.ink import Luma, gray, histogram, percentiles

LOW_CONTRAST = 0.25
"""Below this `contrast`, a pipeline of any profile gets CLAHE with clip 4."""

_STRIP_ROWS = 256


class Step(Protocol):
    """One change of an image."""

    @property
    def name(self) -> str:
        """The name under which the step is registered."""

    def __call__(self, pixels: Pixels) -> Pixels:
        """The changed copy; `pixels` stays as it is."""


def _on_luma(pixels: Pixels, change: Callable[[Luma], NDArray[np.generic]]) -> Pixels:
    """Change the brightness of `pixels` as `change` changes its luma; the differences between the channels stay."""
    before = gray(pixels)
    after = change(before)  # (H, W) uint8
    changed = np.empty_like(pixels)
    for top in range(0, len(pixels), _STRIP_ROWS):  # of a large page, four copies in colour are too much
        rows = slice(top, top + _STRIP_ROWS)
        brighter = cv2.cvtColor(cv2.subtract(after[rows], before[rows]), cv2.COLOR_GRAY2RGB)
        darker = cv2.cvtColor(cv2.subtract(before[rows], after[rows]), cv2.COLOR_GRAY2RGB)
        changed[rows] = cv2.subtract(cv2.add(pixels[rows], brighter), darker)
    return changed


def _require(condition: bool, step: Step, wish: str) -> None:
    if not condition:
        raise OutOfRange(f"preprocessing step {step} is not possible", f"give {wish}")


@dataclass(frozen=True, slots=True)
class Denoise:
    """Median of `size_px` x `size_px` pixels: takes out specks smaller than half of that."""

    name: ClassVar[str] = "denoise"
    size_px: int = 3

    def __post_init__(self) -> None:
        _require(self.size_px in (3, 5, 7), self, "size_px 3, 5 or 7")

    def __call__(self, pixels: Pixels) -> Pixels:
        return np.asarray(cv2.medianBlur(pixels, self.size_px), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Contrast-limited adaptive histogram equalisation (CLAHE) of the brightness, on `tiles` x `tiles` fields.

    `clip` is how many times its even share a brightness may get (Zuiderveld 1994, Graphics Gems IV).
    """

    name: ClassVar[str] = "contrast"
    clip: float = 2.0
    tiles: int = 8

    def __post_init__(self) -> None:
        _require(0.0 < self.clip <= 40.0 and 1 <= self.tiles <= 64, self, "0 < clip <= 40 and 1 <= tiles <= 64")

    def __call__(self, pixels: Pixels) -> Pixels:
        return _on_luma(pixels, cv2.createCLAHE(self.clip, (self.tiles, self.tiles)).apply)


@dataclass(frozen=True, slots=True)
class Normalise:
    """Stretch the brightness so that the darkest and the brightest `percent` of the pixels are black and white."""

    name: ClassVar[str] = "normalise"
    percent: float = 0.5

    def __post_init__(self) -> None:
        _require(0.0 <= self.percent < 50.0, self, "0 <= percent < 50")

    def __call__(self, pixels: Pixels) -> Pixels:
        low, high = percentiles(gray(pixels), self.percent, 100.0 - self.percent)
        if high <= low:
            return pixels.copy()
        stretched = (np.arange(256) - low) / (high - low) * 255
        return _looked_up(pixels, stretched)


@dataclass(frozen=True, slots=True)
class Resize:
    """Scale the image so that its longer side is at most `max_side_px` and at least `min_side_px`."""

    name: ClassVar[str] = "resize"
    max_side_px: int = 3500
    min_side_px: int = 1

    def __post_init__(self) -> None:
        _require(1 <= self.min_side_px <= self.max_side_px, self, "1 <= min_side_px <= max_side_px")

    def __call__(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        longer = max(height, width)
        scale = min(max(longer, self.min_side_px), self.max_side_px) / longer
        if scale == 1.0:
            return pixels.copy()
        size = max(1, round(width * scale)), max(1, round(height * scale))
        smooth = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(pixels, size, interpolation=smooth), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Threshold:
    """Black where a pixel is more than `offset` levels darker than its surroundings of `window_px`, else white."""

    name: ClassVar[str] = "threshold"
    window_px: int = 41
    offset: float = 15.0

    def __post_init__(self) -> None:
        _require(self.window_px >= 3 and self.window_px % 2 == 1, self, "an odd window_px of at least 3")

    def __call__(self, pixels: Pixels) -> Pixels:
        # The box mean is as good as a Gaussian one for text and ten times faster.
        black_and_white = cv2.adaptiveThreshold(
            gray(pixels), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, self.window_px, self.offset
        )
        return np.asarray(cv2.cvtColor(black_and_white, cv2.COLOR_GRAY2RGB), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Bilateral:
    """Smooth the brightness without blurring edges (Tomasi and Manduchi 1998, ICCV).

    `sigma_levels` is the difference in brightness below which neighbours within `size_px` are mixed.
    """

    name: ClassVar[str] = "bilateral"
    size_px: int = 5
    sigma_levels: float = 40.0
    sigma_px: float = 2.0

    def __post_init__(self) -> None:
        _require(1 <= self.size_px <= 15, self, "1 <= size_px <= 15")
        _require(self.sigma_levels > 0 and self.sigma_px > 0, self, "sigmas above 0")

    def __call__(self, pixels: Pixels) -> Pixels:
        return _on_luma(pixels, lambda luma: cv2.bilateralFilter(luma, self.size_px, self.sigma_levels, self.sigma_px))


@dataclass(frozen=True, slots=True)
class NonLocalMeans:
    """Replace each pixel by the mean of pixels whose surroundings look alike (Buades et al. 2005, CVPR).

    `strength_levels` is about the standard deviation of the noise that goes; a patch has `patch_px`, and is looked for
    within `search_px`. The cost grows with the square of `search_px`: 0.4 s a megapixel at 11, 1.2 s at OpenCV's 21.
    """

    name: ClassVar[str] = "non_local_means"
    strength_levels: float = 12.0
    patch_px: int = 5
    search_px: int = 11

    def __post_init__(self) -> None:
        _require(self.strength_levels > 0, self, "strength_levels above 0")
        _require(self.patch_px in (3, 5, 7) and self.search_px in range(5, 32, 2), self, "patch 3 to 7, search 5 to 31")

    def __call__(self, pixels: Pixels) -> Pixels:
        return _on_luma(
            pixels,
            lambda luma: cv2.fastNlMeansDenoising(luma, None, self.strength_levels, self.patch_px, self.search_px),
        )


@dataclass(frozen=True, slots=True)
class Sharpen:
    """Unsharp masking: add `amount` times the difference to the image blurred by `radius_px`."""

    name: ClassVar[str] = "sharpen"
    amount: float = 0.8
    radius_px: float = 1.5

    def __post_init__(self) -> None:
        _require(0.0 < self.amount <= 10.0 and 0.0 < self.radius_px <= 50.0, self, "amount to 10, radius_px to 50")

    def __call__(self, pixels: Pixels) -> Pixels:
        blurred = cv2.GaussianBlur(pixels, (0, 0), self.radius_px)
        return np.asarray(cv2.addWeighted(pixels, 1 + self.amount, blurred, -self.amount, 0), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Gamma:
    """Raise the brightness in [0, 1] to the power `gamma`: above 1 darkens, which brings out faint ink."""

    name: ClassVar[str] = "gamma"
    gamma: float = 1.5

    def __post_init__(self) -> None:
        _require(0.05 <= self.gamma <= 20.0, self, "0.05 <= gamma <= 20")

    def __call__(self, pixels: Pixels) -> Pixels:
        return _looked_up(pixels, (np.arange(256) / 255) ** self.gamma * 255)


def _looked_up(pixels: Pixels, levels: NDArray[np.floating]) -> Pixels:
    """Each level of `pixels` replaced by its entry in `levels` (256,)."""
    table = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, table), dtype=np.uint8)


STEPS: dict[str, Callable[[], Step]] = {
    step.name: step
    for step in (Denoise, Contrast, Normalise, Resize, Threshold, Bilateral, NonLocalMeans, Sharpen, Gamma)
}
"""What a request can name; each makes the step with its default parameters."""


def step_named(name: str) -> Step:
    """The registered step `name` with its default parameters; OutOfRange if there is none."""
    if name not in STEPS:
        raise OutOfRange(f"there is no preprocessing step {name!r}", f"known steps: {', '.join(sorted(STEPS))}")
    return STEPS[name]()


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Steps in the order in which they are applied. The same step may stand in it twice."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def named(cls, names: Sequence[str]) -> Pipeline:
        """The registered steps `names` in that order; OutOfRange if one is unknown."""
        return cls(tuple(step_named(name) for name in names))

    def __call__(self, pixels: Pixels) -> Pixels:
        """RGB uint8 (H, W, 3) after all steps; the same array if there are none."""
        for step in self.steps:
            pixels = step(pixels)
        return pixels

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)

    def add(self, step: Step | str, position: int | None = None) -> Pipeline:
        """With `step` (or the registered step of that name) before the present step `position`; None: at the end."""
        position = len(self.steps) if position is None else position
        if not 0 <= position <= len(self.steps):
            raise OutOfRange(f"position {position} in a pipeline of {len(self.steps)} steps", "count from 0")
        new = step_named(step) if isinstance(step, str) else step
        return Pipeline((*self.steps[:position], new, *self.steps[position:]))

    def remove(self, name: str) -> Pipeline:
        """Without any step `name`; OutOfRange if there is none."""
        self._place(name)
        return Pipeline(tuple(step for step in self.steps if step.name != name))

    def replace(self, name: str, step: Step | str) -> Pipeline:
        """With `step` in the place of the first step `name`; OutOfRange if there is none."""
        place = self._place(name)
        new = step_named(step) if isinstance(step, str) else step
        return Pipeline((*self.steps[:place], new, *self.steps[place + 1 :]))

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise OutOfRange(f"the pipeline has no step {name!r}", f"its steps: {', '.join(self.names) or 'none'}")
        return self.names.index(name)


PROFILES: dict[str, Pipeline] = {
    "general": Pipeline(),
    "printed": Pipeline(),
    "handwritten": Pipeline(),
    "noisy": Pipeline((Bilateral(), NonLocalMeans())),
}
"""What a profile brings when a request names no steps. Clean pages are read best as they are."""


def pipeline_for(pixels: Pixels, profile: str = "general", asked: Sequence[str] | None = None) -> Pipeline:
    """The steps for one image: those that were `asked` for, else the profile's, plus CLAHE where contrast is low.

    Steps asked for by name are taken as they are, and nothing is added to them.

    Raises:
        OutOfRange: an unknown step or profile.
    """
    if asked is not None:
        return Pipeline.named(asked)
    if profile not in PROFILES:
        raise OutOfRange(f"there is no profile {profile!r}", f"known profiles: {', '.join(PROFILES)}")
    pipeline = PROFILES[profile]
    return pipeline.add(Contrast(clip=4.0)) if contrast(pixels) < LOW_CONTRAST else pipeline


def contrast(pixels: Pixels) -> float:
    """How far ink and paper are apart, in [0, 1]: the difference of the mean brightness on both sides of Otsu's
    threshold (Otsu 1979, IEEE SMC 9). It does not depend on how much is written.
    """
    luma = gray(pixels)
    threshold, _ = cv2.threshold(luma, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    counts = histogram(luma)
    levels = np.arange(256)
    dark = levels <= threshold
    if not counts[dark].any() or not counts[~dark].any():
        return 0.0
    means = [float(np.average(levels[side], weights=counts[side])) for side in (dark, ~dark)]
    return (means[1] - means[0]) / 255
