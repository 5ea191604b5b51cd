"""The server as a process: its port, its signals, its workers, and bytes that no client should send."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import SettingsError, StoreUnusable
from app.web.server import listening, serve
from tests.web.fake_calls import settings_with
from tests.web.running_server import Running, free_port, received, running

CALL = {"to": "442079460000", "from": "447700900123", "uuid": "leg-1", "conversation_uuid": "CON-1"}
HELLO = b'[{"action":"talk","text":"Hello."}]'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), "dev", NCCO_BODY_LIMIT="65536") as started:
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


def test_it_answers_without_saying_what_it_is_made_of(server: Running) -> None:
    response = httpx.post(f"{server.url}/webhooks/answer", json=CALL)

    assert (200, HELLO) == (response.status_code, response.content)
    assert "server" not in response.headers


def test_a_body_in_chunks_is_read(server: Running) -> None:
    answer = server.raw(head(transfer_encoding="chunked"), b'8\r\n{"to":"1\r\n', b'2\r\n"}\r\n0\r\n\r\n')

    assert answer.endswith(HELLO)


@pytest.mark.parametrize("size", [70_000, 3_000_000])
@pytest.mark.parametrize("path", ["/webhooks/answer", "/webhooks/event"])
def test_a_large_body_is_answered(server: Running, path: str, size: int) -> None:
    response = httpx.post(server.url + path, content=b"x" * size)

    assert {"/webhooks/answer": 200, "/webhooks/event": 413}[path] == response.status_code
    assert "application/json" == response.headers["content-type"]


def test_a_slow_body_is_answered_before_vonage_gives_up(server: Running) -> None:
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head(content_length="100") + b'{"to":')
        answer = received(connection)

    assert [200] == statuses(answer)
    assert time.monotonic() - started < 5


def test_a_client_that_goes_away_is_no_fault(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head(content_length="100") + b"x")

    assert 200 == httpx.post(f"{server.url}/webhooks/answer", json=CALL).status_code


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        head("/webhooks/answer?" + "a" * 100_000, "GET"),
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
def test_hostile_requests_get_no_fault_no_422_and_no_html(server: Running, request_bytes: bytes) -> None:
    answer = server.raw(request_bytes)

    assert not [status for status in statuses(answer) if status >= 500 or status == 422]
    assert b"<html" not in answer.lower()
    assert b"Traceback" not in answer
    assert server.process.poll() is None


PATHS = ["/webhooks/answer", "/webhooks/answer/x", "/webhooks/fallback", "/webhooks/event", "/webhooks/event/x"]
PATHS += ["/webhooks/input/x", "/webhooks/notify/x", "/webhooks/rtc", "/healthz", "/readyz", "/metrics", "/nope"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
def test_any_bytes_on_any_route_get_no_fault_no_422_and_no_html(
    server: Running, path: str, method: str, query: bytes, *, content_type: str, body: bytes
) -> None:
    line = f"{method} {path}?".encode() + query + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    answer = server.raw(line + f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    assert statuses(answer)
    assert not [status for status in statuses(answer) if status >= 500 or status == 422]
    assert b"<html" not in answer.lower()


def test_sigterm_lets_a_running_request_finish_and_ends_well(tmp_path: Path) -> None:
    with running(tmp_path, "dev") as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head(content_length="10", expect="100-continue") + b'{"to"')
        taken = connection.recv(100)  # it is being answered now
        server.process.terminate()
        time.sleep(0.3)
        connection.sendall(b':"1"}')
        answer = received(connection, silence_s=2)
        code = server.process.wait(20)

    assert [100] == statuses(taken)
    assert (0, [200]) == (code, statuses(answer))
    assert answer.endswith(HELLO)


def test_the_log_is_one_line_of_json_a_webhook(tmp_path: Path) -> None:
    with running(tmp_path, "dev") as server:
        httpx.post(f"{server.url}/webhooks/answer", json=CALL)
        server.stop()
        assert server.process.stdout is not None
        lines = server.process.stdout.read().splitlines()

    assert 1 == sum('"event":"webhook"' in line for line in lines)
    assert not [line for line in lines if "447700900123" in line]


def test_a_public_server_serves_metrics_on_their_own_port_alone(tmp_path: Path) -> None:
    port = free_port()
    variables = {"NCCO_METRICS_PORT": str(port), "NCCO_INSECURE": "1", "NCCO_DATABASE_URL": "memory://"}
    with running(tmp_path, **variables) as server:
        httpx.post(f"{server.url}/webhooks/answer", json=CALL)
        public = httpx.get(f"{server.url}/metrics")
        private = httpx.get(f"http://127.0.0.1:{port}/metrics")

    assert (404, 200) == (public.status_code, private.status_code)
    assert 'ncco_webhooks_total{kind="answer",outcome="answer"} 1.0' in private.text


def test_workers_serve_one_store_and_count_together(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, "two", NCCO_METRICS_PORT=str(port), NCCO_INSECURE="1") as server:
        for number in range(20):
            httpx.post(f"{server.url}/webhooks/answer", json=CALL | {"uuid": f"leg-{number}"})
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        code = server.stop()

    assert 'ncco_webhooks_total{kind="answer",outcome="answer"} 20.0' in text
    assert "ncco_flows_loaded 1.0" in text
    assert 0 == code


def test_a_server_that_starts_anew_on_new_code_serves(tmp_path: Path) -> None:
    with running(tmp_path, "dev", "reload") as server:
        response = httpx.post(f"{server.url}/webhooks/answer", json=CALL)
        code = server.stop()

    assert (HELLO, 0) == (response.content, code)


def test_a_port_in_use_is_told_with_its_cure() -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught, listening("127.0.0.1", port):
            pass

    assert "NCCO_PORT" == caught.value.setting
    assert "address already in use" in caught.value.message
    assert caught.value.cure


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7"])
def test_a_host_that_is_not_this_machine_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match=host), listening(host, 0):
        pass


def test_the_sixth_protocol_version_is_listened_on() -> None:
    with listening("::1", 0) as bound:
        assert socket.AF_INET6 == bound.family


def test_what_is_unsafe_is_not_served() -> None:
    with pytest.raises(SettingsError, match="VONAGE_SIGNATURE_SECRET"):
        serve(settings_with())


def test_a_store_that_cannot_be_used_is_told_before_anything_listens(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable):
        serve(settings_with(database_url=f"sqlite:///{tmp_path}", key="a-key-of-more-than-16"), dev=True)
