"""The fields of NCCO actions and endpoints, from the shapes that the loader reads them with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.flow.actions.fields import (
    Field,
    JsonField,
    ListField,
    LocalField,
    MapField,
    ScalarField,
    SingleField,
    SpeechField,
)
from app.flow.language.json_schema import (
    ANYTHING,
    FLAG,
    TEXT,
    JsonSchema,
    about,
    computed,
    listed,
    mapped,
    number,
    offer,
    one_of,
)
from app.flow.language.names import Names
from app.ncco.model import Nested, Option
from app.ncco.model import Shape as NccoShape

_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


@dataclass(frozen=True, slots=True)
class FieldSchemas:
    """Makes the schemas of fields for a project with these names."""

    names: Names

    def record(self, record: MapField, known: NccoShape | None) -> dict[str, JsonSchema]:
        """Each field by its name; `known` is what `app.ncco` knows of the same object."""
        options = known.options if known else {}
        return {name: self._field(shape, options.get(name)) for name, shape in record.fields.items()}

    def _field(self, shape: Field, option: Option | None) -> JsonSchema:
        schema = self.shape(shape, option)
        if option is None:
            return schema
        default = {} if option.default is None else {"default": option.default}
        return about(schema | default, option.describe())

    def shape(self, shape: Field, option: Option | None = None) -> JsonSchema:
        """What a field may hold; anything where its shape is a new one."""
        make: Callable[..., JsonSchema] | None = _MAKERS.get(type(shape))
        return make(self, shape, option) if make else ANYTHING

    def scalar(self, shape: ScalarField, option: Option | None) -> JsonSchema:
        """A text, number, word or flag."""
        kind = shape.type.name
        if kind == "words":
            return computed(one_of(shape.type.words))
        if kind in {"int", "number"}:
            return computed(number("integer" if kind == "int" else "number", _bounds(option)))
        return computed(FLAG) if kind == "bool" else TEXT

    def speech(self, shape: SpeechField, option: Option | None) -> JsonSchema:
        """A text, or the file that holds it."""
        return {"anyOf": [TEXT, file_schema(self.names)]}

    def local(self, shape: LocalField, option: Option | None) -> JsonSchema:
        """A value, or a map with one for each locale."""
        inner = self.shape(shape.inner, option)
        return {"anyOf": [inner, per_locale(inner, self.names)]}

    def many(self, shape: ListField, option: Option | None) -> JsonSchema:
        """A list, or one value."""
        return listed(self.shape(shape.item))

    def one(self, shape: SingleField, option: Option | None) -> JsonSchema:
        """One value, or a list of one."""
        item = self.shape(shape.item, option)
        return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": 1}]}

    def nested(self, shape: MapField, option: Option | None) -> JsonSchema:
        """A map of fields."""
        known = option.kind.shape if option and isinstance(option.kind, Nested) else None
        return mapped(self.record(shape, known))

    def free(self, shape: JsonField, option: Option | None) -> JsonSchema:
        """Any JSON."""
        return ANYTHING


def file_schema(names: Names) -> JsonSchema:
    """`{template: greeting.j2}`."""
    name = about(offer(names.templates), "A file of templates/ that is filled in for each call.")
    return mapped({"template": name}, required=["template"])


def per_locale(inner: JsonSchema, names: Names) -> JsonSchema:
    """A map with one value for each locale."""
    return {"type": "object", "properties": dict.fromkeys(names.locales, inner), "additionalProperties": inner} | {
        "minProperties": 1
    }


def _bounds(option: Option | None) -> Mapping[str, Any]:
    schema = option.kind.json_schema() if option else {}
    return {keyword: schema[keyword] for keyword in _BOUNDS if keyword in schema}


_MAKERS: Final[Mapping[type[Any], Callable[..., JsonSchema]]] = {
    ScalarField: FieldSchemas.scalar,
    SpeechField: FieldSchemas.speech,
    LocalField: FieldSchemas.local,
    ListField: FieldSchemas.many,
    SingleField: FieldSchemas.one,
    MapField: FieldSchemas.nested,
    JsonField: FieldSchemas.free,
}
