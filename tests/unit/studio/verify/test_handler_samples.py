"""Samples of functions' results fit their return types, and each field takes several values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, NotRequired, TypedDict
from uuid import UUID

from pydantic import BaseModel, Field, PositiveInt, field_validator

from ncco_server.flow.handlers.results import misfits
from ncco_studio.verify.handlers.samples import samples_of
from ncco_studio.verify.prove import prove
from tests.support.cases import each_case
from tests.unit.server.engine.handled_call import project_of

MONDAY: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Parcel(BaseModel):
    """A record whose fields have constraints."""

    id: UUID
    price: Decimal
    code: Annotated[str, Field(pattern=r"^(?:DE|GB)-[A-Z]{2}\d{3,5}$")]
    weight: Annotated[int, Field(ge=10, le=20)]
    number: PositiveInt
    note: Annotated[str, Field(min_length=6, max_length=8)]


class Address(TypedDict):
    """A record of `typing`."""

    city: str
    zip: NotRequired[int]


class Person(TypedDict, total=False):
    """A record with a record."""

    name: str
    home: Address | None


class Coded(BaseModel):
    """A record whose validator raises what pydantic does not expect."""

    code: str

    @field_validator("code")
    @classmethod
    def known(cls, code: str) -> str:
        if not code:
            raise SystemExit(3)
        return {"a": "one"}[code]


@dataclass
class Client:
    """An object that can be called and has no hash."""

    url: str

    def __call__(self) -> bool:
        return bool(self.url)


def returning(hint: Any) -> Callable[..., Any]:
    def find() -> None: ...

    find.__annotations__["return"] = hint
    return find


@each_case(
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
        Address,
        Person,
        list[Person],
        Address | None,
    ],
    ids=str,
)
def test_samples_fit_the_return_type(hint: Any) -> None:
    function = returning(hint)
    found, _ = samples_of(function)

    assert found
    assert [{}] * len(found) == [misfits(function, each) for each in found]
    assert "something" not in found or hint is str


def test_fields_with_constraints_take_several_values() -> None:
    found, _ = samples_of(returning(Parcel))

    assert {10, 20} <= {each["weight"] for each in found}
    assert len({each["price"] for each in found}) > 1


HEAD: Final = """
import re
from ncco_server import Call, RunFailed, call_flow

def is_told(name: str) -> bool: return True

def find(number: str) -> str: return ""

@call_flow(numbers=["442079460150"])
async def shop(call: Call):
"""


def test_functions_in_a_loop_are_tried_with_few_calls() -> None:
    body = """\
    told = 0
    for number in range(14):
        try:
            if await call.run(is_told, str(number)):
                told = 1
        except RunFailed:
            pass
    await call.talk("They know it." if told else "Nobody knows it.")
"""

    proof = prove(project_of(HEAD + body).flows["shop"], MONDAY)

    assert "proved" == proof.verdict.status
    assert {"They know it.", "Nobody knows it."} == {
        str(each.ncco.actions[0]["text"]) for each in proof.space.transitions if each.kind != "fault"
    }
    assert len(proof.space.transitions) < 20


def test_a_proof_says_which_lines_no_call_has_run() -> None:
    body = """\
    found = await call.run(find, "1")
    if sum(map(ord, found)) == 4711:
        await call.talk("A rare one.")
    await call.talk("Goodbye.")
"""
    project = project_of(HEAD + body)

    proof = prove(project.flows["shop"], MONDAY)

    line = (HEAD + body).splitlines().index('        await call.talk("A rare one.")') + 1
    (lines,) = proof.verdict.lines
    assert (3, 4, ((line, line),)) == lines.statements


RECORDS: Final = """
from contextlib import suppress
from dataclasses import dataclass
from typing import TypedDict
from ncco_server import Call, RunFailed, call_flow

class Order(TypedDict, total=False):
    price: int

@dataclass
class Guest:
    name: str | None
    age: int

def order() -> Order: return {}
def guests() -> list[Guest]: return []
def opened() -> str: return ""

@call_flow(numbers=["442079460150"])
async def shop(call: Call):
"""


@each_case(
    "said",
    [
        "(await call.collect('Your name?', speech=True) or 'Ada King').split()[1]",
        "str(int((await call.run(opened)).partition(':')[2] or 9))",
        "str((await call.run(order))['price'])",
        "'Hello ' + (await call.run(guests) or [Guest('Bo', 1)])[0].name",
    ],
    ids=str,
)
def test_a_proof_finds_a_value_that_a_line_does_not_expect(said: str) -> None:
    body = f"    with suppress(RunFailed):\n        await call.talk({said})\n    await call.talk('Goodbye.')\n"

    proof = prove(project_of(RECORDS + body).flows["shop"], MONDAY)

    assert "refuted" == proof.verdict.status


def test_types_and_functions_of_any_kind_have_samples() -> None:
    assert ((True, False), True) == samples_of(Client("https://crm.example.com"))
    assert () == samples_of(returning(Coded)).values
    assert {"": "'b'"} == misfits(returning(Coded), {"code": "b"})
    assert samples_of(returning("exit(3)")) == samples_of(returning(Any))
