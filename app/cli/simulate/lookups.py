"""Lookups in a simulated call: a person answers them, the network does, or their defaults are used."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.cli.simulate.prompts import InputPrompt
from app.cli.simulate.screen import Screen
from app.engine import Lookup, LookupAnswer
from app.flow.language.lookups import LookupDefinition
from app.flow.language.returns import ReturnedValue
from app.flow.model import Flow
from app.flow.report import printable
from app.service.calls import LookUp
from app.verify.scenarios.server import lookups_of

_NOBODY: Final = "nobody was asked"
"""Why a lookup has no answer when the person gives none."""
_ERROR: Final = re.compile(r"error(?:\s+(.+))?")
_INDENT: Final = " " * 11


class Person:
    """Answers lookups, as the person at the terminal says.

    Args:
        flows: those of the project.
        prompt: where the person types; without a person, defaults are used.
        screen: shows what is asked.
        outside: asks the network instead; None: lookups are not sent.
    """

    def __init__(
        self, flows: Iterable[Flow], prompt: InputPrompt, screen: Screen, outside: LookUp | None = None
    ) -> None:
        self._definitions = lookups_of(flows)
        self._prompt = prompt
        self._screen = screen
        self._outside = outside
        self._given: dict[str, list[Any]] = {}

    @property
    def given(self) -> Mapping[str, list[Any]]:
        """What each lookup was answered in turn, by name, as a scenario has it; those without any answer left out."""
        silent = {"error": _NOBODY}
        return {name: answers for name, answers in self._given.items() if any(each != silent for each in answers)}

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """One answer for each, in their order."""
        await self._screen.show_news()
        return tuple([await self._answer(lookup) for lookup in lookups])

    async def _answer(self, lookup: Lookup) -> LookupAnswer:
        definition = self._definitions[lookup.flow, lookup.name]
        self._screen.say(f"{_INDENT}lookup {lookup.name} asks {_shown(lookup)}", "yellow")
        if self._outside is not None:
            answer = (await self._outside((lookup,)))[0]
        else:
            answer = await self._typed(definition) if self._prompt.is_person else LookupAnswer(None, _NOBODY)
        _, problem = definition.read(answer.value, answer.problem)
        self._given.setdefault(lookup.name, []).append(_as_given(answer, problem, definition))
        if problem and self._outside is not None:
            self._screen.say(printable(f"{_INDENT}it does not answer: {problem}"), "red")
        if problem:
            default = json.dumps(dict(definition.default), ensure_ascii=False)
            self._screen.say(printable(f"{_INDENT}its default is used: {default}"), "dim")
        return answer

    async def _typed(self, definition: LookupDefinition) -> LookupAnswer:
        """Ask until what is typed fits."""
        fields = " ".join(f"{name}=.." for name in definition.returns.fields)
        self._screen.say(f"{_INDENT}answer with {fields}, JSON, timeout or error 503; Enter: its default", "dim")
        self._prompt.offers = ("timeout", "error 503", *(f"{name}=" for name in definition.returns.fields))
        while True:
            line = await self._prompt.read("answer> ")
            try:
                return read_answer((line or "").strip(), definition)
            except ValueError as error:
                self._screen.say(f"{_INDENT}that is not an answer: {printable(str(error))}", "red")


def read_answer(text: str, definition: LookupDefinition) -> LookupAnswer:
    """The answer that is typed; fields that are left out are those of the default. Raises ValueError."""
    if not text:
        return LookupAnswer(None, _NOBODY)
    if text == "timeout":
        return LookupAnswer(None, f"timed out after {definition.timeout_ms} ms", definition.timeout_ms)
    if found := _ERROR.fullmatch(text):
        return LookupAnswer(None, f"status {found[1]}" if (found[1] or "").isdigit() else found[1] or "it failed")
    value = json.loads(text) if text[0] in "{[" else _fields(text, definition)
    if isinstance(value, Mapping):
        value = {**definition.default, **value}
    _, problem = definition.read(value)
    if problem:
        raise ValueError(problem)
    return LookupAnswer(value)


def _fields(text: str, definition: LookupDefinition) -> dict[str, Any]:
    """`name=Ann tier=gold`. Raises ValueError."""
    found: dict[str, Any] = {}
    for word in shlex.split(text):
        name, is_given, value = word.partition("=")
        if not is_given or name not in definition.returns.fields:
            known = ", ".join(definition.returns.fields)
            raise ValueError(f'"{word}" gives no field a value; its fields are: {known}')
        returned = definition.returns.fields[name]
        is_text = isinstance(returned, ReturnedValue) and returned.type.kind == "text"
        found[name] = value if is_text else json.loads(value)
    return found


def _shown(lookup: Lookup) -> str:
    request = lookup.request
    if request.method == "PYTHON":
        return printable(f"{request.function}({json.dumps(request.arguments, ensure_ascii=False)})")
    body = "" if request.json is None else f" {json.dumps(request.json, ensure_ascii=False)}"
    return printable(f"{request.method} {request.url}{body}")


def _as_given(answer: LookupAnswer, problem: str, definition: LookupDefinition) -> Any:
    """What a scenario gives for it: the fields that are declared."""
    if not problem:
        return {name: answer.value[name] for name in definition.returns.fields}
    if answer.ms == definition.timeout_ms:
        return {"timeout": True}
    return {"error": problem.removeprefix("status ")}
