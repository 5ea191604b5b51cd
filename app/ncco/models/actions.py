"""The nine actions as one type."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.ncco.models.base import NccoModel
from app.ncco.models.calls import Connect, Conversation, Notify, Transfer
from app.ncco.models.prompts import Input, Record, Stream, Talk, Wait

Action = Annotated[
    Record | Conversation | Connect | Talk | Stream | Input | Notify | Wait | Transfer, Field(discriminator="action")
]
"""Any action."""

ACTIONS: tuple[type[NccoModel], ...] = (
    Record,
    Conversation,
    Connect,
    Talk,
    Stream,
    Input,
    Notify,
    Wait,
    Transfer,
)
"""The classes in the reference's order."""

SHAPES = {model.title: model.shape() for model in ACTIONS}
"""What the checker knows about each action, by name."""
