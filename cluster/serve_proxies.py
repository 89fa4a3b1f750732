"""What processes of Ray and Serve that are none of ours are told with environment variables where Ray starts: the
middleware that Serve's HTTP proxies load, that no caller is believed about where it comes from, how soon a proxy is
asked again whether it lives, and what every worker process imports first.
"""

from __future__ import annotations

from collections.abc import Mapping

ENVIRONMENT: Mapping[str, str] = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "deployments.gateway.access.serve_proxy.proxy_middleware:middlewares",
    # uvicorn takes the word of 127.0.0.1 for whose request it is. The Gateway knows which proxies there are, and asks
    # X-Forwarded-For itself.
    "FORWARDED_ALLOW_IPS": "none",
    # The controller replaces a proxy after three failed checks in a row. Ten seconds between them, as Serve has it, are
    # half a minute without the port of a proxy that died. How long one may take to answer stays at Serve's ten seconds.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "3",
    # Serve without pandas: a third of what a replica takes to start, and 85 MB of each.
    "RAY_preload_python_modules": "deployments.replica.preload",
}
