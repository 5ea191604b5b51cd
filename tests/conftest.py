"""What every test finds as the one before found it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("unhurried")

for name in [name for name in os.environ if name.startswith(("NCCO_", "VONAGE_", "FLOW_"))]:
    del os.environ[name]  # what whoever runs the tests has set for a server of their own


@pytest.fixture(autouse=True)
def the_log_as_it_was() -> Iterator[None]:
    """The log belongs to the process: a test that configures it must not change what another one captures."""
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access")]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
    structlog.reset_defaults()
