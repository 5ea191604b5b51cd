"""Rules of the flow language: what a step says and what it listens for (W600 to W629)."""

from __future__ import annotations

from app.flow.rules.rule import Rule

PROMPT_RULES: tuple[Rule, ...] = (
    Rule("W600", "warning", "a prompt tells a key that no choice has", "say a key of the menu, or add the choice"),
    Rule("W601", "warning", "no prompt mentions a choice", "say it in the prompt, or delete the choice"),
    Rule(
        "W605",
        "warning",
        "a prompt tells a key where a `collect` takes something else",
        "leave the key out, or ask with `choices` in a step of its own",
    ),
    Rule(
        "W606",
        "warning",
        "a prompt names another number of digits than `collect` takes",
        "say the number that `digits` has",
    ),
    Rule(
        "W607",
        "warning",
        "a prompt asks for the hash key behind an entry that ends with its last digit",
        "leave the hash key out of the prompt",
    ),
)
