"""Every option without which Vonage refuses an action is missed, however the action is written."""

from __future__ import annotations

import json
from typing import Any

from ncco_server.flow.loader import load
from ncco_server.ncco import check
from ncco_server.ncco.actions import ACTIONS, ENDPOINT, SHAPES
from tests.support.cases import each_case
from tests.unit.server.flow.tables import table

REFUSED = "test_an_action_without_a_required_option_is_refused"


def faults(item: dict[str, Any], templates: dict[str, str]) -> list[str]:
    steps = {"hello": {"do": [item], "goto": "end"}}
    texts = {"flows/t.yaml": json.dumps({"flow": "t", "default": True, "start": "hello", "steps": steps}), **templates}
    found = load(texts, extent="project").issues
    return [issue.code for issue in found if issue.is_error or issue.code in {"W401"}]


@each_case(("action", "missing"), table(__file__, REFUSED))
def test_an_action_without_a_required_option_is_refused(action: dict[str, Any], missing: str) -> None:
    (word, options), *_ = action.items()
    pasted = {"action": word, **options}

    assert check([pasted]), "by the checker of NCCOs"
    assert faults(action, {}), "under its name"
    assert faults(pasted, {}), "pasted from Vonage's reference"
    assert faults({"ncco": "list.json"}, {"templates/list.json": json.dumps([pasted])}), "in a list of actions"


def test_the_table_has_every_required_option_of_the_reference() -> None:
    named = {missing for _, missing in table(__file__, REFUSED)}
    required = {
        f"{name}.{option.name}"
        for name, shape in [*SHAPES.items(), *ENDPOINT.shapes.items()]
        for option in shape.options.values()
        if option.required
    }

    assert required <= named
    assert ACTIONS.keys() >= {name.partition(".")[0] for name in named} - ENDPOINT.shapes.keys()
