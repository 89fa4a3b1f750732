"""How large the body of a request may be."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Scope

from deployments.config.schema import LimitsConfig
from deployments.gateway.access.route_roles import KEPT, route_of

TENSOR_HEADER = "Inference-Header-Content-Length"
"""Says that binary tensors follow the JSON of a request, as the Open Inference Protocol has it."""
TENSOR_JSON_BYTES = 65_536
"""The most JSON before them."""
_AS_BASE64 = 2
"""So many times the bytes of a file are enough to write it as base64, with line breaks and escapes."""


def is_kept(scope: Scope) -> bool:
    """Whether the body goes to the store of jobs as it comes, however long that takes."""
    return route_of(scope) in KEPT


def body_limit(scope: Scope, limits: LimitsConfig) -> int:
    """The most bytes of the body. Pixels in a binary tensor are not compressed, so they are held to the number of
    pixels of a page instead. What is kept may be base64, and its files are counted when they are decoded.
    """
    if is_kept(scope):
        return _AS_BASE64 * limits.max_job_bytes
    if TENSOR_HEADER in Headers(scope=scope) and (route_of(scope) or "").endswith("/infer"):
        return max(limits.max_bytes, 3 * limits.max_pixels + TENSOR_JSON_BYTES)
    return limits.max_bytes
