"""What the reading of one flow file needs to know of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.flow.nodes import Map
from app.flow.sections import Sections
from app.flow.signature import Signature


@dataclass(frozen=True, slots=True)
class Context:
    """The project around a flow file.

    Attributes:
        templates: file name → text.
        env: names of the variables that are set for flows; None when that is not known.
        dates: computed dates of holidays, by path; those that are missing are computed.
        shared: parts for all flows. defaults: what every flow inherits.
        flows: what the flows take and give back, by name.
        kept: their variables that may hold a setting of the server, by flow.
        caller_filled: their variables that may begin with a URL of a caller's choice, by flow.
    """

    templates: Mapping[str, str]
    env: Iterable[str] | None = None
    dates: Mapping[str, str] = field(default_factory=dict)
    shared: Sections = field(default_factory=Sections)
    defaults: Map | None = None
    flows: Mapping[str, Signature] = field(default_factory=dict)
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    caller_filled: Mapping[str, frozenset[str]] = field(default_factory=dict)
