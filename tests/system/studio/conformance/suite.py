"""The conformance suite as data: the parts of a case, and the files with the cases.

tests/system/studio/conformance/README.md describes the keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

FOLDER: Final = Path(__file__).parent
BASE: Final = "https://server.example"
"""Prefix of every server URL under `replies`."""
SOUNDS: Final = frozenset({"talk", "stream", "ringing", "tone", "music", "beep", "keys", "joined", "left", "voice"})
SOURCES: Final = (
    "NCCO reference",
    "webhook reference",
    "Voice API specification",
    "delivery rules",
    "signed webhooks",
    "platform practice",
)
"""The document that a `source` begins with. Its section follows, then what it says there, in our own words."""


class Part(BaseModel):
    """A part of a case; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reply(Part):
    """The server's reply to one request.

    Attributes:
        ncco: the body as JSON.
        body: the body as text; without `ncco` and `body`, the body is empty.
        type: the content type; None if there is none.
        seconds: how long the reply takes.
        failure: what happens instead of a response.
    """

    status: int = 200
    ncco: Any = None
    body: str | None = None
    type: str | None = "application/json"
    seconds: float = 0.0
    failure: Literal["", "connect timeout", "timeout", "closed", "reset"] = ""


def _replies(written: Any) -> Any:
    """The replies to a URL: a list of actions, a map for one reply, or `in_turn` with several (the last repeats)."""
    if isinstance(written, dict) and set(written) == {"in_turn"}:
        return [_reply(one) for one in written["in_turn"]]
    return [_reply(written)]


def _reply(written: Any) -> Any:
    return {"ncco": written} if isinstance(written, list) else written


Replies: TypeAlias = Annotated[list[Reply], BeforeValidator(_replies)]


class Sound(Part):
    """One thing that somebody hears.

    Attributes:
        kind: one of SOUNDS.
        text: the spoken text, the URL or the number; None allows anything.
        at: seconds since the listener's own leg was answered; None allows anything.
        lasts: for how many seconds it was heard; None allows anything.
        cut: whether a prompt was cut short.
    """

    kind: str
    text: str | None
    at: float | None = None
    lasts: float | None = None
    cut: bool | None = None


def _sound(written: Any) -> Any:
    kinds = sorted(SOUNDS & set(written))
    if len(kinds) != 1:
        raise ValueError(f"a sound has exactly one of {', '.join(sorted(SOUNDS))}; this has {list(written)}")
    return {**{key: value for key, value in written.items() if key != kinds[0]}, "kind": kinds[0],
            "text": written[kinds[0]]}  # fmt: skip


class Act(Part):
    """One thing that somebody does: exactly one of the first eight attributes.

    Attributes:
        listen: continue until the call waits for something: anything ("anything"), or this ("input", ...). A number
            of seconds ends the listening at that time.
        waits: the number of seconds to let pass.
        call: the name of another caller in `callers`, who calls now.
        asks: a request to the Voice API: the method, and the path below `/v1/calls`.
        body: the body of that request.
        token: what is wrong with the token of that request.
        times: how often that request is sent.
        gets: the expected status of the (last) reply.
        fields, without: expectations about the body of the reply, as for a webhook.
        who: the caller by default; otherwise a name in `callers`, or the number or URI of a dialled party.
        at: seconds since the leg was answered.
        seconds: how long the speech takes.
    """

    listen: float | Literal["input", "record", "idle", "end", "anything"] | None = None
    press: str | None = None
    speak: list[tuple[str, float]] | None = None
    silence: bool = False
    hang_up: bool = False
    waits: float | None = None
    call: str | None = None
    asks: str | None = None
    body: Any = None
    token: Literal["", "none", "another key", "another application", "expired"] = ""
    times: int = 1
    gets: int = 200
    fields: dict[str, Any] = Field(default_factory=dict, alias="with")
    without: list[str] = []
    who: str = "caller"
    at: float | None = None
    seconds: float | None = None
    error: str = ""

    @model_validator(mode="after")
    def _one(self) -> Act:
        kinds = {"listen", "press", "speak", "silence", "hang_up", "waits", "call", "asks"} & self.model_fields_set
        if len(kinds) != 1:
            raise ValueError(f"an act is one thing; this is {sorted(kinds) or 'none'}")
        return self


def _act(written: Any) -> Any:
    if isinstance(written, str):
        return {"listen": "anything"} if written == "listen" else {written: True}
    if isinstance(written.get("speak"), str):
        return {**written, "speak": [(written["speak"], 0.9)]}
    return written


class Webhook(Part):
    """A request that the server is expected to get.

    Attributes:
        to: the path.
        status: the value of the field `status`.
        fields: expected fields; "*" means anything but null, "~..." a regular expression.
        only: the exact names of all fields.
        without: names of fields that must be absent.
        at: seconds since the caller was answered.
        signed: whether its token must be valid, including the hash of the payload.
    """

    to: str
    status: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict, alias="with")
    only: list[str] | None = None
    without: list[str] = []
    method: str | None = None
    headers: dict[str, str] = {}
    at: float | None = None
    signed: bool | None = None


def _webhook(written: Any) -> Any:
    """`event answered at 2` has this path, status and time; the last two are optional."""
    if not isinstance(written, str):
        return written
    words, _, at = written.partition(" at ")
    to, _, status = words.partition(" ")
    return {"to": to, "status": status or None, "at": at or None}


Group: TypeAlias = Annotated[
    list[Annotated[Webhook, BeforeValidator(_webhook)]],
    BeforeValidator(lambda one: one if isinstance(one, list) else [one]),
]


class Party(Part):
    """What a dialled party does; the simulator's `Behaviour` with simpler keys."""

    outcome: str = "answered"
    rings_s: float = 4.0
    talks_s: float = 30.0
    hangs_up_first: bool = True
    beeps_s: float = 12.0
    detail: str | None = None
    sip_code: int | None = None
    presses: list[str] = []


class Caller(Part):
    """Who calls, and the data that comes with the call."""

    to: str = "442079460000"
    number: str | None = "447700900123"
    endpoint_type: str = "phone"
    user: str = ""
    sip_headers: dict[str, str] = {}
    custom_data: Any = None


class End(Part):
    """How the caller's leg ends."""

    by: Literal["user", "platform"]
    at: float | None = None


class Case(Part):
    """One case with one call, several or none; see tests/system/studio/conformance/README.md."""

    case: str
    source: str = ""
    unverified: str = ""
    platform: dict[str, Any] = {}
    assumes: dict[str, Any] = {}
    replies: dict[str, Replies] = {}
    parties: dict[str, Party | list[Party]] = {}
    caller: Caller | None = Caller()
    places: dict[str, Any] | None = None
    callers: dict[str, Caller] = {}
    does: list[Annotated[Act, BeforeValidator(_act)]] = []
    hears: list[Annotated[Sound, BeforeValidator(_sound)]] | None = None
    others_hear: dict[str, list[Annotated[Sound, BeforeValidator(_sound)]]] = {}
    webhooks: list[Group] | None = None
    ends: End | None = None
    answered: bool = True

    @model_validator(mode="after")
    def _has_reasons(self) -> Case:
        if not self.source and not self.unverified:
            raise ValueError("a case has a source, or a reason why it is unverified")
        if self.source and not self.source.startswith(SOURCES):
            raise ValueError(f"a source begins with one of {SOURCES}")
        expects = self.hears is not None or self.webhooks is not None or self.ends is not None or self.others_hear
        if not expects and not any(act.asks for act in self.does):
            raise ValueError("a case that expects nothing shows nothing")
        return self


def load(files: Iterable[Path] | None = None) -> list[tuple[str, Case]]:
    """Load every case, with the name of its file. Raises ValueError with the names of file and case."""
    found = []
    for file in sorted(FOLDER.glob("*.yaml")) if files is None else files:
        for written in yaml.load(file.read_bytes(), yaml.CSafeLoader):
            try:
                found.append((file.stem, Case.model_validate(written)))
            except ValidationError as error:
                raise ValueError(f"{file.name}, case {written.get('case')!r}: {error}") from error
    return found
