"""The server as a process: its port, its signals, and malformed requests."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.contract.server.http.serving import FLOW, raw, received, serving
from tests.support import loopback
from tests.support.cases import each_case
from tests.support.examples import examples
from tests.support.fork_server import NCCO, run
from tests.support.server import Server, free_port

CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
HELLO = b'[{"action":"talk","text":"Hello."}]'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server"), "--dev", NCCO_BODY_LIMIT="65536") as started:
        yield started


def head(path: str = "/webhooks/answer", method: str = "POST", **headers: str) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def statuses(answer: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


def test_replies_do_not_reveal_the_server_software(server: Server) -> None:
    response = loopback.post(f"{server.url}/webhooks/answer", json=CALL)

    assert (200, HELLO) == (response.status_code, response.content)
    assert "server" not in response.headers


def test_a_body_in_chunks_is_read(server: Server) -> None:
    answer = raw(server, head(transfer_encoding="chunked"), b'8\r\n{"to":"1\r\n', b'2\r\n"}\r\n0\r\n\r\n')

    assert answer.endswith(HELLO)


@pytest.mark.parametrize("size", [70_000, 3_000_000])
@pytest.mark.parametrize("path", ["/webhooks/answer", "/webhooks/event"])
def test_a_large_body_is_answered(server: Server, path: str, size: int) -> None:
    response = loopback.post(server.url + path, content=b"x" * size)

    assert {"/webhooks/answer": 200, "/webhooks/event": 413}[path] == response.status_code
    assert "application/json" == response.headers["content-type"]


def test_a_slow_body_is_answered_before_vonage_gives_up(server: Server) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head(content_length="100") + b'{"to":')
        answer = received(connection)

    assert [200] == statuses(answer)
    assert b"the body did not arrive within 4 seconds" in answer
    assert time.monotonic() - started >= 4  # Vonage gives up after 5


def test_a_client_that_disconnects_is_not_an_error(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head(content_length="100") + b"x")

    assert 200 == loopback.post(f"{server.url}/webhooks/answer", json=CALL).status_code


@each_case(
    "request_bytes",
    [
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        head("/webhooks/answer?" + "a" * 50_000, "GET"),
        head("/" + "../" * 500, "GET"),
        head("/webhooks/answer/%00%ff%fe", "GET"),
        head("/webhooks/answer?%ff=%ff&\xe9=1", "GET"),
        head("http://other.example/webhooks/answer", "GET"),
        head("*", "OPTIONS"),
        head(content_length="-1") + b"x",
        head(content_length="5") + b"\xff\xfe\x00\x01\x02",
        head(transfer_encoding="chunked") + b"zz\r\n",
        head(content_length="2", content_type="application/json; charset=utf-7") + b"{}",
        head(content_length="2", content_encoding="gzip") + b"{}",
        head(content_length="2", upgrade="websocket", connection="upgrade") + b"{}",
        head(x="y" * 60_000),
        head("/webhooks/input/" + "A" * 5000, "GET"),
        head("/readyz?x=%ff", "GET"),
    ],
)
def test_hostile_requests_get_no_500_no_422_and_no_html(server: Server, request_bytes: bytes) -> None:
    answer = raw(server, request_bytes)

    assert not [status for status in statuses(answer) if status >= 500 or status == 422]
    assert b"<html" not in answer.lower()
    assert b"Traceback" not in answer
    assert server.process.poll() is None


PATHS = ["/webhooks/answer", "/webhooks/answer/x", "/webhooks/fallback", "/webhooks/event", "/webhooks/event/x"]
PATHS += ["/webhooks/input/x", "/webhooks/notify/x", "/webhooks/rtc", "/healthz", "/readyz", "/metrics", "/nope"]


@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "POST", "POST", "PUT", "HEAD"]),
    query=st.binary(max_size=60).map(lambda raw: re.sub(rb"[\x00-\x20\x7f#]", b"", raw)),
    content_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/html", ""]),
    body=st.binary(max_size=300)
    | st.recursive(
        st.none() | st.text(max_size=8), lambda x: st.dictionaries(st.sampled_from(["dtmf", "speech", "status"]), x)
    ).map(lambda value: repr(value).replace("'", '"').encode("utf-8", "replace")),
)
def test_any_bytes_on_any_route_get_no_500_no_422_and_no_html(
    server: Server, path: str, method: str, query: bytes, *, content_type: str, body: bytes
) -> None:
    line = f"{method} {path}?".encode() + query + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    answer = raw(server, line + f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    assert statuses(answer)
    assert not [status for status in statuses(answer) if status >= 500 or status == 422]
    assert b"<html" not in answer.lower()


def test_sigterm_lets_a_running_request_finish_and_be_logged(tmp_path: Path) -> None:
    with serving(tmp_path, "--dev") as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head(content_length="10", expect="100-continue") + b'{"to"')
        taken = connection.recv(100)  # the server is handling it now
        server.process.terminate()
        time.sleep(0.3)
        connection.sendall(b':"1"}')
        answer = received(connection)
        code = server.process.wait(60)

    assert ["answer"] == [line["route"] for line in server.log() if "route" in line]
    assert [100] == statuses(taken)
    assert (0, [200]) == (code, statuses(answer))
    assert answer.endswith(HELLO)


def test_a_port_in_use_is_reported(server: Server, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "hello.yaml").write_text(FLOW)
    second = run(
        [NCCO, "serve", "--dev", "--port", str(server.port)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert 2 == second.returncode
    assert "NCCO_PORT: cannot listen on" in second.stderr


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "9" * 5_000])
def test_an_address_of_another_machine_is_reported(tmp_path: Path, host: str) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "hello.yaml").write_text(FLOW)
    words = (NCCO, "serve", "--host", host)
    env = {"PATH": os.environ["PATH"], "NCCO_INSECURE": "1", "NCCO_PORT": str(free_port())}
    refused = run(words, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert 2 == refused.returncode
    assert "NCCO_HOST" in refused.stderr


def test_a_slow_request_head_is_cut_at_64_kib(server: Server) -> None:
    assert [431] == statuses(raw(server, b"POST /webhooks/answer?", *[b"a" * 1000] * 70, every_s=0.001))
    assert 200 == loopback.get(f"{server.url}/healthz").status_code


def test_trailers_of_a_body_are_ignored(server: Server) -> None:
    body = b"c\r\n" + b'{"to":"1234"}'[:12] + b"\r\n1\r\n}\r\n0\r\n" + b"x: y\r\n" * 500 + b"\r\n"

    assert raw(server, head(transfer_encoding="chunked"), body).endswith(HELLO)


def test_requests_on_one_connection_are_all_answered(server: Server) -> None:
    body = b'{"to":"1"}'
    answer = raw(server, (head(content_length=str(len(body))) + body) * 5, answers=5)

    assert [200] * 5 == statuses(answer)


def test_metrics_have_their_own_port_that_silent_connections_do_not_exhaust(tmp_path: Path) -> None:
    port = free_port()
    variables = {"NCCO_METRICS_PORT": str(port), "NCCO_INSECURE": "1", "NCCO_DATABASE_URL": "memory://"}
    with serving(tmp_path, **variables) as server, ExitStack() as stack:
        loopback.post(f"{server.url}/webhooks/answer", json=CALL)
        public = loopback.get(f"{server.url}/metrics")
        tasks = Path(f"/proc/{server.process.pid}/task")
        before = len(list(tasks.iterdir()))
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        private = loopback.get(f"http://127.0.0.1:{port}/metrics")
        threads = len(list(tasks.iterdir())) - before

    assert (404, 200) == (public.status_code, private.status_code)
    assert 'ncco_webhooks_total{kind="answer",outcome="answer"} 1.0' in private.text
    assert threads < 20
