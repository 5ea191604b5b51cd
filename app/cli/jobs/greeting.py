"""What `ncco serve` says before the first call: where it listens, what to enter at Vonage, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Final

from app.flow.actions.connect import Connect
from app.flow.model import Flow, Step
from app.settings import Settings

URLS: Final = (("answer", "/webhooks/answer"), ("fallback", "/webhooks/fallback"), ("event", "/webhooks/event"))

SHOWN: Final = 3
"""How many steps are named."""


def greeting(settings: Settings, flows: Iterable[Flow], *, dev: bool, database: str = "") -> str:
    """The text, without the last line break. `database` says where calls are kept; "" leaves that out."""
    flows = tuple(flows)
    lines = [
        f"ncco {version('ncco-server')} listens on {_own_address(settings)}{' (development)' if dev else ''}",
        "",
        "Enter at Vonage, in the Voice capability of the application (all three by POST; GET works too):",
        *(f"  {name:<8}  POST  {settings.base_url}{path}" for name, path in URLS),
        "",
        "Flows:",
        *(f"  {line}" for line in _shown_flows(flows)),
        *(["", f"Calls are kept in {database}."] if database else []),
    ]
    notes = [*_missing(settings, is_telling=any(map(_tells, flows))), *_undialled(settings, flows), *settings.warnings]
    return "\n".join([*lines, *(["", *notes] if notes else []), ""])


def _own_address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _shown_flows(flows: Iterable[Flow]) -> Iterator[str]:
    known = sorted(flows, key=lambda each: each.name)
    for flow in known:
        runners = [other.name for other in known if flow.name in other.subs and other is not flow]
        nowhere = f"run by {', '.join(runners)}" if runners else "no call can start here"
        ways = [*flow.numbers]
        if flow.default:
            ways.append("every other number")
        if flow.entry:
            ways.append(f"/webhooks/answer/{flow.name}")
        yield f"{flow.name:<14}  {', '.join(ways) or nowhere}"


def _tells(flow: Flow) -> bool:
    """Whether it sends any hook."""
    return bool(flow.events) or any(step.sends or step.events for step in flow.steps.values())


def _undialled(settings: Settings, flows: Iterable[Flow]) -> Iterator[str]:
    """What to set where a flow dials numbers that only a call computes, and none of them may be."""
    dialling = [f"{flow.name}.{step.name}" for flow in flows for step in flow.steps.values() if _computes_number(step)]
    if dialling and not settings.dial_allow:
        shown = ", ".join(dialling[:SHOWN]) + (", ..." if len(dialling) > SHOWN else "")
        yield (
            f"NCCO_DIAL_ALLOW is not set, so no computed number is dialled ({shown}): set the prefixes that may be, "
            "such as 44,4930."
        )


def _computes_number(step: Step) -> bool:
    dials = (target for part in step.parts if isinstance(part, Connect) for target in part.targets)
    return any(target.is_computed for target in dials)


def _missing(settings: Settings, *, is_telling: bool) -> Iterator[str]:
    if not settings.is_signed and not settings.insecure:
        yield "Webhooks are not checked: VONAGE_SIGNATURE_SECRET is not set. For real calls, set it."
    if not settings.public_url and not settings.is_signed:
        yield (
            f"Vonage cannot reach {_own_address(settings)}: put a tunnel before it and enter the tunnel's address, "
            "or set NCCO_PUBLIC_URL."
        )
    if is_telling and not settings.hook_secrets:
        yield "Hooks are not signed, so their receivers cannot tell who sent them: set NCCO_HOOK_SECRET."
