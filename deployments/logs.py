"""Logging of the deployments: one place that says who logs what."""

from __future__ import annotations

import logging


def configure_logging(level: str) -> None:
    """Send what Quorum logs to Serve's log files of this replica, at `level`."""
    logger = logging.getLogger("quorum")
    logger.setLevel(level)
    logger.parent = logging.getLogger("ray.serve")
