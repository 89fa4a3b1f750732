"""One file of a repository on the Hugging Face hub, through the hub's own client.

`hf_hub_download` begins a file anew in every process since huggingface_hub 2.4, which for a gigabyte will not do. So
its parts are used: addresses, headers and metadata as it makes them, and its transfer, which goes on from what lies
here. PaddleOCR's own downloader is this client too, but it takes whatever the main branch holds today.
"""

from __future__ import annotations

import errno
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from cluster.weights.store.catalogue import Model, ModelFile
from cluster.weights.store.downloading import PartialDownload, Progress
from ocr.errors import StoreError

HUB = "https://huggingface.co"


def fetch(model: Model, file: ModelFile, folder: Path, *, endpoint: str | None, progress: Progress) -> None:
    """Fetch `file` of `model` into `folder`; `endpoint` is another hub, None the one that HF_ENDPOINT names.

    Raises StoreError when the hub has no such file at that revision or cannot be reached; what has come stays.
    """
    try:
        import httpx2
        from huggingface_hub import errors
    except ImportError as error:
        raise StoreError(f"{model.name}: {error}", "pip install 'quorum-ocr[models]'") from error
    where = f"{model.url}@{model.version}: {file.path}"
    try:
        _transfer(model, file, folder, endpoint, progress)
    except errors.HfHubHTTPError as error:
        if error.response is not None and error.response.status_code >= 500:
            raise _unreachable(where, error) from error
        raise StoreError(f"{where}: {_first_line(error)}", "check --mirror and the revision") from error
    except (httpx2.HTTPError, errors.OfflineModeIsEnabled) as error:
        raise _unreachable(where, error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _unreachable(where, error) from error


def _transfer(model: Model, file: ModelFile, folder: Path, endpoint: str | None, progress: Progress) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    repository = model.url.removeprefix(f"{HUB}/")
    address = hf_hub_url(repository, file.path, revision=model.revision, endpoint=endpoint)
    about = get_hf_file_metadata(address, endpoint=endpoint)
    if about.commit_hash not in (None, model.revision):
        raise StoreError(f"{address} is of revision {about.commit_hash}", "use another mirror")
    part = PartialDownload.of(folder / file.path)
    if part.tag != (about.etag or "?"):
        part.discard()  # of other content, or nobody knows
    part.tag_path.write_text(about.etag or "")
    headers = build_hf_headers()
    if urlsplit(about.location).netloc != urlsplit(address).netloc:
        headers.pop("authorization", None)  # a token for the hub is none of the storage's business
    with part.path.open("ab") as content:
        http_get(
            about.location,
            content,
            resume_size=part.size,
            headers=headers,
            expected_size=about.size,
            displayed_filename=file.path,
            tqdm_class=_bar(file.path, progress),
        )
    part.complete()


def _unreachable(where: str, error: BaseException) -> StoreError:
    return StoreError(
        f"{where} cannot be reached: {_first_line(error)}",
        "check the network and --mirror; the same command continues where this one stopped",
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _bar(name: str, progress: Progress) -> type:
    """What huggingface_hub takes for a class of tqdm."""

    class Bar(AbstractContextManager["Bar"]):
        def __init__(self, *, total: int | None = None, initial: int = 0, **_rest: object) -> None:
            self.total, self.done = total, initial

        def update(self, more: float | None = 1) -> None:
            self.done += int(more or 0)
            progress(name, self.done, self.total)

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """Nothing is open."""

    return Bar
