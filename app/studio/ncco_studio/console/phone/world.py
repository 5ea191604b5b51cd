"""The world around a phone call: how called parties behave, and what lookups return."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from ncco_server.engine import Lookup, LookupAnswer
from ncco_server.errors import StoreUnavailable
from ncco_server.sample_calls import FROM
from ncco_studio.editor.source import PhoneText
from ncco_studio.simulator.parties import PartyOutcome
from ncco_studio.verify.scenarios.answers import Definitions, FunctionDefinition, LookupAnswers, no_answer
from ncco_studio.verify.scenarios.server import CopiedRow

ANYBODY: Final = "*"
"""The key that stands for all parties without an entry."""


class GivenAnswer(BaseModel, extra="forbid"):
    """A lookup's answer, as in a scenario's `given`; fields missing from `value` come from the default.

    Attributes:
        value: the answer of a lookup, or the result of a handler's function: any JSON.
        error: a status or a reason.
    """

    value: Any = None
    timeout: bool = False
    error: str = ""


class World(BaseModel, extra="forbid"):
    """The outside world of a call.

    Attributes:
        parties: the behaviour by called address; `*` for all others. Without an entry, the person decides when the
            address is dialled.
        given: the answers by lookup; a lookup without an entry finds the stored rows of its table, or returns its
            default.
    """

    parties: dict[str, PartyOutcome] = Field({}, max_length=200)
    given: dict[str, GivenAnswer] = Field({}, max_length=200)


class CallRequest(PhoneText):
    """A call to place.

    Attributes:
        flow, to, caller: the flow of the text (the first if none has this name, since the form may lag behind the
            text), the called number ("" for the flow's), the caller; numbers in any notation.
        made_at: when, in the time zone of the flow unless it names an offset; None: now.
        env: variables that the flows read as `env.NAME`; empty or missing ones get a placeholder.
        again: the id of the call to repeat; "" for none.
    """

    flow: str = Field("", max_length=200)
    to: str = Field("", max_length=200)
    caller: str = Field(FROM, max_length=200)
    made_at: datetime | None = None
    world: World = World()
    env: dict[str, Annotated[str, Field(max_length=2_000)]] = Field({}, max_length=100)
    again: str = ""


class ChosenAnswers(LookupAnswers):
    """Answers the lookups of a call with the person's choices; none are sent.

    The `world` may be replaced during the call.
    """

    def __init__(self, definitions: Definitions, world: World) -> None:
        super().__init__(definitions)
        self.world = world

    def outcome_of(self, address: str) -> PartyOutcome | None:
        """Return None if the person decides when the address is dialled."""
        return self.world.parties.get(address, self.world.parties.get(ANYBODY))

    async def chosen(self, lookup: Lookup) -> LookupAnswer | None:
        given = self.world.given.get(lookup.name)
        if given is None:
            return None
        definition = self.definition(lookup)
        if given.error or given.timeout or (given.value is None and definition.returns.fields):
            return no_answer(given.error, definition.timeout_ms)
        if isinstance(definition, FunctionDefinition) and (problem := definition.misfit(given.value)):
            return LookupAnswer(None, f"the result does not fit the return type: {problem}")
        if not isinstance(given.value, dict):
            return LookupAnswer(given.value)
        return LookupAnswer({**definition.default, **given.value})


class StoredRows:
    """Asks the console for the stored rows of tables that a call needs.

    `is_saved` is whether the flow was saved. `found` has the rows as they were when the call first needed them.
    """

    def __init__(self, ask: Callable[[Any], Any], *, is_saved: bool) -> None:
        self.found: list[CopiedRow] = []
        self._ask = ask
        self._is_saved = is_saved

    def __call__(self, table: str, row: str, now_or_most: int) -> list[CopiedRow]:
        asked = {"table": table, "row": row, "now_or_most": now_or_most, "is_saved": self._is_saved}
        rows = self._ask(asked)
        if rows is None:
            raise StoreUnavailable("the console's database cannot be used")
        found = [CopiedRow(*each) for each in rows]
        self.found += found
        return found
