"""A hook as a flow file defines it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.errors import RenderError
from app.flow.drafts import Value
from app.flow.hooks.body import default_body
from app.flow.hooks.event import NO_EVENT
from app.flow.hooks.hook import Hook
from app.flow.nodes import Place
from app.flow.parts.values import Object
from app.flow.signature import Param

OWN_NAMES: Final = frozenset({"event", "flow", "step"})
"""What is in scope of a hook, and not of the flow that sends it."""


@dataclass(frozen=True, slots=True)
class HookDefinition:
    """One entry of `hooks`.

    Attributes:
        url: where it is posted to; None when that could not be read.
        json: the whole body; None for the default one.
        headers: by name; None without any.
        params: what whoever sends it gives to it, by name.
    """

    name: str
    place: Place
    url: Value | None = None
    json: Value | None = None
    headers: Object | None = None
    params: Mapping[str, Param] = field(default_factory=dict)

    @property
    def values(self) -> tuple[Value, ...]:
        """Everything in it that may be computed."""
        return tuple(value for value in (self.url, self.json, self.headers) if value is not None)

    @property
    def used_names(self) -> frozenset[str]:
        """The names that it looks up in the call; its params and its own names are not among them."""
        used = frozenset[str]().union(*(value.used_names for value in self.values))
        return used - OWN_NAMES - self.params.keys()

    @property
    def used_files(self) -> frozenset[str]:
        """The template files that it is made of."""
        return frozenset[str]().union(*(value.used_files for value in self.values))

    def render(self, names: Mapping[str, Any], variables: Iterable[str] = ()) -> Hook:
        """What goes out in this call. Never raises: a hook that cannot be rendered has a problem instead.

        Args:
            names: everything in scope of the step, its `step` and `flow`, this hook's params, and `event` if there
                is one.
            variables: the names of those variables of the flow that the default body may tell.
        """
        names = {"event": NO_EVENT, **names}
        try:
            return self._rendered(names, variables)
        except RenderError as error:
            return Hook(self.name, "", problem=f"{error.code}: {error}")
        except ValueError as error:
            return Hook(self.name, "", problem=f"{self.place}: {error}")

    def _rendered(self, names: Mapping[str, Any], variables: Iterable[str]) -> Hook:
        url = self.url.render(names) if self.url else ""
        open_ = [name for name, param in self.params.items() if not param.variable.sensitive]
        body = self.json.render(names) if self.json else default_body(self.name, names, open_, variables)
        headers = self.headers.render(names) if self.headers else {}
        return Hook(self.name, url, body, {name: text.strip() for name, text in headers.items()})
