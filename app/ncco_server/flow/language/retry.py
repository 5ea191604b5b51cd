"""`retry`: what happens if the caller's input is invalid or missing.

retry:
  noinput: ["Sorry, I did not hear you.", "You can also press a key."]    # first failed attempt, all later ones
  tries: 3              # how often the caller is asked in total
  then: reception       # after the last attempt; or {noinput: a, nomatch: b}

Both kinds of failed attempts count together. Every step that asks has a `then`, its own or the flow's, so that no menu
asks forever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias

from ncco_server.flow.action import Action
from ncco_server.flow.actions.check import check_step
from ncco_server.flow.actions.do import read_do
from ncco_server.flow.actions.part import Part
from ncco_server.flow.frame import Target
from ncco_server.flow.grammar.forms import Notation, ref
from ncco_server.flow.grammar.locales import split, stands_for_locales
from ncco_server.flow.grammar.map_form import MapForm
from ncco_server.flow.grammar.reader import Reader, Resolver, items
from ncco_server.flow.grammar.targets import Destination, is_target, read_target
from ncco_server.flow.nodes import Entry, Map, Node, Place, Seq, Text
from ncco_server.flow.runtime import Again, Decision, ExitOutcome, Go, Outcome, Way
from ncco_server.flow.values import Constant
from ncco_server.ncco.value_types import WholeNumber

FAILURES: Final = ("noinput", "nomatch")
MAX_TRIES: Final = 10
"""Our choice: a caller who fails ten times is better served by `then`."""

_OPTIONS: Final = ("talk", "stream", "template", "action")


@dataclass(frozen=True)
class RetryPrompt:
    """A prompt; `item` is how it would be written in `do`."""

    kind: str
    place: Place
    parts: tuple[Part, ...]
    item: Map

    def before(self, kinds: frozenset[str]) -> tuple[Part, ...]:
        """The prompt before actions of these `kinds` and the `input`.

        Callers can interrupt it, unless it forbids that or actions of another kind follow. Source: NCCO reference, Talk
        and Stream (bargeIn).
        """
        return self._interruptible if kinds <= {self.kind} else self.parts

    @cached_property
    def _interruptible(self) -> tuple[Part, ...]:
        return tuple(map(_interruptible, self.parts))


def _interruptible(part: Part) -> Part:
    if not isinstance(part, Action) or "bargeIn" in part.fields:
        return part
    return part.with_fields({"bargeIn": Constant(True, part.place)})


def _read_prompts(node: Node, what: str, reader: Resolver) -> tuple[RetryPrompt, ...]:
    prompts = [_read_prompt(item, reader) for item in prompt_items(node, reader)]
    return tuple(prompt for prompt in prompts if prompt is not None)


def _read_prompt(node: Node, reader: Resolver) -> RetryPrompt | None:
    """A text, `{template: x.j2}`, `{stream: url}`, or a talk with fields of its own: `{talk: .., style: 3}`."""
    item = as_item(node)
    kind = next((kind for kind in ("talk", "stream") if item and item.get(kind) is not None), None)
    if item is None or kind is None:
        cure = "write text, {template: file.j2} or {stream: url}"
        reader.report("E201", node.place, "a prompt of `retry` is neither spoken nor streamed", cure)
        return None
    parts = read_do(Seq((item,), node.place), reader)
    reader.issues.extend(check_step(parts, reader.scope, goes_on=True))
    return RetryPrompt(kind, node.place, parts, item)


def _read_then(node: Node, what: str, reader: Resolver) -> Mapping[str, Target] | None:
    if not isinstance(node, Map) or is_target(node):
        target = read_target(node, what, reader)
        return dict.fromkeys(FAILURES, target) if target else None
    found = Then.read(node, what, reader)
    if found is None:
        return None
    targets = {name: getattr(found, name) for name in FAILURES if name in found.written.values}
    return None if None in targets.values() else targets


class Then(MapForm):
    """The targets after the last attempt, by kind of failure."""

    noinput: Destination | None = None
    """Where the call goes if the caller said and pressed nothing."""
    nomatch: Destination | None = None
    """Where the call goes if the input was invalid."""


Prompts: TypeAlias = Annotated[tuple[RetryPrompt, ...], Notation(_read_prompts, ref("prompts"))]


class RetryWords(MapForm):
    """A `retry` as written. A word that is None is inherited."""

    example: ClassVar = "retry: {noinput: [..], nomatch: [..], then: end}"
    is_at_key: ClassVar = True
    definition: ClassVar = "retry"

    noinput: Prompts | None = None
    """Prompts for a caller who said and pressed nothing: the first one after the first failed attempt, and so on."""
    nomatch: Prompts | None = None
    """Prompts for invalid input."""
    tries: Annotated[int | None, WholeNumber(1, MAX_TRIES)] = None
    """How often the caller is asked, in total."""
    reprompt: bool | None = None
    """false: do not play `do` again after the prompt."""
    then: Annotated[Mapping[str, Target] | None, Notation(_read_then, ref("then"))] = None
    """Where the call goes after the last attempt; or `{noinput: a, nomatch: b}`."""

    @property
    def prompts(self) -> Mapping[str, tuple[RetryPrompt, ...]]:
        found = {"noinput": self.noinput, "nomatch": self.nomatch}
        return {name: prompts for name, prompts in found.items() if prompts is not None}

    @classmethod
    def read(cls, node: Node, what: str, reader: Reader, *, place: Place | None = None, **made: Any) -> Self | None:
        words = super().read(node, what, reader, place=place, **made)
        tries = words.tries if words is not None else None
        for name, prompts in words.prompts.items() if words and tries else ():
            if tries and len(prompts) >= tries:
                message = f"prompt {tries} of `{name}` is never played: after try {tries} the call goes to `then`"
                at = prompts[tries - 1].place
                reader.report("W241", at, message, f"write `tries: {len(prompts) + 1}`, or delete the prompt")
        return words


def failed_try(failure: str, number: int, tries: int) -> str:
    """`number` counts from 1."""
    return f"{failure}, last try" if number >= tries else f"{failure}, try {number}"


@dataclass(frozen=True, slots=True)
class Retry:
    """What follows a failed attempt. `tries` includes the first question."""

    prompts: Mapping[str, tuple[tuple[Part, ...], ...]]
    then: Mapping[str, Target]
    tries: int
    reprompt: bool
    place: Place

    def ways(self) -> Iterator[Way]:
        after = f"after {self.tries} tries" if self.tries > 1 else "after one try"
        for name in FAILURES:
            target = self.then[name]
            yield Way(name, target, target.place, (failed_try(name, self.tries, self.tries),), detail=after)

    def outcomes(self, failure: str) -> Iterator[ExitOutcome]:
        said = self.prompts[failure]
        for number in range(1, self.tries):
            prompt = said[min(number, len(said)) - 1] if said else ()
            yield ExitOutcome(failed_try(failure, number, self.tries), prompt[0].place if prompt else self.place)
        yield ExitOutcome(failed_try(failure, self.tries, self.tries), self.then[failure].place)

    def after(self, outcome: Outcome, place: Place, tries: int, others: tuple[str, ...] = ()) -> Decision | None:
        """Return None if the outcome is not a failure to answer."""
        if outcome.name == "asr_error":
            return Decision(Again(counts_try=False), outcome.name, place, f"{outcome.because}: asked again")
        return self.decide(outcome.name, outcome.because, tries, others) if outcome.name in FAILURES else None

    def decide(self, failure: str, because: str, tries: int, others: tuple[str, ...] = ()) -> Decision:
        """`tries` attempts have failed before this one."""
        number = tries + 1
        count = f"{because}; failed attempt {number} of {self.tries}"
        if number >= self.tries:
            target = self.then[failure]
            leads = f"{count}: retry.then leads to {'the end' if target.is_end else target.shown}"
            return Decision(Go(target), failure, target.place, leads, others, attempt=number, attempts=self.tries)
        said = self.prompts[failure]
        prompt = said[min(number, len(said)) - 1] if said else ()
        place = prompt[0].place if prompt else self.place
        again = Again(prompt, self.reprompt)
        because = f"{count}: asked again"
        return Decision(again, failure, place, because, others, attempt=number, attempts=self.tries)


def merge_retry(
    own: RetryWords | None,
    inherited: RetryWords | None,
    place: Place,
    kinds: frozenset[str],
    reader: Reader,
) -> Retry | None:
    """None, after reporting E204, if nothing follows the last attempt.

    `place` is the exit's; `kinds` are the actions before the step's `input`.
    """
    layers = [words for words in (inherited, own) if words is not None]
    then = {name: target for words in layers for name, target in (words.then or {}).items()}
    place = layers[-1].written.place if layers else place
    if missing := [name for name in FAILURES if name not in then]:
        message = "a caller who never answers is asked forever: there is no `then` for after the last attempt"
        cure = "add `retry: {then: end}`, here or under `defaults`"
        if then:
            message = f"`then` does not say what comes after the last {missing[0]}"
            cure = f"add `{missing[0]}: step` to `then`"
        reader.report("E204", place, message, cure)
        return None
    written = {name: prompts for words in layers for name, prompts in words.prompts.items()}
    longest = max((len(prompts) for prompts in written.values()), default=0)
    tries = next((words.tries for words in reversed(layers) if words.tries), longest + 1 if longest else 3)
    reprompt = next((words.reprompt for words in reversed(layers) if words.reprompt is not None), True)
    behind = kinds if reprompt else frozenset[str]()
    prompts = {name: tuple(prompt.before(behind) for prompt in written.get(name, ())) for name in FAILURES}
    return Retry(prompts, then, tries, reprompt, place)


def prompt_items(node: Node, reader: Resolver) -> tuple[Node, ...]:
    """Each prompt is as written, or with its locales under one action."""
    found: list[Node | None] = []
    if isinstance(node, Map) and stands_for_locales(node, reader, _OPTIONS):
        lists = {name: items(each) for name, each in (split(node, "this list of prompts", reader) or {}).items()}
        (first, most), *others = [(name, len(each)) for name, each in lists.items()] or [("", 0)]
        for name, count in others:
            if count != most:
                reader.report(
                    "E560",
                    node.place,
                    f"there are {most} prompts in {first} and {count} in {name}",
                    "write the same number of prompts for each locale, all spoken or all streamed",
                )
                return ()
        for each in zip(*lists.values(), strict=True):
            found.append(_merge_locales(dict(zip(lists, each, strict=True)), node.place, reader))
        return tuple(item for item in found if item is not None)
    for item in items(node):
        if isinstance(item, Map) and stands_for_locales(item, reader, _OPTIONS):
            by_locale = split(item, "this prompt", reader)
            found.append(_merge_locales(by_locale, item.place, reader) if by_locale else None)
        else:
            found.append(item)
    return tuple(item for item in found if item is not None)


def as_item(node: Node) -> Map | None:
    """Return None for a list, which is not a prompt."""
    if isinstance(node, Seq) or (isinstance(node, Map) and node.get("template") is None):
        return node if isinstance(node, Map) else None
    return Map((Entry(Text("talk", node.place), node),), node.place)


def _merge_locales(by_locale: Mapping[str, Node], place: Place, reader: Reader) -> Map | None:
    """Make one attempt's prompts one item of `do`; E560 unless all are spoken or all streamed."""
    made = {name: as_item(node) for name, node in by_locale.items()}
    entries = {name: item.entries[0] for name, item in made.items() if item is not None and len(item.entries) == 1}
    kinds = {entry.key.value for entry in entries.values()}
    if len(entries) < len(made) or len(kinds) > 1 or not kinds <= {"talk", "stream"}:
        message = "a prompt must be text in every locale, or a stream in every locale"
        cure = "write text for each, with options next to `talk: {en: .., fr: ..}`, or {stream: url} for each"
        reader.report("E560", place, message, cure)
        return None
    inner = tuple(Entry(Text(name, entry.key.place), entry.value) for name, entry in entries.items())
    return Map((Entry(Text(kinds.pop(), place), Map(inner, place)),), place)
