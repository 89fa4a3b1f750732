"""The pages of a TIFF, or an image as its only page, as pictures on paper."""

from __future__ import annotations

from pathlib import Path

import PIL.Image

from ocr.errors import QuorumError
from segmentation.files.images.decoding import DecodingLimits, OpenedImage, open_image
from segmentation.files.images.resolution import Resolution, on_paper
from segmentation.files.images.tiff import is_tiff, tiff_pages, with_first_page
from segmentation.files.images.tiff_one_page import only_page
from segmentation.files.rendered_page import RefusedFile, RenderedPage, RenderRequest

MAX_IMAGE_BYTES = 100_000_000
"""The largest image with a path, and the largest page of a TIFF: decoders want all of it in memory, some twice."""
_NOT_REDUCED = 2**62


class LongTiff:
    """A TIFF on the disk, of which what is asked for is read."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: slice, /) -> bytes:
        start, stop, _ = place.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(0, stop - start))


class ImagePages:
    """The pages of an image file, each as large as it is stored. Of a long TIFF one page at a time is in memory."""

    def __init__(self, file: bytes | LongTiff, request: RenderRequest) -> None:
        self._file = file
        self._is_read = request.files
        self._limits = DecodingLimits(_NOT_REDUCED, request.max_decoding_mb, request.max_decoding_s)
        try:
            self._places = tiff_pages(file) if is_tiff(file) else [0]
        except ValueError as error:
            raise RefusedFile("not_an_image", f"the TIFF is damaged: {error}", "save it again") from error
        self.count = len(self._places)

    def draw(self, number: int) -> tuple[PIL.Image.Image, Resolution] | RenderedPage:
        """The page in mode 1, L or RGB, upright, and its pixels an inch; a JPEG that can be laid under text as it is,
        where the page is not to be read. Raises RefusedFile.
        """
        try:
            image = open_image(self._page_file(number), self._limits)
            as_it_is = None if self._is_read else _plain_jpeg(image)
            if as_it_is is not None:
                return as_it_is
            picture, told = image.upright()
            return picture, on_paper(picture.size, told, image.by_pillow)
        except QuorumError as error:
            raise RefusedFile(error.code, error.message, error.hint) from error

    def _page_file(self, number: int) -> bytes:
        """Raises RefusedFile."""
        place = self._places[number - 1]
        if isinstance(self._file, bytes):
            return with_first_page(self._file, place) if place else self._file
        try:
            return only_page(self._file, place, MAX_IMAGE_BYTES)
        except ValueError as error:
            hint = "cut the file into pages, or make a PDF of it"
            raise RefusedFile(
                "too_large", f"the page cannot be taken out of a file this large: {error}", hint
            ) from error


def resolution_of(file: bytes, limits: DecodingLimits) -> Resolution:
    """Pixels an inch, across and down, of an image as it lies upright on paper: by its header alone, but for a PNG that
    tells some that can be believed, where a camera may have left its note behind the pixels. Raises the errors of
    `open_image`.
    """
    image = open_image(file, limits)
    size, told = (image.picture.width, image.picture.height), image.resolution
    # Where both are the same no turn changes them; and to know of one, Pillow decodes a PNG.
    if told[0] != told[1] and image.is_on_its_side:
        size, told = (size[1], size[0]), (told[1], told[0])
    return on_paper(size, told, image.by_pillow)


def _plain_jpeg(image: OpenedImage) -> RenderedPage | None:
    """The file, if it can be taken into a PDF as it is: upright, grey or RGB."""
    picture = image.by_pillow
    if picture is None or picture.format != "JPEG" or picture.mode not in ("L", "RGB") or image.orientation != 1:
        return None
    dpi = on_paper(picture.size, image.resolution, picture)
    return RenderedPage(b"", image.file, *picture.size, picture.mode, "jpeg", dpi)
