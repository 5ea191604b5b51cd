"""Find-me with a whisper, on a server in its own process that is killed in the middle."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx

from tests.support import loopback
from tests.system.cli.running import RunningServer, running_server

FIND_ME = """
flow: find_me
default: true
start: ring
vars: {team: {type: list, default: ["447700900111", "447700900222"]}}
steps:
  ring:
    do:
      - talk: "One moment, please."
      - connect: "{{ team }}"
        onAnswer: {run: whisper, with: {caller: "{{ call.from }}"}}
    on: {completed: thanks, otherwise: nobody}
  thanks:
    do: [talk: "Thank you for calling."]
    goto: end
  nobody:
    do: [talk: "Nobody is there."]
    goto: end
"""
WHISPER = """
flow: whisper
params: {caller: phone}
outcomes: [accepted, rejected]
start: ask
steps:
  ask:
    do: [talk: "A call from {{ caller | digits }}. To take it, press 1. To decline, press 2."]
    choices:
      take: {dtmf: 1, goto: {return: accepted}}
      decline: {dtmf: 2, goto: decline}
    retry: {then: decline}
  decline:
    do: [talk: "Please hang up now."]
    goto: {return: rejected}
"""
CALLER = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}


def here(server: RunningServer, url: str) -> str:
    """A callback URL, at the server's current address."""
    return f"http://{server.address}/webhooks/{url.partition('/webhooks/')[2]}"


def post(server: RunningServer, url: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    response = loopback.post(here(server, url), json=fields)
    assert httpx.codes.OK == response.status_code
    ncco: list[dict[str, Any]] = response.json() if response.content else []
    return ncco


def action(ncco: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(action for action in ncco if action["action"] == name)


def endpoint(ncco: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = action(ncco, "connect")["endpoint"][0]
    return found


def answer(server: RunningServer, ncco: list[dict[str, Any]], leg: str) -> list[dict[str, Any]]:
    """The dialled party picks up. Returns the NCCO that this party hears."""
    fields = {**CALLER, "to": endpoint(ncco)["number"], "uuid": leg}
    post(server, action(ncco, "connect")["eventUrl"][0], {**fields, "status": "answered", "direction": "outbound"})
    response = loopback.get(here(server, endpoint(ncco)["onAnswer"]["url"]), params=fields)
    assert httpx.codes.OK == response.status_code
    heard: list[dict[str, Any]] = response.json()
    return heard


def press(server: RunningServer, ncco: list[dict[str, Any]], digits: str, leg: str) -> list[dict[str, Any]]:
    return post(server, action(ncco, "input")["eventUrl"][0], {"dtmf": {"digits": digits}, "uuid": leg})


def hang_up(server: RunningServer, ncco: list[dict[str, Any]], leg: str) -> list[dict[str, Any]]:
    """The dialled party hangs up. Returns the NCCO that the caller hears after the `connect`."""
    ended = {"status": "completed", "uuid": leg, "direction": "outbound"}
    post(server, action(ncco, "connect")["eventUrl"][0], ended)
    reached = {"payload": {"checkpoint": "connected"}, "conversation_uuid": "CON-1"}
    return post(server, action(ncco, "notify")["eventUrl"][0], reached)


def test_declining_passes_the_call_on_and_accepting_ends_the_search(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "flows").mkdir(parents=True)
    (project / "templates").mkdir()
    (project / "flows/find_me.yaml").write_text(FIND_ME)
    (project / "flows/whisper.yaml").write_text(WHISPER)
    env = {"NCCO_DIAL_ALLOW": "4477"}

    with running_server(tmp_path, cwd=project, env=env) as server:
        first = post(server, "/webhooks/answer", CALLER)
        heard = answer(server, first, "leg-2")
        server.stop(signal.SIGKILL)
    with running_server(tmp_path, cwd=project, env=env) as server:
        again = answer(server, first, "leg-2")
        apart = press(server, heard, "2", "leg-2")
        second = hang_up(server, first, "leg-2")
        joined = press(server, answer(server, second, "leg-3"), "1", "leg-3")
        thanked = hang_up(server, second, "leg-3")
        late = loopback.get(here(server, endpoint(second)["onAnswer"]["url"])).json()
        forged = loopback.get(f"http://{server.address}/webhooks/onanswer/AAAA")

    assert "447700900111" == endpoint(first)["number"]
    assert "A call from 4 4, 7 7 0, 0 9 0, 0 1 2 3. To take it, press 1. To decline, press 2." == heard[0]["text"]
    assert heard == again
    assert ["talk", "wait"] == [each["action"] for each in apart]
    assert "447700900222" == endpoint(second)["number"]
    assert [{"action": "wait", "timeout": 0.1}] == joined
    assert ["Thank you for calling."] == [each["text"] for each in thanked]
    assert "To take it" in late[0]["text"]
    assert httpx.codes.NOT_FOUND == forged.status_code
