"""What callers hear while the store is unavailable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import yaml

from ncco_server.engine import WaitRef
from ncco_server.errors import StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.service.delivery import Reply
from ncco_server.service.tokens import make_token
from ncco_server.store import Store
from ncco_server.store.sqlite import SqliteDatabase
from tests.support.cases import each_case
from tests.unit.service.served_call import ANSWER, LEG, POLICY, delivery

CASES: Final = yaml.load(Path(__file__).with_name("without_store.yaml").read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - all text, as in flows
MENU: Final[Mapping[str, Any]] = {
    "do": [{"talk": "Welcome. Press 1."}],
    "choices": {"one": {"dtmf": 1, "goto": "end"}},
    "retry": {"then": "end"},
}
PERSON: Final = {"sorry": {"do": [{"connect": "447700900333"}], "goto": "end"}}
RECEPTION: Final = [{"action": "connect", "to": "447700900333", "from": "442079460000"}]


class AwayStore:
    """A store that is unavailable."""

    def __getattr__(self, name: str) -> Any:
        async def away(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable(f"{name}: away")

        return away


class LeavingStore:
    """A store that is available until `is_away`."""

    def __init__(self, store: Store) -> None:
        self.is_away = False
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(AwayStore() if self.is_away else self._store, name)


def flow(name: str = "acme", *, steps: Mapping[str, Any] = PERSON, error: str = "sorry", **words: Any) -> str:
    text = {
        "flow": name,
        "start": "menu",
        "vars": {"order": {"type": "text", "default": ""}},
        "defaults": {"on": {"error": error}},
        "steps": {"menu": MENU, **steps},
        **words,
    }
    return yaml.safe_dump(text, sort_keys=False)


async def service_of(files: Mapping[str, str], **policy: Any) -> CallService:
    """A service whose flows were read while the store was unavailable."""
    project = load({f"flows/{name}.yaml": text for name, text in files.items()})
    assert [] == [issue for issue in project.issues if issue.is_error]
    store: Any = AwayStore()
    service = CallService(store, lambda: project, replace(POLICY, **policy))
    with pytest.raises(StoreUnavailable):
        await service.library.reload()
    for _ in range(2):
        await service.store_probe.run()
    return service


def heard(reply: Reply) -> list[dict[str, Any]]:
    """The NCCO, with the number of a `connect` as `to`."""
    ncco: list[dict[str, Any]] = orjson.loads(reply.ncco or b"[]")
    for action in ncco:
        if action["action"] == "connect":
            (endpoint,) = action.pop("endpoint")
            assert {"type", "number"} == endpoint.keys()
            action["to"] = endpoint["number"]
    return ncco


@each_case("case", CASES, ids=lambda case: case["case"])
async def test_without_a_store_the_error_exit_is_played_up_to_its_first_webhook(case: dict[str, Any]) -> None:
    words = {"lookups": case["lookups"]} if "lookups" in case else {}
    files = {"acme": flow(default="true", steps=case["steps"], error=case.get("error", "sorry"), **words)}
    files |= {name: yaml.safe_dump(text) for name, text in case.get("others", {}).items()}
    service = await service_of(files, dial_allow=tuple(case.get("allow", ())))

    reply = await service.answer(delivery({**ANSWER, "from": case.get("from", "447700900123")}))

    is_failsafe = case["hears"] == "failsafe"
    assert (orjson.loads(service.failsafe) if is_failsafe else case["hears"]) == heard(reply)
    assert (is_failsafe, True) == (reply.is_failsafe, reply.is_unstored)
    assert ("connect" in str(case["hears"])) == service.take_dials()


PLACING: Final = {
    "hooks": {"missed": {"post": "https://crm.example.com/missed"}},
    "outbound": {"from": "442079460001", "quiet": "false", "on": {"otherwise": {"send": "missed"}}},
}
CALLED: Final = "442079460000"


@each_case(
    ("original", "words", "to", "is_person"),
    [
        ("/webhooks/answer", {"default": "true"}, CALLED, True),
        ("/webhooks/answer", {"numbers": [CALLED]}, CALLED, True),
        ("/webhooks/answer", {"numbers": [CALLED]}, "442079460001", False),
        ("/webhooks/answer/acme", {"entry": "true"}, "442079460001", True),
        ("/webhooks/answer/other", {"default": "true"}, CALLED, False),
        ("/webhooks/placed/x", {"default": "true"}, CALLED, False),
        ("/webhooks/notify/x", {"default": "true"}, CALLED, False),
        ("/webhooks/input/x", {"default": "true"}, CALLED, False),
        (f"/webhooks/input/{LEG}", {"default": "true"}, CALLED, True),
        ("/webhooks/input/a-called-party", {"default": "true"}, CALLED, False),
        (f"/webhooks/input/{LEG}/acme", {"entry": "true"}, "442079460001", True),
        (f"/webhooks/input/{LEG}", {"numbers": [CALLED], **PLACING}, CALLED, True),
        (f"/webhooks/input/{LEG}", {"default": "true", **PLACING}, "447700900123", False),
    ],
)
async def test_a_fallback_without_a_store_plays_the_error_exit_if_the_flow_is_certain(
    original: str, words: dict[str, Any], to: str, is_person: bool
) -> None:
    service = await service_of({"acme": flow(**words)})
    head, _, session = original.partition("/input/")
    if len(session) > 1:
        original = f"{head}/input/{make_token(POLICY.keys[0], WaitRef('input', session, 1, 0))}"
    request = {"url": f"https://x{original}", "type": "answer" if "answer" in original else "event"}

    reply = await service.fallback(
        delivery({**ANSWER, "to": to, "reason": "Socket timeout.", "original_request": request})
    )

    person = [RECEPTION[0] | {"from": to}]
    assert (person if is_person else orjson.loads(service.failsafe)) == heard(reply)


async def test_without_a_store_an_ncco_that_vonage_rejected_is_not_sent_again() -> None:
    service = await service_of({"acme": flow(default="true")})
    request = {"url": "https://x/webhooks/answer", "type": "answer"}

    reply = await service.fallback(delivery({**ANSWER, "reason": "Invalid NCCO.", "original_request": request}))

    assert service.failsafe == reply.ncco


async def test_a_short_outage_is_left_to_the_retry(store: Store) -> None:
    files = {"acme": flow(default="true")}
    leaving: Any = LeavingStore(store)
    service = CallService(leaving, lambda: load({f"flows/{name}.yaml": text for name, text in files.items()}), POLICY)
    await service.library.reload()
    leaving.is_away = True

    with pytest.raises(StoreUnavailable):
        await service.answer(delivery(ANSWER))

    request = {"url": "https://x/webhooks/answer", "type": "answer"}
    reply = await service.fallback(delivery({**ANSWER, "reason": "Socket timeout.", "original_request": request}))
    assert RECEPTION == heard(reply)


async def test_calls_of_an_outage_are_stored_when_it_is_over() -> None:
    memory = Store(SqliteDatabase())
    async with memory:
        store: Any = LeavingStore(memory)
        project = load({"flows/acme.yaml": flow(default="true")})
        service = CallService(store, lambda: project, POLICY)
        await service.library.reload()
        store.is_away = True
        for _ in range(2):
            await service.probe_store()
        await service.answer(delivery(ANSWER))
        store.is_away = False
        await service.probe_store()
        kept = await memory.load(LEG)

    assert kept is not None
    assert {} == service.unstored
