"""`talk`, `stream`, `wait`, `notify`. Source: NCCO reference, the sections of those names."""

from __future__ import annotations

from typing import Any

import pytest

from app.simulator import Durations, Response
from app.simulator.errors import StandsStill
from tests.simulator.scripted_server import BASE, Line, ask, heard, sounds, talk, url

SONG = {"action": "stream", "streamUrl": [f"{BASE}/ten.mp3"]}
NOTIFY = {"action": "notify", "payload": {"step": "one"}, "eventUrl": url("notify")}


async def test_prompts_are_played_one_after_another_and_then_the_call_ends() -> None:
    """When all the actions in the NCCO are complete, the call ends."""
    line = Line({"answer": [talk("one two three"), SONG, talk("four")]})

    call = await line.call()
    end = await call.listen()

    assert [
        (0.0, "talk", "one two three"), (1.161, "stream", f"{BASE}/ten.mp3"), (11.161, "talk", "four"),
        (11.548, "ended", ""),
    ] == heard(call)  # fmt: skip
    assert ("end", "platform") == (end.kind, call.ended_by)


@pytest.mark.parametrize(("action", "seconds"), [(talk("one", loop=3), 1.161), (SONG | {"loop": 2}, 20.0)])
async def test_loop_repeats(action: dict[str, Any], seconds: float) -> None:
    line = Line({"answer": [action]})

    call = await line.call()
    end = await call.listen()

    assert (seconds, seconds) == (end.at, call.transcript[0].seconds)


async def test_loop_0_goes_on_until_somebody_hangs_up() -> None:
    line = Line({"answer": [SONG | {"loop": 0}]})

    call = await line.call()
    idle = await call.listen()
    later = await call.listen(until=7200)
    await call.hang_up()

    assert [("idle", 0.0), ("until", 7200.0)] == [(idle.kind, idle.at), (later.kind, later.at)]
    assert (7200.0, True) == (call.transcript[0].seconds, call.transcript[0].is_cut)


async def test_a_stream_lasts_as_declared_else_as_all_others() -> None:
    other = {"action": "stream", "streamUrl": [f"{BASE}/other.mp3"]}
    line = Line({"answer": [SONG, other]}, durations=Durations({f"{BASE}/ten.mp3": 4}, stream_s=6))

    call = await line.call()
    await call.listen()

    assert [4, 6, 0] == [entry.seconds for entry in call.transcript]


async def test_talk_depends_on_its_language() -> None:
    line = Line({"answer": [talk("eins zwei drei", language="de-DE")]})

    call = await line.call()

    assert 1.385 == (await call.listen()).at


@pytest.mark.parametrize(("options", "seconds"), [({}, 10), ({"timeout": 0.5}, 0.5), ({"timeout": 9000}, 7200)])
async def test_wait_takes_its_time_within_its_limits(options: dict[str, Any], seconds: float) -> None:
    """Default 10; values above 7200 become 7200. Source: NCCO reference, Wait."""
    line = Line({"answer": [{"action": "wait", **options}]})

    call = await line.call()

    assert seconds == (await call.listen()).at


async def test_notify_with_an_empty_reply_continues() -> None:
    """Source: NCCO reference, Notify; webhook reference, Notify (nested payload, no leg)."""
    line = Line({"answer": [talk("one"), NOTIFY, talk("two")]})

    call = await line.call()
    await call.listen()

    assert ["talk one", "talk two", "ended"] == sounds(call)
    assert [{
        "payload": {"step": "one"}, "conversation_uuid": call.conversation_uuid,
        "timestamp": "2026-03-04T09:15:27.387Z",
    }] == line.bodies("notify")  # fmt: skip


async def test_notify_with_an_ncco_replaces() -> None:
    line = Line({"answer": [NOTIFY, talk("not heard")], "notify": [talk("instead")]})

    call = await line.call()
    await call.listen()

    assert ["talk instead", "ended"] == sounds(call)


async def test_notify_waits_for_its_reply() -> None:
    line = Line({"answer": [NOTIFY, talk("two")], "notify": Response(204, seconds=1.5)})

    call = await line.call()
    await call.listen()

    assert (1.5, "talk", "two") == heard(call)[0]


async def test_notify_may_be_sent_by_get() -> None:
    line = Line({"answer": [NOTIFY | {"eventMethod": "GET"}]})

    call = await line.call()
    await call.listen()

    assert '{"step":"one"}' == line.bodies("notify")[0]["payload"]


async def test_an_ncco_that_notifies_itself_for_ever_is_noticed() -> None:
    line = Line({"answer": [NOTIFY], "notify": [NOTIFY]})

    call = await line.call()

    with pytest.raises(StandsStill, match="take no time"):
        await call.listen()


async def test_numbers_in_text_and_single_values_are_read_like_real_ones() -> None:
    """Source: NCCO reference, the example of Connect ("timeout": "45")."""
    line = Line({"answer": [{"action": "wait", "timeout": "2.5"}, ask(dtmf={"timeOut": "4"})]})

    call = await line.call()
    await call.silence()

    assert 6.5 == call.at
