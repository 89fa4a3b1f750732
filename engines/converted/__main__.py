"""Write the OpenVINO form of a model directory:

    python -m engines.converted easyocr cluster/bundled/easyocr cluster/bundled/easyocr/openvino

The engine's own framework loads the weights. What is written is read once, and must give what the framework gives.
"""

from __future__ import annotations

import sys
from pathlib import Path

import engines
from engines.converted.store import fingerprint, opened, write
from engines.devices.openvino_device import OpenvinoCannotRead
from ocr.errors import QuorumError


def main(engine: str, model: str, folder: str) -> int:
    convert = engines.spec(engine).convert
    if convert is None:
        print(f"{engine} has no network that OpenVINO could read", file=sys.stderr)
        return 1
    try:
        write(convert, Path(model), Path(folder))
        opened(Path(folder), fingerprint(Path(model)))
    except (OpenvinoCannotRead, QuorumError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
