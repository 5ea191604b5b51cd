"""Rules of the flow language: look-ups, their answers, and the steps that ask them."""

from __future__ import annotations

from app.flow.rules.rule import Rule

LOOKUP_RULES: tuple[Rule, ...] = (
    Rule("E530", "error", "a look-up does not say whom it asks", "write one of `get`, `post` and `python`"),
    Rule("E531", "error", "a look-up does not say what it returns", "add `returns: {name: text}`"),
    Rule("E532", "error", "this is no field that a look-up can return", "write `name: type`"),
    Rule("E533", "error", "a default does not fit what the look-up returns", "write a value of the declared type"),
    Rule(
        "E534", "error", "this is no duration, or one out of bounds", "write a number with its unit: 700ms, 2s, 5m, 1h"
    ),
    Rule("E535", "error", "a header that cannot be sent", "use a name of letters, digits and -"),
    Rule("E536", "error", "this names no function", 'write its module and its name: "package.module:function"'),
    Rule("E537", "error", "a step asks a look-up that does not exist", "declare it under `lookups` of the flow"),
    Rule("E538", "error", "a step asks the same look-up twice", "delete one of the two"),
    Rule("E539", "error", "a look-up and a variable have the same name", "give one of them another name"),
    Rule("E540", "error", "a word has no effect in this look-up", "delete it"),
    Rule(
        "E541",
        "error",
        "the answer to something sensitive would be kept",
        "delete `cache`, or leave the sensitive value out",
    ),
    Rule(
        "W530",
        "warning",
        "a secret stands in the flow file",
        'keep it in the environment of the server: "Bearer {{ env.TOKEN }}"',
    ),
)
