"""Objects: settings with options of their own, and objects of free content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import CoreSchema, core_schema

from app.ncco.issue import Issue, member
from app.ncco.kinds.kind import JsonSchema, Kind, wrong_type
from app.ncco.kinds.shape import Shape, one_of
from app.ncco.kinds.writable import unwritable
from app.ncco.rules.manner import HEADER_NOT_TEXT
from app.ncco.rules.shape import ENDPOINT_TYPE_MISSING, NOT_JSON, UNKNOWN_ENDPOINT_TYPE
from app.ncco.rules.value import NOT_USER_TO_USER
from app.ncco.shown import shown
from app.ncco.spelling import ENDPOINTS, FOREIGN_ENDPOINTS, folded, near


@dataclass(frozen=True)
class Nested(Kind):
    """A settings object of a shape."""

    shape: Shape

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """An object with the options of the shape."""
        if isinstance(value, dict):
            yield from self.shape.look(value, path)
        else:
            yield wrong_type(value, "an object", path, f"Write an object: {{{self._example()}}}.")

    def _example(self) -> str:
        return f'"{next(iter(self.shape.options))}": ...'

    def shapes_inside(self) -> tuple[Shape, ...]:
        """The shape of the settings."""
        return (self.shape,)

    def clean(self) -> CoreSchema:
        """An object of the shape."""
        return self.shape.clean()

    def read(self, value: object) -> object:
        """The object under its NCCO names."""
        return self.shape.read(value) if isinstance(value, Mapping) else value

    def json_schema(self) -> JsonSchema:
        """An object of the shape."""
        return self.shape.json_schema()


@dataclass(frozen=True)
class Tagged(Kind):
    """An endpoint: an object whose `type` tells its shape."""

    shapes: Mapping[str, Shape]

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """An object of a known type."""
        if not isinstance(value, dict):
            yield wrong_type(value, "an endpoint", path, 'Write an object: {"type": "phone", "number": "..."}.')
        elif value.get("type") is None:
            yield ENDPOINT_TYPE_MISSING.at(path, "The endpoint has no type.", self._type_cure(value))
        elif (shape := self._shape(value["type"])) is None:
            yield _unknown_type(value["type"], member(path, "type"))
        else:
            yield from shape.look(value, path)

    def _shape(self, tag: object) -> Shape | None:
        return self.shapes.get(tag) if isinstance(tag, str) else None

    def _type_cure(self, value: Mapping[Any, Any]) -> str | None:
        """The one type that has all known options of the endpoint; None when they leave more than one."""
        known = {str(key) for key in value} & {name for shape in self.shapes.values() for name in shape.options}
        told = [name for name, shape in self.shapes.items() if known and known <= shape.options.keys()]
        uri = value.get("uri")
        scheme = uri.partition(":")[0] if isinstance(uri, str) else ""
        told = [
            name for name in told if {"ws": "websocket", "wss": "websocket", "sip": "sip"}.get(scheme, name) == name
        ]
        return f'Add "type": "{told[0]}".' if len(told) == 1 else None

    def shapes_inside(self) -> tuple[Shape, ...]:
        """The shapes of all types."""
        return tuple(self.shapes.values())

    def clean(self) -> CoreSchema:
        """An object of a known type."""
        return one_of(self.shapes, "type")

    def read(self, value: object) -> object:
        """The endpoint under its NCCO names."""
        shape = self._shape(value.get("type")) if isinstance(value, Mapping) else None
        return shape.read(value) if shape and isinstance(value, Mapping) else value

    def json_schema(self) -> JsonSchema:
        """One of the types."""
        return {"oneOf": [{"$ref": f"#/$defs/{shape.title.replace(' ', '_')}"} for shape in self.shapes.values()]}


def _unknown_type(value: object, path: str) -> Issue:
    meant = FOREIGN_ENDPOINTS.get(folded(value)) or near(value, ENDPOINTS) if isinstance(value, str) else None
    return UNKNOWN_ENDPOINT_TYPE.at(
        path, f"There is no endpoint type {shown(value)}.", f'Did you mean "{meant}"?' if meant else None
    )


@dataclass(frozen=True)
class Free(Kind):
    """An object of free content.

    Attributes:
        text_only: a value that is no text is a warning.
        or_list: an array is right as well.
    """

    text_only: bool = False
    or_list: bool = False

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """Anything that can be written as JSON."""
        if not isinstance(value, dict) and not (self.or_list and isinstance(value, list)):
            yield wrong_type(value, "an object", path, 'Write an object, e.g. {"key": "value"}.')
        elif fault := unwritable(value):
            yield NOT_JSON.at(path, f"The object cannot be written as JSON: {fault}.")
        elif self.text_only and isinstance(value, dict):
            yield from (
                HEADER_NOT_TEXT.at(member(path, name), f"{shown(entry)} is not text.")
                for name, entry in value.items()
                if not isinstance(entry, str)
            )

    def clean(self) -> CoreSchema:
        """An object that can be written as JSON."""
        if self.text_only:
            return core_schema.dict_schema(
                core_schema.str_schema(strict=True), core_schema.str_schema(strict=True), strict=True
            )
        return core_schema.no_info_plain_validator_function(_writable_object)

    def json_schema(self) -> JsonSchema:
        """An object."""
        return {"type": ["object", "array"] if self.or_list else "object"}


def _writable_object(value: object) -> object:
    if not isinstance(value, dict) or unwritable(value):
        raise ValueError
    return value


USER_TO_USER = "User-to-User"


@dataclass(frozen=True)
class StandardHeaders(Kind):
    """The standard SIP headers: User-to-User alone. Source: NCCO reference, SIP (standardHeaders)."""

    def look(self, value: object, path: str) -> Iterator[Issue]:
        """One header of at most 256 printable ASCII characters."""
        if not isinstance(value, dict):
            yield wrong_type(value, "an object", path, NOT_USER_TO_USER.cure)
            return
        for name, entry in value.items():
            if fault := _header_fault(name, entry):
                yield NOT_USER_TO_USER.at(member(path, name), f"{shown(str(name))} {fault}.")
        if not value:
            yield NOT_USER_TO_USER.at(path, "The object is empty.")

    def clean(self) -> CoreSchema:
        """One header."""
        header = core_schema.str_schema(pattern=r"^[ -~]{1,256}$", strict=True)
        return core_schema.typed_dict_schema(
            {USER_TO_USER: core_schema.typed_dict_field(header)}, extra_behavior="forbid"
        )

    def json_schema(self) -> JsonSchema:
        """One header."""
        header = {"type": "string", "pattern": "^[ -~]{0,256}$"}
        return {
            "type": "object",
            "properties": {USER_TO_USER: header},
            "required": [USER_TO_USER],
            "additionalProperties": False,
        }


def _header_fault(name: object, entry: object) -> str | None:
    if name != USER_TO_USER:
        return "is not a standard header that Vonage sends"
    if not isinstance(entry, str):
        return "is not text"
    if len(entry) > 256:
        return f"has {len(entry)} characters; 256 is the most"
    return None if all(" " <= character <= "~" for character in entry) else "holds a character that headers do not"


def size_as_json(value: object) -> int:
    """Bytes of the value as compact JSON; 0 when it cannot be written."""
    return 0 if unwritable(value) else len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
