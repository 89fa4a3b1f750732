"""What every worker process of Ray imports when it starts, before anybody says what it is to be.

`ray.serve` imports pandas wherever it is installed, to know a DataFrame in an answer. Here it is installed, because the
package of PaddleOCR wants it, and no answer has one: a second of processor time and 85 MB in every replica, proxy and
controller. `RAY_preload_python_modules`, which Ray reads where a node starts, names this file
(cluster/serve_proxies.py); without it everything works, and takes more. Afterwards pandas can be imported as ever.
"""

from __future__ import annotations

from engines.common.module_stubs import stubbed_modules

with stubbed_modules(absent=("pandas",)):
    import ray.serve  # noqa: F401
