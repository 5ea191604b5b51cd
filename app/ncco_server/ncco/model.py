"""The base class of NCCO models, and the shape that the checker derives from each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from types import NoneType, UnionType
from typing import Any, ClassVar, Final, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from ncco_server.issue import Issue, fault, keys_of, listed, pointer, shown, wrong_type
from ncco_server.ncco.field_docs import field_docs
from ncco_server.ncco.value_types import JsonSchema, Kind, ListOf, MapOf, kind_of
from ncco_server.ncco.value_types.kind import check_value
from ncco_server.suggest import near

UNKNOWN_OPTION: Final = "N105"
"""Its fix writes the option that was probably meant."""

OptionRule = Callable[[Mapping[str, Any]], Iterable[Issue]]
"""The options may be invalid; paths are relative to the object."""


@dataclass(frozen=True, slots=True)
class Default:
    """The value that Vonage assumes if the option is missing. It is never sent."""

    value: object


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an object in an NCCO.

    Attributes:
        field: its name in Python.
        default: what Vonage assumes if the option is missing; None if nothing.
    """

    name: str
    field: str
    kind: Kind
    required: bool
    model: type[NccoModel]
    default: object = None

    @property
    def description(self) -> str:
        return " ".join(field_docs(self.model, NccoModel)[self.field].split())

    def json_schema(self) -> JsonSchema:
        schema = self.kind.json_schema() | {"description": self.description}
        if not self.required:
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
            elif "anyOf" in schema:
                schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
            else:
                types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
                schema["type"] = [*types, "null"]
        return schema if self.default is None else schema | {"default": self.default}


@dataclass(frozen=True, slots=True)
class Note:
    """A warning about a key, which is then not reported as an unknown option too."""

    code: str
    message: str
    cure: str | None = None


@dataclass(frozen=True)
class Shape:
    """An object in an NCCO: its options, and the rules about them.

    Attributes:
        title, main: as in `NccoModel`; `main` is "" for none.
        about: one sentence.
        tag: the key that identifies the object (`action` or `type`), and its value; None for settings.
        spellings: other accepted spellings of options.
        notes: warnings by key.
        rules: about how options fit together, including those of settings inside the object.
    """

    title: str
    about: str
    options: Mapping[str, Option]
    tag: tuple[str, str] | None = None
    main: str = ""
    spellings: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, Note] = field(default_factory=dict)
    rules: tuple[OptionRule, ...] = ()

    def check(self, value: Mapping[Any, Any]) -> list[Issue]:
        """Return issues of single options first, then those of options together."""
        issues: list[Issue] = []
        for key, entry in value.items():
            if self.tag is None or key != self.tag[0]:
                issues += [issue.inside(key) for issue in self._check_option(key, entry)]
        guesses = {key: self._guess(key)[1] for key in value if self._is_unknown(key)}
        meant = {key: name for key, name in guesses.items() if name is not None}
        given = {self.spellings.get(key, meant.get(key, key)) for key in value if value[key] is not None}
        issues += [self._missing(name) for name in self._required if name not in given]
        return issues + self._check_spellings(value) + self._check_between(value, meant)

    def is_clean(self, value: Mapping[str, Any], names: Iterable[str]) -> bool:
        """Whether the options `names`, and all options together, have no issues. The others must be valid already."""
        if any(value[name] is None or self._check_option(name, value[name]) for name in names):
            return False
        return all(next(iter(rule(value)), None) is None for rule in self.rules)

    def _missing(self, name: str) -> Issue:
        about = self.options[name].description
        return fault("N106", f"{self.title} needs {name}.", f'Add "{name}": {about[:1].lower()}{about[1:]}')

    def _is_unknown(self, key: object) -> bool:
        is_tag = self.tag is not None and key == self.tag[0]
        known = (self.options, self.spellings, self.notes)
        return not is_tag and not any(str(key) in names for names in known)

    def _guess(self, key: object) -> tuple[str | None, str | None]:
        """The cure of an unknown option, and the option that was meant, if it is one of this object."""
        if str(key) in self.inside:
            return f'"{key}" belongs inside "{self.inside[str(key)]}".', None
        if meant := near(key, self.options):
            return f'Did you mean "{meant}"?', meant
        meant = near(key, self.inside)
        return f'Did you mean "{meant}" inside "{self.inside[meant]}"?' if meant else None, None

    def _check_option(self, key: object, entry: object) -> list[Issue]:
        note = self.notes.get(str(key))
        issues = [fault(note.code, note.message, note.cure)] if note else []
        option = self.options.get(self.spellings.get(str(key), str(key)))
        if option is None:
            if note is None:
                cure = (
                    self._guess(key)[0] or f"Use {listed([name for name in self.options if name not in self.notes])}."
                )
                issues.append(fault(UNKNOWN_OPTION, f"{self.title} has no option {shown(str(key))}.", cure))
        elif entry is not None:
            issues += check_value(option.kind, entry)
        elif not option.required:
            issues.append(fault("N958", f"{option.name} is null."))
        return issues

    def _check_spellings(self, value: Mapping[Any, Any]) -> list[Issue]:
        """Our choice: two spellings of one option in the same object are a mistake."""
        twice = [pair for pair in self.spellings.items() if all(value.get(name) is not None for name in pair)]
        return [fault("N960", f"{name} is given in two spellings.", f"Leave out {key}.") for key, name in twice]

    def _check_between(self, value: Mapping[Any, Any], meant: Mapping[Any, str]) -> list[Issue]:
        """A misspelt key counts as the option that was probably meant."""
        misspelt = {name: key for key, name in meant.items() if value.get(name) is None}
        options = {**value, **{name: value[key] for name, key in misspelt.items()}}
        issues = [issue for rule in self.rules for issue in rule(options)]
        written = {pointer(name): pointer(key) for name, key in misspelt.items()}
        return [replace(issue, path=written[issue.path]) if issue.path in written else issue for issue in issues]

    @cached_property
    def _required(self) -> tuple[str, ...]:
        return tuple(name for name, option in self.options.items() if option.required)

    @cached_property
    def python_names(self) -> Mapping[str, str]:
        """Other accepted names of an option → the option."""
        return dict(self.spellings) | {option.field: option.name for option in self.options.values()}

    @cached_property
    def inside(self) -> Mapping[str, str]:
        """The options of nested objects → the option that contains them."""
        held = ((name, shape) for name, option in self.options.items() for shape in _shapes_in(option.kind))
        return {inner: name for name, shape in held for inner in ((shape.tag or ())[:1] + tuple(shape.options))}

    def read(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options under their NCCO names, with values in the models' form.

        Leaves out null values, options without effect, and a second spelling of an option. Keeps what `check` refuses:
        unknown options, and an option under its Python name if it is also given under its NCCO name.
        """
        wire: dict[str, Any] = {}
        for key, entry in value.items():
            name = self.python_names.get(key, key)
            if value.get(name) is not None:  # given by this name, perhaps too
                if key in self.spellings:
                    continue
                name = key
            option = self.options.get(name)
            if entry is not None and (option or key not in self.notes):
                wire[name] = option.kind.normalised(entry) if option else entry
        return wire

    def json_schema(self) -> JsonSchema:
        """Leave out the rules about options together."""
        other = {*self.spellings.values()}
        properties: JsonSchema = {
            name: replace(option, required=option.required and name not in other).json_schema()
            for name, option in self.options.items()
        }
        properties |= {key: properties[name] for key, name in self.spellings.items()}
        properties |= {key: {"description": note.message} for key, note in self.notes.items() if key not in properties}
        required = [name for name, option in self.options.items() if option.required and name not in other]
        if self.tag:
            properties = {self.tag[0]: {"const": self.tag[1]}} | properties
            required = [self.tag[0], *required]
        schema: JsonSchema = {"type": "object", "description": self.about}
        either = [name for pair in self.spellings.items() if self.options[pair[1]].required for name in pair]
        given = {"not": {"type": "null"}}
        schema |= {"anyOf": [{"required": [name], "properties": {name: given}} for name in either]} if either else {}
        return schema | {"properties": properties, "required": required, "additionalProperties": False}


@dataclass(frozen=True)
class Nested(MapOf):
    """A settings object."""

    shape: Shape

    def check(self, value: object) -> list[Issue]:
        if isinstance(value, dict):
            return self.shape.check(value)
        return [wrong_type(value, "an object", f'Write an object: {{"{next(iter(self.shape.options))}": ...}}.')]

    def normalised(self, value: object) -> object:
        return self.shape.read(value) if isinstance(value, Mapping) else value

    def json_schema(self) -> JsonSchema:
        return self.shape.json_schema()


@dataclass(frozen=True)
class Tagged(MapOf):
    """An endpoint: an object whose `type` names its shape."""

    shapes: Mapping[str, Shape]

    def check(self, value: object) -> list[Issue]:
        if not isinstance(value, dict):
            return [wrong_type(value, "an endpoint", 'Write an object: {"type": "phone", "number": "..."}.')]
        kind = value.get("type")
        if kind is None:
            return [fault("N120", "The endpoint has no type.", self._type_cure(value))]
        if isinstance(kind, str) and kind in self.shapes:
            return self.shapes[kind].check(value)
        meant = near(kind, self.shapes)
        cure = f'Did you mean "{meant}"?' if meant else None
        return [fault("N121", f"{shown(kind)} is not an endpoint type.", cure, "/type")]

    def _type_cure(self, value: Mapping[Any, Any]) -> str | None:
        """Return None unless exactly one type has all known options of this endpoint."""
        known = {str(key) for key in value} & {name for shape in self.shapes.values() for name in shape.options}
        uri = value.get("uri")
        scheme = uri.partition(":")[0] if isinstance(uri, str) else ""
        by_scheme = {"ws": "websocket", "wss": "websocket", "sip": "sip"}.get(scheme)
        fitting = [name for name, shape in self.shapes.items() if known <= shape.options.keys()]
        fitting = [name for name in fitting if by_scheme in (None, name)]
        written = f'"type": "{fitting[0]}"' if len(fitting) == 1 else ""
        return f"Add {written}." if written else None

    def normalised(self, value: Any) -> object:
        match value:
            case {"type": str(kind)} if kind in self.shapes:
                return self.shapes[kind].read(value)
        return value

    def json_schema(self) -> JsonSchema:
        return {"oneOf": [{"$ref": f"#/$defs/{shape.title.replace(' ', '_')}"} for shape in self.shapes.values()]}


def _shapes_in(kind: Kind) -> Iterable[Shape]:
    match kind:
        case Nested():
            return (kind.shape,)
        case Tagged():
            return kind.shapes.values()
        case ListOf():
            return _shapes_in(kind.entry)
    return ()


def to_wire(name: str) -> str:
    """For example, `event_url` is eventUrl, and `from_` is from."""
    return to_camel(name.removesuffix("_"))


_SPELLINGS: ConfigDict = {"populate_by_name": True, "extra": "forbid"}
"""Hidden from the mypy plugin, which would refuse camelCase keyword arguments."""


class NccoModel(BaseModel):
    """An object in an NCCO.

    Accepts arguments in the spelling of Python or of the NCCO, a single value instead of an array, and digits as text.
    Raises pydantic's `ValidationError` with all issues and their fixes.
    """

    model_config = ConfigDict(alias_generator=to_wire, frozen=True, **_SPELLINGS)

    title: ClassVar[str]
    """The object's name in messages, e.g. `talk` or `phone endpoint`."""
    main: ClassVar[str] = ""
    """The option whose value may stand for the whole object in a flow, as in `talk: Hello`."""
    spellings: ClassVar[Mapping[str, str]] = {}
    notes: ClassVar[Mapping[str, Note]] = {}
    rules: ClassVar[tuple[OptionRule, ...]] = ()

    @classmethod
    def shape(cls) -> Shape:
        return _shape_of(cls)

    @model_validator(mode="before")
    @classmethod
    def _explain(cls, data: Any) -> Any:
        """Refuse wrong options before pydantic does, with all issues and their fixes."""
        if not isinstance(data, Mapping):
            return data
        wire = cls.shape().read(_plain(data))
        faults = [issue for issue in cls.shape().check(wire) if issue.is_error]
        if faults:
            raise validation_error(cls.__name__, wire, faults)
        return wire

    def to_ncco(self) -> dict[str, Any]:
        """The object as it is sent: NCCO names, real types, and only the options that were set."""
        return self.model_dump(by_alias=True, exclude_none=True)


def validation_error(title: str, wire: object, faults: list[Issue]) -> ValidationError:
    """Each message ends with the fix."""
    return ValidationError.from_exception_data(title, [_detail(wire, issue) for issue in faults])


def _detail(wire: Any, issue: Issue) -> InitErrorDetails:
    place: list[Any] = []
    value = wire
    for key in keys_of(issue.path):
        place.append(int(key) if isinstance(value, list) else key)
        value = value[place[-1]] if isinstance(value, list) else value.get(key)
    text = PydanticCustomError(issue.code, "{text}", {"text": f"{issue.message} {issue.fix}"})
    return InitErrorDetails(type=text, loc=tuple(place), input=value)


def _plain(value: Any) -> Any:
    if isinstance(value, NccoModel):
        return value.to_ncco()
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    return value


@cache
def _shape_of(model: type[NccoModel]) -> Shape:
    fields = model.model_fields
    tag = next((name for name in ("action", "type") if name in fields and isinstance(fields[name].default, str)), None)
    options = [_option(model, name, info) for name, info in fields.items() if name != tag]
    return Shape(
        title=model.title,
        about=" ".join((model.__doc__ or "").split()),
        options={option.name: option for option in options},
        tag=(tag, fields[tag].default) if tag else None,
        main=model.main,
        spellings=model.spellings,
        notes=model.notes,
        rules=model.rules,
    )


def _option(model: type[NccoModel], name: str, info: FieldInfo) -> Option:
    default = next((entry.value for entry in info.metadata if isinstance(entry, Default)), None)
    return Option(info.alias or name, name, _kind(info), info.is_required(), model, default)


def _kind(info: FieldInfo) -> Kind:
    if named := next((entry for entry in info.metadata if isinstance(entry, Kind)), None):
        return named
    is_union = get_origin(info.annotation) in (Union, UnionType)
    types: tuple[Any, ...] = get_args(info.annotation) if is_union else (info.annotation,)
    value_type = next(each for each in types if each is not NoneType)
    return kind_of(value_type) or Nested(value_type.shape())
