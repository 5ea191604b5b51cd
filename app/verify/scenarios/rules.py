"""The one table of rules of scenario files."""

from __future__ import annotations

from typing import Final

from app.flow.rules import Rule

_RULES: Final = (
    Rule("S101", "error", "a part of a scenario has another shape", "write it as docs/reference/scenarios.md shows"),
    Rule("S102", "error", "this word means nothing here", "write one of the words that are known here"),
    Rule("S103", "error", "something is missing", "add it"),
    Rule("S104", "error", "this value does not fit", "write a value that fits"),
    Rule("S105", "error", "this is no step of a script", "write one step a line, such as `- press: 1`"),
    Rule("S106", "error", "no call can be made", "name a flow with `flow`, or a number that a flow takes with `to`"),
    Rule("S107", "error", "there is no such look-up", "write the name of a look-up that a flow asks"),
    Rule("S108", "error", "there is no such hook", "write the name of a hook that a flow sends"),
    Rule("S109", "error", "there is no such variable", "write the name of a variable of a flow"),
    Rule("S110", "error", "a scenario file cannot be read", "save it as UTF-8 text in a folder that can be read"),
    Rule("S111", "warning", "nothing is expected of this call", "add a `hear` to the script, or an `expect`"),
)
RULES: Final[dict[str, Rule]] = {rule.code: rule for rule in _RULES}
"""By code. What is wrong with the YAML itself is told with the E1xx codes of flow files."""
