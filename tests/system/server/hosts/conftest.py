from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres_stores import ask, empty_database
from tests.system.server.hosts.host import Host, hosts


@pytest.fixture(scope="module")
def running_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    with hosts(tmp_path_factory.mktemp("hosts"), empty_database(), (1, 2)) as started:
        yield started


@pytest.fixture
def two_hosts(running_hosts: list[Host]) -> list[Host]:
    """Two running hosts with different releases on disk and one empty database. Tests must leave both hosts running."""
    ask("TRUNCATE calls, turns, webhooks, hooks, ncco_recordings RESTART IDENTITY CASCADE")
    return running_hosts
