#!/usr/bin/env bash
# openvino 2026.4.1 on a CPU: a network of dynamic width grows with each width that it has not seen, though it has read
# a wider line before.
#
# One would think that the widest line decides how much memory a recognition network takes. The CPU plugin keeps what
# it prepared for each shape: 400 widths of lines add more than 100 MB to a network of 0.6 million parameters, and a
# second pass over the same widths adds nothing. The option CPU_RUNTIME_CACHE_CAPACITY bounds it, but whoever asks the
# device for its properties does not find it there. Rounding widths up to a multiple of some pixels bounds it too.
#
# Seen on 2026-11-30 with openvino 2026.4.1, numpy 2.4.0, Python 3.11 on Linux (x86-64), one thread, float32:
#   after a line of 1600 px, 400 lines of at most 1600 px, each of another width: more than 100 MB more
#   the same lines again: less than 20 MB more
#   all of them rounded up to a multiple of 64 px: less than half of that
#   all of them, CPU_RUNTIME_CACHE_CAPACITY=10: less than half of that
#   the device says that it has this option: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet openvino==2026.4.1 numpy==2.4.0
cat > "$folder/try.py" <<'PYTHON'
import re
import subprocess
import sys

import numpy as np

WIDEST = 1600
WIDTHS = range(4, WIDEST + 1, 4)
LAYERS = ((32, (2, 2)), (64, (2, 1)), (128, (2, 1)), (128, (2, 1)), (128, (3, 1)))
"""Channels and strides of each convolution; they take a strip of 48 rows down to one."""
CLASSES = 2000


def resident_mb():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\s*(\d+)", status.read())[1]) / 1024


def network():
    """Convolutions and a layer of classes for each step of the width, as networks that read lines have."""
    import openvino as ov
    from openvino import opset13 as ops

    random = np.random.default_rng(1)
    pixels = found = ops.parameter(ov.PartialShape([-1, 3, 48, -1]), np.float32, name="pixels")
    channels = 3
    for wanted, strides in LAYERS:
        weights = random.normal(0, (2 / (9 * channels)) ** 0.5, (wanted, channels, 3, 3)).astype(np.float32)
        found = ops.relu(ops.convolution(found, ops.constant(weights), list(strides), [1, 1], [1, 1], [1, 1]))
        channels = wanted
    found = ops.transpose(ops.squeeze(found, ops.constant(np.array([2]))), ops.constant(np.array([0, 2, 1])))
    weights = random.normal(0, 0.2, (channels, CLASSES)).astype(np.float32)
    found = ops.softmax(ops.matmul(found, ops.constant(weights), False, False), 2)
    return ov.Model([found], [pixels], "lines")


def growth(multiple, options):
    """MB that the lines add after the widest, and that they add once more."""
    import openvino as ov

    settings = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32", **options}
    request = ov.Core().compile_model(network(), "CPU", settings).create_infer_request()

    def read(width):
        request.infer({0: np.zeros((1, 3, 48, -(-width // multiple) * multiple), np.float32)})

    read(WIDEST)
    sizes = [resident_mb()]
    for _ in range(2):
        for width in WIDTHS:
            read(width)
        sizes.append(resident_mb())
    return sizes[1] - sizes[0], sizes[2] - sizes[1]


def has_the_option():
    import openvino as ov

    return "CPU_RUNTIME_CACHE_CAPACITY" in ov.Core().get_property("CPU", "SUPPORTED_PROPERTIES")


def in_a_process(multiple, **options):
    command = [sys.executable, __file__, str(multiple), *(f"{name}={value}" for name, value in options.items())]
    return [float(each) for each in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]


if len(sys.argv) > 1:
    print(*growth(int(sys.argv[1]), dict(option.split("=") for option in sys.argv[2:])))
else:
    first, again = in_a_process(1)
    rounded, _ = in_a_process(64)
    bounded, _ = in_a_process(1, CPU_RUNTIME_CACHE_CAPACITY=10)
    print(f"{first:.0f}, {again:.0f}, {rounded:.0f} and {bounded:.0f} MB", file=sys.stderr)
    lines = f"after a line of {WIDEST} px, {len(WIDTHS)} lines of at most {WIDEST} px, each of another width"
    print(f"{lines}: {'more than 100' if first > 100 else f'{first:.0f}'} MB more")
    print(f"the same lines again: {'less than 20' if again < 20 else f'{again:.0f}'} MB more")
    for name, size in (("rounded up to a multiple of 64 px", rounded), ("CPU_RUNTIME_CACHE_CAPACITY=10", bounded)):
        joint = " " if name.startswith("rounded") else ", "
        print(f"all of them{joint}{name}: {'less than half of that' if size < first / 2 else f'{size:.0f} MB more'}")
    print("the device says that it has this option:", has_the_option())
PYTHON
"$folder/env/bin/python" "$folder/try.py" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen" || { echo "the behaviour has changed"; exit 1; }
echo "as stated"
