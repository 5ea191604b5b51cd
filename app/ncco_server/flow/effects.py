"""What a step does, as a list (`Step.effects`)."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

from ncco_server.flow.nodes import NOWHERE, Text
from ncco_server.flow.templates import values
from ncco_server.flow.templates.values import Expression, Value

EffectKind: TypeAlias = Literal["read", "play", "dial", "send", "set", "give", "return", "receive", "wait"]
"""What becomes of an effect's value.

- read: it decides, or is sent by a lookup; play: it is in an NCCO action; send: a hook sends it.
- dial: it is the address of a connect, inside a value that is played.
- set, give, return: it is assigned to a variable, a param of another flow, or a returned value.
- receive: it comes from outside into a variable or a lookup.
"""

Phase: TypeAlias = Literal["lookup", "enter", "early", "do", "again", "retry", "test", "leave", "error", "event"]
"""When it happens, in a call's order.

- lookup, enter: on entry, before and after the lookups are answered.
- early: before anything is played; do, again, retry: what is played on entry, after the wait, and after a failed
  attempt.
- test: the conditions of the exit; leave: on one way out; error: on the way to the step's `error`.
- event: when Vonage reports something later.
"""

NO_VALUE: Final[Value] = values.Literal("", NOWHERE, Text("", NOWHERE))
NO_NAMES: Final[frozenset[str]] = frozenset()


class Effect(NamedTuple):
    """One thing that a step does.

    Attributes:
        value: NO_VALUE for `receive` and `wait`.
        name: the variable, param, lookup or hook; for `play`, the option of the action, such as `talk.text`.
        own: the names with a meaning of their own in the value, such as the params of a lookup.
    """

    kind: EffectKind
    phase: Phase
    value: Value | Expression = NO_VALUE
    name: str = ""
    into: str = ""
    own: frozenset[str] = NO_NAMES

    @property
    def is_repeated(self) -> bool:
        """Whether another effect of the step has or contains this value."""
        return self.kind == "dial" or self.phase in ("early", "again")
