"""Scripts are played on the real server: what holds, and how what does not is told."""

from __future__ import annotations

import asyncio

import pytest

from app.verify.scenarios.caller import LATER
from app.verify.scenarios.result import Result
from app.verify.scenarios.suite import run_suite
from tests.verify.scenarios.playing import file_of, messages, played, run, stage_for

MENU = """\
flow: main
numbers: ["442079460000"]
default: true
start: menu
vars: {tries: {type: int}, pin: {type: text, sensitive: true}}
defaults:
  on: {error: sorry}
  retry: {noinput: [Are you there?], nomatch: [Pardon?], then: bye}
hooks:
  left: {post: "https://crm.example.com/left", json: {who: "{{ call.from }}", why: hangup}}
events: {hangup: left}
steps:
  menu:
    do:
      - talk: Welcome.
      - talk: Press 1, or say sales.
    choices:
      sales: {dtmf: 1, speech: [sales], set: {tries: "{{ tries + 1 }}"}, goto: sales}
      record: {dtmf: 2, goto: record}
      queue: {dtmf: 3, goto: queue}
      keys: {dtmf: 4, goto: keys}
  sales:
    do:
      - talk: One moment.
      - connect: "447700900111"
        timeout: 20
    on: {completed: bye, busy: menu, otherwise: record}
  record:
    do:
      - talk: After the tone.
      - record: {beepStart: true, endOnKey: "#", endOnSilence: 3, timeOut: 60}
    goto: bye
  queue:
    do:
      - talk: Please hold.
      - stream: https://example.com/music.mp3
        loop: 0
  keys:
    do:
      - talk: Your PIN, please.
    collect: {into: pin, digits: 4, sensitive: true}
    goto: bye
  bye:
    do:
      - talk: <speak>Good<break time="1s"/> bye.</speak>
    goto: end
  sorry:
    do:
      - talk: Sorry.
    goto: end
"""


@pytest.mark.parametrize(
    "script",
    [
        "- hear: [Welcome, Press 1]\n- press: 1\n- hear: One moment\n- dial: '447700900111'\n- hear: Good bye\n- end",
        "- hear: Welcome. Press 1,\n- hear: or say\n- hear: sales",
        "- press: 1\n- dial: busy\n- hear: Welcome\n- speak: sales team\n- dial: +44 7700 900111\n- hear: Good bye.",
        "- speak: {text: sails, confidence: 0.9, alternatives: [sales]}\n- hear: One moment",
        "- speak: {error: ERR_1}\n- hear: Welcome",
        "- silence\n- hear: [Are you there?, Welcome]\n- press: 9\n- hear: Good bye",
        "- press: 2\n- hear: After the tone\n- record\n- hear: Good bye\n- end",
        "- press: 2\n- record: {seconds: 3, key: '#'}\n- hear: Good bye",
        "- press: 2\n- silence\n- hear: Good bye",
        "- press: 3\n- hear: Please hold.\n- hear: https://example.com/music.mp3\n- wait: 5m\n- hangup",
        "- {press: 1, at: 1s}\n- hear: [Welcome, Press 1, One moment]",
        "- {speak: sales, at: 500ms}\n- hear: Welcome\n- hear: Press 1\n- hear: One moment",
        "- {hangup: now, at: 2s}\n- hear: Welcome\n",
        "- wait: 300ms\n- hear: Press 1",
        "- until: Press 1\n- hear: or say sales\n- until: Are you there?\n- hear: Welcome\n- press: 1\n- hear: One",
        "- hear: Welcome\n- until: Welcome\n- hear: Press 1",
        "- press: 2\n- until: Good bye\n- end",
        "- press: 1\n- dial: {talks: 1h}\n- until: Good bye\n- end",
        "- press: 2\n- until: After the tone\n- record\n- until: Good bye",
        "- press: 4\n- hear: PIN\n- press: '2580'\n- hear: Good bye",
        "- hear: Welcome\n- fault: unreadable\n- press: 1\n- hear: Sorry\n- end",
        "- hear: Welcome\n- fault: lost\n- press: 1\n- hear: One moment",
        "- fault: refused\n- hear: Sorry\n- end",
        "- event: {status: ringing}\n- press: 1\n- hear: One moment",
        "- press: 1\n- hear: [One moment, Good bye]\n- end",
        "- press: 1\n- wait: 10s\n- hear: Good bye",
        "- press: 1\n- dial: {outcome: completed, talks: 1h, hangs_up: caller}",
    ],
)
def test_a_script_that_holds(script: str) -> None:
    assert [] == messages(played(MENU, script))


WAITS = "4: the call does not end here: the caller is waited for (a key or speech)"
NOTHING = "4: the caller cannot let anything time out: nothing happens until the caller does something"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("- hear: Press 1", f"3: something else is heard{LATER}"),
        ("- hear: Welcome\n- hear: Press 2", "4: something else is heard"),
        ("- press: 1\n- hear: Good bye", f"4: something else is heard{LATER}"),
        ("- press: 1\n- hear: One moment\n- hear: Three\n- dial", "5: nothing is heard: 447700900111 is dialled"),
        ("- press: 1\n- dial: {to: '447700900112'}", "4: somebody else is dialled"),
        ("- dial: busy", "3: anybody is not dialled: the caller is waited for (a key or speech)"),
        ("- press: 1\n- press: 2\n- dial", "4: the caller cannot press 2: 447700900111 is dialled"),
        ("- press: 4\n- speak: four", "4: nobody listens for speech: this input takes dtmf alone"),
        ("- record", "3: the caller cannot leave a recording: the caller is waited for (a key or speech)"),
        ("- press: 2\n- wait: 1s\n- hear: Bye", "5: nothing is heard: the caller is recorded"),
        ("- press: 3\n- silence", NOTHING),
        ("- press: 3\n- until: Good bye", "4: this is not heard: nothing happens until the caller does something"),
        ("- until: Good evening", "3: this is not heard: the call is over"),
        ("- until: Press 1\n- until: Press 2", "4: this is not heard: the call is over"),
        ("- press: 2\n- end", "4: the call does not end here: something more is heard"),
        ("- hear: Welcome. Press 1, or say sales.\n- end", WAITS),
        ("- press: 2\n- record\n- hear: Good bye\n- hear: Again", "6: nothing is heard: the call is over"),
        (
            "- press: 2\n- record: {seconds: 300, key: '#'}",
            "4: the call ended 65.907 s after the answer",
        ),
        ("- press: 2\n- record\n- hear: Good bye\n- hangup", "6: the call is over before the caller hangs up"),
        ("- press: 2\n- record\n- hear: Good bye\n- press: 1", "6: the caller cannot press 1: the call is over"),
        ("- press: 1\n- {press: 1, at: 1s}", "4: 1 s have passed already: it is 2.5 s since the call was answered"),
        ("- press: 2\n- record\n- {press: 1, at: 2h}", "5: the call is over before 7200 s"),
    ],
)
def test_the_first_difference_is_told(script: str, told: str) -> None:
    assert [told] == messages(played(MENU, script))


def test_a_call_ends_where_its_caller_is_waited_for() -> None:
    result = played(MENU, "- press: 1\n- dial: busy\n- hear: Welcome")

    assert ("hung up", "Press 1, or say sales.") == (result.transcript[-1].kind, result.transcript[-2].text)
    assert ["left"] == [hook.name for hook in result.hooks]


def opened(text: str) -> Result:
    return asyncio.run(run_suite(stage_for(MENU), [file_of(text)], leaves_open=True)).results[0]


def test_what_is_left_open_is_what_is_heard() -> None:
    suite = run(MENU, 'a call:\n  script:\n    - hear\n    - hear: "?"\n    - press: 1\n    - hear: [One, "?"]\n')

    assert ["Welcome.", "Press 1, or say sales.", "Good bye."] == [found for _, found in suite.results[0].heard]
    assert 3 == len(suite.results[0].differences)
    assert [] == opened("a call:\n  script:\n    - hear\n").differences


def test_nothing_is_heard_of_a_call_that_is_over() -> None:
    result = opened("a call:\n  script:\n    - hangup\n    - hear: Press 1\n")

    assert ["4: something else is heard"] == messages(result)


def test_a_scenario_is_played_alike_each_time() -> None:
    text = "a call:\n  script: [{press: 1}, {hear: One moment}]\nanother:\n  script: [{press: 1}, {hear: One moment}]\n"
    first, second = run(MENU, text), run(MENU, text)

    assert [result.transcript for result in first.results] == [result.transcript for result in second.results]


WHISPER = """\
flow: whisper
outcomes: [accepted, rejected]
start: ask
defaults:
  on: {error: {return: accepted}}
  retry: {noinput: [Are you there?], nomatch: [Press 1.], then: {return: rejected}}
steps:
  ask:
    do:
      - talk: A call for you. Press 1 to take it.
    choices:
      take: {dtmf: 1, speech: "yes", goto: {return: accepted}}
"""
RINGS = """\
flow: main
numbers: ["442079460000"]
start: ring
steps:
  ring:
    do:
      - connect: "447700900111"
        onAnswer: {run: whisper}
    on: {completed: end, otherwise: nobody}
  nobody:
    do:
      - talk: Nobody is there.
    goto: end
"""


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("- dial: {hears: A call for you, presses: 1}\n- end", []),
        ("- dial: {hears: [A call, Press 1., A call], presses: [5, 1]}\n- end", []),
        ("- dial: {hears: [A call, Press 1., A call], presses: [5, {speak: 'yes please'}]}\n- end", []),
        ("- dial: {hears: [A call, Are you there?], presses: ['', '']}\n- hear: Nobody is there", []),
        ("- dial: {hears: [A message for you], presses: 1}", ["3: the called party does not hear it"]),
        ("- dial: {outcome: busy, hears: [A call]}", ["3: the called party does not hear it"]),
        ("- hear: Nobody is there\n- end", []),
        ("- dial: {presses: 1}\n- hear: Nobody", ["4: nothing is heard: the call is over"]),
    ],
)
def test_a_called_party_hears_a_flow_of_its_own(script: str, told: list[str]) -> None:
    assert told == messages(played(RINGS, script, whisper=WHISPER))


def test_a_recording_ends_by_silence_alone() -> None:
    result = played(MENU, "- press: 2\n- hear: After the tone\n- record: 90s\n- hear: Good bye\n- end")

    assert [] == messages(result)
    assert 90 == next(heard.seconds for heard in result.transcript if heard.kind == "spoke")
