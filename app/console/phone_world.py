"""What surrounds a call of the phone: what dialled parties do, and what lookups answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from app.engine import Lookup, LookupAnswer
from app.service.lookups import LookupClient, lookups_of_turn
from app.service.turns import AnswerLookups
from app.simulator.parties import Outcome
from app.verify.kept_call import NOBODY
from app.verify.scenarios.fitting import Definitions

ANYBODY: Final = "*"
"""Among the parties: everybody without an entry."""
MOST_ASKED: Final = 100
"""Lookups of one call that really ask; a hold that is skipped asks every few seconds of the call."""


class LookupChoice(BaseModel):
    """What a lookup answers; fields that `value` leaves out are those of the default."""

    how: Literal["default", "value", "fails", "timeout"] = "default"
    value: dict[str, Any] = {}


class World(BaseModel):
    """The outside world of a call.

    Attributes:
        parties: what a dialled address does; `*` for all others. An address without an entry is decided at the dial.
        lookups: by name; a lookup without an entry answers its default.
    """

    parties: dict[str, Outcome] = Field({}, max_length=200)
    lookups: dict[str, LookupChoice] = Field({}, max_length=200)

    def outcome(self, address: str) -> Outcome | None:
        """What an address does; None: the person decides at the dial."""
        return self.parties.get(address, self.parties.get(ANYBODY))


@dataclass
class ChosenAnswers:
    """Answers the lookups of a call as a person has chosen; nothing is asked outside.

    Attributes:
        given: every lookup with its answer, in order.
    """

    definitions: Definitions
    world: World
    given: list[tuple[Lookup, LookupAnswer]] = field(default_factory=list)

    def outcome_of(self, address: str) -> Outcome | None:
        """What a dialled address does; None: the person decides at the dial."""
        return self.world.outcome(address)

    def of_turn(self) -> AnswerLookups:
        """A function that answers the lookups of one turn."""
        return self.ask

    async def ask(self, lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
        """One answer for each, in their order."""
        answers = tuple(map(self.answer, lookups))
        self.given += zip(lookups, answers, strict=True)
        return answers

    def answer(self, lookup: Lookup) -> LookupAnswer:
        """What a lookup answers."""
        choice = self.world.lookups.get(lookup.name, LookupChoice())
        match choice.how:
            case "value":
                return LookupAnswer({**self.definitions[lookup.flow, lookup.name].default, **choice.value})
            case "timeout":
                ms = lookup.request.timeout_ms
                return LookupAnswer(None, f"timed out after {ms} ms", ms)
            case "fails":
                return LookupAnswer(None, "status 503")
        return LookupAnswer(None, NOBODY)


@dataclass
class RealAnswers(ChosenAnswers):
    """Asks other servers and the project's functions, `MOST_ASKED` times at most."""

    client: LookupClient = field(kw_only=True)

    def of_turn(self) -> AnswerLookups:
        """See `ChosenAnswers`; the lookups of a turn share the time that the settings give them."""
        ask = lookups_of_turn(self._ask, self.client.budget_ms)

        async def answered(lookups: tuple[Lookup, ...]) -> tuple[LookupAnswer, ...]:
            answers = await ask(lookups)
            self.given += zip(lookups, answers, strict=True)
            return answers

        return answered

    async def _ask(self, lookup: Lookup, left_ms: float) -> LookupAnswer:
        if len(self.given) >= MOST_ASKED:
            return LookupAnswer(None, f"not asked: a call of the phone asks {MOST_ASKED} times at most")
        return await self.client.answer(lookup, left_ms)
