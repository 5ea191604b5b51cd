"""Problems that `ncco doctor` and the console's Health report in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from ncco_server.errors import HashKeyLost
from ncco_server.flow.model import Project
from ncco_server.service.recordings import NEWEST, PUT_BACK
from ncco_server.store import PlacingControl
from ncco_server.wording import as_sentence, counted


class ServerProblem(NamedTuple):
    """A problem and its fix. `text` is one sentence, without a capital letter and a full stop; `cure` is sentences."""

    kind: Literal["paused", "held", "no access", "lost audio", "lost key"]
    severity: Literal["error", "warning"]
    text: str
    cure: str


def problems_of_placing(control: PlacingControl, now_ms: int, *, has_access: bool) -> Iterator[ServerProblem]:
    """`has_access`: whether there are an application and its key."""
    if control.paused_at is not None:
        text = f"placing calls is paused by {control.paused_by}: {control.reason or 'no reason given'}"
        cure = "Fix the problem, then choose Resume in the console, or run `ncco place --resume`."
        yield ServerProblem("paused", "warning", text, cure)
    if control.is_held(now_ms):
        cure = "The server tries again by itself, until the calls expire."
        yield ServerProblem("held", "warning", control.held_for, cure)
    if not has_access:
        text = "no calls are placed without VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY"
        yield ServerProblem("no access", "warning", text, "Set both: `ncco go-live` asks for them.")


def problems_of_audio(lost: int) -> Iterator[ServerProblem]:
    if lost:
        text = f"the audio of {counted(lost, 'recording')} is lost; only the newest {NEWEST} were checked"
        yield ServerProblem("lost audio", "error", text, f"{as_sentence(PUT_BACK)}.")


def tables_with_hashes(project: Project) -> list[str]:
    return [name for name, table in project.tables.items() if table.after_forget is not None]


def problems_of_hashes(tables: Iterable[str]) -> Iterator[ServerProblem]:
    """`tables` have hashes that match nobody."""
    for table in tables:
        lost = HashKeyLost(table)
        yield ServerProblem("lost key", "error", str(lost), f"{as_sentence(lost.cure)}.")
