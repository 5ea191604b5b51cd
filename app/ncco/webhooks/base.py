"""What every webhook has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from app.ncco.webhooks.reading import Text

PYTHON_NAMES = frozenset({"from_", "type_"})
"""Names that only Python knows; a field that came under one of them is nobody's."""


class Webhook(BaseModel):
    """One request from Vonage, read as far as it can be read.

    Nothing in it is required, since live traffic leaves out and adds fields: what is missing or of a wrong type is
    None. Unknown keys are kept in `extras`. Source: webhook reference.
    """

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    kind: ClassVar[str] = "unknown"
    """Which webhook this is: one word, the same for all of a class."""

    conversation_uuid: Text = None
    timestamp: Text = None
    """ISO 8601 with milliseconds, as sent; compare it to put late events in order."""

    _unread: Mapping[str, object] = PrivateAttr(default_factory=dict)

    @property
    def problems(self) -> tuple[str, ...]:
        """Names, as sent, of the fields whose values could not be read."""
        return tuple(self._unread)

    @property
    def extras(self) -> Mapping[str, Any]:
        """Fields that the class does not name, and the raw values of those that could not be read."""
        return {**(self.model_extra or {}), **self._unread}

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> Self:
        """The webhook of these fields. Never raises: a wrong value becomes None and is named in `problems`."""
        wire = {name: value for name, value in fields.items() if name not in PYTHON_NAMES}
        try:
            return cls.model_validate(wire)
        except ValidationError as fault:
            errors = fault.errors(include_url=False, include_input=False, include_context=False)
            wrong = dict.fromkeys(str(error["loc"][0]) for error in errors)
        webhook = cls.model_validate({name: value for name, value in wire.items() if name not in wrong})
        webhook._unread = {name: wire[name] for name in wrong}
        return webhook


class LegWebhook(Webhook):
    """A webhook about one leg."""

    uuid: Text = None
    """The leg. `human` and `machine` events send it as `call_uuid`; it is found here all the same."""
    from_: Text = Field(default=None, alias="from")
    to: Text = None
