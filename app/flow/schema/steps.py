"""The words of a step, and where they may lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.flow.exits import STEP_WORDS
from app.flow.exits.collect import WORDS as COLLECT_WORDS
from app.flow.exits.hold import OUTCOMES as HELD
from app.flow.exits.on import DIALLED
from app.flow.language.json_schema import (
    ANYTHING,
    FLAG,
    TEXT,
    JsonSchema,
    about,
    choose,
    has,
    listed,
    mapped,
    named,
    number,
    offer,
    ref,
)
from app.flow.menu import WORDS as CHOICE_WORDS
from app.flow.retry import FAILURES, MOST_TRIES
from app.flow.retry import WORDS as RETRY_WORDS
from app.flow.schema.actions import confidence
from app.flow.schema.fields import FieldSchemas, per_locale
from app.flow.schema.names import Names

STEP: Final = {
    "lookup": "What is asked from outside on entering: names of look-ups, or `- name: {param: value}`.",
    "set": "Variables that change on entering, line by line.",
    "send": "Whom to tell on entering: names of hooks, or `- name: {param: value}`.",
    "do": "What the caller hears: a list of NCCO actions.",
    "choices": "A menu: each choice with `dtmf`, `speech` or both, and where it leads.",
    "collect": "Keys or words that go into a variable; `goto` beside it says where the call goes then.",
    "hold": "The caller waits for something, and hears `do` for as long as it takes.",
    "run": "Another flow takes over; `on` says where the call goes by what came of it.",
    "with": "What the flow under `run` is given.",
    "branch": "The first line whose condition holds decides.",
    "goto": "Where the call goes: a step, `end`, `return`, or another flow.",
    "on": "What came of the connect, the checkpoint, the hold or the flow; `error` beside any exit.",
    "retry": "What happens when the caller says nothing, or nothing that fits.",
    "tail": "false: nothing stands behind the question for when no webhook gets through.",
    "min_confidence": "From 0 to 1: what the recogniser is less sure of does not count.",
    "events": "Whom to tell of what Vonage reports later: a recording, a transcription, the end of the call.",
}
"""What each word of a step is for."""

ON: Final = {
    "completed": "They spoke, and the other party hung up.",
    "busy": "The other party is on the phone.",
    "timeout": "It rang for too long.",
    "unanswered": "Nobody answered, or the call was declined.",
    "rejected": "The call was refused before it rang.",
    "failed": "The call could not be connected.",
    "disconnected": "A websocket was closed at the other end.",
    "machine": "A machine answered.",
    "human": "A person answered.",
    "beep": "A machine has played its tone.",
    "otherwise": "Whatever has no line of its own.",
    "error": "A value could not be computed.",
    "ready": "What was waited for has come.",
    "too_long": "The longest time is over.",
}
"""What each line of `on` stands for."""

CHOICE: Final = {
    "dtmf": 'Digits, "*" or "#", or a list of them.',
    "speech": "Phrases that the caller may say.",
    "set": "Variables that change when it is chosen.",
    "goto": "Where it leads.",
}
COLLECT: Final = {
    "into": "The variable that takes what was given.",
    "digits": "How many: 4, or a range such as 6..8, which ends with #.",
    "speech": "any: words are taken.",
    "sensitive": "true: the value is written nowhere, and forgotten after its turn.",
    "check": "An expression that must hold for what was given.",
    "min_confidence": STEP["min_confidence"],
}
HOLD: Final = {"until": "The condition.", "up_to": "The longest time: 90s, 10m, 1h."}
RETRY: Final = {
    "noinput": "What is said after silence: one prompt for each failed try.",
    "nomatch": "What is said after an answer that does not fit.",
    "tries": "How often it is asked altogether.",
    "reprompt": "false: `do` is not played again behind the prompt.",
    "then": "Where the call goes after the last try.",
}


def described(
    words: tuple[str, ...], known: Mapping[str, str], shapes: Mapping[str, JsonSchema]
) -> dict[str, JsonSchema]:
    """The words of a map of the loader, each with its schema; a word that is new here takes anything."""
    return {word: about(shapes.get(word, ANYTHING), known.get(word, "")) for word in words}


def step_definitions(names: Names) -> dict[str, JsonSchema]:
    """A step and what it is made of, by name."""
    return {
        "step": mapped(described(STEP_WORDS, STEP, _shapes(names))),
        "goto": _goto(names),
        "choices": named(mapped(described(CHOICE_WORDS, CHOICE, _choice(names)))),
        "retry": mapped(described(RETRY_WORDS, RETRY, _retry(names))),
        "sets": named(ANYTHING, names=names.variables),
        "asked": _several(names.lookups),
        "sent": _several(names.hooks),
    }


def _shapes(names: Names) -> dict[str, JsonSchema]:
    return {
        "lookup": ref("asked"),
        "set": ref("sets"),
        "send": ref("sent"),
        "do": {"type": "array", "items": ref("item")},
        "choices": ref("choices"),
        "collect": mapped(described(COLLECT_WORDS, COLLECT, _collect(names)), required=["into"]),
        "hold": mapped(
            {"until": about(TEXT, "The condition."), "up_to": about(TEXT, "The longest time: 90s, 10m, 1h.")},
            required=["until", "up_to"],
        ),
        "run": offer(names.flows),
        "with": named(ANYTHING),
        "branch": {"type": "array", "items": _line(), "contains": has("else")},
        "goto": ref("goto"),
        "on": _on(names),
        "retry": ref("retry"),
        "tail": FLAG,
        "min_confidence": confidence(),
        "events": ref("events"),
    }


def _goto(names: Names) -> JsonSchema:
    step = offer((*names.steps, "end", "return"))
    forms = [
        (has("run"), mapped({"run": offer(names.flows), "with": named(ANYTHING)}, required=["run"])),
        (has("return"), mapped({"return": offer(names.outcomes), "set": named(ANYTHING)}, required=["return"])),
        (has("goto"), mapped({"goto": step, "set": ref("sets")}, required=["goto"])),
    ]
    words = {
        "run": about({}, "Another flow, for good."),
        "return": about({}, "Back to the flow that ran this one, with this outcome."),
        "goto": about({}, "A step, with `set` on the way."),
    }
    otherwise = mapped(words, required=["goto"])
    return {"anyOf": [*_texts(step), {"type": "object", "properties": words, **choose(forms, otherwise)}]}


def _choice(names: Names) -> dict[str, JsonSchema]:
    phrases = listed(TEXT)
    spoken = {"if": {"type": "object"}, "then": per_locale(phrases, names), "else": phrases}
    key = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^([0-9]{1,20}|[*#])$"}]}
    return {"dtmf": listed(key), "speech": spoken, "set": ref("sets"), "goto": ref("goto")}


def _collect(names: Names) -> dict[str, JsonSchema]:
    return {
        "into": offer(names.variables),
        "digits": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": r"^\d{1,3}(\s*\.\.\s*\d{1,3})?$"}]},
        "speech": TEXT,
        "sensitive": FLAG,
        "check": TEXT,
        "min_confidence": confidence(),
    }


def _retry(names: Names) -> dict[str, JsonSchema]:
    prompt = _prompt(names)
    prompts = {"if": {"type": "array"}, "then": {"type": "array", "items": prompt}, "else": prompt}
    by_failure = mapped({name: ref("goto") for name in FAILURES})
    then = {"if": {"anyOf": [has(name) for name in FAILURES]}, "then": by_failure, "else": ref("goto")}
    tries = number("integer", {"minimum": 1, "maximum": MOST_TRIES})
    return {"noinput": prompts, "nomatch": prompts, "tries": tries, "reprompt": FLAG, "then": then}


def _prompt(names: Names) -> JsonSchema:
    """A text, a file, an item of `do` that is heard, or one of these for each locale."""
    item = {"anyOf": [has("talk"), has("stream"), has("action")]}
    one: JsonSchema = {"anyOf": [TEXT, FieldSchemas(names).file(), ref("item")]}
    cases = [(item, ref("item")), (has("template"), FieldSchemas(names).file())]
    local = per_locale({"anyOf": [one, {"type": "array", "items": one}]}, names)
    return {"if": {"type": "object"}, "then": choose(cases, local), "else": TEXT}


def _line() -> JsonSchema:
    condition = about(TEXT, "A condition: names, comparison, and, or, not, in, filters.")
    goto = about(ref("goto"), "Where the call goes when it holds.")
    otherwise = about(ref("goto"), "Where the call goes when no line holds; the last line.")
    words = {"if": condition, "goto": goto, "else": otherwise}
    return {"if": has("else"), "then": mapped({"else": otherwise}), "else": mapped(words, required=["if", "goto"])}


def _on(names: Names) -> JsonSchema:
    """Lines by outcome; checkpoints and the outcomes of flows have names of their own."""
    known = {word: about(ref("goto"), ON.get(word, "")) for word in (*DIALLED, "error", *HELD)}
    own = {name: about(ref("goto"), "An outcome of the flow that is run.") for name in names.outcomes}
    return {"type": "object", "properties": own | known, "additionalProperties": ref("goto"), "minProperties": 1}


def _several(known: tuple[str, ...]) -> JsonSchema:
    """A name, `name: {param: value}`, or a list of these."""
    one = [*_texts(offer(known)), named(named(ANYTHING), names=known)]
    return {"anyOf": [*one, {"type": "array", "items": {"anyOf": one}}]}


def _texts(text: JsonSchema) -> list[JsonSchema]:
    """The alternatives of a text, flat: an editor offers nothing from deeper ones."""
    return list(text["anyOf"]) if "anyOf" in text else [text]
