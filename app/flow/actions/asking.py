"""A step that asks: its `input`, from what the exit needs and what the author wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.flow.actions.action import Action
from app.flow.actions.item import Item, drop_repeats
from app.flow.actions.ncco_action import ActionKind
from app.flow.actions.values import Array, Given, Localised, Object, localised
from app.flow.language.locales import Locale
from app.flow.model import Callback, Part, Value
from app.flow.nodes import Map, Place
from app.flow.reader import Reader
from app.ncco.languages import IS_RECOGNISED

_PROMPTS = ("talk", "stream")
_SERVER_FILLS = ("eventUrl", "eventMethod")


def with_input(
    parts: tuple[Part, ...],
    needs: Mapping[str, Any],
    sensitive: bool,
    place: Place,
    reader: Reader,
    *,
    defaults: Mapping[str, Map] | None = None,
) -> tuple[Part, ...]:
    """The parts of a step that asks: with the one `input` that its exit needs.

    What the author wrote on an `input` of `do` wins and is checked (E406, E407, E412); without one an `input` is
    appended, with the flow's defaults. The step's own prompts of one kind directly in front of it can be interrupted
    unless `bargeIn` is written. Speech is recognised in the language of the locale, in a flow without locales in that
    of the last `talk`, unless it is written.

    Args:
        parts: what `do` says.
        needs: `type` (a list), `dtmf` (`maxDigits`, `submitOnHash`), `speech` (`context`, also as a map by locale);
            `hash_chooses` when the key # is a choice.
        sensitive: whether what the caller gives must not be written anywhere.
        place: of the exit.
        reader: for the reports.
        defaults: the flow's default fields by action.
    """
    found = [number for number, part in enumerate(parts) if isinstance(part, Action) and part.word == "input"]
    if len(found) > 1:
        reader.report("E407", parts[found[1]].place, "this step has more than one `input`")
        return parts
    if not found:
        before_reading = len(reader.issues)
        appended = ActionKind("input").read(Item("input", place, None, ()).inherit(defaults or {}), reader)
        drop_repeats(reader, before_reading)
        parts, found = (*parts, appended) if isinstance(appended, Action) else parts, [len(parts)]
    number = found[0]
    before, written = parts[:number], parts[number]
    if not isinstance(written, Action) or not _agrees(written, needs, place, reader):
        return parts
    asking = _complete(written, _with_language(needs, before, written, reader), place)
    asking = replace(asking, callback=Callback("input", "input", steers=True, sensitive=sensitive))
    return (*_interruptible(before, place), asking, *parts[number + 1 :])


def _agrees(written: Action, needs: Mapping[str, Any], place: Place, reader: Reader) -> bool:
    """Whether what is written on the `input` can hear what the exit needs; E406 and E412 otherwise."""
    before = len(reader.issues)
    for name in _SERVER_FILLS:
        if name in written.fields:
            message = f"`{name}` is written on the input of a step that asks: the answer has to come to this server"
            reader.report("E412", written.fields[name].place, message, "leave it out")
    if written.literal("mode") == "asynchronous":
        message = "an asynchronous input only reports keys, so the exit of this step never gets an answer"
        reader.report("E406", written.fields["mode"].place, message, "leave `mode` out")
    _check_type(written, needs, place, reader)
    _check_dtmf(written, needs, reader)
    return len(reader.issues) == before


def _check_type(written: Action, needs: Mapping[str, Any], place: Place, reader: Reader) -> None:
    kinds = written.literal("type")
    missing = [kind for kind in needs.get("type", ()) if kind not in kinds] if kinds is not None else []
    for kind in missing:
        asked = "keys" if kind == "dtmf" else "speech"
        message = f"`type` lacks {kind}, and the exit at line {place.line} asks for {asked}"
        reader.report("E406", written.fields["type"].place, message, f"add {kind}, or leave `type` out")


def _check_dtmf(written: Action, needs: Mapping[str, Any], reader: Reader) -> None:
    settings = _member(written, "dtmf")
    digits, hash_ = settings.get("maxDigits"), settings.get("submitOnHash")
    due = needs.get("dtmf", {}).get("maxDigits", 0)
    if digits is not None and digits.is_literal and digits.render({}) < due:
        message = f"maxDigits is {digits.render({})}, and the exit waits for up to {due} digits"
        reader.report("E406", digits.place, message, "leave `maxDigits` out: it follows from what is asked")
    if hash_ is not None and hash_.is_literal and hash_.render({}) and needs.get("hash_chooses"):
        message = "with submitOnHash the key # ends the input, so it can be no choice"
        reader.report("E406", hash_.place, message, "leave `submitOnHash` out, or give the choice another key")


def _member(written: Action, name: str) -> Mapping[str, Value]:
    inner = written.fields.get(name)
    return inner.members if isinstance(inner, Object) else {}


def _complete(written: Action, needs: Mapping[str, Any], place: Place) -> Action:
    """The `input` with everything that the exit needs; what is written stays."""
    fields: dict[str, Value] = {"type": _given(needs.get("type", []), place)}
    for name in ("dtmf", "speech"):
        asked = {key: _given(content, place) for key, content in needs.get(name, {}).items()}
        members = {**asked, **_member(written, name)}
        if members:
            fields[name] = Object(members, place)
    return replace(
        written, fields={**fields, **{k: v for k, v in written.fields.items() if k not in fields or k == "type"}}
    )


def _given(content: Any, place: Place) -> Value:
    """What the server puts in; a map holds it for each locale."""
    if isinstance(content, Given | Localised):
        return content
    if isinstance(content, Mapping):
        return localised({locale: _given(each, place) for locale, each in content.items()}, place)
    if isinstance(content, list | tuple):
        return Array(tuple(Given(item, place) for item in content), place)
    return Given(content, place)


def _with_language(
    needs: Mapping[str, Any], before: tuple[Part, ...], written: Action, reader: Reader
) -> Mapping[str, Any]:
    """The needs with the language that speech is recognised in, where it is asked for.

    That is the language of the locale; in a flow without locales that of the last talk, if it is recognised.
    """
    if "speech" not in needs.get("type", ()) or "language" in _member(written, "speech"):
        return needs
    if reader.locales:
        return {**needs, "speech": {**needs.get("speech", {}), "language": _heard(reader)}}
    talks = [part for part in before if isinstance(part, Action) and part.word == "talk"]
    spoken = talks[-1].literal("language") if talks else None
    if not isinstance(spoken, str) or spoken.lower() not in IS_RECOGNISED:
        return needs
    return {**needs, "speech": {**needs.get("speech", {}), "language": spoken}}


def _heard(reader: Reader) -> Value:
    """The language that callers are heard in, by locale; W567 for one that is not recognised."""
    locales: Mapping[str, Locale] = reader.locales
    for locale in locales.values():
        if not locale.is_heard:
            message = f"callers of the locale {locale.name} are heard in {locale.hears}: {locale.language} is in no"
            message += " list of recognised languages"
            reader.report("W567", locale.place_of("language"), message)
    by_locale = {name: Given(locale.hears, locale.place_of("speech", "language")) for name, locale in locales.items()}
    return localised(by_locale, next(iter(by_locale.values())).place)


def _interruptible(before: tuple[Part, ...], place: Place) -> tuple[Part, ...]:
    """The parts with `bargeIn: true` on the run of prompts of one kind at their end.

    Source: NCCO reference, Talk and Stream (bargeIn): the next action of another kind must be an input, and once
    true it stays true, even if a following prompt says false.
    """
    kind = getattr(before[-1], "word", "") if before else ""
    first = len(before)
    while kind in _PROMPTS and first and _may_barge(before[first - 1], kind):
        first -= 1
    barging = tuple(_barging(part, place) for part in before[first:])
    return (*before[:first], *barging)


def _may_barge(part: Part, kind: str) -> bool:
    return isinstance(part, Action) and part.word == kind and part.literal("bargeIn") is not False


def _barging(part: Part, place: Place) -> Part:
    if not isinstance(part, Action) or "bargeIn" in part.fields:
        return part
    return part.with_fields({"bargeIn": Given(True, place)})
