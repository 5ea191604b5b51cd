"""What is played on a walk: each NCCO is checked and listened to once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from app.engine.called import APART
from app.ncco import check
from app.verify.prove.listening import listen
from app.verify.prove.walked import Ncco


@dataclass(slots=True)
class Nccos:
    """Every NCCO that was played; one that was played before is the same object."""

    _found: dict[tuple[bytes, bool], Ncco] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._found)

    def of(self, actions: list[dict[str, Any]], *, is_party: bool) -> Ncco:
        """An NCCO with what Vonage would refuse in it, and with what it sounds like.

        A party that has declined hangs up: how long it is kept apart until then is no matter of the flow.
        """
        key = (orjson.dumps(actions), is_party)
        if key not in self._found:
            errors = tuple(issue for issue in check(actions) if issue.severity == "error")
            heard = actions[:-1] if is_party and actions[-1:] == [APART] else actions
            self._found[key] = Ncco(actions, errors, listen(heard))
        return self._found[key]
