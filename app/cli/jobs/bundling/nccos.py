"""What each file of a bundle says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.engine.offline import Offline, keep_offline, play_offline
from app.flow.model import Flow, Project
from app.settings import Settings
from app.settings.failsafe import DEFAULT

ALL: Final = "all.json"
DEFAULT_FILE: Final = "default.json"
_SORRY: Final = ({"action": "talk", "text": DEFAULT},)

Actions = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Saying:
    """One file of a bundle.

    Attributes:
        file: its path in the folder.
        about: `numbers`, `flows`, `default` or `all`. name: the number or the flow, "" for the last two.
        flow: whose words it says, "" for the failsafe NCCO.
        because: why it says the failsafe NCCO, "" when it does not.
    """

    file: str
    about: str
    name: str
    actions: Actions
    flow: str = ""
    because: str = ""

    @property
    def text(self) -> str:
        """The bytes of the file: the same for the same flows."""
        return json.dumps(self.actions, ensure_ascii=False, indent=2) + "\n"


def sayings(project: Project, settings: Settings) -> tuple[Saying, ...]:
    """Every file that holds an NCCO: of each number, of each flow, the default one, and the one for all."""
    failsafe, why_other = _failsafe(settings)
    own_url = settings.public_url

    def of_flow(file: str, about: str, name: str, flow: Flow, to: str) -> Saying:
        alone = play_offline(flow, to, dial_allow=settings.dial_allow, own_url=own_url)
        if alone.actions:
            return Saying(file, about, name, alone.actions, flow.name)
        return Saying(file, about, name, failsafe, because=f"{flow.name}: {alone.because}{why_other}")

    known = tuple(_each(project, of_flow))
    if not any(each.about == "default" for each in known):
        none = f"no flow has `default: true`{why_other}"
        known = (*known, Saying(DEFAULT_FILE, "default", "", failsafe, because=none))
    return (*known, _for_all(known, failsafe, why_other))


def _each(project: Project, make: Callable[[str, str, str, Flow, str], Saying]) -> Iterator[Saying]:
    flows = [flow for _, flow in sorted(project.flows.items()) if flow.is_startable]
    by_number = {number: flow for flow in flows for number in flow.numbers}
    for number, flow in sorted(by_number.items()):
        yield make(f"numbers/{number}.json", "numbers", number, flow, number)
    for flow in flows:
        yield make(
            f"flows/{flow.name}.json", "flows", flow.name, flow, flow.numbers[0] if len(flow.numbers) == 1 else ""
        )
    for flow in flows:
        if flow.default:
            yield make(DEFAULT_FILE, "default", "", flow, "")


def _for_all(known: tuple[Saying, ...], failsafe: Actions, why_other: str) -> Saying:
    """What every number says, when all say the same; else the failsafe NCCO, which is wrong for nobody."""
    said = [each for each in known if each.about in {"numbers", "default"}]
    if len({each.text for each in said}) == 1:
        return Saying(ALL, "all", "", said[0].actions, said[0].flow, said[0].because)
    of_numbers = {each.text for each in said if each.about == "numbers"}
    differ = (
        "the numbers do not all say the same" if len(of_numbers) > 1 else "callers of other numbers hear something else"
    )
    return Saying(ALL, "all", "", failsafe, because=f"{differ}{why_other}")


def _failsafe(settings: Settings) -> tuple[Actions, str]:
    """The failsafe NCCO, and why it is another one than the settings name."""
    kept: Offline = keep_offline(settings.failsafe, settings.public_url)
    if kept.actions:
        return kept.actions, ""
    return _SORRY, f" (and NCCO_FAILSAFE is not played either: {kept.because})"
