"""Generated requests from the OpenAPI documents of webhooks and of the API for placed calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import loopback
from tests.system.server.security.fuzzing import API, Target, fuzz, target

EXAMPLES = 5
NOT_VONAGES = "recording given up"
"""What the log says about a recording at an invented address."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("fuzzed")) as found:
        yield found


@pytest.mark.parametrize("name", ["webhooks", API])
def test_replies_to_generated_requests_match_the_document(server: Target, name: str) -> None:
    found = fuzz(server, name, 1, "--max-examples", str(EXAMPLES))

    assert 0 == found.returncode, found.stdout + found.stderr
    errors = [line for line in server.server.log() if line["level"] == "error" and line["event"] != NOT_VONAGES]
    assert [] == errors


def test_generated_requests_reach_calls_and_place_some(server: Target) -> None:
    """What the tests above send is not all refused."""
    headers = {"Authorization": f"Bearer {server.key}"}
    placed = loopback.get(server.documents[API].replace("/openapi.json", "/calls"), headers=headers).json()["calls"]
    answered = {line["route"] for line in server.server.log() if line.get("status") == 200}

    assert len(placed) > 1
    assert {"answer", "input", "event", "placed", "fallback"} <= answered
