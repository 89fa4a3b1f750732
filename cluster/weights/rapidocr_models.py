"""PaddleOCR's bundled models: the PP-OCRv6 ONNX files of the rapidocr package, laid out as paddle expects them.

A laid-out model is a directory with `inference.onnx` (a hard link to rapidocr's file where possible, else a copy),
`inference.yml` (how to prepare an image and decode the answer) and `metadata.json` (name, version, sha256 of the
files). Its name holds a hash of all that goes into it, so a new rapidocr makes a new directory; it appears in one
rename, so two processes may lay it out at once. Neither rapidocr nor ONNX Runtime is imported: the character list is
read from the ONNX file's metadata as bytes (protobuf, https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import mmap
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.weights.files import link_or_copy, sha256
from ocr.errors import EngineUnavailable


@dataclass(frozen=True, slots=True)
class PaddleModel:
    """One of rapidocr's files, the name by which paddle knows its architecture, and paddle's configuration of it."""

    name: str
    file: str
    preprocess: tuple[Mapping[str, Any], ...]
    postprocess: Mapping[str, Any] = field(default_factory=dict)


# Preparation and decoding are those of paddle's own exports of these architectures; images enter as BGR.
ORIENTATION = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"

MODELS = {
    "paddleocr": PaddleModel(
        name="PP-OCRv6_small_rec",
        file="PP-OCRv6_rec_small.onnx",
        preprocess=(
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"RecResizeImg": {"image_shape": [3, 48, 320]}},
        ),
        postprocess={"name": "CTCLabelDecode"},
    ),
    "paddleocr_detector": PaddleModel(
        name="PP-OCRv6_small_det",
        file="PP-OCRv6_det_small.onnx",
        preprocess=(
            {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
            {"DetResizeForTest": {"limit_side_len": 960, "limit_type": "max"}},
            {
                "NormalizeImage": {
                    "mean": [0.485, 0.456, 0.406],
                    "std": [0.229, 0.224, 0.225],
                    "scale": 1 / 255,
                    "order": "hwc",
                }
            },
            {"ToCHWImage": {}},
        ),
        postprocess={
            "name": "DBPostProcess",
            "thresh": 0.3,
            "box_thresh": 0.6,
            "max_candidates": 1000,
            "unclip_ratio": 1.5,
        },
    ),
}


def lay_out(key: str, cache_dir: Path) -> Path:
    """The directory of the model `key` (one of MODELS) under `cache_dir`, made if it is not there yet.

    Raises EngineUnavailable when rapidocr or its file is missing, or `cache_dir` cannot be written.
    """
    model = MODELS[key]
    source, version = _find(key, model)
    config = _configuration(model, read_metadata(source).get("character"))
    files = {"inference.onnx": sha256(source), "inference.yml": hashlib.sha256(config).hexdigest()}
    fingerprint = hashlib.sha256(json.dumps([version, files]).encode()).hexdigest()
    target = cache_dir / key / f"{model.name}-{fingerprint[:16]}"
    if target.is_dir():
        return target
    card = {"name": model.name, "version": f"rapidocr-{version}", "files": files}
    try:
        _publish(target, source, {"inference.yml": config, "metadata.json": json.dumps(card, indent=2).encode()})
    except OSError as error:
        raise EngineUnavailable(
            f"{key}: cannot write {model.name} to {cache_dir}: {error}",
            "set CACHE_DIR to a directory that can be written and has 40 MB left",
        ) from error
    return target


def orientation_files() -> tuple[Path, Path]:
    """The classifier that tells a line from one that lies upside down, and the recogniser that reads it both ways where
    that leaves a doubt. Raises EngineUnavailable without rapidocr.
    """
    classifier, _ = _carried("orientation", ORIENTATION)
    reader, _ = _carried("orientation", MODELS["paddleocr"].file)
    return classifier, reader


def _find(key: str, model: PaddleModel) -> tuple[Path, str]:
    """Where rapidocr keeps `model`, and the version of rapidocr."""
    return _carried(key, model.file)


def _carried(key: str, file: str) -> tuple[Path, str]:
    """Where rapidocr keeps a file, and its own version."""
    remedy = "pip install 'quorum-ocr[paddleocr]', or set the model to the path of a paddle model directory"
    package = importlib.util.find_spec("rapidocr")
    if package is None or package.origin is None:
        raise EngineUnavailable(f"{key}: the rapidocr package, which carries {file}, is not installed", remedy)
    version = importlib.metadata.version("rapidocr")
    path = Path(package.origin).parent / "models" / file
    if not path.is_file():
        raise EngineUnavailable(f"{key}: rapidocr {version} has no {file} in {path.parent}", remedy)
    return path, version


def _configuration(model: PaddleModel, characters: str | None) -> bytes:
    """The inference.yml of paddle, written as JSON (which YAML 1.2 contains)."""
    postprocess = dict(model.postprocess)
    if characters is not None:
        postprocess["character_dict"] = characters.split("\n")  # splitlines() would split at U+2028 and its like
    config = {
        "Global": {"model_name": model.name},
        "PreProcess": {"transform_ops": list(model.preprocess)},
        "PostProcess": postprocess,
    }
    return json.dumps(config, ensure_ascii=False).encode()


def _publish(target: Path, onnx: Path, texts: Mapping[str, bytes]) -> None:
    """Make the directory `target` with all its files in one step; leave it if another process was first."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        link_or_copy(onnx, draft / "inference.onnx")
        for name, content in texts.items():
            (draft / name).write_bytes(content)
        draft.chmod(0o755)  # mkdtemp keeps others out; the cache may be shared between users
        draft.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


METADATA_PROPS = 14
"""The field of ONNX's ModelProto that holds StringStringEntryProto {key = 1, value = 2} (onnx.proto3)."""


def read_metadata(path: Path) -> dict[str, str]:
    """The custom metadata of an ONNX file, without parsing its graph."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        entries = [content[start:end] for number, start, end in _wire_fields(content) if number == METADATA_PROPS]
    pairs = ({number: entry[start:end].decode() for number, start, end in _wire_fields(entry)} for entry in entries)
    return {pair[1]: pair.get(2, "") for pair in pairs}


def _wire_fields(message: bytes | mmap.mmap) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of the value of every length-delimited field of a protobuf message."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            _, position = _varint(message, position)
        elif wire_type == 2:
            size, position = _varint(message, position)
            yield number, position, position + size
            position += size
        else:
            position += {1: 8, 5: 4}[wire_type]


def _varint(message: bytes | mmap.mmap, position: int) -> tuple[int, int]:
    """The variable-length integer at `position`, and where it ends."""
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
