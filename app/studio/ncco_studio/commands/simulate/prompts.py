"""Interactive input: the caller's lines, and the results of lookups."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from typing import Any, Final

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.engine.secrets import Secrets
from ncco_server.flow.model import Flow
from ncco_server.service.functions import AnswerLookups
from ncco_server.terminal import printable
from ncco_studio.commands.simulate.screen import INDENT, Screen
from ncco_studio.verify.handlers.explored import FunctionDefinition
from ncco_studio.verify.played_call import PlayedCall
from ncco_studio.verify.scenarios.answers import FAILED, NOBODY, Answering, LookupAnswers, lookups_of, no_answer

_COMMAND: Final = re.compile(r"[^;]*[^;\s]")
"""Completes the last command on a line, read from right to left."""
_ERROR: Final = re.compile(r"error(?:\s+(.+))?")


class Prompt:
    """Reads lines; at a terminal, with a line editor.

    The history is not saved: callers' digits may be PINs. `is_person`: somebody is typing, and can be asked; `offers`
    is what can be typed now.
    """

    def __init__(self) -> None:
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        self.is_person = sys.stdin.isatty()
        self.offers: Sequence[str] = ()
        self._session: PromptSession[str] | None = None
        if self.is_person and sys.stdout.isatty():
            completer = WordCompleter(lambda: list(self.offers), ignore_case=True, pattern=_COMMAND)
            self._session = PromptSession(completer=completer, complete_while_typing=False)

    async def read(self, ask: str = "> ") -> str | None:
        """None at the end of the input, or after Ctrl-C or Ctrl-D."""
        if self._session is None:
            return self._plain_line(ask)
        try:
            return await self._session.prompt_async(ask)
        except (EOFError, KeyboardInterrupt):
            return None

    def _plain_line(self, ask: str) -> str | None:
        """Block the event loop, which has nothing else to do."""
        if self.is_person:
            click.echo(ask, nl=False)
        handler = signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # the event loop's own handler would only note Ctrl-C
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            line = ""
        finally:
            signal.signal(signal.SIGINT, handler)
        if not line and self.is_person:
            click.echo()
        return line.rstrip("\r\n") if line else None


class PromptedLookups(LookupAnswers):
    """Asks the person at the terminal for lookups' results; without one, uses the defaults.

    Args:
        flows: the project's flows.
        look_ups: makes a function that sends one turn's lookups; None to send none.

    Attributes:
        show_news: prints what has happened; None before the call begins.
        call: its sensitive values are not printed; None before it begins.
    """

    def __init__(
        self, flows: Iterable[Flow], prompt: Prompt, screen: Screen, look_ups: Callable[[], AnswerLookups] | None
    ) -> None:
        super().__init__(lookups_of(flows), look_ups)
        self._prompt = prompt
        self._screen = screen
        self._is_asked = prompt.is_person and look_ups is None
        self.show_news: Callable[[], Awaitable[None]] | None = None
        self.call: PlayedCall | None = None

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """See `LookupAnswers`. The lookups are shown one at a time."""
        if self.show_news is not None:
            await self.show_news()
        return tuple([await self._shown(lookup) for lookup in lookups])

    async def _shown(self, lookup: Lookup) -> LookupAnswer:
        definition = self.definition(lookup)
        secrets = self.call.secrets if self.call is not None else Secrets()
        what = (
            f"function {_call(lookup)}"
            if lookup.is_function
            else f"lookup {lookup.name} asks {_shown(lookup, secrets)}"
        )
        self._say(what, "yellow")
        (answer,) = await super().ask((lookup,))
        _, problem = definition.cast_answer(answer.value, answer.problem)
        if problem and self._look_ups is not None:
            self._say(f"it does not answer: {problem}", "red")
        if problem and lookup.is_function:
            self._say("it gives no result, so the handler gets RunFailed", "dim")
        elif problem:
            self._say(f"its default is used: {json.dumps(dict(definition.default), ensure_ascii=False)}", "dim")
        return answer

    async def chosen(self, lookup: Lookup) -> LookupAnswer | None:
        return await self._typed(self.definition(lookup)) if self._is_asked else None

    async def _typed(self, definition: Answering) -> LookupAnswer:
        names = _names(definition)
        fields = " ".join(f"{name}=.." for name in names)
        left_out = "no result" if isinstance(definition, FunctionDefinition) else "its default"
        self._say(
            f"type its answer: {f'{fields}, JSON' if fields else 'JSON or text'}, timeout or error 503; "
            f"Enter: {left_out}; ?: help",
            "dim",
        )
        self._prompt.offers = ("timeout", "error 503", *(f"{name}=" for name in names))
        while True:
            line = await self._prompt.read("answer> ")
            text = (line or "").strip()
            try:
                if text != "?":
                    return read_answer(text, definition)
                for each in _help(definition, left_out):
                    self._say(each, "")
            except ValueError as error:
                self._say(f"that is not an answer: {error}", "red")

    def _say(self, text: str, colour: str) -> None:
        self._screen.say(printable(f"{INDENT}{text}"), colour)


def read_answer(text: str, definition: Answering) -> LookupAnswer:
    """Take missing fields from the default. Raises ValueError."""
    if not text:
        return NOBODY
    if text == "timeout":
        return no_answer("", definition.timeout_ms)
    if found := _ERROR.fullmatch(text):
        return no_answer(found[1] or FAILED, definition.timeout_ms)
    if isinstance(definition, FunctionDefinition):
        return LookupAnswer(_result(text, definition))
    if not definition.returns.fields:
        return LookupAnswer(json_or_text(text))
    value = json.loads(text) if text[0] in "{[" else _fields(text, definition)
    if isinstance(value, Mapping):
        value = {**definition.default, **value}
    _, problem = definition.cast_answer(value)
    if problem:
        raise ValueError(problem)
    return LookupAnswer(value)


def json_or_text(text: str) -> Any:
    """Return the text itself if it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _result(text: str, definition: FunctionDefinition) -> Any:
    """Read `status=late days=4`, JSON or text: whatever fits the return type. Raises ValueError."""
    readings = [json_or_text(text), text]
    given = _given(text)
    if given:
        read = {name: json_or_text(value) for name, value in given.items()}
        as_text = {name: given[name] for name in definition.misfits(read) if name in given}
        readings.insert(0, read | as_text)
    problems = [definition.misfit(reading) for reading in readings]
    if "" not in problems:
        raise ValueError(problems[0])
    found = readings[problems.index("")]
    known = _names(definition)
    for name in given if known and isinstance(found, dict) else ():
        if name not in known:
            raise ValueError(_no_field(name, known))
    return found


def _given(text: str) -> dict[str, str]:
    """Return nothing unless each word is `name=value`."""
    try:
        words = [word.partition("=") for word in shlex.split(text)]
    except ValueError:
        return {}
    is_map = all(equals and name.isidentifier() for name, equals, _ in words)
    return {name: value for name, _, value in words} if is_map else {}


def _names(definition: Answering) -> Sequence[str]:
    if isinstance(definition, FunctionDefinition):
        return [
            *dict.fromkeys(name for example in definition.examples if isinstance(example, dict) for name in example)
        ]
    return [*definition.returns.fields]


def _no_field(word: str, known: Iterable[str]) -> str:
    return f'"{word}" does not set a field; the fields are: {", ".join(known)}'


def _help(definition: Answering, left_out: str) -> Iterator[str]:
    if isinstance(definition, FunctionDefinition):
        example = next(iter(definition.examples), None)
    else:
        example = dict(definition.default)
    if isinstance(example, dict) and example:
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in example.items()}
        yield f"its fields, such as {' '.join(f'{name}={shlex.quote(text)}' for name, text in texts.items())}"
    yield f"JSON, such as {json.dumps(example, ensure_ascii=False)}"
    yield "timeout: it does not answer in time"
    yield "error 503: it fails, with a status or a reason"
    yield f"Enter: {left_out}"


def _call(lookup: Lookup) -> str:
    """Show a `Secret` as asterisks."""
    return f"{lookup.name}({', '.join(map(repr, lookup.request.code.arguments))})"


def _fields(text: str, definition: Answering) -> dict[str, Any]:
    """Parse `name=Ann tier=gold`. Raises ValueError."""
    found: dict[str, Any] = {}
    known = definition.returns.fields
    for word in shlex.split(text):
        name, is_given, value = word.partition("=")
        if not is_given or name not in known:
            raise ValueError(_no_field(word, known))
        found[name] = value if known[name].is_text else json.loads(value)
    return found


def _shown(lookup: Lookup, secrets: Secrets) -> str:
    request = lookup.request
    if request.method == "PYTHON":
        return f"{request.function}({_json(request.arguments, secrets)})"
    body = "" if request.json is None else f" {_json(request.json, secrets)}"
    return f"{request.method} {request.url}{body}"


def _json(value: Any, secrets: Secrets) -> str:
    return json.dumps(_without(value, secrets), ensure_ascii=False)


def _without(value: Any, secrets: Secrets) -> Any:
    """Replace the sensitive parts of a value with asterisks."""
    if isinstance(value, Mapping):
        return {key: _without(each, secrets) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without(each, secrets) for each in value]
    return "***" if secrets.are_in(str(value)) else value
