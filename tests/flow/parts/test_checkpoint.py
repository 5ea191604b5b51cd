from __future__ import annotations

import pytest

from app.flow.model import Callback
from tests.flow.parts.reading_parts import drafts, faults_of, parts_of


def test_a_checkpoint_notifies_the_server_of_the_leg() -> None:
    (draft,) = drafts(parts_of("- checkpoint: heard_terms"))

    assert {
        "action": "notify",
        "payload": {"checkpoint": "heard_terms", "leg": "3f9a1c77d2e84b0c9a5566778899aabb"},
    } == draft.action
    assert Callback("notify", "heard_terms", steers=False) == draft.callback


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        ("- checkpoint: {name: a}", "E404 1:3 a checkpoint has only a name | write `checkpoint: heard_terms`"),
        ("- checkpoint: a\n  payload: {}", 'E202 2:3 checkpoint has no "payload" | it takes a name only'),
        (
            "- checkpoint: heard terms",
            'E409 1:15 a checkpoint cannot be named "heard terms" | use letters, digits, _ and -',
        ),
        ("- checkpoint: busy", 'E409 1:15 "busy" is the name of an outcome already | give the checkpoint another name'),
        (
            "- checkpoint: connected",
            'E409 1:15 "connected" is the name of an outcome already | give the checkpoint another name',
        ),
    ],
)
def test_a_checkpoint_has_a_name_of_its_own(item: str, fault: str) -> None:
    assert [fault] == faults_of(item)
