"""The same hosts behind a pooler that runs each transaction on any connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import postgres_server
from tests.support.pooler import running_pooler
from tests.support.postgres_stores import empty_database
from tests.system.server.hosts.host import Host, hosts
from tests.system.server.hosts.test_hosts import (
    test_a_call_continues_when_its_host_dies,
    test_call_whose_webhooks_alternate_finishes_on_its_revision,
    test_racing_deliveries_at_both_hosts_get_the_same_bytes_and_count_once,
)

__all__ = [
    "test_a_call_continues_when_its_host_dies",
    "test_call_whose_webhooks_alternate_finishes_on_its_revision",
    "test_racing_deliveries_at_both_hosts_get_the_same_bytes_and_count_once",
]


@pytest.fixture(scope="module")
def running_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    empty_database()  # starts the server, or skips the test
    server = postgres_server.shared_server()
    with (
        running_pooler(server, postgres_server.shared_database()) as url,
        hosts(tmp_path_factory.mktemp("hosts"), url, (1, 2)) as started,
    ):
        yield started
