"""What is noted of a path while the flows are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.verify.prove.joined import Pieces
from app.verify.prove.reading import Path
from app.verify.prove.tested import Part


@dataclass(slots=True)
class Notes:
    """What was found out about one path."""

    consts: dict[Any, None] = field(default_factory=dict)
    parts: dict[Part, None] = field(default_factory=dict)
    offsets: dict[float, None] = field(default_factory=dict)
    steps: dict[float, None] = field(default_factory=dict)
    pieces: dict[Pieces, None] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    form: str = ""
    keys: dict[Path, None] = field(default_factory=dict)
