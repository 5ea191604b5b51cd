"""What every model of an NCCO object has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from app.ncco.issue import Issue
from app.ncco.kinds.kind import Kind
from app.ncco.kinds.objects import Nested
from app.ncco.kinds.shape import Note, Option, OptionRule, Shape
from app.ncco.models.told import told


@dataclass(frozen=True, slots=True)
class Default:
    """What Vonage takes when the option is missing. It is documented, never sent."""

    value: object


def to_wire(name: str) -> str:
    """The NCCO name of a Python name: `event_url` is eventUrl, `from_` is from."""
    return to_camel(name.removesuffix("_"))


_SPELLINGS: ConfigDict = {"populate_by_name": True, "extra": "forbid"}
"""Kept from the eyes of the mypy plugin, which would then refuse camelCase keyword arguments."""


class NccoModel(BaseModel):
    """An object of an NCCO.

    Arguments are taken in Python's spelling and in the NCCO's, single values where an array is due, and digits as text.
    Raises pydantic's `ValidationError` with every fault, each with its cure.
    """

    model_config = ConfigDict(alias_generator=to_wire, frozen=True, **_SPELLINGS)

    title: ClassVar[str]
    """What it is called in messages, e.g. `talk` or `phone endpoint`."""
    spellings: ClassVar[Mapping[str, str]] = {}
    notes: ClassVar[Mapping[str, Note]] = {}
    rules: ClassVar[tuple[OptionRule, ...]] = ()

    @classmethod
    def shape(cls) -> Shape:
        """What the checker knows about the object, taken from the fields."""
        return _shape_of(cls)

    @model_validator(mode="before")
    @classmethod
    def _explain(cls, data: Any) -> Any:
        """Refuse wrong options before pydantic does, with all faults and their cures."""
        if not isinstance(data, Mapping):
            return data
        wire = cls.shape().read(_plain(data))
        faults = [issue for issue in cls.shape().look(wire, "") if issue.is_error]
        if faults:
            raise validation_error(cls.__name__, wire, faults)
        return wire

    def to_ncco(self) -> dict[str, Any]:
        """The object as it is sent: NCCO names, real types, nothing that was left out."""
        return self.model_dump(by_alias=True, exclude_none=True)

    @classmethod
    def from_ncco(cls, wire: Mapping[str, Any]) -> Self:
        """The model of an object of an NCCO."""
        return cls.model_validate(wire)


def validation_error(title: str, wire: object, faults: list[Issue]) -> ValidationError:
    """Issues in the form in which pydantic tells of faults; each message ends with the cure."""
    return ValidationError.from_exception_data(title, [_detail(wire, issue) for issue in faults])


def _detail(wire: object, issue: Issue) -> InitErrorDetails:
    place: list[str | int] = []
    value = wire
    for key in issue.path.split("/")[1:]:
        step = int(key) if isinstance(value, list) else key.replace("~1", "/").replace("~0", "~")
        value = value[step] if isinstance(value, list) and isinstance(step, int) else mapping(value).get(step)
        place.append(step)
    text = PydanticCustomError(issue.code, "{text}", {"text": f"{issue.message} {issue.cure}"})
    return InitErrorDetails(type=text, loc=tuple(place), input=value)


def mapping(value: object) -> Mapping[Any, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> Any:
    """The value with models inside it as the objects they stand for."""
    if isinstance(value, NccoModel):
        return value.to_ncco()
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: entry if isinstance(entry, Mapping) else _plain(entry) for name, entry in value.items()}
    return value


@cache
def _shape_of(model: type[NccoModel]) -> Shape:
    fields = model.model_fields
    tag_field = next((name for name in ("action", "type") if name in fields and not fields[name].is_required()), None)
    options = (_option(model, name, info) for name, info in fields.items() if name != tag_field)
    return Shape(
        title=model.title,
        about=" ".join((model.__doc__ or "").split()),
        options={option.name: option for option in options},
        tag=(tag_field, fields[tag_field].default) if tag_field else None,
        spellings=model.spellings,
        notes=model.notes,
        rules=model.rules,
    )


def _option(model: type[NccoModel], name: str, info: FieldInfo) -> Option:
    default = next((entry.value for entry in info.metadata if isinstance(entry, Default)), None)
    return Option(info.alias or name, name, _kind(info), info.is_required(), partial(told, model, name), default)


def _kind(info: FieldInfo) -> Kind:
    """The kind that the field is annotated with; a settings model is a kind by itself."""
    named = next((entry for entry in info.metadata if isinstance(entry, Kind)), None)
    models = (model for model in get_args(info.annotation) if isinstance(model, type) and issubclass(model, NccoModel))
    return named or Nested(next(models).shape())
