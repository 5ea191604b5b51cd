"""What callers hear while the store is unavailable."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import yaml

from ncco_server.engine import JOINED, WaitRef
from ncco_server.errors import StoreError, StoreUnavailable
from ncco_server.flow.loader import load
from ncco_server.service.calls import CallService
from ncco_server.service.delivery import Reply
from ncco_server.service.outages import KEPT
from ncco_server.service.tokens import make_token
from ncco_server.store import CallFilter, SessionRow, Store
from ncco_server.store.sqlite import SqliteDatabase
from tests.support.cases import each_case
from tests.unit.server.service.served_call import ANSWER, LEG, POLICY, ServedCall, delivery

CASES: Final = yaml.load(Path(__file__).with_name("without_store.yaml").read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - all text, as in flows
MENU: Final[Mapping[str, Any]] = {
    "do": [{"talk": "Welcome. Press 1."}],
    "choices": {"one": {"dtmf": 1, "goto": "end"}},
    "retry": {"then": "end"},
}
PERSON: Final = {"sorry": {"do": [{"connect": "447700900333"}], "goto": "end"}}
AWAY: Final = "the store is unavailable: away"
RECEPTION: Final = [{"action": "connect", "to": "447700900333", "from": "442079460000"}]


class AwayStore:
    """A store that is unavailable."""

    def __getattr__(self, name: str) -> Any:
        if name in {"placed", "tables"}:
            return self

        async def away(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable(f"{name}: away")

        return away


class LeavingStore:
    """A store that is available until `is_away`."""

    def __init__(self, store: Store) -> None:
        self.is_away = False
        self.refuses = ""
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(AwayStore() if self.is_away else self._store, name)

    async def open_call(self, row: SessionRow, *rows: Any, **options: Any) -> bool:
        if row.id == self.refuses:
            raise StoreError("refuses the write")
        return bool(await self.__getattr__("open_call")(row, *rows, **options))


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
    words = {name: case[name] for name in ("hours", "lookups") if name in case}
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

    fields = {**ANSWER, "to": to, "reason": "Socket timeout.", "original_request": request}
    reply = service.without_store(delivery(fields), None, AWAY)

    person = [RECEPTION[0] | {"from": to}]
    assert (person if is_person else orjson.loads(service.failsafe)) == heard(reply)


async def test_without_a_store_an_ncco_that_vonage_rejected_is_not_sent_again() -> None:
    service = await service_of({"acme": flow(default="true")})
    request = {"url": "https://x/webhooks/answer", "type": "answer"}

    fields = {**ANSWER, "reason": "Invalid NCCO.", "original_request": request}
    reply = service.without_store(delivery(fields), None, AWAY)

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
    fallback = delivery({**ANSWER, "reason": "Socket timeout.", "original_request": request})
    with pytest.raises(StoreUnavailable):
        await service.fallback(fallback)
    assert RECEPTION == heard(service.without_store(fallback, None, AWAY))


async def test_what_is_kept_of_an_outage_is_bounded() -> None:
    service = await service_of({"acme": flow(default="true")})
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(200):
        more = {"SipHeader_X-Note": "n" * 50_000, "custom_data": {"note": "n" * 50_000}, "note": "n" * 50_000}
        await service.answer(delivery({**ANSWER, **more, "uuid": f"leg-{number}"}))
        await service.answer(delivery({**ANSWER, **more, "uuid": "leg-0"}))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 200 == len(service.unstored)
    assert (after - before) / 200 * KEPT < 100_000_000


async def test_no_more_calls_are_kept_than_the_limit(store: Store) -> None:
    service = await service_of({"acme": flow(default="true")})
    service.unstored.update({f"kept-{number}": (None, None, None) for number in range(KEPT)})  # type: ignore[misc]  # only counted
    reply = await service.answer(delivery(ANSWER))

    assert (True, KEPT) == (reply.is_unstored, len(service.unstored))


async def test_a_call_that_cannot_be_written_keeps_no_other_from_it() -> None:
    memory = Store(SqliteDatabase())
    async with memory:
        store: Any = LeavingStore(memory)
        project = load({"flows/acme.yaml": flow(default="true")})
        service = CallService(store, lambda: project, POLICY)
        await service.library.reload()
        store.is_away = True
        for _ in range(2):
            await service.probe_store()
        await service.answer(delivery({**ANSWER, "uuid": "refused"}))
        await service.answer(delivery(ANSWER))
        store.is_away = False
        store.refuses = "refused"
        await service.probe_store()
        kept = await memory.load(LEG)

    assert kept is not None
    assert {"refused"} == service.unstored.keys()


async def test_a_running_call_that_heard_the_error_exit_in_an_outage_is_listed(store: Store) -> None:
    leaving: Any = LeavingStore(store)
    project = load({"flows/acme.yaml": flow(default="true")})
    service = CallService(leaving, lambda: project, POLICY)
    await service.library.reload()
    call = ServedCall(service)
    await call.ring()
    token = call.token("input")
    leaving.is_away = True
    request = {"url": f"https://x/webhooks/input/{token}", "type": "event"}
    fields = {**ANSWER, "reason": "Socket timeout.", "original_request": request}
    heard_dial = service.without_store(delivery(fields), None, AWAY)
    leaving.is_away = False
    await service.probe_store()
    await service.event(delivery({"status": "completed", "uuid": LEG}))
    async with store.records() as records:
        (row,) = await records.calls(9, wanted=CallFilter(has_failed=True))
        (result,) = await records.results_of([row.key])

    assert RECEPTION == heard(heard_dial)
    assert (LEG, 2, "unknown") == (row.session.id, row.turns, result.result)


@each_case(
    ("url", "hears", "kept"),
    [
        ("/webhooks/placed/a-token", "failsafe", ("outbound", "447700900123")),
        ("/webhooks/placed/a-token/event", "failsafe", None),
        ("/webhooks/answer?direction=outbound", "person", ("outbound", "447700900123")),
        ("/webhooks/onanswer/a-token", "joined", None),
    ],
)
async def test_fallbacks_of_placed_calls_and_called_parties_without_a_store(
    url: str, hears: str, kept: tuple[str, str] | None
) -> None:
    service = await service_of({"acme": flow(default="true")})
    fields = {**ANSWER, "to": "447700900123", "from": "442079460000", "reason": "Socket timeout."}
    for kind in ("placed", "onanswer"):
        url = url.replace(f"{kind}/a-token", f"{kind}/{make_token(POLICY.keys[0], WaitRef(kind, 'p1', 1, 0))}")

    fallback = delivery({**fields, "original_request": {"url": f"https://x{url}"}})
    reply = service.without_store(fallback, None, AWAY)

    expected = {
        "failsafe": orjson.loads(service.failsafe),
        "joined": [JOINED],
        "person": [RECEPTION[0] | {"from": "442079460000"}],
    }
    assert expected[hears] == heard(reply)
    found = [(turn.session.call.direction, turn.session.call.to) for turn, _, _ in service.unstored.values()]
    assert ([] if kept is None else [kept]) == found
