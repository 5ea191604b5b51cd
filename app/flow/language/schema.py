"""JSON Schemas of the models of the flow language, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from app.flow.language.base import FlowModel
from app.flow.language.json_schema import FLAG, TEXT, JsonSchema, number, ref


class _FlowJsonSchema(GenerateJsonSchema):
    """Pydantic's generator for files that are read as text: a number or a flag may be in quotes."""

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        """A whole number."""
        return _number("integer", super().int_schema(schema))

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """A number."""
        return _number("number", super().float_schema(schema))

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        """A flag."""
        return dict(FLAG)

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        """A text."""
        return dict(TEXT)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """What may be left out; no file writes `null`."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A default is shown when a file writes it as it is."""
        inner, default = self.generate_inner(schema["schema"]), schema.get("default")
        is_shown = isinstance(default, bool | int | float) and schema["schema"]["type"] != "function-wrap"
        return {**inner, "default": default} if is_shown else inner

    def field_title_should_be_set(self, schema: Any) -> bool:
        """The words of a file are their own titles."""
        return False


def _number(kind: str, schema: JsonSchemaValue) -> JsonSchemaValue:
    return number(kind, {key: value for key, value in schema.items() if key != "type"})


def schema_of(model: type[FlowModel]) -> JsonSchema:
    """The JSON Schema of a map of a flow file."""
    schema = model.model_json_schema(schema_generator=_FlowJsonSchema)
    found = _linked({key: value for key, value in schema.items() if key not in ("title", "description")})
    return dict(found)


def _linked(schema: Any) -> Any:
    """A schema with references in the place of what is defined elsewhere."""
    if isinstance(schema, list):
        return [_linked(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _linked(value) for key, value in schema.items() if key != "defined"}
    return {**inner, **ref(schema["defined"])} if isinstance(schema.get("defined"), str) else inner
