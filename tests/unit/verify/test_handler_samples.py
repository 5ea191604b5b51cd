"""Samples of functions' results fit their return types, and each field takes several values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, PositiveInt, TypeAdapter

from ncco_studio.verify.handlers.samples import samples_of


class Parcel(BaseModel):
    """A record whose fields have constraints."""

    id: UUID
    price: Decimal
    code: Annotated[str, Field(pattern=r"^(?:DE|GB)-[A-Z]{2}\d{3,5}$")]
    weight: Annotated[int, Field(ge=10, le=20)]
    number: PositiveInt
    note: Annotated[str, Field(min_length=6, max_length=8)]


def returning(hint: Any) -> Callable[..., Any]:
    def find() -> None: ...

    find.__annotations__["return"] = hint
    return find


@pytest.mark.parametrize(
    "hint",
    [
        Decimal,
        UUID,
        timedelta,
        Parcel,
        list[UUID],
        tuple[int, str],
        dict[str, int],
        dict[str, Any],
        Annotated[str, Field(pattern=r"^[a-z]+@[^@]+\.com$")],
        Annotated[float, Field(gt=100, multiple_of=0.5)],
        Annotated[list[int], Field(min_length=3)],
    ],
    ids=str,
)
def test_samples_fit_the_return_type(hint: Any) -> None:
    found, _ = samples_of(returning(hint))

    assert found
    for each in found:
        TypeAdapter(hint).validate_python(each)


def test_fields_with_constraints_take_several_values() -> None:
    found, _ = samples_of(returning(Parcel))

    assert {10, 20} <= {each["weight"] for each in found}
    assert len({each["price"] for each in found}) > 1
