"""Templates rendered by `ncco render`: values, conditions, escaping and spoken forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tests.support.cases import each_case
from tests.support.command import json_of, ncco

FOLDER = Path(__file__).parent
FLOW = (FOLDER / "flow.yaml").read_text(encoding="utf-8")
GROUPS: dict[str, dict[str, Any]] = {
    file.stem: yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in sorted((FOLDER / "groups").glob("*.yaml"))
}


@each_case("group", GROUPS)
def test_templates_become_these_texts(group: str, tmp_path: Path) -> None:
    """Each template of the group is one action of one call; `*` marks its place in the action's field."""
    action, cases = GROUPS[group]["action"], GROUPS[group]["cases"]
    actions = [json.loads(json.dumps(action).replace('"*"', json.dumps(template))) for template in cases]
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "main.yaml").write_text(FLOW.replace("ACTIONS", json.dumps(actions)), encoding="utf-8")

    env = {"FLOW_CRM_URL": "https://crm.example.com", "FLOW_TEAM": "blue"}
    words = ["render", "main", "--from", "447700900123", "--at", "2026-01-05T09:30", "--format", "json"]
    result = ncco(*words, cwd=tmp_path, env=env)

    assert 0 == result.exit_code, result.output
    field = next(key for key in ("text", "streamUrl") if key in action)
    found = [played[field][0] if field == "streamUrl" else played[field] for played in json_of(result)]
    assert cases == dict(zip(cases, found, strict=True))
