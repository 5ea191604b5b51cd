"""What the flow file itself says of the lists and maps that something is looked up in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.flow.model import Flow
from app.verify.prove.reading import Path


def keys_written(flow: Flow, path: Path | None) -> Iterator[str | int]:
    """The keys of the map that a variable begins with; of a list the number of its last entry, and the next one."""
    variable = flow.variables.get(path[0]) if path else None
    value = variable.default if variable is not None else None
    for name in path[1:] if path else ():
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, list | tuple):
        yield from (len(value) - 1, len(value))
    elif isinstance(value, Mapping):
        yield from value
