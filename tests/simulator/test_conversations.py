"""`conversation` and `transfer`, several legs in one. Source: NCCO reference, Conversation and Transfer."""

from __future__ import annotations

from typing import Any

import pytest

from app.simulator import PhoneCall
from tests.simulator.scripted_server import BASE, FROM, Line, dial, heard, playing, sounds, talk, url

MUSIC = f"{BASE}/music.mp3"
OTHER = "447700900999"


def room(**options: Any) -> dict[str, Any]:
    return {"action": "conversation", "name": "weekly", **options}


def line_of(*nccos: list[dict[str, Any]], **settings: Any) -> Line:
    """A line on which calls get these NCCOs in turn."""
    return Line({"answer": tuple(playing(ncco) for ncco in nccos)}, **settings)


async def two(line: Line) -> tuple[PhoneCall, PhoneCall]:
    first = await line.call()
    await line.vonage.run(10)
    return first, await line.call(from_=OTHER)


async def test_parties_of_a_conversation_hear_each_other() -> None:
    line = line_of([room()], [room()])

    first, second = await two(line)
    await first.speak("Good morning.")

    assert [f"joined {OTHER}", "spoke Good morning."] == sounds(first)
    assert ["voice Good morning."] == sounds(second)


async def test_a_conversation_moves_the_leg_and_says_so() -> None:
    """Source: webhook reference, Transfer."""
    line = line_of([room()], [room()])

    first, second = await two(line)

    moved = line.bodies("event")[2] if "type" in line.bodies("event")[2] else line.bodies("event")[3]
    assert ("transfer", first.uuid, first.conversation_uuid) == (
        moved["type"], moved["uuid"], moved["conversation_uuid_to"],
    )  # fmt: skip
    assert first.conversation_uuid == second.conversation_uuid
    assert first.conversation_uuid != moved["conversation_uuid_from"]


async def test_others_wait_with_music_for_the_moderator() -> None:
    """Set startOnEnter to false for attendees in a moderated conversation."""
    line = line_of([room(startOnEnter=False, musicOnHoldUrl=[MUSIC])], [room()])

    guest, _host = await two(line)
    await guest.listen(until=15)
    await guest.hang_up()

    assert [(0.0, "music", MUSIC), (10.0, "joined", FROM)] == [heard(guest)[0], (10.0, "joined", FROM)]
    assert 10.0 == guest.transcript[0].seconds


async def test_nobody_hears_another_before_the_conversation_begins() -> None:
    line = line_of([room(startOnEnter=False)], [room(startOnEnter=False)])

    first, second = await two(line)
    await second.speak("Is anybody here?")

    assert "voice Is anybody here?" not in sounds(first)


async def test_who_comes_later_hears_no_music() -> None:
    line = line_of([room()], [room(startOnEnter=False, musicOnHoldUrl=MUSIC)])

    _host, guest = await two(line)

    assert [] == sounds(guest)


async def test_endonexit_ends_it_for_everybody() -> None:
    """Terminate the conversation when the moderator hangs up; then their NCCOs go on (unverified)."""
    line = line_of([room(), talk("It is over.")], [room(endOnExit=True)])

    guest, host = await two(line)
    await host.hang_up(at=60)
    end = await guest.listen()

    assert [f"joined {OTHER}", f"left {OTHER}", "talk It is over.", "ended"] == sounds(guest)
    assert ("end", "platform") == (end.kind, guest.ended_by)


async def test_without_it_the_others_stay() -> None:
    line = line_of([room()], [room()])

    guest, host = await two(line)
    await host.hang_up(at=60)
    idle = await guest.listen()

    assert ("idle", False) == (idle.kind, guest.is_over)


async def test_a_guest_that_gives_up_waiting_leaves_nothing_behind() -> None:
    line = line_of([room(startOnEnter=False)], [room()])

    guest = await line.call()
    await guest.hang_up(at=5)
    host = await line.call(from_=OTHER)

    assert guest.conversation_uuid == host.conversation_uuid
    assert [] == sounds(host)


async def test_a_conversation_is_recorded_from_the_moderator_to_the_end() -> None:
    """For moderated conversations recordings start when the moderator joins."""
    recorded = room(record=True, eventUrl=url("record"), transcription={})
    line = line_of([recorded | {"startOnEnter": False}], [recorded])

    guest, host = await two(line)
    await host.hang_up(at=20)
    await guest.hang_up(at=40)
    await line.vonage.run()

    assert ["2026-03-04T09:15:37Z", "2026-03-04T09:16:07Z"] == [
        line.bodies("record")[0][name] for name in ("start_time", "end_time")
    ]
    assert "transcribed" == line.bodies("record")[1]["status"]


@pytest.mark.parametrize(
    ("speaker", "listener", "is_heard"),
    [
        ({}, {}, True),
        ({"mute": True}, {}, False),
        ({"canSpeak": []}, {}, False),
        ({"canSpeak": ["somebody else"]}, {}, False),
        ({}, {"canHear": []}, False),
        ({}, {"canHear": ["somebody else"]}, False),
    ],
)
async def test_audio_settings_decide_who_hears_whom(speaker: Any, listener: Any, is_heard: bool) -> None:
    line = line_of([room(**speaker)], [room(**listener)])

    first, second = await two(line)
    await first.speak("Hello.")

    assert is_heard == ("voice Hello." in sounds(second))


async def test_a_moderator_may_hear_one_leg_only() -> None:
    line = line_of([room()], [room()])
    first = await line.call()
    line.server.reply("answer", [room(canHear=[first.uuid])])

    second = await line.call()
    await first.speak("Hello.")

    assert ["voice Hello."] == sounds(second)


async def test_transfer_moves_all_legs_to_the_other_conversation() -> None:
    """The target's NCCO controls them from now on, and when it ends, so do they."""
    line = line_of([talk("one two three", loop=9)], [])
    first = await line.call()
    transfer = {"action": "transfer", "conversationId": first.conversation_uuid}
    line.server.reply("answer", [talk("Moving you."), transfer])

    second = await line.call(from_=OTHER)
    end = await second.listen()
    await line.vonage.run()

    assert ["talk Moving you.", "talk one two three", f"left {FROM}", "ended"] == sounds(second)
    assert (first.conversation_uuid, "end") == (second.conversation_uuid, end.kind)
    assert f"joined {OTHER}" in sounds(first)
    assert 10.449 == first.at


async def test_who_was_moved_may_leave_in_the_middle_of_a_prompt() -> None:
    line = line_of([talk("one two three", loop=9)], [])
    first = await line.call()
    line.server.reply("answer", [{"action": "transfer", "conversationId": first.conversation_uuid}])

    second = await line.call(from_=OTHER)
    await second.hang_up(at=2)
    await first.listen()

    assert [(2.0, True), (10.449, False)] == [
        (entry.seconds, entry.is_cut) for call in (second, first) for entry in call.transcript if entry.kind == "talk"
    ]
    assert f"left {OTHER}" in sounds(first)


async def test_transfer_takes_a_party_along() -> None:
    line = line_of([room()], [])
    host = await line.call()
    transfer = {"action": "transfer", "conversationId": host.conversation_uuid}
    whisper = {"type": "phone", "number": "447700900456", "onAnswer": {"url": f"{BASE}/whisper"}}
    line.server.reply("answer", [dial() | {"endpoint": [whisper]}])
    line.server.reply("whisper", [transfer])

    caller = await line.call(from_=OTHER)
    await caller.listen(until=10)
    await host.speak("Who is there?")

    assert "voice Who is there?" in sounds(caller.dialled[0])


async def test_transfer_into_a_conversation_that_is_not_there_ends_the_call() -> None:
    line = line_of([{"action": "transfer", "conversationId": "CON-unknown"}])

    call = await line.call()
    await call.listen()
    await line.vonage.run()

    assert (True, "platform") == (call.is_over, call.ended_by)
    assert "Conversation CON-unknown not found" in [body.get("reason") for body in line.bodies("event")]


async def test_who_was_moved_ends_with_the_caller_that_controls_the_conversation() -> None:
    line = line_of([{"action": "wait", "timeout": 600}], [])
    first = await line.call()
    line.server.reply("answer", [{"action": "transfer", "conversationId": first.conversation_uuid}])

    second = await line.call(from_=OTHER)
    await first.hang_up(at=30)

    assert ("user", "platform") == (first.ended_by, second.ended_by)


async def test_calls_do_not_disturb_each_other() -> None:
    line = line_of([talk("one")], [talk("two")])

    first, second = await two(line)
    await second.listen()

    assert (["talk one", "ended"], ["talk two", "ended"]) == (sounds(first), sounds(second))
    assert (5, 5) == (len(first.log), len(second.log))
    assert 10 == len(line.vonage.log)
