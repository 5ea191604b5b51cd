"""Stored data about calls for programs and people: one document for each kind of row.

The HTTP API, JSON, CSV, the console's templates and docs/reference/data.md follow from the fields declared here
and in `ncco_server.desk.documents`. An attribute is named after the row's column; programs read its alias, if any.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ncco_server.ncco.field_docs import field_docs
from ncco_server.store import AttemptRow, PlacedRow


def utc_text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment: TypeAlias = Annotated[
    datetime,
    PlainSerializer(utc_text, return_type=str, when_used="json-unless-none"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""In JSON: ISO 8601, UTC, with milliseconds, such as `2026-03-04T12:00:00.000Z`."""

Personal: TypeAlias = Annotated[str, Field(json_schema_extra={"x-personal": True})]
"""About a person; `ncco forget` and the end of the retention period delete it."""


def _describe(schema: dict[str, Any], kind: type[RowDocument]) -> None:
    docs = field_docs(kind, RowDocument)
    for name, field in kind.model_fields.items():
        option = schema["properties"].get(field.serialization_alias or name, {})
        option["description"] = " ".join(docs[name].split())


class RowDocument(BaseModel):
    """A row as programs read it. Rows have times in milliseconds since 1970."""

    model_config = ConfigDict(
        frozen=True, serialize_by_alias=True, val_temporal_unit="milliseconds", json_schema_extra=_describe
    )

    @classmethod
    def names(cls) -> list[str]:
        fields = [field.serialization_alias or name for name, field in cls.model_fields.items()]
        return [*fields, *cls.model_computed_fields]

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class PlacedAttempt(RowDocument):
    """An attempt, which makes at most one phone call."""

    number: int
    """1 for the first attempt of a placed call."""
    state: Literal["placing", "placed", "answered", "over"]
    """`placing` until Vonage accepts the request, then `placed`, `answered` once somebody picks up, and `over`."""
    outcome: str
    """`answered`, Vonage's last status, or `unknown`. Until the attempt is over: empty, the result of machine
    detection, or `completed` while a webhook that shows how the call ended may still arrive.
    """
    problem: str
    """Why it failed, in one sentence, or empty."""
    leg: str = Field(serialization_alias="uuid")
    """Vonage's ID of the leg; empty until known."""
    placing_at: datetime = Field(serialization_alias="placed_at")
    """When the attempt was stored, right before Vonage was asked for the call."""
    answered_at: datetime | None
    """When somebody picked up."""
    over_at: datetime | None
    """When it ended."""

    @classmethod
    def of(cls, row: AttemptRow) -> Self:
        return cls.model_validate(row._asdict())


class PlacedDocument(RowDocument):
    """A placed call."""

    id: str
    """32 hexadecimal digits."""
    flow: str
    """The flow that the called person hears."""
    number: Personal = Field(serialization_alias="to")
    """The called number: digits with the country code; empty once the call was forgotten."""
    state: Literal["waiting", "calling", "over"]
    """`waiting` for an attempt, `calling` while one is in progress, or `over`."""
    outcome: str
    """`answered`, Vonage's last status, `cancelled`, `expired`, `refused` or `unknown`; empty until it is over."""
    problem: str
    """Why it failed or is waiting, in one sentence, or empty."""
    tries: int
    """Number of attempts so far."""
    batch: str
    """The name of its batch, or empty."""
    wanted_at: datetime
    """The call is not placed before this time."""
    due_at: datetime | None
    """When it is tried next; null if it is not waiting."""
    expires_at: datetime | None
    """The call is not placed after this time; null if it never expires."""
    created_at: datetime
    """When it was requested."""
    attempts: list[PlacedAttempt] | None = None
    """Its attempts, in order; null in a list of calls."""

    @classmethod
    def of(cls, row: PlacedRow, attempts: Sequence[AttemptRow] | None = None) -> Self:
        shown = None if attempts is None else [PlacedAttempt.of(attempt) for attempt in attempts]
        return cls.model_validate(row._asdict() | {"attempts": shown})
