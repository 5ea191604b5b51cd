"""Rules of the flow language: what a flow declares and uses, from its first step to its last (E630 on, W630 on)."""

from __future__ import annotations

from app.flow.rules.rule import Rule

USAGE_RULES: tuple[Rule, ...] = (
    # Declared and not used
    Rule("W630", "warning", "a variable is never used", "delete it from `vars`"),
    Rule("W631", "warning", "a variable is set and never read", "read it, or delete it with everything that sets it"),
    Rule("W632", "warning", "a param is never read", "read it in a step, or delete it from `params`"),
    Rule("W633", "warning", "a value that a flow gives back is never set", "set it where the flow returns"),
    Rule("W634", "warning", "an outcome is never returned", "return it in a step, or delete it from `outcomes`"),
    Rule("W635", "warning", "a look-up, a hook or opening hours are never used", "use it in a step, or delete it"),
    Rule("W636", "warning", "a template is never used", "name it in a flow or in another template, or delete the file"),
    Rule("W637", "warning", "nobody can choose a locale", "add `set: {locale: ..}` to a step or to a choice"),
    # Used before it is there
    Rule("E630", "error", "a look-up is read that no step before has asked", "ask it first: `lookup: name`"),
    Rule(
        "E631",
        "error",
        "a sensitive value is read after its turn",
        "read it before the call waits again: in `check`, or in the step right behind; or collect it anew",
    ),
    Rule("W638", "warning", "a look-up is read that not every call has asked", "ask it in a step that all calls pass"),
    Rule("W639", "warning", "a text is said or dialled that may still be empty", "set it before, or give it a default"),
    Rule("W646", "warning", "a variable is read and never set", "set it, or write the value that it has as `default`"),
    # Where a call leads
    Rule("W640", "warning", "a call dials the number that it came in on", "lead to a step, or dial another number"),
    Rule("W647", "warning", "a phone is dialled from a number that is not yours", "leave `from` out"),
    Rule("W645", "warning", "an error leads to the step that has failed", "lead to another step"),
    # What is said at most
    Rule("W641", "warning", "a text is too long when its values are at their longest", "split it over several talks"),
    # Conditions
    Rule("W642", "warning", "a condition never holds", "correct it, or delete it"),
    Rule("W643", "warning", "a condition always holds", "correct it, or leave it out"),
    Rule("W644", "warning", "a line of a branch never decides", "put it in front of those that cover it, or delete it"),
)
