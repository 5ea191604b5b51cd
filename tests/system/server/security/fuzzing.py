"""Generated requests from both OpenAPI documents, to a server with real keys, flows, calls and callback URLs.

`python -m tests.system.server.security.fuzzing --minutes 3 --seed 7` does this for some minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support import loopback
from tests.support.application_api import APPLICATION_ID
from tests.support.fork_server import NCCO, run
from tests.support.keys import private_pem, rsa_key
from tests.support.placing import PLAIN_REMINDER
from tests.support.server import HOOKS_WITHIN_S, STARTS_WITHIN_S, Server, StandIn, free_port, running, standing_in
from tests.support.tracked import ROOT
from tests.support.waiting import happens

CHECKS: Final = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "unsupported_method", "allow_header_conformance"),
)
STRICT: Final = ("ignored_auth", "missing_required_header", "negative_data_rejection")
"""Checks of the API only: webhooks need no key here, and the server answers even those that do not match the document,
because a caller is on the line.
"""
SHOP: Final = """
flow: shop
default: true
start: menu
steps:
  menu:
    do: [{talk: "For sales, press 1."}]
    choices: {sales: {dtmf: 1, speech: [sales], goto: sales}}
    retry: {then: sales}
  sales: {do: [{connect: "447700900111"}], on: {completed: end, otherwise: message}}
  message: {do: [{talk: "Please leave a message."}, {record: {endOnSilence: 5}}], goto: end}
"""
NUMBER: Final = "442079460001"
CALL: Final = {"to": NUMBER, "from": "447700900456", "uuid": "leg-a", "conversation_uuid": "CON-a"}
PLACED: Final = {"flow": "reminder", "to": "447700900123", "with": {"name": "Ada"}, "at": None, "expires": None}
WEBHOOKS: Final = "webhooks"
API: Final = "placing API"
BODIES: Final[Mapping[str, list[dict[str, Any]]]] = {
    WEBHOOKS: [
        CALL,
        CALL | {"dtmf": {"digits": "1", "timed_out": False}},
        CALL | {"speech": {"results": [{"text": "sales", "confidence": "0.9"}]}},
        CALL | {"status": "completed"},
        CALL | {"status": "busy"},
    ],
    API: [PLACED, PLACED | {"to": "447700900124"}],
}
"""Real fields for some of the bodies."""


@dataclass(frozen=True)
class Target:
    """A server to fuzz.

    Attributes:
        documents: the URLs of the OpenAPI documents, by name.
        key: a key of the API for placed calls.
        paths: real values of path parameters, by name.
    """

    server: Server
    documents: Mapping[str, str]
    key: str
    paths: Mapping[str, list[str]]


@contextmanager
def target(folder: Path) -> Iterator[Target]:
    """A server in development, with a call that waits for input, one that waits for a party, and a placed one."""
    api_port = free_port()
    with standing_in() as vonage:
        vonage.answers = {"POST /v1/calls": {"status": 201, "reply": {"uuid": "leg-1", "conversation_uuid": "CON-1"}}}
        settings = {
            "NCCO_API_PORT": str(api_port),
            "NCCO_DIAL_ALLOW": "44",
            "NCCO_PUBLIC_URL": "http://127.0.0.1",
            "NCCO_VONAGE_API_URL": vonage.url,
            "VONAGE_APPLICATION_ID": APPLICATION_ID,
            "VONAGE_PRIVATE_KEY": private_pem(rsa_key()),
        }
        files = {"flows/shop.yaml": SHOP, "flows/reminder.yaml": PLAIN_REMINDER}
        with running(folder, files, settings, "--dev", "--real-calls") as server:
            key = _new_key(server)
            api = f"http://127.0.0.1:{api_port}"
            paths = {"flow": ["shop", "reminder"], "wait": _waits(server.url), "id": [_placed(api, key)]}
            paths["attempt"] = [_attempt(vonage)]
            yield Target(server, {WEBHOOKS: f"{server.url}/openapi.json", API: f"{api}/openapi.json"}, key, paths)


def _new_key(server: Server) -> str:
    words = [NCCO, "api-key", "add", "crm", "--flows", "reminder"]
    env = {"PATH": os.environ["PATH"], "HOME": str(server.home), **server.settings}
    return str(run(words, cwd=server.home, env=env, capture_output=True, text=True, check=True).stdout.split()[0])


def _waits(url: str) -> list[str]:
    """The tokens in the callback URLs of a call that goes from the menu to a party that is dialled."""
    menu = loopback.post(f"{url}/webhooks/answer", json=CALL)
    (first,) = _tokens(menu)
    sales = loopback.post(f"{url}/webhooks/input/{first}", json=CALL | {"dtmf": {"digits": "1", "timed_out": False}})
    return [first, *_tokens(sales)]


def _tokens(reply: httpx.Response) -> list[str]:
    return sorted({*re.findall(r"/webhooks/\w+/([^\"/?]+)", reply.text)})


def _placed(api: str, key: str) -> str:
    """The ID of a new placed call."""
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "first"}
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        reply = loopback.post(f"{api}/calls", json=PLACED, headers=headers)
        if reply.status_code == 202 or time.monotonic() > until:
            return str(reply.json()["id"])
        time.sleep(0.1)  # the server has not yet released its flows


def _attempt(vonage: StandIn) -> str:
    """The token in the URLs of the first attempt that the server asked Vonage for."""
    asked = happens(lambda: [each for each in vonage.asked if each.path == "/v1/calls"], HOOKS_WITHIN_S)
    return str(re.findall(r"/webhooks/placed/([^/\"?]+)", asked[0].body.decode())[0])


def fuzz(target: Target, name: str, seed: int, *limit: str) -> subprocess.CompletedProcess[str]:
    """Send requests as in one of the documents. The output lists the failures; with any, the exit code is 1.

    `limit` is an option of Schemathesis.
    """
    checks = (*CHECKS, *STRICT) if name == API else CHECKS
    words = [sys.executable, "-m", "schemathesis.cli", "run", target.documents[name], "--no-color"]
    words += ["--checks", ",".join(checks), *limit, "--seed", str(seed), "--continue-on-failure"]
    words += ["--generation-database", "none", "--warnings", "off", "--suppress-health-check", "all"]
    words += ["--header", f"Authorization: Bearer {target.key}"] if name == API else []
    env = {**os.environ, "FUZZ_VALUES": json.dumps({"path": target.paths, "body": BODIES[name]})}
    env |= {"SCHEMATHESIS_HOOKS": "tests.system.server.security.fuzzing_hooks", "PYTHONPATH": str(ROOT)}
    home = target.server.home  # where it keeps its cache
    return subprocess.run(words, cwd=home, env=env, capture_output=True, text=True, check=False)


def main() -> int:
    """Fuzz both documents, each for half of the time. Exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, target(Path(folder)) as server:
        codes = []
        for name in server.documents:
            found = fuzz(server, name, given.seed, "--max-time", str(round(given.minutes * 30)))
            print(found.stdout, found.stderr)  # noqa: T201 - a command
            codes.append(found.returncode)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
