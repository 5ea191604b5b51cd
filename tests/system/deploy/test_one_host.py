"""deploy/ncco.service and deploy/Caddyfile on one host, set up as docs/how-to/one-host.md says."""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ncco_server.web.server import FINISH_S, KEEP_ALIVE_S
from ncco_server.web.webhook_http import DEADLINE_S
from tests.support import loopback
from tests.support.fork_server import NCCO, run
from tests.support.server import free_port, plain_environment, running_server
from tests.support.tracked import ROOT
from tests.support.waiting import happens
from tests.system.cli.projects import SHOP, write_project
from tests.system.server.hosts.proxy import NGINX, started, wait_until_up

UNIT = (ROOT / "deploy" / "ncco.service").read_text(encoding="utf-8")
UNITS = ("ncco.service", "ncco.socket", "ncco-backup.service", "ncco-backup.timer")
CADDYFILE = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")
NGINX_FILE = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "how-to" / "one-host.md").read_text(encoding="utf-8")
UPGRADE_PAGE = (ROOT / "docs" / "how-to" / "upgrade.md").read_text(encoding="utf-8")
DOCKER_PAGE = (ROOT / "docs" / "how-to" / "docker.md").read_text(encoding="utf-8")
DRAINED_S, LAST_WRITE_S, VONAGE_WAITS_S = 30, 5, 5
IN_CONTAINER = re.findall(r"^docker compose exec (?:-T )?ncco (.+)$", DOCKER_PAGE, re.M)
CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1"}
UNSIGNED = {"NCCO_INSECURE": "1"}
"""Development mode takes unsigned webhooks from this machine only, and not through a proxy."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="Debian's systemd has systemd-analyze"
)
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed; Debian has it")
needs_unit = pytest.mark.skipif(
    not Path("/lib/systemd/system/nginx.service").exists(), reason="only Debian's nginx has nginx.service"
)
needs_caddy = pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed; Debian has it")


def said(option: str) -> str:
    return str(re.findall(rf"^{option}=(.*)$", UNIT, re.M)[0])


def done(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return subprocess.run(words, env=env, capture_output=True, text=True, check=False)


@needs_systemd
def test_systemd_finds_no_error_in_the_unit(tmp_path: Path) -> None:
    for name in UNITS:
        unit = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(unit.replace("/opt/ncco/bin/ncco", NCCO))
    units = [f"{tmp_path}/{name}" for name in UNITS]
    verified = done("systemd-analyze", "verify", "--man=no", *units, home=tmp_path)

    assert (0, "") == (verified.returncode, verified.stderr)


@needs_systemd
def test_the_unit_is_also_a_template_of_several_servers(tmp_path: Path) -> None:
    (tmp_path / "ncco@.service").write_text(UNIT.replace("/opt/ncco/bin/ncco", NCCO))
    (tmp_path / "ncco@.service.d").mkdir()
    shutil.copy(ROOT / "deploy" / "ncco@.conf", tmp_path / "ncco@.service.d")
    verified = done("systemd-analyze", "verify", "--man=no", f"{tmp_path}/ncco@8011.service", home=tmp_path)

    assert (0, "") == (verified.returncode, verified.stderr)


@needs_systemd
@pytest.mark.parametrize("unit", ["ncco.service", "ncco-backup.service"])
def test_the_unit_has_few_rights(unit: str, tmp_path: Path) -> None:
    words = ("systemd-analyze", "security", "--offline=true", "--threshold=20", f"{ROOT}/deploy/{unit}")

    assert 0 == done(*words, home=tmp_path).returncode


def test_the_unit_runs_as_one_user_and_writes_where_the_page_puts_the_database() -> None:
    assert ("ncco", "ncco", "strict", "yes") == tuple(map(said, ("User", "Group", "ProtectSystem", "NoNewPrivileges")))
    assert f"sqlite:////var/lib/{said('StateDirectory')}/" in PAGE
    assert f"{said('WorkingDirectory')}/.env" in PAGE
    assert f"ln -s {said('ExecStart').split()[0]} " in PAGE


def test_systemd_listens_where_the_proxies_send_webhooks() -> None:
    [address] = re.findall(r"^ListenStream=(.+)$", (ROOT / "deploy" / "ncco.socket").read_text(encoding="utf-8"), re.M)

    assert f"reverse_proxy {{$NCCO_UPSTREAM:{address}}}" in CADDYFILE
    assert f"server {address} " in NGINX_FILE
    assert "systemctl enable --now ncco.socket ncco\n" in PAGE


def test_an_upgrade_leaves_the_running_environment_as_it_is_and_switches_a_link(tmp_path: Path) -> None:
    installs = re.findall(r"^ *(\S+/pip install) ", PAGE + UPGRADE_PAGE, re.M)
    first, switch = (re.findall(r"^ *(ln -s ncco-.*)$", page, re.M)[0] for page in (PAGE, UPGRADE_PAGE))
    for version, step in (("0.3.0", first), ("0.4.0", switch)):
        (tmp_path / f"ncco-{version}").mkdir()
        there = step.replace("/opt/", f"{tmp_path}/")
        subprocess.run(["sh", "-c", f"version={version}; {there}"], cwd=tmp_path, check=True)

    assert ["/opt/ncco-$version/bin/pip install"] * 4 == installs
    assert (tmp_path / "ncco-0.4.0") == (tmp_path / "ncco").resolve()
    assert {"ncco", "ncco-0.3.0", "ncco-0.4.0"} == {each.name for each in tmp_path.iterdir()}


def test_the_unit_lets_the_server_stop_and_always_restarts_it() -> None:
    assert DRAINED_S + FINISH_S + LAST_WRITE_S <= int(said("TimeoutStopSec").removesuffix("s"))
    assert ("always", "0", "mixed") == tuple(map(said, ("Restart", "StartLimitIntervalSec", "KillMode")))


@needs_caddy
def test_caddy_finds_no_error(tmp_path: Path) -> None:
    words = ("caddy", "validate", "--adapter", "caddyfile", "--config", f"{ROOT}/deploy/Caddyfile")
    validated = done(*words, home=tmp_path)

    assert 0 == validated.returncode, validated.stderr
    assert "not formatted" not in validated.stderr


@needs_caddy
def test_the_name_and_the_server_of_the_caddyfile_may_be_variables(tmp_path: Path) -> None:
    """Variables as docker-compose.yml sets them; the name has the form of NCCO_PUBLIC_URL."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NCCO_UPSTREAM": "ncco:8000"}
    words = ("caddy", "adapt", "--adapter", "caddyfile", "--config", f"{ROOT}/deploy/Caddyfile")
    for url in ("https://calls.example.org", "calls.example.org"):
        found = subprocess.run(words, env=env | {"NCCO_PUBLIC_URL": url}, capture_output=True, text=True, check=True)
        assert {"calls.example.org"} == {*re.findall(r'"host":\["(.*?)"\]', found.stdout)}
        assert ["ncco:8000"] == re.findall(r'"dial":"(.*?)"', found.stdout)
        assert [":443"] == re.findall(r'"listen":\["(.*?)"\]', found.stdout)


@contextmanager
def caddy(home: Path, server: str) -> Iterator[httpx.Client]:
    """Run the page's proxy in front of a server, without TLS and on a free port. Yields a client for it."""
    port = free_port()
    text = CADDYFILE.replace("calls.example.com", f"http://127.0.0.1:{port}").replace("127.0.0.1:8000", server)
    (home / "Caddyfile").write_text(text.replace("\tservers {", "\tadmin off\n\tauto_https off\n\tservers {", 1))
    env = {"PATH": os.environ["PATH"], "HOME": str(home)}
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", f"{home}/Caddyfile"]
    with started(command, env=env) as process:
        wait_until_up(process, port, home / "caddy.log")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "srv").mkdir()
    write_project(tmp_path / "srv", shop=SHOP)
    return tmp_path


@needs_caddy
def test_a_server_that_is_down_gives_a_status_that_vonage_retries(home: Path) -> None:
    with caddy(home, f"127.0.0.1:{free_port()}") as proxy:
        started = time.monotonic()
        status = proxy.post("/webhooks/answer", json=CALL).status_code
        seconds = time.monotonic() - started

    assert 503 == status
    assert seconds < DEADLINE_S


def test_a_release_of_several_files_is_applied_in_one_step(home: Path) -> None:
    folder = home / "srv"
    (folder / "flows").rename(folder / "flows-41")
    (folder / "flows").symlink_to("flows-41")
    shutil.copytree(folder / "flows-41", folder / "flows-42")
    shop = folder / "flows-42" / "shop.yaml"
    shop.write_text(shop.read_text().replace("For sales", "For our sales"))
    step = re.findall(r"^(ln -s .* flows)$", PAGE, re.M)[0]

    with running_server(home, cwd=folder) as server:
        first = loopback.post(f"http://{server.address}/webhooks/answer", json=CALL).text
        subprocess.run(["sh", "-c", step], cwd=folder, check=True)
        shutil.rmtree(folder / "flows-41")
        is_new = happens(lambda: "For our sales" in played_by(server.address), 30)

    assert "For sales" in first
    assert is_new


def played_by(address: str) -> str:
    call = CALL | {"uuid": f"leg-{time.monotonic_ns()}"}
    return loopback.post(f"http://{address}/webhooks/answer", json=call).text


def write_nginx(home: Path, server: str) -> dict[str, int]:
    """Write the one-host file with free ports and a test certificate. Returns the ports."""
    ports = {"80": free_port(), "443": free_port()}
    text = re.sub(r"listen \[::\]:.*;", "", NGINX_FILE)
    text = re.sub(r"listen (80|443)", lambda found: f"listen 127.0.0.1:{ports[found[1]]}", text)
    text = text.replace("127.0.0.1:8000", server).replace("user www-data;", f"user {getpass.getuser()};")
    for path in ("/etc/letsencrypt/live/calls.example.com/", "/run/", "/var/log/nginx/"):
        text = text.replace(path, f"{home}/")
    (home / "nginx.conf").write_text(text)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, "calls.example.com")]
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(x509.Name(names), x509.Name(names), key.public_key(), 1, now, now + timedelta(1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    (home / "fullchain.pem").write_bytes(pem)
    (home / "privkey.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return ports


@contextmanager
def nginx(home: Path, server: str) -> Iterator[httpx.Client]:
    """Run nginx with the one-host file. Yields a client for its TLS port."""
    ports = write_nginx(home, server)
    command = [str(NGINX), "-p", str(home), "-c", f"{home}/nginx.conf", "-g", "daemon off;"]
    with started(command) as process:
        wait_until_up(process, ports["443"], home / "error.log")
        with httpx.Client(base_url=f"https://127.0.0.1:{ports['443']}", verify=False, timeout=60) as client:  # noqa: S501 - its own certificate
            yield client


@needs_nginx
def test_nginx_for_one_host_replies_503_while_the_server_is_down(home: Path) -> None:
    with nginx(home, f"127.0.0.1:{free_port()}") as proxy:
        statuses = [proxy.post("/webhooks/answer", json=CALL).status_code for _ in range(3)]
        by_get = proxy.get("/webhooks/answer", params=CALL).status_code
        healthy = proxy.get("/healthz").status_code
    assert happens(lambda: len((home / "access.log").read_text().splitlines()) == 5)
    written = (home / "access.log").read_text() + (home / "error.log").read_text()

    assert ([503] * 3, 503, 503) == (statuses, by_get, healthy)
    assert 5 == len(written.splitlines())
    assert CALL["from"] not in written


def replies_503_as_debian_starts_it(home: Path, port: int, scheme: str) -> None:
    """Run nginx.service's commands, and rotate the log as logrotate does."""
    unit = Path("/lib/systemd/system/nginx.service").read_text(encoding="utf-8")
    options = ["-p", str(home), "-c", f"{home}/nginx.conf"]
    journal, own = socket.socketpair()

    def run_as_unit(key: str, *more: str) -> None:
        [line] = re.findall(rf"^{key}=(.+)$", unit, re.M)
        words = [*shlex.split(line), *more, *options]
        assert (
            0
            == subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=own.fileno(), stderr=own.fileno(), check=False
            ).returncode
        )

    log = home / "access.log"
    with journal, own:
        run_as_unit("ExecStartPre")
        run_as_unit("ExecStart")
        try:
            log.rename(home / "access.log.1")
            subprocess.run(
                [str(NGINX), *options, "-s", "reopen"], stdin=subprocess.DEVNULL, stderr=own.fileno(), check=True
            )
            asked = partial(httpx.get, f"{scheme}://127.0.0.1:{port}/healthz", verify=False)
            assert happens(lambda: asked().status_code == 503 and log.exists() and "/healthz" in log.read_text())
        finally:
            subprocess.run([str(NGINX), *options, "-s", "stop"], stdin=subprocess.DEVNULL, check=True)
            assert happens(lambda: not (home / "nginx.pid").exists())


@needs_nginx
@needs_unit
def test_nginx_for_one_host_starts_as_its_unit_starts_it(home: Path) -> None:
    ports = write_nginx(home, f"127.0.0.1:{free_port()}")

    replies_503_as_debian_starts_it(home, ports["443"], "https")


@needs_nginx
@needs_unit
def test_nginx_for_several_servers_of_one_host_asks_those_of_the_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "several-hosts.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^(sed -e .*?) > /etc/nginx/nginx.conf$", page, re.M | re.S)
    file = tmp_path / "nginx.conf"
    file.write_text(subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    text = file.read_text()
    port = free_port()
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    user = f"user {getpass.getuser()};\n"
    without_hosts = re.sub(r"127\.0\.0\.1:(8000|8011)", lambda _: f"127.0.0.1:{free_port()}", text)
    file.write_text(user + re.sub(r" (/tmp|/run|/var/log/nginx)/", f" {tmp_path}/", without_hosts))

    replies_503_as_debian_starts_it(tmp_path, port, "http")
    assert ["127.0.0.1:8000", "127.0.0.1:8011"] * 2 == re.findall(r"server (\S+:\d+) ", text)
    assert "listen 127.0.0.1:8080;" in file.read_text().replace(str(port), "8080")
    assert "systemctl enable --now ncco@8011\n" in page


@pytest.mark.parametrize(
    ("proxy_of", "too_large"),
    [pytest.param(caddy, 503, marks=needs_caddy), pytest.param(nginx, 413, marks=needs_nginx)],
    ids=["caddy", "nginx"],
)
def test_webhooks_pass_unchanged_and_nothing_else_does(
    proxy_of: Callable[[Path, str], AbstractContextManager[httpx.Client]], too_large: int, home: Path
) -> None:
    with running_server(home, cwd=home / "srv", env=UNSIGNED) as server, proxy_of(home, server.address) as proxy:
        answered = proxy.post("/webhooks/answer", json=CALL)
        large = [proxy.post("/webhooks/event", content=b"x" * size) for size in (1_500_000, 9_000_000)]
        others = [proxy.get(path).status_code for path in ("/healthz", "/metrics", "/readyz", "/docs")]

    assert (200, "talk") == (answered.status_code, answered.json()[0]["action"])
    assert [True, False] == ["NCCO_BODY_LIMIT" in response.text for response in large]
    assert [413, too_large] == [response.status_code for response in large]
    assert [200, 404, 404, 404] == others


@pytest.mark.parametrize(
    ("text", "waits", "keeps"),
    [
        (CADDYFILE, r"response_header_timeout (\d+)ms", r"keepalive (\d+)s"),
        (NGINX_FILE, r"/webhooks/ \{[^}]*proxy_read_timeout (\d+)ms", r"keepalive_timeout (\d+)s"),
    ],
    ids=["caddy", "nginx"],
)
def test_a_proxy_waits_longer_than_the_server_and_less_long_than_vonage(text: str, waits: str, keeps: str) -> None:
    assert DEADLINE_S < int(re.findall(waits, text)[0]) / 1000 < VONAGE_WAITS_S
    assert int(re.findall(keeps, text)[0]) < KEEP_ALIVE_S


def test_commands_that_the_page_runs_in_the_container_work_beside_the_server(home: Path) -> None:
    env = plain_environment(home)
    failed: dict[str, str] = {}
    with running_server(home, cwd=home / "srv") as server:
        loopback.post(f"http://{server.address}/webhooks/answer", json=CALL)
        for command in IN_CONTAINER:
            here = command.replace("/tmp/", f"{home}/tmp/").replace("/backups", str(home))  # noqa: S108 - of the page
            words = [NCCO if word == "ncco" else word for word in shlex.split(here)]
            ran = run(words, cwd=home / "srv", env=env, capture_output=True, text=True, timeout=60)
            failed |= {command: ran.stdout + ran.stderr} if ran.returncode else {}

    assert IN_CONTAINER
    assert {} == failed
