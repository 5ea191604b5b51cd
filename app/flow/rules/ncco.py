"""Rules of the flow language: what a step plays (E4xx, W4xx)."""

from __future__ import annotations

from app.flow.rules.rule import Rule

NCCO_RULES: tuple[Rule, ...] = (
    Rule(
        "E401",
        "error",
        "an NCCO rule is broken",
        "write the action as the NCCO reference has it",
    ),
    Rule(
        "W401",
        "warning",
        "an NCCO rule is probably broken",
        "look the value up in the platform's current lists",
    ),
    Rule(
        "E402",
        "error",
        "an item of `do` names no action",
        'begin each item with an action, as in `- talk: "Hello."`',
    ),
    Rule(
        "E403",
        "error",
        "one item of `do` says two things",
        "write each action behind a dash of its own, and each field once",
    ),
    Rule(
        "E404",
        "error",
        "what stands under an action's name is not its main value",
        "write the main value there, or one map of the action's fields",
    ),
    Rule(
        "E405",
        "error",
        "where a `connect` leads cannot be told",
        'write a number ("447700900111"), "sip:…", "wss://…" or an endpoint with its `type`',
    ),
    Rule(
        "E406",
        "error",
        "the written `input` contradicts what the step asks for",
        "leave the field out: it follows from what is asked",
    ),
    Rule(
        "E407",
        "error",
        "a step asks more than once",
        "let one step ask once; a second question belongs into a step of its own",
    ),
    Rule(
        "E408",
        "error",
        "the outcomes in `on` need one `connect`, as the last action of `do`",
        "end `do` with exactly one `connect`",
    ),
    Rule(
        "E409",
        "error",
        "a checkpoint cannot be used like this",
        "end `do` with `- checkpoint: name` and name the same checkpoint in `on`",
    ),
    Rule(
        "E410",
        "error",
        "the outcome named in `on` never comes with this machine detection",
        "leave machineDetection and advancedMachineDetection out: they follow from `on`",
    ),
    Rule(
        "E411",
        "error",
        "a key is computed",
        "write the key as plain text; only values may have braces",
    ),
    Rule(
        "E412",
        "error",
        "a field is written that this server has to fill",
        "leave it out: the outcomes in `on` need the server's own address there",
    ),
    Rule(
        "E413",
        "error",
        "the action list of `ncco` cannot be played",
        "let the template give a JSON array of NCCO actions",
    ),
    Rule("W414", "warning", "the name of a template file is spoken", "write `{template: file.j2}` for what is in it"),
    Rule(
        "W413",
        "warning",
        "the action list of `ncco` cannot be played with sample values",
        "let the template give a JSON array of NCCO actions whatever the values are",
    ),
)
