"""Keeps tests independent of each other, of this machine's settings and of chance."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
from collections.abc import Generator, Iterator

import pytest
import structlog
from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in background commands

# Each run tries the same examples, and a busy machine is not an error.
settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=33)
# More examples, different each time: pytest --hypothesis-profile=search
settings.register_profile("search", deadline=None, max_examples=100)
settings.load_profile("repeatable")

for name in [name for name in os.environ if name.startswith(("NCCO_", "VONAGE_", "FLOW_", "AWS_", "OTEL_"))]:
    del os.environ[name]  # settings of other programs on this machine must not reach the tests

# For each request to an application in this process, httpx searches all folders for this module, which is missing.
sys.modules["sniffio"] = None  # type: ignore[assignment]  # so that it is not searched


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for single cases of a test, and for tests that take too long for each change."""
    parser.addoption("--case", default="", metavar="WORD", help="run only cases whose name contains WORD")
    parser.addoption("--servers-in-threads", action="store_true", help="contract/server/calls: no other processes")
    parser.addoption("--night", action="store_true", help="also run tests that take minutes")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests, and freeze these thousands of long-lived objects so the garbage collector skips them."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.enable()
    gc.set_threshold(5_000, 20, 20)
    return collected


@pytest.fixture(scope="module")
def small_heap() -> None:
    """Freeze what earlier tests have left: a check collects garbage after each handler that fails."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def night(request: pytest.FixtureRequest) -> None:
    """Skip tests that take minutes, unless `--night` is given."""
    if not request.config.getoption("--night"):
        pytest.skip("takes minutes: --night")


@pytest.fixture(autouse=True)
def the_log_as_it_was() -> Iterator[None]:
    """Reset the log, which belongs to the process: a test that configures it must not affect another test's capture."""
    loggers = [logging.getLogger(name) for name in (None, "uvicorn", "uvicorn.error", "uvicorn.access")]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
    structlog.reset_defaults()
