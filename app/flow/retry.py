"""What happens when the caller says nothing, or nothing that fits: `retry`.

    retry:
      noinput: ["Sorry, I did not hear you.", "You can also press a key."]    # first failed try, second and later
      nomatch: ["Sorry, that is not one of the choices."]
      tries: 3              # how often it is asked altogether
      reprompt: true        # after the prompt, `do` is played again
      then: reception       # after the last try; or {noinput: a, nomatch: b}

A list or a prompt may also be a map by locale: `noinput: {en: ["Sorry?"], fr: ["Pardon ?"]}`.
One counter serves both lists. Every step that asks has a `then`, its own or the flow's: no menu asks for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.flow.checks.ncco import check_step
from app.flow.fields import Fields, read_fields
from app.flow.model import Again, Decision, Edge, Go, Part, Target
from app.flow.nodes import Map, Node, Place, Seq
from app.flow.parts.action import Action
from app.flow.parts.items import read_do
from app.flow.parts.values import Given
from app.flow.prompts import as_item, prompt_items
from app.flow.reader import Reader
from app.flow.targets import is_target, read_target
from app.flow.types import TYPES

FAILURES = ("noinput", "nomatch")
MOST_TRIES = 10
"""How often a step may ask at most. Our choice: whoever has not answered ten times is better served by `then`."""

_HINTS = {
    "max": "write `tries`",
    "attempts": "write `tries`",
    "count": "write `tries`",
    "goto": "write `then`",
    "else": "write `then`",
    "prompt": "write `noinput: [..]` and `nomatch: [..]`",
    "prompts": "write `noinput: [..]` and `nomatch: [..]`",
}
_THEN_HINTS = {
    "silence": "write `noinput`",
    "timeout": "write `noinput`",
    "error": "write it under `on` of the step",
}
WORDS = ("noinput", "nomatch", "tries", "reprompt", "then")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt; `kind` is `talk` or `stream`, `item` how it stands in the file, as an item of `do`."""

    kind: str
    place: Place
    parts: tuple[Part, ...]
    item: Map | None = None

    def before(self, kinds: frozenset[str]) -> tuple[Part, ...]:
        """The prompt as it stands before actions of these `kinds` and then the `input`.

        The caller can interrupt it unless it says otherwise, or actions of another kind follow.
        Source: NCCO reference, Talk and Stream (bargeIn).
        """
        return tuple(map(_interruptible, self.parts)) if kinds <= {self.kind} else self.parts


def _interruptible(part: Part) -> Part:
    if not isinstance(part, Action) or "bargeIn" in part.fields:
        return part
    return part.with_fields({"bargeIn": Given(True, part.place)})


@dataclass(frozen=True, slots=True)
class Retry:
    """What a step does after a failed try; `tries` counts the first time it asks."""

    prompts: Mapping[str, tuple[tuple[Part, ...], ...]]
    then: Mapping[str, Target]
    tries: int
    reprompt: bool
    place: Place

    def edges(self) -> Iterator[Edge]:
        """Where the last try leads. No input of the caller passes here."""
        for name in FAILURES:
            yield Edge(name, self.then[name], passes_input=False)

    def parts(self) -> Iterator[Part]:
        """Every prompt."""
        for prompts in self.prompts.values():
            for prompt in prompts:
                yield from prompt

    def decide(self, failure: str, because: str, tries: int, others: tuple[str, ...] = ()) -> Decision:
        """Ask again, or go on where `then` leads, after `tries` failed tries before this one."""
        number = tries + 1
        count = f"{because}; failed try {number} of {self.tries}"
        if number >= self.tries:
            target = self.then[failure]
            leads = f"{count}: retry.then leads to {'the end' if target.is_end else target.shown}"
            return Decision(Go(target), failure, target.place, leads, others)
        said = self.prompts[failure]
        prompt = said[min(number, len(said)) - 1] if said else ()
        place = prompt[0].place if prompt else self.place
        return Decision(Again(prompt, self.reprompt), failure, place, f"{count}: asked again", others)


@dataclass(frozen=True, slots=True)
class RetrySource:
    """A `retry` as written; None and missing keys are inherited."""

    prompts: Mapping[str, tuple[Prompt, ...]] = field(default_factory=dict)
    then: Mapping[str, Target] = field(default_factory=dict)
    tries: int | None = None
    reprompt: bool | None = None
    place: Place | None = None
    is_whole: bool = True

    def over(self, inherited: RetrySource) -> RetrySource:
        """This one, completed by what is inherited."""
        return RetrySource(
            {**inherited.prompts, **self.prompts},
            {**inherited.then, **self.then},
            inherited.tries if self.tries is None else self.tries,
            inherited.reprompt if self.reprompt is None else self.reprompt,
            self.place or inherited.place,
            self.is_whole and inherited.is_whole,
        )


def read_retry(node: Node, reader: Reader, actions: Mapping[str, Map], place: Place) -> RetrySource:
    """A `retry` map; `actions` are the flow's defaults for talk and stream, `place` is where `retry` stands."""
    found = reader.map(node, "`retry`", "write `retry: {noinput: [..], nomatch: [..], then: step}`")
    if found is None:
        return RetrySource(place=place, is_whole=False)
    fields = read_fields(found, WORDS, "`retry`", reader, place=place, hints=_HINTS)
    prompts = {name: _read_prompts(fields.values[name], reader, actions) for name in FAILURES if name in fields.values}
    then = _read_then(fields, reader)
    source = RetrySource(
        prompts,
        then or {},
        _read_tries(fields, reader),
        reader.flag(fields.values["reprompt"], "`reprompt`") if "reprompt" in fields.values else None,
        place,
        fields.is_whole and then is not None,
    )
    _check_heard(source, fields, reader)
    return source


def _read_prompts(node: Node, reader: Reader, actions: Mapping[str, Map]) -> tuple[Prompt, ...]:
    prompts = [_read_prompt(item, reader, actions) for item in prompt_items(node, reader)]
    return tuple(prompt for prompt in prompts if prompt is not None)


def _read_prompt(node: Node, reader: Reader, actions: Mapping[str, Map]) -> Prompt | None:
    """A text, `{template: x.j2}`, `{stream: url}`, or a talk with fields of its own: `{talk: .., style: 3}`."""
    item = as_item(node)
    kind = next((kind for kind in ("talk", "stream") if item and item.get(kind) is not None), None)
    if item is None or kind is None:
        cure = "write a text, {template: file.j2} or {stream: url}"
        reader.report("E201", node.place, "a prompt of `retry` is neither spoken nor streamed", cure)
        return None
    before = len(reader.issues)
    parts = read_do(Seq((item,), node.place), reader, actions)
    if len(reader.issues) == before:
        reader.issues.extend(check_step(parts, reader.scope, goes_on=True))
    return Prompt(kind, node.place, parts, item)


def _read_then(fields: Fields, reader: Reader) -> dict[str, Target] | None:
    """Where the last try leads, by failure; None when a fault hides it."""
    node = fields.get("then")
    if node is None:
        return {}
    if not isinstance(node, Map) or is_target(node):
        target = read_target(node, "`then`", reader)
        return dict.fromkeys(FAILURES, target) if target else None
    lines = read_fields(node, FAILURES, "`then`", reader, hints=_THEN_HINTS)
    read = {name: read_target(value, f"`{name}`", reader) for name, value in lines.values.items()}
    found = {name: target for name, target in read.items() if target is not None}
    return found if lines.is_whole and len(found) == len(read) else None


def _read_tries(fields: Fields, reader: Reader) -> int | None:
    node = fields.get("tries")
    tries = reader.literal(node, TYPES["int"], "`tries`") if node else None
    if node is None or not isinstance(tries, int):
        return None
    if 1 <= tries <= MOST_TRIES:
        return tries
    reader.report("E203", node.place, f"`tries` is {tries}", f"write a number from 1 to {MOST_TRIES}")
    return None


def _check_heard(source: RetrySource, fields: Fields, reader: Reader) -> None:
    """W241 for a prompt behind the last one that `tries` lets the caller hear."""
    for name, prompts in source.prompts.items():
        if source.tries is not None and len(prompts) >= source.tries:
            extra = prompts[source.tries - 1]
            asked = "once" if source.tries == 1 else f"{source.tries} times"
            message = (
                f"prompt {source.tries} of `{name}` is never played: the caller is asked {asked}, then comes `then`"
            )
            cure = f"write `tries: {len(prompts) + 1}`, or delete the prompt"
            reader.report("W241", extra.place, message, cure)


def finish_retry(source: RetrySource, place: Place, kinds: frozenset[str], reader: Reader) -> Retry | None:
    """The retry of a step that asks, all inherited; E240 (and None) when nothing says what follows the last try.

    Args:
        source: own and inherited settings.
        place: the exit's, for when nothing was written.
        kinds: the kinds of action that the step plays before its `input`.
        reader: for the report.
    """
    missing = [name for name in FAILURES if name not in source.then]
    if missing:
        if source.is_whole:
            _report_open_end(missing, source.place or place, reader)
        return None
    longest = max((len(prompts) for prompts in source.prompts.values()), default=0)
    reprompt = source.reprompt is not False
    behind = kinds if reprompt else frozenset[str]()
    prompts = {name: tuple(prompt.before(behind) for prompt in source.prompts.get(name, ())) for name in FAILURES}
    tries = source.tries or (longest + 1 if longest else 3)
    return Retry(prompts, source.then, tries, reprompt, source.place or place)


def _report_open_end(missing: list[str], place: Place, reader: Reader) -> None:
    if len(missing) == len(FAILURES):
        message = "a caller who never answers is asked for ever: no `then` says what follows the last try"
        reader.report("E240", place, message)
    else:
        message = f"`then` does not say what follows the last try after {missing[0]}"
        reader.report("E240", place, message, f"add `{missing[0]}: step` to `then`")
