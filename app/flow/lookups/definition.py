"""A look-up as a flow file defines it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from app.flow.drafts import Value
from app.flow.lookups.hushing import Hushing
from app.flow.lookups.request import LookupRequest, Method
from app.flow.lookups.returned import OK, Fields, Misfit
from app.flow.lookups.segments import check_segments
from app.flow.nodes import Place
from app.flow.parts.values import Object
from app.flow.scope import Record
from app.flow.signature import Param
from app.flow.types import TYPES

Answer: TypeAlias = Mapping[str, Any]
"""The fields of `returns`, and `ok`."""


@dataclass(frozen=True, slots=True)
class LookupDefinition:
    """One entry of `lookups`.

    Attributes:
        method: GET, POST or PYTHON.
        url: None for PYTHON; also None when it could not be read.
        json: the body of a POST; None without one.
        headers: by name; None without any.
        function: `package.module:function`; "" for GET and POST.
        arguments: of the function; None without any.
        params: what a step gives to it, by name.
        returns: the declared fields of an answer.
        default: what holds without an answer, one value for each field.
        timeout_ms, cache_ms: as in `LookupRequest`.
    """

    name: str
    place: Place
    method: Method
    returns: Fields
    default: Mapping[str, Any]
    url: Value | None = None
    json: Value | None = None
    headers: Object | None = None
    function: str = ""
    arguments: Object | None = None
    params: Mapping[str, Param] = field(default_factory=dict)
    timeout_ms: int = 1000
    cache_ms: int = 0

    @property
    def values(self) -> tuple[Value, ...]:
        """Everything in it that may be computed."""
        found = (self.url, self.json, self.headers, self.arguments)
        return tuple(value for value in found if value is not None)

    @property
    def used_names(self) -> frozenset[str]:
        """The names that it looks up in the call; its own params are not among them."""
        return frozenset[str]().union(*(value.used_names for value in self.values)) - self.params.keys()

    @property
    def used_files(self) -> frozenset[str]:
        """The template files that it is made of."""
        return frozenset[str]().union(*(value.used_files for value in self.values))

    @property
    def shape(self) -> Record:
        """Its answer as expressions see it: the fields of `returns`, and `ok`."""
        record = self.returns.shape
        return Record({**record.fields, OK: TYPES["bool"]}, record.rest)

    @property
    def unasked(self) -> Answer:
        """What its name stands for before it was asked: the default, and `ok` is false."""
        return {**self.default, OK: False}

    def render(self, names: Mapping[str, Any]) -> LookupRequest:
        """What goes out in this call. `names` holds its params too. Raises RenderError.

        A value that is a whole segment of the path must not be empty.
        """
        url = self.url.render(names) if self.url else ""
        check_segments(self.url, url)
        return LookupRequest(
            self.method,
            url,
            self.json.render(names) if self.json else None,
            self.headers.render(names) if self.headers else {},
            self.function,
            self.arguments.render(names) if self.arguments else {},
            self.timeout_ms,
            self.cache_ms,
            self.accepts,
        )

    def read(self, value: object, problem: str = "") -> tuple[Answer, str]:
        """The answer as the flow sees it, and why it is not real ("" when it is).

        Args:
            value: what came back.
            problem: why nothing came back; `value` then means nothing.
        """
        if problem:
            return self.unasked, problem
        try:
            return {**self.returns.read(value), OK: True}, ""
        except Misfit as misfit:
            return self.unasked, str(misfit)

    def hush(self, answer: Answer, hushing: Hushing) -> tuple[Answer, str]:
        """An answer that was read, with tokens for what it should not tell; and why it is none then, "" when it is."""
        try:
            return {**hushing.of(self.returns, answer, self.returns.secrets), OK: answer[OK]}, ""
        except Misfit as misfit:
            return self.unasked, str(misfit)

    def accepts(self, value: object) -> bool:
        """Whether an answer has what `returns` declares."""
        return not self.read(value)[1]
