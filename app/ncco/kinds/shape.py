"""What an object made of options is: an action, an endpoint, a settings object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pydantic_core import CoreSchema, core_schema

from app.ncco.issue import Issue, Rule, member
from app.ncco.kinds.kind import JsonSchema, Kind, look_at
from app.ncco.rules.manner import NULL
from app.ncco.rules.shape import MISSING_OPTION, UNKNOWN_OPTION
from app.ncco.shown import listed, shown
from app.ncco.spelling import meant_name, meant_option

OptionRule = Callable[[Mapping[str, Any], str], Iterable[Issue]]
"""A rule between the options of one object: (options, path) -> issues. It must stand any values."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: as it is written in an NCCO.
        field: as it is called in Python.
        tell: says what it does, in a sentence or two.
        default: what Vonage takes when it is missing; None when it takes nothing.
    """

    name: str
    field: str
    kind: Kind
    required: bool
    tell: Callable[[], str]
    default: object = None

    @property
    def about(self) -> str:
        """What it does."""
        return self.tell()


@dataclass(frozen=True, slots=True)
class Note:
    """A warning that the mere presence of a key deserves; the key is then no unknown option."""

    rule: Rule
    message: str
    cure: str | None = None


@dataclass(frozen=True)
class Shape:
    """An object made of options.

    Attributes:
        title: what it is called in messages, e.g. `talk` or `phone endpoint`.
        about: what it is, in a sentence.
        tag: the key that names it (`action` or `type`) and its value; None for settings.
        spellings: other spellings that are taken, and the option each stands for.
        rules: rules between its options, and those of settings inside it; settings have no rules of their own.
    """

    title: str
    about: str
    options: Mapping[str, Option]
    tag: tuple[str, str] | None = None
    spellings: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Note] = field(default_factory=dict)
    rules: tuple[OptionRule, ...] = ()

    def look(self, value: Mapping[Any, Any], path: str) -> Iterator[Issue]:
        """What is wrong with an object of this shape: its options one by one, then the rules between them."""
        for key, entry in value.items():
            if self.tag is None or key != self.tag[0]:
                yield from self._look_at_member(key, entry, path)
        meant = [(self._meant(key), key) for key in value]
        given = {name for name, key in meant if value[key] is not None}
        for option in self.options.values():
            if option.required and option.name not in given:
                yield self._missing(option, path)
        yield from self._look_between(value, path, meant)

    def clean(self) -> CoreSchema:
        """The validation of objects that are right beyond doubt, the rules between the options left out."""
        fields = {
            option.name: core_schema.typed_dict_field(option.kind.clean(), required=option.required)
            for option in self.options.values()
            if option.name not in self.notes
        }
        if self.tag:
            fields[self.tag[0]] = core_schema.typed_dict_field(core_schema.literal_schema([self.tag[1]]))
        return core_schema.typed_dict_schema(fields, extra_behavior="forbid")

    def read(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The options under their NCCO names with the values as models hold them.

        null is dropped, and so is what has no effect; unknown options are kept, and so is a second spelling of one.
        """
        wire: dict[str, Any] = {}
        for key, entry in value.items():
            name = self.python_names.get(key, key)
            name = key if name in wire or name in value else name
            option = self.options.get(name)
            if entry is not None and (option or key not in self.notes):
                wire[name] = option.kind.read(entry) if option else entry
        return wire

    @cached_property
    def python_names(self) -> Mapping[str, str]:
        """Every spelling that the models take, and the option each stands for."""
        return dict(self.spellings) | {option.field: option.name for option in self.options.values()}

    @cached_property
    def inside(self) -> Mapping[str, str]:
        """The options of nested objects, and the option that holds each."""
        held = ((name, shape) for name, option in self.options.items() for shape in option.kind.shapes_inside())
        return {inner: name for name, shape in held for inner in ((shape.tag or ())[:1] + tuple(shape.options))}

    def json_schema(self) -> JsonSchema:
        """The JSON Schema of objects without an error; the rules between the options are left out."""
        properties = {option.name: _property(option) for option in self.options.values()}
        properties |= {key: properties[name] for key, name in self.spellings.items()}
        properties |= {key: {"description": note.message} for key, note in self.notes.items() if key not in properties}
        due = [name for name, option in self.options.items() if option.required and name not in self.spellings.values()]
        schema: JsonSchema = {"type": "object", "description": self.about}
        if self.tag:
            properties = {self.tag[0]: {"const": self.tag[1]}} | properties
            due = [self.tag[0], *due]
        return schema | {"properties": properties, "required": due, "additionalProperties": False}

    def _look_at_member(self, key: object, entry: object, path: str) -> Iterator[Issue]:
        place = member(path, key)
        note = self.notes.get(str(key))
        if note:
            yield note.rule.at(place, note.message, note.cure)
        option = self.options.get(self.spellings.get(str(key), str(key)))
        if option is None:
            yield from () if note else (self._unknown(key, place),)
        elif entry is not None:
            yield from look_at(option.kind, entry, place)
        elif not option.required:
            yield NULL.at(place, f"{option.name} is null.")

    def _look_between(
        self, value: Mapping[Any, Any], path: str, meant: Iterable[tuple[str, object]]
    ) -> Iterator[Issue]:
        """The rules between the options; a misspelt one counts as what it was meant to be, at the place of its key."""
        slips = {name: key for name, key in meant if name in self.options and not self._is_known(key)}
        slips = {name: key for name, key in slips.items() if value.get(name) is None}
        options = {**value, **{name: value[key] for name, key in slips.items()}}
        for rule in self.rules:
            for issue in rule(options, path):
                yield _at_its_key(issue, path, slips)

    def _meant(self, key: object) -> str:
        """The option that a key stands for; that of a misspelt one is not missing too."""
        name = self.spellings.get(str(key), str(key))
        return name if self._is_known(key) else meant_name(key, self.title, self.options, self.inside) or name

    def _is_known(self, key: object) -> bool:
        name = self.spellings.get(str(key), str(key))
        return name in self.options or name in self.notes or (self.tag is not None and name == self.tag[0])

    def _unknown(self, key: object, place: str) -> Issue:
        cure = meant_option(key, self.title, self.options, self.inside)
        names = listed(tuple(self.options))
        return UNKNOWN_OPTION.at(
            place, f"{self.title} has no option {shown(str(key))}.", cure or f"Its options are {names}."
        )

    def _missing(self, option: Option, path: str) -> Issue:
        return MISSING_OPTION.at(
            path,
            f"{self.title} needs {option.name}.",
            f'Add "{option.name}": {option.about[:1].lower()}{option.about[1:]}',
        )


def _at_its_key(issue: Issue, path: str, slips: Mapping[str, object]) -> Issue:
    slip = next((name for name in slips if issue.path == member(path, name)), None)
    return issue if slip is None else replace(issue, path=member(path, slips[slip]))


def one_of(shapes: Mapping[str, Shape], key: str) -> CoreSchema:
    """The validation of objects of one of the shapes, told apart by the text under `key`.

    The function stands in place of the key itself because pydantic would take the repr of what is there, which fails
    loudly for a deeply nested value.
    """

    def tag(value: object) -> str | None:
        name = value.get(key) if isinstance(value, dict) else None
        return name if isinstance(name, str) else None

    return core_schema.tagged_union_schema({name: shape.clean() for name, shape in shapes.items()}, discriminator=tag)


def _property(option: Option) -> JsonSchema:
    schema = option.kind.json_schema() | {"description": option.about}
    schema = schema if option.required else _or_null(schema)
    return schema if option.default is None else schema | {"default": option.default}


def _or_null(schema: JsonSchema) -> JsonSchema:
    for keyword, null in (("enum", None), ("anyOf", {"type": "null"})):
        if keyword in schema:
            return schema | {keyword: [*schema[keyword], null]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema | {"type": [*types, "null"]}
