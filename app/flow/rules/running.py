"""Rules that only the values of a running call can break: codes of `RenderError`. The caller takes the `error` exit."""

from __future__ import annotations

from app.flow.rules.expressions import RENDER_RULES
from app.flow.rules.rule import Rule

RUNNING_RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        *RENDER_RULES,
        Rule("R101", "error", "a computed number may not be dialled", "add its prefix to NCCO_DIAL_ALLOW"),
        Rule(
            "R102", "error", "one call has dialled too often", "let the call end, or ask the caller, before it dials on"
        ),
        Rule("R103", "error", "one turn has entered too many steps", "let one of the steps ask the caller"),
        Rule(
            "R105", "error", "a phone is dialled in a call without a number of ours", "write `from` beside the connect"
        ),
        Rule("R106", "error", "a flow came back with an outcome that leads nowhere", "add it to the `on` of the step"),
    )
}
