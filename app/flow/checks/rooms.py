"""Conversations that flows lead into: somebody has to start a room in which the others wait.

Source: NCCO reference, Conversation: with `startOnEnter: false` a participant waits until one without it comes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from app.flow.actions.action import Action
from app.flow.issues import Issue
from app.flow.rules import RULES

if TYPE_CHECKING:
    from app.flow.language.flow import ReadFlow


def check_rooms(flows: Mapping[str, ReadFlow]) -> Iterator[Issue]:
    """W287 for each room that everybody only waits in; nothing while a room with a computed name may be it."""
    waiting: dict[str, Action] = {}
    started: set[str | None] = set()
    for action in _conversations(flows):
        name = action.literal("name")
        if name is None or action.literal("startOnEnter") is not False:
            started.add(name)
        else:
            waiting.setdefault(name, action)
    for name, action in waiting.items():
        if name not in started and None not in started:
            message = f'everybody in the conversation "{name}" waits for somebody who starts it'
            yield RULES["W287"].at(action.fields["startOnEnter"].place, message)


def _conversations(flows: Mapping[str, ReadFlow]) -> Iterator[Action]:
    for flow in flows.values():
        for read in flow.steps.values():
            for part in read.step.parts if read.step else ():
                if isinstance(part, Action) and part.word == "conversation":
                    yield part
