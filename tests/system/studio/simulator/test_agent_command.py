"""`ncco agent`: what it reports of bots that do well or badly."""

from __future__ import annotations

import json
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.server import ServerConnection, serve

from tests.support.bots import FRAME, serving_bots
from tests.support.cases import each_case
from tests.support.command import ncco
from tests.support.server import free_port

NEVER_SPOKE, NOTHING_BACK = "the bot never spoke", "the bot closed without handing back"


@pytest.fixture(scope="module")
def bots() -> Iterator[str]:
    with serving_bots() as url:
        yield url


def problems(printed: str) -> list[str]:
    return [line.removeprefix("error: ") for line in printed.splitlines() if line.startswith("error: ")]


@each_case("name", ["polite", "clearing", "stuttering"])
def test_a_bot_that_speaks_hands_back_and_closes_has_no_problem(bots: str, name: str) -> None:
    done = ncco("agent", f"{bots}/{name}", "--press", "7", "--with", "customer=12")

    assert 0 == done.exit_code, done.output
    assert 'handed back  {"outcome": "refund", "values": {"order": "4717"}}' in done.output
    assert "opened      audio/l16;rate=16000, customer, hand_back, limit" in done.output
    assert ("1 gap of up to 0.3" in done.output) == (name == "stuttering")


@each_case(
    ("name", "expected"),
    [
        ("closing", [NEVER_SPOKE, NOTHING_BACK]),
        ("silent", [NEVER_SPOKE, "the bot did not hand back", "the bot did not close within 2 s"]),
        (
            "wrong_frames",
            [NEVER_SPOKE, "1,280-byte frames where 640 are due", "0.4 s of speech that nobody heard"],
        ),
        ("garbling", ["2,048,000-byte frames where 640 are due", "64.0 s of speech that nobody heard"]),
    ],
)
def test_each_problem_is_reported(bots: str, name: str, expected: list[str]) -> None:
    done = ncco("agent", f"{bots}/{name}", "--limit", "2")

    assert 1 == done.exit_code
    assert expected == problems(done.output)


def test_speech_that_nobody_heard_is_reported(bots: str) -> None:
    done = ncco("agent", f"{bots}/hasty")

    assert 1 == done.exit_code
    [problem] = problems(done.output)
    assert problem.endswith("s of speech that nobody heard")
    assert "100 of 640 bytes" in done.output


def test_a_bot_that_stays_after_its_hand_back_is_reported(bots: str) -> None:
    done = ncco("agent", f"{bots}/staying", "--limit", "3")

    assert 1 == done.exit_code
    assert ["the bot did not close after its hand-back"] == problems(done.output)


def test_a_bot_that_reads_nothing_while_it_closes_has_closed() -> None:
    def call(socket: ServerConnection) -> None:
        hand_back = json.loads(socket.recv())["hand_back"]
        for _ in range(10):
            socket.send(FRAME)
        time.sleep(0.5)
        httpx.post(hand_back, json={"outcome": "done"}, trust_env=False)
        socket.close()

    with serve(call, "127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        done = ncco("agent", f"ws://127.0.0.1:{server.socket.getsockname()[1]}/calls")
        server.shutdown()
        serving.join()

    assert 0 == done.exit_code, done.output


def test_a_bot_that_refuses_or_cannot_be_reached_is_reported(bots: str) -> None:
    refused = ncco("agent", f"{bots}/refusing")
    uris = f"ws://127.0.0.1:{free_port()}/calls", "https://127.0.0.1/calls", "ws://127.0.0.1:99999/calls"
    others = [ncco("agent", uri) for uri in uris]

    assert [1] * 4 == [each.exit_code for each in (refused, *others)]
    assert "HTTP 403" in refused.output
    assert all("the websocket cannot be opened" in each.output for each in others)


def test_the_caller_s_audio_has_to_fit(bots: str, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "fast.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(bytes(1000))
    done = ncco("agent", f"{bots}/polite", "--audio", tmp_path / "fast.wav")

    assert 2 == done.exit_code
    assert "convert it to 16 bits, 1 channel and 16000 samples per second" in done.output
