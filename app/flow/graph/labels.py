"""What a drawing says of a step and of its ways out, in few words."""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.actions.action import CONNECTED, Action
from app.flow.actions.connect import Connect, address_of
from app.flow.graph.drawing import Look
from app.flow.language.collect import Collect
from app.flow.language.exits import HELD, Branch, Hold
from app.flow.language.menu import Choice, Choices
from app.flow.language.outcomes import Run
from app.flow.language.retry import FAILURES
from app.flow.model import Edge, Exit, Part, Step

LONGEST = 48
"""Characters of a prompt, a condition or a phrase that are shown."""
MOST_PHRASES = 3
MOST_PLAYED = 3

_LOOKS: dict[str, Look] = {
    Choices.word: "ask",
    Collect.word: "ask",
    Branch.word: "decide",
    Hold.word: "hold",
    Run.word: "run",
}


def look_of(step: Step) -> Look:
    """What kind of node the step is."""
    return _LOOKS.get(step.exit.word, "step")


def lines_of(step: Step) -> tuple[str, ...]:
    """The name of the step, what it asks from outside, and the first things that it plays."""
    asked = ", ".join(ask.name for ask in step.asks)
    played = [text for part in step.parts if (text := _played(part))]
    more = [f"and {len(played) - MOST_PLAYED} more"] if len(played) > MOST_PLAYED else []
    return (step.name, *([f"look up {asked}"] if asked else []), *played[:MOST_PLAYED], *more)


def _played(part: Part) -> str:
    """An action in a few words; "" for what only serves the exit."""
    if isinstance(part, Connect):
        return f"connect {', '.join(_dialled(target) for target in part.targets)}"
    if not isinstance(part, Action):
        return "ncco"
    if part.word == "input" or part.checkpoint in (CONNECTED, HELD):
        return ""
    if part.word == "talk":
        return _said(part.in_locale("").literal("text"))
    return f"checkpoint {part.checkpoint}" if part.checkpoint else part.word


def _said(text: str | None) -> str:
    """What is said, in the default locale; None is computed for each call."""
    return f"“{shorten(text)}”" if text else "talk"


def _dialled(target: Action) -> str:
    endpoint = target.literal("endpoint")
    return shorten(address_of(endpoint[0]) or str(endpoint[0]["type"])) if endpoint else "a computed number"


def heard_by(step: Step) -> tuple[str, ...]:
    """The flows that the called parties hear before they are joined."""
    connects = (part for part in step.parts if isinstance(part, Connect))
    named = (target.heard.flow for part in connects for target in part.targets if target.heard is not None)
    return tuple(dict.fromkeys(named))


def ways(exit_: Exit) -> Iterator[tuple[tuple[str, ...], Edge]]:
    """Every way out with its label; ways with the same meaning and the same target are one."""
    joined: dict[tuple[object, str], list[Edge]] = {}
    for edge in exit_.edges():
        is_alone = isinstance(exit_, Branch) or edge.label in getattr(exit_, "choices", {})
        key = (edge.label if is_alone else edge.label in FAILURES, edge.target.shown)
        joined.setdefault(key, []).append(edge)
    for edges in joined.values():
        yield _label(exit_, edges), edges[0]


def _label(exit_: Exit, edges: list[Edge]) -> tuple[str, ...]:
    names = ", ".join(edge.label for edge in edges)
    if isinstance(exit_, Choices) and edges[0].label in exit_.choices:
        return _choice(exit_.choices[edges[0].label])
    if isinstance(exit_, Choices | Collect) and edges[0].label in FAILURES:
        tries = exit_.retry.tries
        return (names, f"after {tries} tries" if tries > 1 else "after one try")
    if isinstance(exit_, Collect):
        return (f"{exit_.into} given",)
    if isinstance(exit_, Hold):
        return (names, *([shorten(exit_.until.source)] if edges[0].label == "ready" else []))
    return (shorten(names),) if exit_.word != "goto" else ()


def _choice(choice: Choice) -> tuple[str, ...]:
    """The name of a choice, and how it is made."""
    said = list(choice.phrases)
    phrases = [f"“{shorten(phrase)}”" for phrase in said[:MOST_PHRASES]]
    more = ["…"] if len(said) > MOST_PHRASES else []
    return (choice.name, ", ".join([*choice.keys, *phrases, *more]))


def shorten(text: str) -> str:
    """The text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}…"
