"""The library that Tesseract's program is made of, called through its C interface, with ctypes: the same version as the
program, so that both read the same. Only to be loaded in a process of its own: it may crash.

Source: https://github.com/tesseract-ocr/tesseract/blob/5.3.0/include/tesseract/capi.h
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Iterator
from ctypes import POINTER, byref, c_bool, c_char_p, c_float, c_int, c_void_p

_SYMBOL, _WORD = 4, 3  # TessPageIteratorLevel
_FUNCTIONS = {
    "TessVersion": (c_char_p, []),
    "TessBaseAPICreate": (c_void_p, []),
    "TessBaseAPIInit3": (c_int, [c_void_p, c_char_p, c_char_p]),
    "TessBaseAPIDelete": (None, [c_void_p]),
    "TessBaseAPISetVariable": (c_bool, [c_void_p, c_char_p, c_char_p]),
    "TessBaseAPISetPageSegMode": (None, [c_void_p, c_int]),
    "TessBaseAPISetImage": (None, [c_void_p, c_char_p, c_int, c_int, c_int, c_int]),
    "TessBaseAPIRecognize": (c_int, [c_void_p, c_void_p]),
    "TessBaseAPIGetIterator": (c_void_p, [c_void_p]),
    "TessBaseAPIClear": (None, [c_void_p]),
    "TessBaseAPIClearAdaptiveClassifier": (None, [c_void_p]),
    "TessResultIteratorDelete": (None, [c_void_p]),
    "TessResultIteratorGetPageIterator": (c_void_p, [c_void_p]),
    "TessResultIteratorNext": (c_bool, [c_void_p, c_int]),
    "TessResultIteratorGetUTF8Text": (c_void_p, [c_void_p, c_int]),
    "TessResultIteratorConfidence": (c_float, [c_void_p, c_int]),
    "TessPageIteratorIsAtBeginningOf": (c_bool, [c_void_p, c_int]),
    "TessPageIteratorBoundingBox": (c_bool, [c_void_p, c_int, *[POINTER(c_int)] * 4]),
    "TessDeleteText": (None, [c_void_p]),
}

SymbolRead = tuple[str, float, int, int, bool]
"""Text, confidence (0 to 100), left and right edge in pixels, whether a word begins with it."""


class SharedLibrary:
    """Raises OSError where it is not installed or is another one."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("tesseract")
        if name is None:
            raise OSError("libtesseract is not installed")
        self._library = ctypes.CDLL(name)
        for function, (result, arguments) in _FUNCTIONS.items():
            try:
                found = getattr(self._library, function)
            except AttributeError as error:
                raise OSError(f"{name} has no {function}") from error
            found.restype, found.argtypes = result, arguments

    @property
    def version(self) -> str:
        version: bytes = self._library.TessVersion()
        return version.decode()

    def recogniser(self, tessdata: str, data: str) -> Recogniser:
        """One that has the data loaded, "eng" or "eng+deu". Raises OSError where they are not there."""
        return Recogniser(self._library, tessdata, data)


class Recogniser:
    """Reads one picture after the other."""

    def __init__(self, library: ctypes.CDLL, tessdata: str, data: str) -> None:
        self._library = library
        self._handle = library.TessBaseAPICreate()
        if library.TessBaseAPIInit3(self._handle, tessdata.encode(), data.encode()):
            library.TessBaseAPIDelete(self._handle)
            raise OSError(f"no data for {data} in {tessdata}")
        self.set("debug_file", "/dev/null")  # or each picture without a resolution is a line in the log

    def close(self) -> None:
        self._library.TessBaseAPIDelete(self._handle)

    def set(self, name: str, value: str) -> None:
        """A variable of Tesseract. Raises ValueError where there is none of that name."""
        if not self._library.TessBaseAPISetVariable(self._handle, name.encode(), value.encode()):
            raise ValueError(f"Tesseract has no variable {name}")

    def read(self, mode: int, grey: bytes, width: int, height: int) -> Iterator[SymbolRead]:
        """The characters of a picture with one byte a pixel, taken as `mode` says, whatever was read before."""
        library, handle = self._library, self._handle
        library.TessBaseAPIClearAdaptiveClassifier(handle)  # and the words of pictures before
        library.TessBaseAPISetPageSegMode(handle, mode)
        library.TessBaseAPISetImage(handle, grey, width, height, 1, width)
        if library.TessBaseAPIRecognize(handle, None):
            raise RuntimeError("Tesseract could not recognise the picture")
        results = library.TessBaseAPIGetIterator(handle)
        if not results:
            return
        try:
            more = True
            while more:
                if (symbol := self._symbol(results)) is not None:
                    yield symbol
                more = library.TessResultIteratorNext(results, _SYMBOL)
        finally:
            library.TessResultIteratorDelete(results)
            library.TessBaseAPIClear(handle)

    def _symbol(self, results: int) -> SymbolRead | None:
        library = self._library
        pointer = library.TessResultIteratorGetUTF8Text(results, _SYMBOL)
        if not pointer:
            return None
        text = ctypes.string_at(pointer).decode()
        library.TessDeleteText(pointer)
        if not text.strip():
            return None
        place = library.TessResultIteratorGetPageIterator(results)  # is the results' own
        left, top, right, bottom = c_int(), c_int(), c_int(), c_int()
        library.TessPageIteratorBoundingBox(place, _SYMBOL, byref(left), byref(top), byref(right), byref(bottom))
        begins_word = library.TessPageIteratorIsAtBeginningOf(place, _WORD)
        return text, library.TessResultIteratorConfidence(results, _SYMBOL), left.value, right.value, begins_word
