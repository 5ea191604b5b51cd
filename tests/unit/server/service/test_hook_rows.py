"""The stored rows of hooks."""

from __future__ import annotations

from ncco_server.flow.language.hooks import Hook
from ncco_server.service.written_rows import hook_rows

AT = 1_772_625_600_000


def test_a_hook_is_stored_as_it_is_sent_and_due_at_once() -> None:
    [row] = hook_rows([Hook("told", "https://x.example/é", {"a": "é"}, {"X-A": "b"})], "leg-1", AT)

    assert ("leg-1", "told", "https://x.example/é") == (row.session, row.name, row.url)
    assert ('{"a":"é"}'.encode(), b'{"X-A":"b"}') == (row.body, row.headers)
    assert (AT, AT, 0, "", False) == (row.created_at, row.due_at, row.tries, row.problem, row.is_parked)


def test_every_hook_has_its_own_id_and_its_position() -> None:
    rows = hook_rows([Hook("a", "https://x"), Hook("b", "https://x"), Hook("a", "https://x")], "leg-1", AT)

    assert ["a", "b", "a"] == [row.name for row in rows]
    assert 3 == len({row.id for row in rows})
    assert all(row.id.startswith("msg_") and len(row.id) == 36 for row in rows)


def test_hook_that_could_not_be_rendered_is_parked_with_its_problem() -> None:
    [row] = hook_rows([Hook("told", "", problem="E391: this call has no ticket")], "leg-1", AT)

    assert ("", True, "E391: this call has no ticket") == (row.url, row.is_parked, row.problem)


def test_a_hook_that_json_cannot_represent_is_parked() -> None:
    [body, header] = hook_rows(
        [Hook("a", "https://x", {"a": "\ud800"}), Hook("b", "https://x", 1, {"X-A": "\ud800"})], "leg-1", AT
    )

    assert (True, True) == (body.is_parked, header.is_parked)
    assert "its body or headers contain something that JSON cannot express" == body.problem == header.problem
