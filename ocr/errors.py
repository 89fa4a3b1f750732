"""Every error that Quorum raises on purpose. The tree:

    QuorumError
    ├── InputError                what the caller sent is wrong; sending it again will not help
    │   ├── NotAnImage            the bytes are not an image that can be decoded        (HTTP 400)
    │   ├── InvalidRequest        broken base64, unknown field, malformed body          (HTTP 400)
    │   ├── Unauthorized          no key, or a key that is nobody's                     (HTTP 401)
    │   ├── Forbidden             a key that may not do this                            (HTTP 403)
    │   ├── NotFound              what the path names is not there                      (HTTP 404)
    │   ├── NotFinished           what is asked for is not there yet                     (HTTP 409)
    │   ├── Expired               what the path names was there, and was deleted        (HTTP 410)
    │   ├── NotAcceptable         no format that the caller would take                  (HTTP 406)
    │   ├── Outdated              somebody else changed it in the meantime              (HTTP 412)
    │   ├── TooLarge              too many bytes or pixels                              (HTTP 413)
    │   │   └── TooManyPages      more pages than one request may have read             (HTTP 413)
    │   ├── UnsupportedFormat     an image or media type that is not in the list        (HTTP 415)
    │   ├── UnknownHost           sent to a name that is not one of this service        (HTTP 421)
    │   └── OutOfRange            understood, but not allowed: unknown engine, weight<0 (HTTP 422)
    ├── ServiceError              the request was fine; the service could not serve it
    │   ├── RateLimited           this caller asks too often; come back later           (HTTP 429)
    │   ├── Overloaded            the queues are full; come back later                  (HTTP 503)
    │   ├── NotReady              too few engines are warm                              (HTTP 503)
    │   ├── DeadlineExceeded      nobody answered in time                               (HTTP 504)
    │   ├── Unreachable           nobody, or somebody else, answers at the address      (no HTTP answer)
    │   │   └── ConnectionBroken  the way there is or was cut; asking again may help    (no HTTP answer)
    │   └── InternalFailure       a fault of ours; the log has the details              (HTTP 500)
    ├── EngineUnavailable         an engine cannot be loaded here: no package, no binary, no model
    └── StoreError                a model cannot be fetched, checked or installed   (command line only)

Each error carries a message (what happened, where) and a hint (the next step). This file knows the HTTP status
only as a number that belongs to the kind of error; it does not know any web framework.
"""

from __future__ import annotations

from typing import ClassVar


class QuorumError(Exception):
    """Base of all errors raised on purpose. `message` says what and where, `hint` says what to do next."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(QuorumError):
    """What the caller sent is wrong; sending the same again will not help."""

    code = "invalid_request"
    http_status = 400


class NotAnImage(InputError):
    """The bytes do not decode to an image."""

    code = "not_an_image"


class InvalidRequest(InputError):
    """The request cannot be understood: broken base64, an unknown field, a malformed body."""


class NotAcceptable(InputError):
    """The caller takes no format that there is."""

    code = "not_acceptable"
    http_status = 406


class Unauthorized(InputError):
    """No API key, or one that is nobody's."""

    code = "unauthorized"
    http_status = 401


class Forbidden(InputError):
    """The API key is known, and may not do this."""

    code = "forbidden"
    http_status = 403


class NotFound(InputError):
    """What the path names is not there."""

    code = "not_found"
    http_status = 404


class NotFinished(InputError):
    """What is asked for is being made, and nothing of it is there yet."""

    code = "not_finished"
    http_status = 409


class Expired(InputError):
    """What the path names was deleted when its time was over, or by its owner."""

    code = "expired"
    http_status = 410


class Outdated(InputError):
    """A change was made for a version that is not the current one any more."""

    code = "outdated"
    http_status = 412


class TooLarge(InputError):
    """More bytes, pixels or pages than this service accepts."""

    code = "too_large"
    http_status = 413


class TooManyPages(TooLarge):
    """A document of more pages than one request may have read: at most `max_pages`; one always may. Clients read
    it in parts then.
    """

    def __init__(self, message: str, hint: str = "", max_pages: int = 1) -> None:
        super().__init__(message, hint)
        self.args = (message, hint, max_pages)  # so that the error survives pickling between processes
        self.max_pages = max_pages


class UnsupportedFormat(InputError):
    """An image format or media type that is not in the list."""

    code = "unsupported_format"
    http_status = 415


class UnknownHost(InputError):
    """The request was sent to a host name that this service does not answer to."""

    code = "unknown_host"
    http_status = 421


class OutOfRange(InputError):
    """Understood but not allowed: an unknown engine, a negative weight, a timeout of zero."""

    code = "out_of_range"
    http_status = 422


class ServiceError(QuorumError):
    """The request was fine; the service could not serve it. `retry_after_s` tells when to try again."""

    def __init__(self, message: str, hint: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, hint)
        self.args = (message, hint, retry_after_s)  # so that the error survives pickling between processes
        self.retry_after_s = retry_after_s


class RateLimited(ServiceError):
    """This caller asks more often than it may."""

    code = "rate_limited"
    http_status = 429


class Overloaded(ServiceError):
    """The queues are full."""

    code = "overloaded"
    http_status = 503


class NotReady(ServiceError):
    """Too few engines are warm to answer."""

    code = "not_ready"
    http_status = 503


class DeadlineExceeded(ServiceError):
    """Nobody answered before the request's deadline."""

    code = "deadline_exceeded"
    http_status = 504


class Unreachable(ServiceError):
    """Nothing answers at the address that a client was given, or what answers is not Quorum. Only clients raise it."""

    code = "unreachable"
    http_status = 503


class ConnectionBroken(Unreachable):
    """The connection was refused, or broke before the answer was there. Only clients raise it."""

    code = "connection_broken"


class InternalFailure(ServiceError):
    """A fault of ours. The message is safe to show; the log holds the details under the request's id."""

    code = "internal_failure"
    http_status = 500


class EngineUnavailable(QuorumError):
    """An engine cannot be loaded here: its package, its program or its model is missing."""

    code = "engine_unavailable"
    http_status = 503


class StoreError(QuorumError):
    """A model cannot be fetched, checked or installed: no network, no space, the wrong content."""

    code = "model_store"
