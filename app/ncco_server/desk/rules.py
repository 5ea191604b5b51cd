"""The rules of all codes, which `ncco explain` and the console show."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ncco_server.desk.studio import find_studio
from ncco_server.flow.issues import RULES as FLOW_RULES
from ncco_server.flow.issues import RUNNING_RULES, FlowRule
from ncco_server.ncco import RULES as NCCO_RULES
from ncco_server.ncco import Rule as NccoRule
from ncco_server.ncco.json_text import TEXT_RULES

Rule = FlowRule | NccoRule


@cache
def all_rules() -> Mapping[str, Rule]:
    """All codes in commands, the log and traces; those of the studio if it is installed."""
    studio = find_studio()
    more = studio.rules() if studio is not None else {}
    return {**FLOW_RULES, **RUNNING_RULES, **TEXT_RULES, **NCCO_RULES, **more}


def fix_of(rule: Rule) -> str:
    return rule.fix if isinstance(rule, NccoRule) else rule.cure
