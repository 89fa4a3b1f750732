#!/usr/bin/env bash
# Pillow 13.0.0 (libwebp 1.6.0): to decode a still WEBP in RGB takes about four times the memory of the picture that comes
# out; OpenCV 5.0.0, with the same libwebp, takes less than half of that.
#
# Pillow opens every WEBP with libwebp's decoder of animations, which holds two canvases with opacity (eight bytes a
# pixel); Pillow copies a frame out of it as bytes (four more) and makes its picture of those (four more, an RGB picture
# of Pillow has four). So a photograph of 48 megapixels takes 768 MB, and a service that bounds memory by the size of
# the picture is wrong by a factor of four. A JPEG of the same size takes four bytes a pixel.
#
# Seen on 2026-11-30 with pillow 13.0.0, opencv-python-headless 5.0.0, Python 3.11 on Linux, with a WEBP of 12 megapixels:
#   pillow: 12 to 18 bytes a pixel
#   opencv: less than 8 bytes a pixel
#   pillow, the same as JPEG: less than 8 bytes a pixel
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet pillow==13.0.0 opencv-python-headless==5.0.0.93 numpy==2.4.0
cat > "$folder/try.py" <<'PYTHON'
import subprocess
import sys

WIDTH, HEIGHT = 4000, 3000

DECODE = {
    "pillow": "import PIL.Image; warm = PIL.Image.open(sys.argv[2]).load(); before = peak(); PIL.Image.open(sys.argv[1]).load()",
    "opencv": "import cv2; warm = cv2.imread(sys.argv[2]); before = peak(); kept = cv2.imread(sys.argv[1])",
}
CHILD = """
import re, sys

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])

{}
print(peak() - before)
"""


def bytes_a_pixel(decoder, kind):
    command = [sys.executable, "-c", CHILD.format(DECODE[decoder]), f"{sys.argv[1]}/large.{kind}", f"{sys.argv[1]}/small.{kind}"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / (WIDTH * HEIGHT)


def make():
    import numpy as np
    import PIL.Image

    tile = np.random.default_rng(1).integers(0, 256, (100, 100, 3)).astype(np.uint8)
    for name, across, down in (("large", WIDTH, HEIGHT), ("small", 100, 100)):
        picture = PIL.Image.fromarray(np.tile(tile, (down // 100, across // 100, 1)))
        picture.save(f"{sys.argv[1]}/{name}.webp", quality=50, method=0)
        picture.save(f"{sys.argv[1]}/{name}.jpg", quality=50)


def in_words(value):
    return "12 to 18 bytes a pixel" if 12 <= value <= 18 else "less than 8 bytes a pixel" if value < 8 else f"{value:.1f} bytes a pixel"


make()
figures = [bytes_a_pixel("pillow", "webp"), bytes_a_pixel("opencv", "webp"), bytes_a_pixel("pillow", "jpg")]
print(figures, file=sys.stderr)
for name, value in zip(("pillow", "opencv", "pillow, the same as JPEG"), figures, strict=True):
    print(f"{name}: {in_words(value)}")
PYTHON
"$folder/env/bin/python" "$folder/try.py" "$folder" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
