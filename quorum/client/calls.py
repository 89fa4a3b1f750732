"""What a client can ask: a `Call` is one question before it is known how it travels.

Which engines, methods and profiles exist is not known here; the service judges the options. Times are seconds.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ocr.contract import (
    BatchAnswer,
    CharacterAnswer,
    ConfigAnswer,
    DocumentAnswer,
    PerformanceAnswer,
    SelfTestAnswer,
    StatusAnswer,
    TextAnswer,
)
from ocr.errors import InvalidRequest, NotAnImage, Unreachable
from ocr.file_kinds import has_second_page, pdf_start

if TYPE_CHECKING:
    from PIL.Image import Image

# A service that was given a time needs a moment more to say that it has passed.
_GRACE_S = 5.0

Readable: TypeAlias = "str | Path | bytes | NDArray[np.uint8] | Image"
"""What can be read: the path of an image file, the bytes of one, RGB or gray pixels of shape (H, W, 3) or (H, W), or a
PIL image.
"""

Answer = TypeVar("Answer", bound=BaseModel)
Task = Literal["character", "text"]
ALL_PAGES = "1-"


class EnsembleKeywords(TypedDict, total=False):
    """What every question may ask of the ensemble; ocr.contract.EnsembleOptions says what each means."""

    method: str
    profile: str
    weights: Mapping[str, float]
    engines: Sequence[str]
    timeout_s: float
    explain: bool


class CharacterKeywords(EnsembleKeywords, total=False):
    """Options of a question for one character; see ocr.contract.CharacterOptions."""

    classes: str


class TextKeywords(EnsembleKeywords, total=False):
    """Options of a question for a page or a line; see ocr.contract.TextOptions."""

    lang: str
    preprocess: Sequence[str]
    policy: Literal["all", "cascade"]
    regions: Sequence[Mapping[str, Any]]
    pictures: bool
    illegible: bool
    normalize: Sequence[str]


class DocumentKeywords(TextKeywords, total=False):
    """Options of a question for a whole file; see ocr.contract.DocumentOptions."""

    pages: str
    dpi: int
    existing_text: Literal["use", "redo", "skip"]


class BatchKeywords(CharacterKeywords, DocumentKeywords, total=False):
    """Options of a batch: those of its task."""


Operation = Literal[
    "predict",
    "predict_text",
    "batch_predict",
    "status",
    "config",
    "change_config",
    "change_weights",
    "performance",
    "self_test",
]


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """One question to the service, before it is known how it travels. `images` are image files."""

    operation: Operation
    answer: type[Answer]
    images: tuple[bytes, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    safe: bool = True
    """Whether asking it twice does the same as once."""
    file_name: str = ""
    """How the file was called, for answers that name it."""
    version: int | None = None
    """Change the configuration only if its version is still this one."""
    key: str = field(default_factory=lambda: uuid.uuid4().hex, compare=False)
    """Names the question on each of its tries, so that a service that has answered it already need not read again."""

    def wait_s(self, default_s: float) -> float:
        """How long to wait for the answer: long enough for the time that the question itself allows."""
        allowed_s = self.options.get("timeout_s")
        return default_s if allowed_s is None else max(default_s, float(allowed_s) + _GRACE_S)

    def parse(self, reply: object) -> Answer:
        """The typed answer in a decoded JSON object."""
        try:
            return self.answer.model_validate(reply)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise Unreachable(
                f"the answer is not a {self.answer.__name__} as this client knows it ({place}: {problem['msg']})",
                "is it Quorum that answers there, and the same version as this client?",
            ) from error


def character_call(image: Readable, options: CharacterKeywords) -> Call[CharacterAnswer]:
    return Call("predict", CharacterAnswer, (encoded(image),), plain(options))


def text_call(image: Readable, options: TextKeywords) -> Call[TextAnswer]:
    file = encoded(image)
    if is_document(file):
        raise InvalidRequest("the file has pages, and each its answer", "read it with read_document")
    return Call("predict_text", TextAnswer, (file,), plain(options))


def is_document(file: bytes) -> bool:
    """Whether the file is of a kind that has pages: it is read with `read_document`."""
    return pdf_start(file) is not None or has_second_page(file)


def document_call(document: Readable, options: DocumentKeywords) -> Call[DocumentAnswer]:
    # `pages` is always asked: it makes the answer to any file that of a document.
    return Call("predict_text", DocumentAnswer, (encoded(document),), {"pages": ALL_PAGES, **plain(options)})


class WrittenFile(BaseModel):
    """An answer that was written down in a format other than JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: bytes
    media_type: str


def file_call(document: bytes, file_name: str, format: str, options: DocumentKeywords) -> Call[WrittenFile]:
    asked = {"format": format, **plain(options)}
    return Call("predict_text", WrittenFile, (document,), asked, file_name=file_name)


def name_of(image: Readable) -> str:
    """The name of the file where a path was given, else ""."""
    return Path(image).name if isinstance(image, str | Path) else ""


def batch_call(images: Sequence[Readable], task: Task, options: BatchKeywords) -> Call[BatchAnswer]:
    return Call("batch_predict", BatchAnswer, tuple(map(encoded, images)), {"task": task, **plain(options)})


STATUS_CALL = Call("status", StatusAnswer)
CONFIG_CALL = Call("config", ConfigAnswer)
PERFORMANCE_CALL = Call("performance", PerformanceAnswer)


def change_call(live: Mapping[str, Any], version: int | None) -> Call[ConfigAnswer]:
    return Call("change_config", ConfigAnswer, options=live, safe=False, version=version)


def weights_call(weights: Mapping[str, float], profile: str | None, version: int | None) -> Call[ConfigAnswer]:
    body = plain({"weights": dict(weights), "profile": profile})
    return Call("change_weights", ConfigAnswer, options=body, safe=False, version=version)


def self_test_call(samples: int, task: Task) -> Call[SelfTestAnswer]:
    return Call("self_test", SelfTestAnswer, options={"samples": samples, "task": task})


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON has them; what is None is not asked."""
    given = {name: value for name, value in options.items() if value is not None}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


def encoded(image: Readable) -> bytes:
    """The image as the bytes of a file. Raises NotAnImage for pixels of another kind, OSError for a path."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, str | Path):
        return Path(image).read_bytes()
    if isinstance(image, np.ndarray):
        shape = image.shape
        if image.dtype != np.uint8 or len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or image.size == 0:
            raise NotAnImage(
                f"an array of {image.dtype} and shape {shape} is not an image",
                "give uint8 in [0, 255] of shape (H, W) or, as RGB, (H, W, 3)",
            )
    return _as_png(image)


def _as_png(image: NDArray[np.uint8] | Image) -> bytes:
    try:
        from PIL import Image as Pillow
    except ImportError as error:
        raise NotAnImage(
            "sending pixels needs Pillow, which is not installed", "pip install pillow, or give a path or bytes"
        ) from error
    picture = Pillow.fromarray(image) if isinstance(image, np.ndarray) else image
    if not isinstance(picture, Pillow.Image):
        raise NotAnImage(f"cannot read a {type(picture).__name__}", "give a path, bytes, an array or a PIL image")
    if picture.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        picture = picture.convert("RGB")  # PNG has no CMYK, YCbCr or Lab
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)  # made to travel once, not to be kept
    return file.getvalue()
