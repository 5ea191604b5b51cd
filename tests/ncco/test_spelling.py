"""What an author may have meant."""

from __future__ import annotations

import pytest

from app.ncco import check
from app.ncco.spelling import FOREIGN_ACTIONS


def cure(action: dict[str, object]) -> str:
    (found,) = [issue.cure for issue in check([action]) if issue.code in ("N104", "N105", "N121")]
    return found


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("hangup", "the call ends with the array"),
        ("Hang-Up", "the call ends with the array"),
        ("reject", "the call ends with the array"),
        ("say", '"action": "talk"'),
        ("dial", '"action": "connect"'),
        ("gather", '"action": "input"'),
        ("prompt", '"action": "input"'),
        ("pause", '"action": "wait"'),
        ("play", '"action": "stream"'),
        ("redirect", "return the new NCCO"),
        ("pay", "withdrawn"),
        ("enqueue", '"action": "conversation"'),
        ("webhook", '"action": "notify"'),
        ("sendDigits", "dtmfAnswer"),
        ("voicemail", '"action": "record"'),
        ("answer", "the reply with the NCCO answers the call"),
        ("mute", "REST API"),
        ("stopRecording", "endOnSilence"),
        ("transcribe", '"transcription": {}'),
        ("websocket", '"type": "websocket"'),
        ("asr", '"action": "input"'),
        ("Talk", 'Write "talk".'),
        ("TALK", 'Write "talk".'),
        ("tallk", 'Did you mean "talk"?'),
        ("conect", 'Did you mean "connect"?'),
        ("warp", "Use record, conversation, connect, talk, stream, input, notify, wait or transfer."),
        ("", "Use record, conversation, connect, talk, stream, input, notify, wait or transfer."),
        ("x" * 100_000, "Use record, conversation, connect, talk, stream, input, notify, wait or transfer."),
    ],
)
def test_an_unknown_action_gets_a_cure(word: str, hint: str) -> None:
    assert hint in cure({"action": word})


@pytest.mark.parametrize("word", sorted(FOREIGN_ACTIONS))
def test_no_foreign_word_is_an_action_here(word: str) -> None:
    assert cure({"action": word}) == FOREIGN_ACTIONS[word]


TALK = {"action": "talk", "text": "Hello"}
INPUT = {"action": "input", "type": ["dtmf"]}
CONNECT = {"action": "connect", "endpoint": [{"type": "app", "user": "alice"}]}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (TALK | {"bargein": True}, 'Write "bargeIn".'),
        (TALK | {"barge_in": True}, 'Write "bargeIn".'),
        (TALK | {"langauge": "en-GB"}, 'Did you mean "language"?'),
        (TALK | {"message": "Hello"}, "Here it is called text."),
        (INPUT | {"event_url": []}, 'Write "eventUrl".'),
        (INPUT | {"eventURL": []}, 'Write "eventUrl".'),
        (INPUT | {"eventUrls": []}, 'Did you mean "eventUrl"?'),
        (INPUT | {"dtfm": {}}, 'Did you mean "dtmf"?'),
        (INPUT | {"maxDigits": 1}, '"maxDigits" belongs inside "dtmf".'),
        (INPUT | {"max_digits": 1}, '"maxDigits" belongs inside "dtmf".'),
        (INPUT | {"endOnSilence": 1}, '"endOnSilence" belongs inside "speech".'),
        (INPUT | {"numDigits": 1}, "Here it is called maxDigits inside dtmf."),
        (CONNECT | {"to": "447700900000"}, "Here it is called endpoint."),
        (CONNECT | {"number": "447700900000"}, '"number" belongs inside "endpoint".'),
        (CONNECT | {"type": "phone"}, '"type" belongs inside "endpoint".'),
        (CONNECT | {"content-type": "audio/l16;rate=8000"}, '"content-type" belongs inside "endpoint".'),
        (CONNECT | {"answerUrl": "https://a.example"}, 'Did you mean "onAnswer" inside "endpoint"?'),
        (CONNECT | {"record": True}, 'Put {"action": "record"} in front of the connect.'),
        (CONNECT | {"statusCallback": "https://a.example"}, "Here it is called eventUrl."),
        (INPUT | {"maxdigit": 1}, 'Did you mean "maxDigits" inside "dtmf"?'),
        (INPUT | {"bargeIn": True}, "An input says nothing: put it on a talk or a stream in front of the input."),
        (INPUT | {"dtmf": {"numDigits": 1}}, "Here it is called maxDigits."),
        ({"action": "input", "type": ["speech"], "speech": {"hints": ["a"]}}, "Here it is called context."),
        (TALK | {"speed": 2}, "Put it into the text: <speak><prosody rate='slow' pitch='low'>...</prosody></speak>."),
        ({"action": "notify", "payload": {}, "url": ["https://a.example"]}, "Here it is called eventUrl."),
        (
            {"action": "transfer", "to": "447700900000"},
            "transfer moves the call into a conversation, named by conversationId; to call somebody, use connect.",
        ),
        (CONNECT | {"beep_timeout": 45}, '"beep_timeout" belongs inside "advancedMachineDetection".'),
        ({"action": "record", "language": "en-GB"}, '"language" belongs inside "transcription".'),
        ({"action": "wait", "seconds": 1}, "Here it is called timeout."),
        ({"action": "wait", "zzzz": 1}, "Its options are timeout."),
    ],
)
def test_an_unknown_option_gets_a_cure(action: dict[str, object], expected: str) -> None:
    assert expected == cure(action)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ({"type": "pstn"}, 'Did you mean "phone"?'),
        ({"type": "Phone"}, 'Did you mean "phone"?'),
        ({"type": "websockets"}, 'Did you mean "websocket"?'),
        ({"type": "WSS"}, 'Did you mean "websocket"?'),
        ({"type": "carrier_pigeon"}, "Use phone, app, websocket, sip or vbc."),
        ({"type": 5}, "Use phone, app, websocket, sip or vbc."),
        ({"type": "phone", "number": "447700900001", "dtmfanswer": "1"}, 'Write "dtmfAnswer".'),
        ({"type": "phone", "number": "447700900001", "onanswer": {}}, 'Write "onAnswer".'),
        ({"type": "websocket", "uri": "wss://example.com", "contentType": "x"}, 'Write "content-type".'),
        ({"type": "vbc", "extension": "1", "ext": "1"}, "Here it is called extension."),
        ({"type": "sip", "user": "a", "host": "b"}, "Here it is called domain."),
        ({"type": "phone", "number": "447700900001", "onAnswer": {"answer_url": "x"}}, "Here it is called url."),
    ],
)
def test_an_endpoint_gets_a_cure(endpoint: dict[str, object], expected: str) -> None:
    assert expected == cure({"action": "connect", "endpoint": [endpoint]})


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ({"number": "447700900001"}, 'Add "type": "phone".'),
        ({"extension": "111"}, 'Add "type": "vbc".'),
        ({"uri": "wss://example.com/socket", "headers": {}}, 'Add "type": "websocket".'),
        ({"uri": "sip:a@example.com"}, 'Add "type": "sip".'),
        ({"user": "alice", "domain": "trunk"}, 'Add "type": "sip".'),
        ({"user": "alice"}, 'Add "type" with one of phone, app, websocket, sip, vbc.'),
        ({"uri": 5}, 'Add "type" with one of phone, app, websocket, sip, vbc.'),
        ({"uri": "example.com"}, 'Add "type" with one of phone, app, websocket, sip, vbc.'),
    ],
)
def test_an_endpoint_without_a_type_gets_a_cure(endpoint: dict[str, object], expected: str) -> None:
    (issue,) = check([{"action": "connect", "endpoint": [endpoint]}])

    assert ("N120", expected) == (issue.code, issue.cure)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (CONNECT | {"from": "+44 (0)7700 900000"}, 'Write "447700900000".'),
        (CONNECT | {"from": "+44 7700-900000"}, 'Write "447700900000".'),
        (CONNECT | {"from": "00447700900000"}, 'Write "447700900000".'),
        (CONNECT | {"from": "+447700900000"}, 'Write "447700900000".'),
        (CONNECT | {"from": 447700900000}, 'Write "447700900000".'),
        (CONNECT | {"timeout": "45"}, "Write 45 without quotes."),
        (CONNECT | {"timeout": 200}, "Write a whole number of seconds from 1 to 120."),
        (CONNECT | {"machineDetection": "Hangup"}, 'Did you mean "hangup"?'),
        (CONNECT | {"machineDetection": "zzz"}, 'Write "continue" or "hangup".'),
        (INPUT | {"eventUrl": ["example.com/ivr"]}, 'Write "https://example.com/ivr".'),
        (INPUT | {"eventUrl": ["wss://example.com/ivr"]}, 'Write "https://example.com/ivr".'),
        (
            INPUT | {"eventUrl": ["https://example.com:99999/ivr"]},
            "Write the whole URL, e.g. https://example.com/path.",
        ),
        (INPUT | {"eventUrl": [" https://example.com/ivr\n"]}, 'Write "https://example.com/ivr".'),
        (INPUT | {"eventUrl": ["<https://example.com/ivr>"]}, 'Write "https://example.com/ivr".'),
        (INPUT | {"eventUrl": ["https:/example.com/ivr"]}, 'Write "https://example.com/ivr".'),
        (INPUT | {"eventUrl": ["htps://example.com"]}, 'Write "https://example.com".'),
        (INPUT | {"eventUrl": ["//example.com/ivr"]}, 'Write "https://example.com/ivr".'),
        (INPUT | {"eventUrl": '["https://example.com"]'}, "Write the array itself, not text that holds it."),
        (INPUT | {"dtmf": '{"maxDigits": 1}'}, "Write the object itself, not text that holds it."),
        (INPUT | {"eventUrl": ["/ivr"]}, "Write the whole URL, e.g. https://example.com/path."),
        (INPUT | {"eventUrl": "https://example.com/ivr"}, 'Write ["https://example.com/ivr"].'),
        (INPUT | {"eventMethod": "post"}, 'Write "POST".'),
        (INPUT | {"dtmf": 1}, 'Write an object: {"timeOut": ...}.'),
        (TALK | {"loop": "yes"}, "Write a whole number, 0 or more, without quotes."),
        (TALK | {"style": "yes"}, "Write a whole number, without quotes."),
        (TALK | {"level": 5}, "Write a number from -1 to 1."),
        (TALK | {"premium": "TRUE"}, "Write true without quotes."),
        (TALK | {"language": "en_gb"}, "Write en-GB."),
        (TALK | {"language": "fr"}, "Write fr-FR or fr-CA."),
        (TALK | {"language": "en"}, "Write en-GB, en-US or en-AU."),
        (TALK | {"language": "en-UK"}, "Write en-GB, en-US or en-AU."),
        (TALK | {"language": "zh-TW"}, "Write cmn-TW or cmn-CN."),
        (TALK | {"language": "iw_IL"}, "Write he-IL."),
        (INPUT | {"mode": "async"}, 'Did you mean "asynchronous"?'),
        ({"action": "input", "type": ["asr"]}, 'Did you mean "speech"?'),
        (INPUT | {"eventUrl": []}, "Write one URL in the array, or leave the option out."),
        (TALK | {"language": "eo"}, "Check it against the Text-To-Speech guide."),
        ({"action": "connect", "endpoint": CONNECT["endpoint"][0]}, "Write [{ ... }]."),
        ({"action": "connect", "endpoint": [{"type": "sip", "uri": "a@b.example"}]}, 'Write "sip:a@b.example".'),
        ({"action": "notify", "eventUrl": ["https://example.com"]}, 'Add "payload": what the webhook receives'),
        ({"action": "talk", "text": "<speak>a & b</speak>"}, "Write & as &amp;."),
        ({"action": "talk", "text": "<speak>a <break time='1s'> b</speak>"}, "End the tag in itself: <break ... />."),
        ({"action": "talk", "text": "<speak>a <b> c</speak>"}, "Close every tag"),
    ],
    ids=str,
)
def test_a_wrong_value_gets_a_cure(action: dict[str, object], expected: str) -> None:
    assert [cure for cure in (issue.cure for issue in check([action])) if cure.startswith(expected)]
