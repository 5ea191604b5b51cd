"""`limits`: what a flow promises to its callers, and `ncco prove` holds it to.

limits: {seconds_to_person: 60, steps: 12, prompt_seconds: 20, menu_options: 5}

No running call looks at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from app.flow.language.base import FlowModel
from app.flow.model import Limit
from app.flow.nodes import Node
from app.flow.reader import Reader


class Limits(FlowModel):
    """What `ncco prove` holds a flow to; the largest numbers are our choice."""

    aliases: ClassVar = {
        **dict.fromkeys(("options", "choices"), "menu_options"),
        **dict.fromkeys(("max_steps", "depth"), "steps"),
        "person": "seconds_to_person",
        "prompt": "prompt_seconds",
    }
    hints: ClassVar = {"seconds": "write `seconds_to_person` or `prompt_seconds`"}
    unknown_code: ClassVar = "E290"
    value_code: ClassVar = "E291"

    seconds_to_person: Annotated[int, Field(ge=1, le=86_400)] | None = None
    """Seconds after which a person rings at the latest, by the quickest way there."""
    steps: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """Steps that a call enters at most; loops that the caller asks for count once."""
    prompt_seconds: Annotated[int, Field(ge=1, le=3_600)] | None = None
    """Seconds that a caller listens at most before being able to answer."""
    menu_options: Annotated[int, Field(ge=1, le=100)] | None = None
    """Choices that a menu has at most."""


def read_limits(node: Node, what: str, reader: Reader) -> Mapping[str, Limit]:
    """The numbers under `limits`, by name."""
    found = reader.map(node, what, "write `limits: {seconds_to_person: 60}`")
    limits = Limits.parse(found, what, reader) if found else None
    written = limits.model_dump(exclude_none=True, exclude={"written"}) if limits else {}
    return {word: Limit(number, limits.at(word)) for word, number in written.items()} if limits else {}
