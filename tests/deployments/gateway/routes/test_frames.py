"""Which frames count as the same."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from deployments.gateway.routes.frames import fingerprint_of
from segmentation.files.images.decoding import DecodingLimits

LIMITS = DecodingLimits(max_pixels=10**6, max_mb=100.0, max_s=1.0)


def film(text: str, noise_levels: float, seed: int) -> bytes:
    """A frame of 1280 x 720 px with a line of 18 px print, seen by a camera."""
    picture = PIL.Image.new("L", (1280, 720), 210)
    PIL.ImageDraw.Draw(picture).text((400, 340), text, fill=40, font=PIL.ImageFont.load_default(18))
    noise = np.random.default_rng(seed).normal(0.0, noise_levels, (720, 1280))
    file = io.BytesIO()
    seen = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    PIL.Image.fromarray(seen).save(file, "JPEG", quality=80)
    return file.getvalue()


def test_noise_is_no_change_and_one_digit_is() -> None:
    before = fingerprint_of(film("Total 1,203.50", 8.0, 1), LIMITS)
    assert before.matches(fingerprint_of(film("Total 1,203.50", 8.0, 2), LIMITS))
    for other in ("Total 1,208.50", "Total 1,203.60", "Total 1.203.50", "Total 1,203.56"):
        assert not before.matches(fingerprint_of(film(other, 8.0, 3), LIMITS)), other


def test_a_frame_that_is_dear_to_decode_is_compared_by_its_bytes_alone() -> None:
    file = io.BytesIO()
    PIL.Image.new("1", (6000, 5000)).save(file, "PNG")
    generous = DecodingLimits(max_pixels=20_000_000, max_mb=500.0, max_s=6.0)
    one = fingerprint_of(file.getvalue(), generous)
    other = fingerprint_of(file.getvalue() + b"behind the end", generous)
    assert one.grey is None
    assert one.matches(fingerprint_of(file.getvalue(), generous))
    assert not one.matches(other)
