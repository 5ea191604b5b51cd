"""What a kind of value is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic_core import CoreSchema

from app.ncco.issue import Issue
from app.ncco.kinds.writable import unwritable
from app.ncco.rules.shape import NOT_JSON, WRONG_TYPE
from app.ncco.shown import shown

if TYPE_CHECKING:
    from app.ncco.kinds.shape import Shape

JsonSchema = dict[str, Any]


class Kind(ABC):
    """One kind of value.

    `look` explains everything that is wrong with a value. `clean` accepts only values on which `look` has nothing to
    say; it may refuse others, which then only takes longer.
    """

    @abstractmethod
    def look(self, value: object, path: str) -> Iterator[Issue]:
        """What is wrong with the value at `path`."""

    @abstractmethod
    def clean(self) -> CoreSchema:
        """The validation of values that are right beyond doubt."""

    @abstractmethod
    def json_schema(self) -> JsonSchema:
        """The JSON Schema of values without an error, as far as JSON Schema can tell."""

    def read(self, value: object) -> object:
        """The value as the models hold it, as far as it can be read: a number for "45", an array for one URL."""
        return value

    def words_in(self, value: object) -> tuple[str, ...]:
        """The values of this kind that one text holds between commas or blanks; () unless there are several."""
        return ()

    def shapes_inside(self) -> tuple[Shape, ...]:
        """The shapes of the objects that a value of this kind is made of."""
        return ()


def look_at(kind: Kind, value: object, path: str) -> Iterator[Issue]:
    """What is wrong with the value, a scalar that is no JSON included."""
    if isinstance(value, (str, float)) and (fault := unwritable(value)):
        yield NOT_JSON.at(path, f"{shown(value)} is no JSON value: {fault}.")
        return
    yield from kind.look(value, path)


def wrong_type(value: object, due: str, path: str, cure: str) -> Issue:
    """The issue that a value is not of the type that is due."""
    if due == "an object" and isinstance(value, str) and value.lstrip().startswith("{"):
        cure = "Write the object itself, not text that holds it."
    return WRONG_TYPE.at(path, f"{shown(value)} is not {due}.", cure)
