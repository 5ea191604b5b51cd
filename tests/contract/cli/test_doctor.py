"""`ncco doctor`: its findings about settings, files, flows, the server, and a fake of Vonage's Application API."""

from __future__ import annotations

import json
import os
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from ncco_server.store import Store
from tests.support.application_api import APPLICATION_ID, ApplicationApi, application, fake_application_api
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.earlier_version import old_sqlite
from tests.support.fork_server import NCCO, run
from tests.support.keys import private_pem, public_pem, rsa_key, self_signed
from tests.support.postgres_stores import database_without_tables
from tests.support.server import Server, free_port
from tests.support.stored_rows import in_store

LATER_MS = 1 << 50
LOST = Path(__file__).parents[3] / "docs" / "examples" / "lost" / "flows" / "workshop.yaml"
SECRET = "an-invented-signature-secret"
PLACEHOLDER_SECRET = "the signature secret of the Vonage dashboard"
PLACEHOLDER_ID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"
DAMAGED_KEY = "-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse battery staple")
FLOW = """\
flow: shop
numbers: ["442079460000"]
start: hello
steps:
  hello:
    do:
      - talk: "Hello."
    goto: end
"""
PLACES = """\
flow: reminder
outbound: {from: "442079460001", on: {answered: hello}}
start: hello
steps:
  hello:
    do: [{talk: "Your order is ready."}]
    goto: end
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = new_project(tmp_path_factory.mktemp("doctor"))
    secrets = {"VONAGE_SIGNATURE_SECRET": SECRET, "VONAGE_APPLICATION_ID": APPLICATION_ID}
    started = Server(home, {"NCCO_INSECURE": "0", **secrets})
    started.settings["NCCO_PUBLIC_URL"] = started.url
    with started:
        yield started


@pytest.fixture(scope="module")
def fake() -> Iterator[ApplicationApi]:
    with fake_application_api() as api:
        yield api


@pytest.fixture
def api(fake: ApplicationApi, server: Server) -> ApplicationApi:
    fake.status, fake.headers, fake.requests = 200, {}, []
    fake.numbers = b'{"count": 1, "numbers": [{"msisdn": "442079460000"}]}'
    fake.body = json.dumps(application(server.settings["NCCO_PUBLIC_URL"])).encode()
    return fake


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return new_project(tmp_path)


def new_project(folder: Path) -> Path:
    (folder / "flows").mkdir()
    (folder / "flows" / "shop.yaml").write_text(FLOW, encoding="utf-8")
    return folder


class Report:
    """The findings of one run."""

    def __init__(self, exit_code: int, output: str) -> None:
        self.exit_code = exit_code
        self.output = output
        self.findings: list[dict[str, str]] = json.loads(output)["checks"]

    def of(self, check: str) -> dict[str, str]:
        """The messages of a check, by status; the worst is the last."""
        return {each["status"]: each["message"] for each in self.findings if each["check"] == check}

    def about(self, setting: str) -> list[tuple[str, str]]:
        """The check and the status of each finding about a setting."""
        return [(each["check"], each["status"]) for each in self.findings if each["setting"] == setting]


def doctor(cwd: Path, settings: Mapping[str, str], *words: str) -> Report:
    result = ncco("doctor", "--format", "json", *words, cwd=cwd, env=settings)
    return Report(result.exit_code, result.stdout)


def asked(server: Server, api: ApplicationApi, **changed: str) -> Report:
    """The findings of the server's own settings, with access to the fake."""
    access = {"VONAGE_API_KEY": "k1", "VONAGE_API_SECRET": "s3cret", "NCCO_VONAGE_API_URL": api.url}
    return doctor(server.home, {**server.settings, **access, **changed})


def test_a_configured_server_is_recognised_through_its_public_url(server: Server, api: ApplicationApi) -> None:
    found = asked(server, api)

    assert [["ok"]] * 5 == [list(found.of(check)) for check in ("server", "public url", "flows", "proof", "clock")]
    assert ["ok"] * 3 == [status for name in ("answer", "fallback", "event") for status in found.of(f"{name} url")]
    assert ["ok"] == list(found.of("webhooks"))
    assert "442079460000" in found.of("numbers")["ok"]
    assert "eu-west" in found.of("vonage")["ok"]
    assert [("settings", "warning")] == found.about("VONAGE_SIGNATURE_SECRET")
    assert 0 == found.exit_code
    assert ["GET", "GET"] == [method for method, *_ in api.requests]


def test_the_configuration_at_vonage_is_compared(server: Server, api: ApplicationApi) -> None:
    public = server.settings["NCCO_PUBLIC_URL"]
    wrong = application(public, answer_url__address=f"{public}/old", signed_callbacks=False)
    api.body = json.dumps(wrong).encode()

    found = asked(server, api)

    assert f"{public}/old" in found.of("answer url")["error"]
    assert ["error"] == list(found.of("signing"))


@pytest.mark.parametrize(
    ("reply", "status", "says"),
    [
        ((401, b"{}"), "error", "VONAGE_API_KEY"),
        ((404, b"{}"), "error", APPLICATION_ID),
        ((503, b""), "unchecked", "503"),
        ((200, b"<html>"), "unchecked", "application"),
    ],
)
def test_a_refusing_api_and_a_failing_one_are_distinguished(
    server: Server, api: ApplicationApi, reply: tuple[int, bytes], status: str, says: str
) -> None:
    api.status, api.body = reply

    found = asked(server, api)

    assert says in found.of("vonage")[status]
    assert "s3cret" not in found.output
    assert SECRET not in found.output


@pytest.mark.parametrize(("off_s", "status"), [(-3600, "error"), (60, "warning")])
def test_the_clock_is_compared_with_the_date_of_the_reply(
    server: Server, api: ApplicationApi, off_s: int, status: str
) -> None:
    api.headers = {"Date": formatdate(time.time() + off_s, usegmt=True)}
    api.status = 401

    assert [status] == list(asked(server, api).of("clock"))


def test_a_private_key_of_another_application_is_an_error(server: Server, api: ApplicationApi, tmp_path: Path) -> None:
    keys = {tmp_path / "own.key": rsa_key(), tmp_path / "other.key": rsa_key("other")}
    for file, key in keys.items():
        file.write_text(private_pem(key), encoding="ascii")
    public = public_pem(keys[tmp_path / "own.key"])
    api.body = json.dumps(application("http://x", keys={"public_key": public})).encode()

    own, other = (asked(server, api, VONAGE_PRIVATE_KEY=str(file)) for file in keys)

    assert ["ok"] == list(own.of("key"))
    assert [("key", "error")] == other.about("VONAGE_PRIVATE_KEY")


def test_the_certificate_of_the_public_url_is_checked(project: Path, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "localhost", days=3)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with fake_application_api(context) as secure:
        public = {"NCCO_PUBLIC_URL": secure.url.replace("127.0.0.1", "localhost")}
        untrusted = doctor(project, public)
        environment = {"PATH": os.defpath, **public, "SSL_CERT_FILE": str(certificate)}
        words = [NCCO, "doctor", "--format", "json"]  # in a separate process, which reads the certificates again
        done = run(words, cwd=project, env=environment, capture_output=True, text=True, timeout=60)
        trusted = Report(done.returncode, done.stdout)

    assert ["error"] == list(untrusted.of("tls"))
    assert {} == trusted.of("tls")


def test_offline_sends_nothing(server: Server, api: ApplicationApi) -> None:
    access = {"VONAGE_API_KEY": "k1", "VONAGE_API_SECRET": "s3cret", "NCCO_VONAGE_API_URL": api.url}
    found = doctor(server.home, {**server.settings, **access}, "--offline")

    assert [] == api.requests
    assert [] == list(found.of("vonage"))
    assert 0 == found.exit_code


def test_another_program_on_the_port_is_an_error(project: Path, api: ApplicationApi) -> None:
    port = api.url.rpartition(":")[2]
    found = doctor(project, {"NCCO_PORT": port, "NCCO_PUBLIC_URL": api.url})

    assert ["error"] == list(found.of("server"))
    assert ("public url", "error") in found.about("NCCO_PUBLIC_URL")


def test_port_of_another_program_is_found_offline(project: Path) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as other:
        threading.Thread(target=other.serve_forever, args=(0.05,), daemon=True).start()
        found = doctor(project, {"NCCO_PORT": str(other.server_address[1])}, "--offline")
        other.shutdown()

    assert "error" in found.of("server")


def test_a_placeholder_from_the_guides_is_reported_once(project: Path) -> None:
    found = doctor(project, {"VONAGE_APPLICATION_ID": "the ID of the application"}, "--offline")
    placeholder = doctor(project, {"VONAGE_SIGNATURE_SECRET": PLACEHOLDER_SECRET}, "--offline")

    assert [("settings", "error")] == found.about("VONAGE_APPLICATION_ID")
    assert "secrets" not in [each["check"] for each in placeholder.findings]


@each_case(
    ("settings", "check", "status", "setting"),
    [
        ({}, "settings", "error", "NCCO_PUBLIC_URL"),
        ({"NCCO_PORT": "x"}, "settings", "error", "NCCO_PORT"),
        ({"VONAGE_SIGNATURE_SECRET": PLACEHOLDER_SECRET}, "settings", "error", "VONAGE_SIGNATURE_SECRET"),
        ({"VONAGE_API_SECRET": "the API secret of the Vonage dashboard"}, "settings", "error", "VONAGE_API_SECRET"),
        ({"VONAGE_APPLICATION_ID": PLACEHOLDER_ID}, "settings", "error", "VONAGE_APPLICATION_ID"),
        ({"NCCO_PUBLIC_URL": "https://calls.example.com"}, "settings", "error", "NCCO_PUBLIC_URL"),
        ({"NCCO_METRICS_PORT": "8000"}, "settings", "error", "NCCO_METRICS_PORT"),
        ({"NCCO_PORT": "x", "NCCO_LOG": "xml"}, "settings", "error", "NCCO_LOG"),
        ({"VONAGE_PRIVATE_KEY": DAMAGED_KEY}, "key", "error", "VONAGE_PRIVATE_KEY"),
        ({"NCCO_VONAGE_API_URL": "https://api.nexmo.com.example.net"}, "settings", "error", "NCCO_VONAGE_API_URL"),
        ({"NCCO_DATABASE_URL": "memory://"}, "database", "warning", ""),
        ({"NCCO_DATABASE_URL": "sqlite:///flows/shop.yaml"}, "database", "error", ""),
        ({"NCCO_FLOWS": "nowhere"}, "flows", "error", ""),
        ({"NCCO_PROT": "1"}, "settings", "warning", "NCCO_PROT"),
    ],
)
def test_local_problems_are_found(
    project: Path, settings: dict[str, str], check: str, status: str, setting: str
) -> None:
    found = doctor(project, settings, "--offline")

    assert (check, status) in found.about(setting)
    assert all(each["fix"] for each in found.findings if each["status"] in ("error", "warning"))
    assert (1 if any(each["status"] == "error" for each in found.findings) else 0) == found.exit_code


def test_flows_with_errors_and_lost_callers_are_found(project: Path) -> None:
    flow = project / "flows" / "shop.yaml"
    flow.write_bytes(LOST.read_bytes())
    lost = doctor(project, {}, "--offline")
    flow.write_text(FLOW.replace("goto: end", "goto: ende"), encoding="utf-8")
    wrong = doctor(project, {}, "--offline")

    assert "warning" in lost.of("proof")
    assert "E214" in wrong.of("flows")["error"]


def test_missing_settings_for_recordings_are_found(project: Path) -> None:
    unused = doctor(project, {}, "--offline")
    flow = FLOW.replace("    goto: end", '      - record: {endOnKey: "1"}\n    goto: end')
    (project / "flows" / "shop.yaml").write_text(flow, encoding="utf-8")
    (project / "kept").mkdir(mode=0o755)
    key = {"VONAGE_PRIVATE_KEY": private_pem(rsa_key()), "VONAGE_APPLICATION_ID": APPLICATION_ID}

    assert [] == list(unused.of("recordings"))
    assert "VONAGE_PRIVATE_KEY" in doctor(project, {}, "--offline").of("recordings")["warning"]
    assert "ncco.db-recordings" in doctor(project, key, "--offline").of("recordings")["ok"]
    assert "warning" in doctor(project, {**key, "NCCO_RECORDINGS": "kept"}, "--offline").of("recordings")
    assert [] == list(doctor(project, {"NCCO_RECORDINGS": "off"}, "--offline").of("recordings"))


def test_computed_numbers_without_an_allowed_prefix_are_found(project: Path) -> None:
    agent = '      - connect: "{{ call.custom_data.agent }}"\n'
    (project / "flows" / "shop.yaml").write_text(
        FLOW.replace("    goto: end", f"{agent}    on: {{completed: end, otherwise: end}}"), encoding="utf-8"
    )
    refused, allowed = (doctor(project, given, "--offline") for given in ({}, {"NCCO_DIAL_ALLOW": "44,49"}))

    assert "shop.hello" in refused.of("dialling")["warning"]
    assert "NCCO_DIAL_ALLOW" in refused.output
    assert [] == list(allowed.of("dialling"))


def test_a_project_that_only_places_calls_is_fine_and_a_pause_is_reported(project: Path) -> None:
    async def pause(store: Store) -> None:
        await store.placed.pause(1, "anna", "wrong list")

    async def hold(store: Store) -> None:
        await store.placed.resume()
        await store.placed.hold(LATER_MS, "the account has no credit left")

    (project / "flows" / "shop.yaml").write_text(PLACES, encoding="utf-8")
    key = {"VONAGE_PRIVATE_KEY": private_pem(rsa_key()), "VONAGE_APPLICATION_ID": APPLICATION_ID}
    without_key = doctor(project, {}, "--offline")
    ready = doctor(project, key, "--offline")
    in_store(project / "ncco.db", pause)
    paused = doctor(project, key, "--offline")
    in_store(project / "ncco.db", hold)
    held = doctor(project, key, "--offline")

    assert "error" not in ready.of("flows")
    assert "VONAGE_PRIVATE_KEY" in without_key.of("placing")["warning"]
    assert ["ok"] == list(ready.of("placing"))
    assert "anna: wrong list" in paused.of("placing")["warning"]
    assert "ncco place --resume" in paused.output
    assert "the account has no credit left" in held.of("placing")["warning"]


def test_doctor_writes_nothing(project: Path) -> None:
    before = sorted(path.name for path in project.rglob("*"))
    settings = {"VONAGE_SIGNATURE_SECRET": SECRET, "NCCO_PORT": str(free_port())}
    result = ncco("doctor", "--offline", cwd=project, env=settings)

    assert before == sorted(path.name for path in project.rglob("*"))
    assert SECRET not in result.output
    assert 1 == result.exit_code
    assert result.output.splitlines()[-1].startswith("1 error, ")


def test_an_empty_database_on_a_server_exists(project: Path) -> None:
    found = doctor(project, {"NCCO_DATABASE_URL": database_without_tables()}, "--offline").of("database")

    assert "has no tables yet; the server will create them" in found["ok"]


def test_a_database_that_must_be_upgraded_is_not_changed(project: Path) -> None:
    old = project / "old.db"
    old_sqlite(old)
    before = old.read_bytes()

    found = doctor(project, {"NCCO_DATABASE_URL": f"sqlite:///{old}"}, "--offline")

    assert ["warning"] == list(found.of("database"))
    assert before == old.read_bytes()


@pytest.mark.parametrize(
    ("dialled", "warned"),
    [
        ("447700900111", "447700900111"),
        ("442079460123", "442079460123"),
        ("12025550142", "12025550142"),
        ("447911123456", ""),
        ("12025551142", ""),
        ("sip:447700900111@pbx.example.com", ""),
    ],
)
def test_numbers_that_are_not_linked_are_found(project: Path, dialled: str, warned: str) -> None:
    ring = f'  ring:\n    do: [connect: "{dialled}"]\n    on: {{completed: end, otherwise: end}}\n'
    (project / "flows" / "shop.yaml").write_text(FLOW.replace("goto: end", "goto: ring") + ring, encoding="utf-8")

    found = doctor(project, {}, "--offline").of("dialling").get("warning", "")

    assert warned in found
    assert bool(warned) == ("shop.ring" in found)
