"""`ncco go-live`: every possible problem is found and explained, and nothing is changed without a yes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import Result

from tests.contract.cli.test_doctor import HASH, new_project
from tests.support.application_api import APPLICATION_ID, ApplicationApi, application, fake_application_api
from tests.support.command import ncco
from tests.support.keys import private_pem, public_pem, rsa_key
from tests.support.server import Server, free_port

SECRET = "an-invented-signature-secret-of-some-length"
API_SECRET = "an-invented-api-secret"
OLD = "https://old.example.com/a"
KEY = rsa_key()


class Place(NamedTuple):
    """A project with a running server, and a fake of Vonage's API."""

    server: Server
    api: ApplicationApi

    @property
    def env(self) -> Path:
        return self.server.home / ".env"

    @property
    def settings(self) -> dict[str, str]:
        """The content of `.env` if everything is right."""
        return {
            "NCCO_PUBLIC_URL": self.server.settings["NCCO_PUBLIC_URL"],
            "VONAGE_SIGNATURE_SECRET": SECRET,
            "VONAGE_APPLICATION_ID": APPLICATION_ID,
            "VONAGE_API_KEY": "k1",
            "VONAGE_PRIVATE_KEY": "private.key",
            "NCCO_CONSOLE_PASSWORD_HASH": HASH,
        }

    def write(self, **changed: str | None) -> str:
        """Write `.env`; None leaves a setting out. Returns the text."""
        settings = {name: value for name, value in {**self.settings, **changed}.items() if value is not None}
        self.env.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()), encoding="utf-8")
        return self.env.read_text(encoding="utf-8")

    def go_live(self, *typed: str, **environment: str) -> Result:
        names = ("NCCO_PORT", "NCCO_DATABASE_URL")
        settings = {name: self.server.settings[name] for name in names} | {"NCCO_CONSOLE_PORT": str(free_port())}
        env = {**settings, "NCCO_VONAGE_API_URL": self.api.url, **environment}
        return ncco("go-live", cwd=self.server.home, env=env, stdin="".join(f"{line}\n" for line in typed))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = new_project(tmp_path_factory.mktemp("live"))
    server = Server(home, {"NCCO_INSECURE": "0", "VONAGE_SIGNATURE_SECRET": SECRET})
    server.settings["NCCO_PUBLIC_URL"] = server.url
    with server, fake_application_api() as api:
        yield Place(server, api)


@pytest.fixture
def place(running: Place) -> Iterator[Place]:
    """Set everything right: the public URL is on the loopback, which Vonage's stand-in on this machine can reach."""
    api, home = running.api, running.server.home
    (home / "private.key").write_text(private_pem(KEY), encoding="ascii")
    (home / "private.key").chmod(0o600)
    api.headers, api.requests, api.stored, api.lost, api.edits, api.loses_replies = {}, [], [], (), {}, False
    at_vonage(running, keys={"public_key": public_pem(KEY)})
    running.write()
    yield running
    running.env.unlink()


def at_vonage(
    place: Place, *, status: int = 200, numbers: Sequence[str] = ("442079460000",), **changes: Any
) -> dict[str, Any]:
    """Configure the application at Vonage, with fields that this product does not know, and what else it replies."""
    linked = [{"msisdn": number} for number in numbers]
    place.api.status, place.api.numbers = status, json.dumps({"count": len(linked), "numbers": linked}).encode()
    document = application(place.server.url, **changes)
    document["capabilities"]["rtc"] = {"webhooks": {"event_url": {"address": "https://chat.example.com"}}}
    document |= {"privacy": {"improve_ai": False}, "_links": {"self": {"href": "/v2/applications/x"}}}
    place.api.body = json.dumps(document).encode()
    return document


ASKED = [API_SECRET]
# the missing or wrong setting, what is wrong at Vonage, the input, the output
PROBLEMS: list[tuple[dict[str, str | None], dict[str, Any], list[str], str]] = [
    ({"NCCO_PUBLIC_URL": None}, {}, ["calls.example.net"], "is not an http or https URL"),
    ({"NCCO_PUBLIC_URL": "https://calls.example.com"}, {}, [], "has the guides' example host"),
    ({"NCCO_PUBLIC_URL": None}, {}, ["", " "], "NCCO_PUBLIC_URL is needed: no call can be answered without it"),
    ({"VONAGE_SIGNATURE_SECRET": None}, {}, ["", "  "], "VONAGE_SIGNATURE_SECRET is needed"),
    ({"VONAGE_SIGNATURE_SECRET": None}, {}, ["x"], "has 1 character, which is short enough to guess"),
    ({"VONAGE_SIGNATURE_SECRET": None}, {}, ["k3Jd9sPq2LmZx8Vb"], "choose one of at least 32 random characters"),
    ({"VONAGE_SIGNATURE_SECRET": "k3Jd9sPq2LmZx8Vb"}, {}, [""], "VONAGE_SIGNATURE_SECRET is needed"),
    ({"VONAGE_SIGNATURE_SECRET": None}, {}, ["a" * 40], "repeats the same characters"),
    ({"VONAGE_SIGNATURE_SECRET": None}, {}, ["correct-horse-battery-" * 3], "repeats the same characters"),
    ({"VONAGE_SIGNATURE_SECRET": None}, {}, [APPLICATION_ID], "is VONAGE_APPLICATION_ID, not the signature secret"),
    ({"VONAGE_SIGNATURE_SECRET": "the signature secret of the Vonage dashboard"}, {}, [], "is the guide's placeholder"),
    ({"VONAGE_APPLICATION_ID": None}, {}, ["My line"], "is not a UUID"),
    ({"NCCO_HOOK_TRIES": "many"}, {}, [], "NCCO_HOOK_TRIES"),
    ({"VONAGE_SIGNATURE_SECRET_FILE": "s.txt", "VONAGE_SIGNATURE_SECRET": None}, {}, [], "s.txt cannot be read"),
    ({}, {"voice": None}, ASKED, 'the application "The shop" has no Voice capability'),
    (
        {}, {"signed_callbacks": False}, ASKED,
        "does not sign the webhooks of the application, so this server refuses all of them",
    ),
    (
        {}, {"keys": {"public_key": public_pem(rsa_key("other"))}}, ASKED,
        "VONAGE_PRIVATE_KEY belongs to another application",
    ),
    (
        {}, {"answer_url__address": OLD}, ASKED,
        "Vonage requests {url}/webhooks/answer (POST) instead of https://old.example.com/a (POST).",
    ),
    (
        {}, {"event_url__http_method": "GET"}, ASKED,
        "Vonage reports the progress of calls to {url}/webhooks/event (POST) instead of {url}/webhooks/event (GET).",
    ),
    (
        {}, {"fallback_answer_url": None}, ASKED,
        "If that fails, Vonage requests {url}/webhooks/fallback (POST) instead of nothing.",
    ),
    (
        {}, {"fallback_answer_url": None}, ASKED,
        'The application "The shop" at Vonage, which decides what callers of +44 20 7946 0000 hear, will change as',
    ),
    ({}, {"status": 401}, ASKED, "does not accept VONAGE_API_KEY with VONAGE_API_SECRET"),
    ({}, {"numbers": []}, ASKED, "no number is linked to the application"),
    (
        {}, {"numbers": ["442079460001"]}, ASKED,
        "calls to 442079460001 reach the application, but no flow takes them",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "changes", "typed", "says"), PROBLEMS, ids=[row[-1] for row in PROBLEMS])
def test_a_problem_is_explained_and_nothing_is_changed(
    settings: dict[str, str | None], changes: dict[str, Any], typed: list[str], says: str, place: Place
) -> None:
    at_vonage(place, **{"keys": {"public_key": public_pem(KEY)}, **changes})
    before = place.write(**settings)

    done = place.go_live(*typed)

    assert says.replace("{url}", place.server.url) in shown(done)
    assert 130 == done.exit_code
    assert before == place.env.read_text(encoding="utf-8")
    assert (typed != ASKED, []) == (place.api.requests == [], place.api.stored)
    assert API_SECRET not in done.output + before


# an address that Vonage cannot reach, the output
UNREACHABLE: list[tuple[str, str]] = [
    ("http://127.0.0.1", "Vonage cannot reach a name or an address of this machine"),
    ("https://localhost", "Vonage cannot reach a name or an address of this machine"),
    ("https://[::1]:8000", "Vonage cannot reach a name or an address of this machine"),
    ("https://192.168.1.10", "Vonage cannot reach a name or an address of your own network"),
    ("https://[::ffff:10.0.0.1]", "Vonage cannot reach a name or an address of your own network"),
    ("https://server", "Vonage cannot reach a name or an address of your own network"),
    ("http://calls.your-shop.net", "begins with http://, so what callers press is sent unencrypted"),
]


@pytest.mark.parametrize(("url", "says"), UNREACHABLE)
def test_an_address_that_vonage_cannot_reach_is_refused(url: str, says: str, place: Place) -> None:
    before = place.write(NCCO_PUBLIC_URL=None)
    typed = place.go_live(url, NCCO_VONAGE_API_URL="")
    place.write(NCCO_PUBLIC_URL=url)
    written = place.go_live(NCCO_VONAGE_API_URL="")

    assert [1, 1] == [shown(done).count(says) for done in (typed, written)]
    assert [130, 130] == [done.exit_code for done in (typed, written)]
    assert before == place.write(NCCO_PUBLIC_URL=None)


def test_the_command_waits_for_a_server_that_is_not_running(place: Place) -> None:
    done = place.go_live("", NCCO_PORT=str(free_port()))

    assert 2 == shown(done).count("no server is running on this machine")
    assert "Enter looks again" in done.output


def test_a_server_with_earlier_settings_has_to_be_restarted(place: Place) -> None:
    place.write(VONAGE_API_KEY=None)

    done = place.go_live("k1")

    assert "the server started before .env changed" in shown(done)
    assert "VONAGE_API_KEY='k1'" in place.env.read_text(encoding="utf-8")


def test_a_setting_in_the_environment_is_not_asked_for(place: Place) -> None:
    done = place.go_live("c", VONAGE_APPLICATION_ID="My line")

    assert "VONAGE_APPLICATION_ID comes from the environment, which overrides .env" in shown(done)


def test_a_symlink_in_place_of_the_file_is_refused(place: Place) -> None:
    text = place.write(VONAGE_API_KEY=None)
    real = place.env.rename(place.server.home / "theirs")
    place.env.symlink_to(real)

    done = place.go_live("k1")

    assert 2 == done.exit_code
    assert ".env is a symbolic link" in done.output
    assert text == real.read_text(encoding="utf-8")


@pytest.mark.parametrize(("answer", "is_replaced"), [("n", False), ("y", True)])
def test_a_value_is_replaced_after_a_yes(answer: str, is_replaced: bool, place: Place) -> None:
    other = "7d0e1f2a-3333-4444-8555-666677778888"
    before = place.write(VONAGE_APPLICATION_ID=other)
    place.api.status = 404

    done = place.go_live(API_SECRET, "c", APPLICATION_ID, answer)

    assert "Replace VONAGE_APPLICATION_ID in .env?" in done.output
    expected = before.replace(other, APPLICATION_ID) if is_replaced else before
    assert expected == place.env.read_text(encoding="utf-8")


def test_exactly_the_urls_are_replaced_at_vonage(place: Place) -> None:
    timeouts = {"answer_url__socket_timeout": 4900, "answer_url__connect_timeout": 700}
    before = at_vonage(place, numbers=(), answer_url__address=OLD, event_url__http_method="GET", **timeouts)

    done = place.go_live(API_SECRET, "y")

    wanted = {name: value for name, value in before.items() if name not in ("id", "_links")}
    webhooks = wanted["capabilities"]["voice"]["webhooks"]
    webhooks["answer_url"]["address"] = f"{place.server.url}/webhooks/answer"
    webhooks["event_url"]["http_method"] = "POST"
    assert [wanted] == place.api.stored
    assert "It is changed." in done.output
    assert ["GET", "GET", "GET", "PUT", "GET"] == [method for method, *_ in place.api.requests][:5]


def test_nothing_is_written_until_a_signed_request_reaches_the_server(place: Place) -> None:
    at_vonage(place, answer_url__address=OLD)
    place.write(VONAGE_SIGNATURE_SECRET=f"another-{SECRET}")

    done = place.go_live("s", API_SECRET, "s")

    assert "a signed request is refused there: wrong signature: signature does not match" in shown(done)
    assert "The URLs at Vonage stay as they are until the public URL has no errors." in done.output
    assert "Call " not in done.output
    assert [[], 1] == [place.api.stored, done.exit_code]


def test_a_value_that_vonage_stored_differently_is_found(place: Place) -> None:
    at_vonage(place, answer_url__address=OLD)
    place.api.lost = ("signed_callbacks",)

    done = place.go_live(API_SECRET, "y")

    assert "Vonage stored something else: capabilities.voice.signed_callbacks: True -> nothing" in shown(done)


def test_an_application_that_somebody_changed_meanwhile_is_not_touched(place: Place) -> None:
    at_vonage(place, answer_url__address=OLD)
    other = application(place.server.url, region="us-east")
    place.api.edits = {2: json.dumps(other).encode()}

    done = place.go_live(API_SECRET, "y")

    assert "has changed at Vonage in the meantime" in shown(done)
    assert [] == place.api.stored


def test_a_setting_changed_last_requires_a_restart_of_the_server(place: Place) -> None:
    place.api.status = 401

    done = place.go_live(API_SECRET, "c", "k2", "y", API_SECRET, "s")

    assert "VONAGE_API_KEY='k2'" in place.env.read_text(encoding="utf-8")
    assert "The server, with the new settings" in done.output
    assert "the server started before .env changed" in shown(done)


def test_a_folder_without_flows_gets_no_settings(tmp_path: Path) -> None:
    done = ncco("go-live", cwd=tmp_path, stdin="https://x.test\n")

    assert 2 == done.exit_code
    assert "there is no flow folder" in done.output
    assert [] == [*tmp_path.iterdir()]


def shown(done: Result) -> str:
    """The output as one line."""
    return " ".join(done.output.split())
