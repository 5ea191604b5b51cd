"""`check`: what it says of a document as a whole, where it says it, and which cure it gives."""

from __future__ import annotations

from typing import Any

import pytest

from app.ncco import Issue, check, each_is_clean
from app.ncco.checker import is_clean

TALK = {"action": "talk", "text": "Hello"}


def only(document: object) -> Issue:
    (issue,) = check(document)
    return issue


@pytest.mark.parametrize(
    ("cure", "document"),
    [
        ("Wrap the action in an array: [ ... ].", TALK),
        ('Send the array under "ncco" itself.', {"ncco": [TALK]}),
        ('Send the array under "actions" itself.', {"actions": [TALK]}),
        ("Send the array itself, not text that holds it.", '[{"action": "talk", "text": "Hello"}]'),
        ('Send a JSON array of actions, e.g. [{"action": "talk", "text": "Hello"}].', {"status": "ok"}),
        ('Send a JSON array of actions, e.g. [{"action": "talk", "text": "Hello"}].', "hello"),
        ('Send a JSON array of actions, e.g. [{"action": "talk", "text": "Hello"}].', None),
        ('Send a JSON array of actions, e.g. [{"action": "talk", "text": "Hello"}].', 7),
        ("Send a list: list(document).", (TALK,)),
    ],
    ids=str,
)
def test_a_document_that_is_no_array(cure: str, document: object) -> None:
    issue = only(document)

    assert issue.code == "N101"
    assert issue.path == ""
    assert issue.cure == cure


@pytest.mark.parametrize(
    ("cure", "entry"),
    [
        ("Leave out the inner square brackets.", [TALK]),
        ('Write {"action": "talk", ...}.', "talk"),
        (
            'Write each action as an object with the key "action", e.g. {"action": "talk", "text": "Hello"}.',
            "hello",
        ),
    ],
    ids=str,
)
def test_an_entry_that_is_no_object(cure: str, entry: object) -> None:
    issue = only([TALK, entry])

    assert issue.code == "N102"
    assert issue.path == "/1"
    assert issue.cure == cure


@pytest.mark.parametrize(
    ("cure", "entry"),
    [
        ('Write "action" in lower case.', {"Action": "talk", "text": "Hello"}),
        ('Write {"action": "talk", ...}.', {"talk": {"text": "Hello"}}),
        ('Add "action": "talk".', {"type": "talk", "text": "Hello"}),
        (
            'Add "action" with one of record, conversation, connect, talk, stream, input, notify, wait, transfer.',
            {"colour": ["Hello"], "name": "a"},
        ),
        ('Add "action": "talk".', {"text": ["Hello"]}),
        ('Add "action": "stream".', {"streamUrl": ["https://example.com/a.mp3"]}),
        ('Add "action": "connect".', {"endpoint": [], "from": "447700900000"}),
        ('Add "action": "notify".', {"payload": {}, "eventUrl": ["https://example.com"]}),
        ('Add "action": "transfer".', {"conversationId": "CON-1"}),
        (
            'Add "action" with one of record, conversation, connect, talk, stream, input, notify, wait, transfer.',
            {"action": None},
        ),
    ],
    ids=str,
)
def test_an_entry_without_an_action(cure: str, entry: object) -> None:
    issue = only([entry])

    assert issue.code == "N103"
    assert issue.path == "/0"
    assert issue.cure == cure


@pytest.mark.parametrize("name", [5, ["talk"], {"talk": 1}, True], ids=str)
def test_an_action_that_is_no_text(name: object) -> None:
    assert only([{"action": name}]).code == "N104"


def test_every_fault_is_found_at_once_in_the_order_of_the_document() -> None:
    document = [
        {"action": "talk", "text": 5, "langauge": "en-GB", "loop": -1},
        {"action": "hangup"},
        {"action": "conversation", "name": "a", "mute": True, "canSpeak": [], "startOnEnter": "asdf"},
        {"action": "connect", "endpoint": [{"type": "phone", "number": "x"}], "timeout": 0, "from": "447700900000"},
        {"action": "talk", "text": "Hello", "bargeIn": True},
    ]

    assert [(issue.code, issue.path) for issue in check(document)] == [
        ("N105", "/0/langauge"),
        ("N108", "/0/loop"),
        ("N107", "/0/text"),
        ("N104", "/1/action"),
        ("N201", "/2/mute"),
        ("N107", "/2/startOnEnter"),
        ("N113", "/3/endpoint/0/number"),
        ("N108", "/3/timeout"),
        ("N301", "/4/bargeIn"),
    ]


def test_the_tenth_action_comes_behind_the_second() -> None:
    document: list[object] = [TALK, {"action": "say"}, *[TALK] * 8, {"action": "say"}]

    assert [issue.path for issue in check(document)] == ["/1/action", "/10/action"]


def test_a_faulty_action_hides_no_rule_between_the_others() -> None:
    document = [{"action": "talk", "text": 5}, {"action": "transfer", "conversationId": "CON-1"}, TALK]

    assert {"N107", "N302"} == {issue.code for issue in check(document)}


def test_what_follows_an_unknown_action_is_not_judged() -> None:
    document = [TALK | {"bargeIn": True}, {"action": "gather"}]

    assert ["N104"] == [issue.code for issue in check(document)]


def test_the_path_of_an_odd_key_is_a_json_pointer() -> None:
    assert only([TALK | {"a/b~c": 1}]).path == "/0/a~1b~0c"


def test_keys_that_are_no_text_are_unknown_options() -> None:
    assert only([{**TALK, 5: 1}]).code == "N105"


def test_halves_of_surrogate_pairs_are_found_and_shown_as_escapes() -> None:
    issue = only([{"action": "talk", "text": "a\ud800"}])

    assert issue.code == "N125"
    assert "\\ud800" in issue.message


def test_a_key_with_half_of_a_surrogate_pair_gives_a_printable_path() -> None:
    issue = only([TALK | {"\udcff": 1}])

    assert issue.path == "/0/\\udcff"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_json_does_not_know(value: float) -> None:
    assert only([{"action": "wait", "timeout": value}]).code == "N125"


def test_a_huge_number_is_out_of_range() -> None:
    issue = only([{"action": "connect", "endpoint": [{"type": "vbc", "extension": "1"}], "timeout": 10**5000}])

    assert issue.code == "N108"
    assert issue.message == "a huge number is not between 1 and 120."


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_deep_nesting_anywhere_is_survived(depth: int) -> None:
    deep: Any = []
    for _ in range(depth):
        deep = [deep]
    document = [
        deep,
        {"action": deep},
        {"action": "talk", "text": deep},
        {"action": "notify", "payload": {"a": deep}, "eventUrl": ["https://example.com"]},
        {"action": "connect", "endpoint": [{"uri": deep}]},
        {"text": deep},
    ]

    assert [issue.code for issue in check(document)] == ["N102", "N104", "N107", "N125", "N120", "N103"]


def test_a_payload_with_a_key_that_is_no_text_is_no_json() -> None:
    document = [{"action": "notify", "payload": {5: 1}, "eventUrl": ["https://example.com"]}]

    assert only(document).code == "N125"


def test_a_payload_with_a_value_that_is_no_json_is_refused() -> None:
    document = [{"action": "notify", "payload": {"a": {1, 2}}, "eventUrl": ["https://example.com"]}]

    assert only(document).message == "The object cannot be written as JSON: a set is no JSON value."


def test_a_long_value_is_cut_in_the_message() -> None:
    issue = only([{"action": "record", "endOnKey": "#", "format": "m" * 1000}])

    assert len(issue.message) < 120


def test_errors_are_told_from_warnings() -> None:
    assert only([{"action": "say"}]).is_error
    assert not only([]).is_error


MENU = [
    TALK | {"language": "en-GB", "style": 1, "bargeIn": True, "premium": True, "level": 0.5, "loop": 2},
    {
        "action": "input",
        "type": ["dtmf", "speech"],
        "dtmf": {"maxDigits": 1, "timeOut": 5, "submitOnHash": False},
        "speech": {"context": ["sales"], "language": "en-GB", "endOnSilence": 1.5, "uuid": ["a"], "saveAudio": True},
        "eventUrl": ["https://ivr.example.com/webhooks/input/3f9a1c77d2e84b0c?x=1"],
        "eventMethod": "POST",
    },
    {"action": "stream", "streamUrl": ["https://example.com/a.mp3"], "level": 0.5},
    {"action": "talk", "text": "<speak>Hello <break time='1s'/></speak>"},
    {"action": "record", "split": "conversation", "channels": 2, "eventUrl": ["http://localhost:8000/"]},
    {
        "action": "connect",
        "from": "442079460000",
        "endpoint": [{"type": "phone", "number": "447700900333", "onAnswer": {"url": "https://example.com"}}],
        "timeout": 20,
        "limit": 600,
        "eventType": "synchronous",
        "advancedMachineDetection": {"mode": "detect_beep", "beep_timeout": 45},
    },
    {"action": "connect", "endpoint": [{"type": "sip", "user": "a", "domain": "b", "headers": {"x": "y"}}]},
    {"action": "connect", "endpoint": [{"type": "app", "user": "alice"}]},
    {"action": "connect", "endpoint": [{"type": "vbc", "extension": "111"}]},
    {
        "action": "connect",
        "endpoint": [
            {
                "type": "websocket",
                "uri": "wss://example.com/socket",
                "content-type": "audio/l16;rate=16000",
                "headers": {"caller": "447700900333"},
            }
        ],
    },
    {"action": "conversation", "name": "a", "musicOnHoldUrl": ["https://example.com/a.mp3"], "canHear": []},
    {"action": "notify", "payload": {"a": 1}, "eventUrl": ["https://example.com/notify"]},
    {"action": "wait", "timeout": 1.5},
    {"action": "transfer", "conversationId": "CON-1"},
]


def test_a_document_as_the_server_writes_it_takes_the_quick_way() -> None:
    assert is_clean(MENU)
    assert check(MENU) == []


def test_actions_can_be_looked_at_without_their_order() -> None:
    transfer = {"action": "transfer", "conversationId": "CON-1"}

    assert each_is_clean([])
    assert each_is_clean([transfer, TALK])
    assert not each_is_clean([TALK, {"action": "talk"}])
    assert not each_is_clean([TALK | {"text": "<speak>"}])


@pytest.mark.parametrize(
    ("code", "path", "cure", "action"),
    [
        (
            "N110",
            "/0/endpoint",
            'Write an object: {"type": "phone", "number": "..."}, in square brackets.',
            {"action": "connect", "endpoint": "447700900001"},
        ),
        (
            "N110",
            "/0/streamUrl",
            "Write the whole URL, e.g. https://example.com/path, in square brackets.",
            {"action": "stream", "streamUrl": {"url": "https://example.com/a.mp3"}},
        ),
        (
            "N105",
            "/0/streamURL",
            'Write "streamUrl".',
            {"action": "stream", "streamURL": ["https://example.com/a.mp3"]},
        ),
        ("N105", "/0/txt", 'Did you mean "text"?', {"action": "talk", "txt": "Hello"}),
        ("N105", "/0/say", "Here it is called text.", {"action": "talk", "say": "Hello"}),
        ("N118", "/0/style", "Write a whole number.", TALK | {"style": 2.5}),
        (
            "N109",
            "/0/type/0",
            'Write "dtmf", "speech": each in quotes of its own.',
            {"action": "input", "type": ["dtmf,speech"], "dtmf": {}, "speech": {}},
        ),
        (
            "N110",
            "/0/type",
            'Write ["dtmf", "speech"].',
            {"action": "input", "type": "dtmf, speech", "dtmf": {}, "speech": {}},
        ),
    ],
)
def test_one_fault_is_one_issue(code: str, path: str, cure: str, action: dict[str, Any]) -> None:
    issue = only([action])

    assert (code, path, cure) == (issue.code, issue.path, issue.cure)


@pytest.mark.parametrize(
    ("codes", "action"),
    [
        (["N106", "N105"], {"action": "talk", "colour": "Hello"}),
        (["N106", "N105"], {"action": "talk", "txt": None}),
        (["N106", "N105"], {"action": "input", "maxDigits": 1}),
        (["N110", "N112"], {"action": "stream", "streamUrl": "a.mp3"}),
        (["N109", "N110"], {"action": "input", "type": "dtmf, video"}),
    ],
)
def test_two_faults_are_two_issues(codes: list[str], action: dict[str, Any]) -> None:
    assert codes == [issue.code for issue in check([action])]


def test_a_list_that_is_a_tuple_is_told_in_words_of_python() -> None:
    assert only((TALK,)).message == "The document is a tuple of Python, not a list."
