"""What Serve's HTTP proxies are told with environment variables where Ray starts: the middleware that they load, and
that no caller is believed about where it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping

ENVIRONMENT: Mapping[str, str] = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.gateway.access.serve_proxy.proxy_middleware:middlewares",
    # uvicorn takes the word of 127.0.0.1 for whose request it is. The Gateway knows which proxies there are, and asks
    # X-Forwarded-For itself.
    "FORWARDED_ALLOW_IPS": "none",
}
