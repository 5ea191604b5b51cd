"""Secrets change while the server runs: the new one counts at once, in every worker; a bad one changes nothing."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from app.engine import WaitRef
from app.errors import SettingsError
from app.service.tokens import make_token, read_token
from app.settings import Settings, load_settings
from app.settings.fields import SECRETS, variable
from app.web.metrics import Metrics
from app.web.signals import rotating_secrets
from tests.system.cli.projects import write_project
from tests.system.cli.running import happens, running_server
from tests.system.security.signing import status
from tests.unit.service.outbox_kit import until

OLD, NEW = "the-old-signature-secret-of-the-account", "the-new-signature-secret-of-the-account"
HOOK_SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
FLOW = """flow: hello
default: true
start: hello
steps:
  hello:
    do: [{talk: "For sales, press 1."}]
    choices: {sales: {dtmf: 1, goto: end}}
    retry: {then: end}
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_new_secret_in_a_file_counts_in_every_worker_without_a_restart(tmp_path: Path, workers: str) -> None:
    project = write_project(tmp_path / "project", hello=FLOW)
    file = tmp_path / "secret"
    file.write_text(OLD + "\n")
    env = {"VONAGE_SIGNATURE_SECRET_FILE": str(file), "NCCO_PUBLIC_URL": "https://calls.example.com"}
    with running_server(tmp_path, "--workers", workers, cwd=project, env=env) as server:
        happens(lambda: server.printed.count("flows loaded") == int(workers))
        first = (status(server, OLD), status(server, NEW))
        file.with_suffix(".new").write_text(NEW)
        file.with_suffix(".new").replace(file)
        taken = happens(lambda: server.printed.count("secrets changed") == int(workers))
        then = [(status(server, OLD), status(server, NEW)) for _ in range(10)]

    assert ((200, 401), True, [(401, 200)] * 10) == (first, taken, then)
    assert OLD not in server.printed
    assert NEW not in server.printed


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_reads_the_secrets_of_dotenv_again(tmp_path: Path, workers: str) -> None:
    project = write_project(tmp_path / "project", hello=FLOW)
    dotenv = project / ".env"
    dotenv.write_text(f"VONAGE_SIGNATURE_SECRET={OLD}\nNCCO_PUBLIC_URL=https://calls.example.com\n")
    with running_server(tmp_path, "--workers", workers, cwd=project) as server:
        happens(lambda: server.printed.count("flows loaded") == int(workers))
        first = (status(server, OLD), status(server, NEW))
        dotenv.write_text(
            f"VONAGE_SIGNATURE_SECRET={NEW}\nVONAGE_SIGNATURE_SECRET_PREVIOUS={OLD}\n"
            "NCCO_PUBLIC_URL=https://calls.example.com\n"
        )
        server.process.send_signal(signal.SIGHUP)
        taken = happens(lambda: server.printed.count("secrets changed") == int(workers))
        then = [(status(server, OLD), status(server, NEW)) for _ in range(10)]
        is_running = server.process.poll() is None

    assert ((200, 401), True, [(200, 200)] * 10, True) == (first, taken, then, is_running)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_while_the_server_starts_waits_until_each_process_can_read_its_secrets(
    tmp_path: Path, workers: str
) -> None:
    project = write_project(tmp_path / "project", hello=FLOW)
    env = {"VONAGE_SIGNATURE_SECRET": OLD, "NCCO_PUBLIC_URL": "https://calls.example.com"}
    with running_server(tmp_path, "--workers", workers, cwd=project, env=env) as server:
        server.process.send_signal(signal.SIGHUP)  # it listens, and its flows are not loaded yet
        are_read = happens(lambda: server.printed.count("secrets are the same") == int(workers))
        answered = status(server, OLD)

    assert (True, 200) == (are_read, answered), server.printed


HANGING_UP = """
import os, signal, sys
class HangUp:
    def find_spec(self, name, *_):
        if name == "app.cli.serve":
            os.kill(os.getpid(), signal.SIGHUP)
sys.meta_path.insert(0, HangUp())
from app.cli import main
main(["serve", "--help"])
"""
"""Gets SIGHUP when the server is about to be imported, which takes nearly all of the time that a start takes."""


def test_sighup_before_the_server_is_imported_does_not_end_it() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING_UP], capture_output=True, text=True, timeout=60, check=False)

    assert (0, True) == (done.returncode, "Run the server" in done.stdout), done.stderr


def secret_of(settings: Settings, field: str) -> str:
    text: str = getattr(settings, field).get_secret_value()
    return text


async def changed(settings: Settings, change: Callable[[], object]) -> tuple[list[Settings], list[dict[str, object]]]:
    """What is taken over, and logged, after a change, if a file of a secret has changed, and after SIGHUP."""
    taken: list[Settings] = []
    with capture_logs() as lines:
        async with rotating_secrets(settings, taken.append, Metrics(), structlog.get_logger(), poll_s=0.01):
            change()
            await until(lambda: lines or not settings.secret_files)
            before = len(lines)
            signal.raise_signal(signal.SIGHUP)
            await until(lambda: len(lines) > before)
    return taken, [dict(line) for line in lines]


@pytest.mark.parametrize("text", ["", " \n", "-----BEGIN PRIVATE KEY-----\nx", "x" * 5_000, "\udcff"])
async def test_a_secret_that_cannot_be_used_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(OLD)
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET_FILE", str(file))
    taken, lines = await changed(
        load_settings(), lambda: file.write_text(text, encoding="utf-8", errors="surrogateescape")
    )

    assert [] == taken
    assert "secrets not changed" == lines[0]["event"]
    assert lines[0]["cure"]


@pytest.mark.parametrize("withdraw", [Path.unlink, lambda file: file.write_text("\n")])
@pytest.mark.parametrize("name", ["VONAGE_SIGNATURE_SECRET", "NCCO_KEY", "NCCO_HOOK_SECRET"])
async def test_the_secret_before_is_withdrawn_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, withdraw: Callable[[Path], object]
) -> None:
    file = tmp_path / "before"
    file.write_text(HOOK_SECRET)
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", NEW)
    monkeypatch.setenv(f"{name}_PREVIOUS_FILE", str(file))
    settings = load_settings(None)
    taken, lines = await changed(settings, lambda: withdraw(file))

    assert ["secrets changed", "secrets are the same"] == [line["event"] for line in lines]
    assert [f"{name}_PREVIOUS"] == lines[0]["settings"]
    assert [[NEW]] == [[text for text in map(partial(secret_of, now), SECRETS) if text] for now in taken]


async def test_a_server_that_checks_signatures_does_not_stop_to(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"VONAGE_SIGNATURE_SECRET={OLD}")
    taken, lines = await changed(load_settings(dotenv), lambda: dotenv.write_text(""))

    assert ([], "is gone") == (taken, lines[0]["problem"])


async def test_the_same_secrets_are_returned(tmp_path: Path) -> None:
    taken, lines = await changed(load_settings(None, signature_secret=OLD), lambda: None)

    assert ([], ["secrets are the same"]) == (taken, [line["event"] for line in lines])


async def test_a_file_that_is_gone_for_a_moment_is_read_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(OLD)
    monkeypatch.setenv("NCCO_KEY_FILE", str(file))
    settings = load_settings()
    taken, lines = await changed(settings, file.unlink)
    file.write_text(NEW)

    assert ([], "cannot be read" in str(lines[0]["problem"])) == (taken, True)
    assert NEW == settings.with_current_secrets().key.get_secret_value()


def test_a_secret_that_is_written_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NCCO_KEY", OLD)
    monkeypatch.setenv("NCCO_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(SettingsError, match="NCCO_KEY_FILE: is set, and so is NCCO_KEY") as caught:
        load_settings()
    assert caught.value.cure


@pytest.mark.parametrize("field", SECRETS)
def test_every_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    secret = "smtps://phone:password@mail.example.com" if field == "smtp_url" else HOOK_SECRET
    (tmp_path / "secret").write_text(secret)
    monkeypatch.setenv(f"{variable(field)}_FILE", str(tmp_path / "secret"))
    settings = load_settings()

    assert secret == getattr(settings, field).get_secret_value()
    assert (tmp_path / "secret",) == settings.secret_files
    assert () == tuple(line for line in settings.warnings if "is no setting" in line)


def test_callbacks_that_calls_have_been_given_hold_when_the_signature_secret_changes() -> None:
    before, after = load_settings(None, signature_secret=OLD), load_settings(None, signature_secret=NEW)
    wait = WaitRef("input", "leg", 1, 0)

    assert wait == read_token((*after.keys(), *before.keys()), "input", make_token(before.keys()[0], wait))


def test_another_deployment_of_the_same_account_has_other_keys() -> None:
    urls = ("https://calls.example.com", "https://staging.example.com")

    assert 2 == len({load_settings(None, signature_secret=OLD, public_url=url).keys() for url in urls})


class OutOfFiles(Settings):
    """Settings of a process that has no file left to open."""

    def with_current_secrets(self) -> Settings:
        raise OSError(errno.EMFILE, "Too many open files")


async def test_a_moment_without_files_changes_nothing() -> None:
    taken, lines = await changed(OutOfFiles(), lambda: None)

    assert [] == taken
    assert ["secrets not changed"] == [line["event"] for line in lines]
