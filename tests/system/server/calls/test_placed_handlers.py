"""Handlers that a program places over HTTP, on a real server and a virtual Vonage in separate processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import httpx

from tests.support import loopback
from tests.support.command import ncco
from tests.support.fork_server import NCCO
from tests.support.server import free_port, running_server
from tests.support.waiting import happens

HANDLER: Final = """\
from datetime import date, time

from appointments import PRAXIS
from ncco_server import Call, Choice, call_flow


@call_flow(
    outbound={
        "from": "442079460001",
        "quiet": False,
        "retry": {"on": ["busy"], "tries": 3, "after": "15m"},
        "on": {"otherwise": {"send": "missed"}},
    },
    hooks={"missed": {"post": "http://127.0.0.1:9/missed"}},
    results={"confirmed": "the patient comes", "cancelled": "the patient does not come"},
    defaults={"talk": {"language": "en-GB"}},
)
async def reminder(call: Call, name: str, day: date, at: time = time(9, 30), visits: int = 1) -> None:
    await call.talk(f"Hello {name}, this is {PRAXIS}. We see you on {call.spoken(day, 'day')} at {at:%H:%M}.")
    choice = await call.choose("To confirm, press 1. To cancel, press 2.", {"yes": Choice(1), "no": Choice(2)})
    if choice is not None:
        await call.result("confirmed" if choice == "yes" else "cancelled")
    await call.talk(f"This is visit {visits + 1}.")
"""
PEOPLE: Final = """\
people:
  "447700900401": [busy, {presses: [1], talks: 1s, after: 1s}]
  "447700900402": {presses: [2], talks: 1s, after: 1s}
  "447700900403": busy
"""
ADA: Final = {"name": "Ada", "day": "2026-12-24"}


def test_calls_to_handlers_are_placed_retried_and_have_results(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/reminder.py").write_text(HANDLER)
    (tmp_path / "appointments.py").write_text('PRAXIS = "Dr Lee"\n')
    (tmp_path / "people.yaml").write_text(PEOPLE)
    port, api_port = free_port(), free_port()
    words = ("--port", "0", "--speed", "10", "--people", "people.yaml")  # Vonage waits 5 s for a reply
    with running_server(tmp_path, *words, cwd=tmp_path, program=(NCCO, "vonage")) as vonage:
        application = next(line.split()[-1] for line in vonage.lines if "application" in line)
        env = {
            "NCCO_PYTHON_FLOWS": "reminder.py",
            "NCCO_DATABASE_URL": f"sqlite:///{tmp_path}/calls.db",
            "NCCO_VONAGE_API_URL": f"http://{vonage.address}",
            "VONAGE_APPLICATION_ID": application,
            "VONAGE_PRIVATE_KEY": ".virtual-vonage/private.key",
            "NCCO_API_PORT": str(api_port),
            "NCCO_PORT": str(port),
            "NCCO_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "NCCO_DIAL_ALLOW": "44",
        }
        with running_server(tmp_path, "--dev", "--real-calls", "--speed", "1000", cwd=tmp_path, env=env):
            made = ncco("api-key", "add", "crm", "--flows", "reminder", cwd=tmp_path, env=env)
            api = f"http://127.0.0.1:{api_port}/calls"
            key = {"Authorization": f"Bearer {made.stdout.strip()}"}

            def place(to: str, **params: Any) -> httpx.Response:
                call = {"flow": "reminder", "to": to, "with": params}
                return loopback.post(api, json=call, headers={**key, "Idempotency-Key": f"{to} {params}"})

            def state(placed: httpx.Response) -> dict[str, Any]:
                found: dict[str, Any] = loopback.get(f"{api}/{placed.json()['id']}", headers=key).json()
                return found

            wrong = place("447700900401", name="Ada", day="tomorrow", visits="many")
            calls = [place(f"44770090040{number}", **ADA, at="10:15", visits=2) for number in (1, 2, 3)]
            assert calls[0].json()["id"] == place("447700900401", **ADA, at="10:15", visits=2).json()["id"]
            assert happens(lambda: all("over" == state(call)["state"] for call in calls))
            ended = [state(call) for call in calls]

    assert (422, "with.day", "with.visits") == (
        wrong.status_code,
        wrong.json()["detail"]["where"],
        wrong.json()["others"][0]["where"],
    )
    assert [("answered", 2), ("answered", 1), ("busy", 3)] == [(call["outcome"], call["tries"]) for call in ended]
    listed = ncco("calls", "--format", "text", cwd=tmp_path, env=env).output
    assert ["confirmed", "cancelled"] == [
        word for number in ("401", "402") for word in ("confirmed", "cancelled") if word in row_of(listed, number)
    ]
    (leg,) = (row.split()[0] for row in listed.splitlines() if "447700900401" in row)
    assert "Hello Ada, this is Dr Lee. We see you on" in ncco("calls", leg, cwd=tmp_path, env=env).output


def row_of(listed: str, number: str) -> str:
    """The row of the call to the number that ends in these digits."""
    return next(row for row in listed.splitlines() if f"447700900{number}" in row)
