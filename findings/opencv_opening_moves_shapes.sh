#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93: opening and closing with a kernel of even length move every shape by one pixel.
#
# What an opening leaves is part of the picture: that is what makes "take the long rules out of a page" or "erase what
# an opening has found" safe. OpenCV erodes and dilates at the same anchor, which for a kernel of four is its third
# pixel, and does not mirror it for the dilation. So the opened shape begins and ends one pixel later than the shape:
# it has a pixel that was never ink, and subtracting it leaves the first pixel of every rule. A closing moves it as
# well. SciPy and scikit-image mirror the kernel, and give the shape itself. Kernels of odd length are alike in all three.
#
# Seen on 2026-11-30 with opencv-python-headless 5.0.0.93, scipy 1.17.1, numpy 2.3.5, Python 3.11:
#   a bar at 5 to 11, kernel of 5: OpenCV opens it to 5 to 11 and closes it to 5 to 11, SciPy to 5 to 11 and 5 to 11
#   a bar at 5 to 11, kernel of 4: OpenCV opens it to 6 to 12 and closes it to 6 to 12, SciPy to 5 to 11 and 5 to 11
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet opencv-python-headless==5.0.0.93 scipy==1.17.1 numpy==2.3.5
cat > "$folder/try.py" <<'PYTHON'
import cv2
import numpy as np
from scipy import ndimage

FIRST, LAST = 5, 11


def ends(picture):
    columns = np.flatnonzero(np.asarray(picture)[1])
    return f"{columns.min()} to {columns.max()}"


seen = {}
for length in (5, 4):
    bar = np.zeros((3, 20), np.uint8)
    bar[1, FIRST : LAST + 1] = 1
    kernel = np.ones((1, length), np.uint8)
    by_opencv = [ends(cv2.morphologyEx(bar, how, kernel)) for how in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE)]
    by_scipy = [ends(how(bar, kernel)) for how in (ndimage.binary_opening, ndimage.binary_closing)]
    seen[length] = by_opencv, by_scipy
    print(
        f"a bar at {ends(bar)}, kernel of {length}: OpenCV opens it to {by_opencv[0]} and closes it to {by_opencv[1]}, "
        f"SciPy to {by_scipy[0]} and {by_scipy[1]}"
    )
itself, moved = [f"{FIRST} to {LAST}"] * 2, [f"{FIRST + 1} to {LAST + 1}"] * 2
if seen != {5: (itself, itself), 4: (moved, itself)}:
    raise SystemExit("this has changed")
PYTHON
"$folder/env/bin/python" "$folder/try.py"
