"""What an author may have meant: near misses, other cases, and words of other platforms."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from app.ncco.suggest import nearest

_SAY = 'Vonage speaks with talk: {"action": "talk", "text": "..."}.'
_PLAY = 'Vonage plays audio with stream: {"action": "stream", "streamUrl": ["https://..."]}.'
_ASK = 'Vonage asks for keys and speech with input: {"action": "input", "type": ["dtmf"]}, after a talk that prompts.'
_DIAL = (
    "Vonage calls somebody with connect: "
    '{"action": "connect", "from": "...", "endpoint": [{"type": "phone", "number": "..."}]}.'
)
_REACH = "Vonage reaches it with connect"
_END = "There is no such action: leave it out, since the call ends with the array (an empty array ends it at once)."
_PAUSE = 'Vonage pauses with wait: {"action": "wait", "timeout": 1}; inside a text with SSML: <break time=\'1s\'/>.'
_QUEUE = (
    'Vonage lets callers wait in a conversation: {"action": "conversation", "name": "...", "musicOnHoldUrl": "..."}.'
)
_GO = "An NCCO cannot fetch another: return the new NCCO in the reply to an input, notify or connect webhook."
_TELL = 'Vonage calls your webhook with notify: {"action": "notify", "payload": {}, "eventUrl": ["https://..."]}.'
_TONES = "Vonage sends keys when a connected phone answers: dtmfAnswer in the phone endpoint."
_PAY = "Vonage has withdrawn the pay action; take the payment outside the call."
_ANSWER = "There is no such action: leave it out, since the reply with the NCCO answers the call."
_CONTROL = "An NCCO has no such action: mute and earmuff a running call through the REST API."
_STOP = "A recording ends with endOnSilence, endOnKey or timeOut of its record, else with the call."
_TRANSCRIBE = 'Vonage transcribes recordings: {"action": "record", "transcription": {}}.'
_RECORD = 'Vonage records with {"action": "record"}; with endOnSilence, endOnKey or timeOut it waits for the message.'

ACTION_HINTS: dict[str, str] = {
    **dict.fromkeys(("say", "speak", "tts", "speech", "announce", "message", "text"), _SAY),
    **dict.fromkeys(("playtext", "playtts", "voice", "speaktext"), _SAY),
    **dict.fromkeys(("play", "playback", "audio", "playaudio", "music", "playfile"), _PLAY),
    **dict.fromkeys(("gather", "prompt", "getdigits", "collect", "dtmf", "getinput", "menu", "ask", "listen"), _ASK),
    **dict.fromkeys(("asr", "digits", "keypad", "collectinput", "collectdigits", "transcribespeech"), _ASK),
    **dict.fromkeys(("dial", "call", "bridge", "forward", "number", "phone"), _DIAL),
    **{
        name: f'{_REACH}: {{"action": "connect", "endpoint": [{{"type": "{name}", ...}}]}}.'
        for name in ("app", "websocket", "sip", "vbc")
    },
    **dict.fromkeys(("answer", "accept", "pickup"), _ANSWER),
    **dict.fromkeys(("mute", "unmute", "earmuff", "unearmuff"), _CONTROL),
    **dict.fromkeys(("stoprecording", "recordstop", "endrecording"), _STOP),
    **dict.fromkeys(("transcribe", "transcription"), _TRANSCRIBE),
    **dict.fromkeys(("hangup", "end", "reject", "disconnect", "exit", "stop", "terminate", "decline", "leave"), _END),
    **dict.fromkeys(("pause", "sleep", "delay", "break", "silence"), _PAUSE),
    **dict.fromkeys(("joinconference", "joinconversation", "joinroom"), _QUEUE),
    **dict.fromkeys(("conference", "room", "queue", "enqueue", "hold", "dequeue", "park"), _QUEUE),
    **dict.fromkeys(("redirect", "goto", "jump", "fetch", "include"), _GO),
    **dict.fromkeys(("webhook", "event", "callback", "http", "request", "notification"), _TELL),
    **dict.fromkeys(("senddigits", "playdtmf", "senddtmf"), _TONES),
    **dict.fromkeys(("pay", "payment"), _PAY),
    **dict.fromkeys(("recording", "voicemail", "recordcall", "startrecording"), _RECORD),
}
"""By folded name: what an action of another platform is called here. `connect`, `record`, `stream` mean the same."""

ENDPOINT_NAMES: dict[str, str] = {
    **dict.fromkeys(("pstn", "tel", "number", "mobile", "landline"), "phone"),
    **dict.fromkeys(("ws", "wss", "socket"), "websocket"),
    **dict.fromkeys(("user", "client", "webrtc", "rtc"), "app"),
    **dict.fromkeys(("extension", "vonagebusinesscloud"), "vbc"),
}
"""By folded name: what an endpoint type of another platform is called here."""

_CALLBACKS = ("url", "callback", "callbackurl", "webhook", "webhookurl", "statuscallback", "actionurl", "recordingurl")
_CALLED = ("to", "number", "endpoint", "destination", "phone")

OPTION_NAMES: dict[str, dict[str, str]] = {
    "talk": {
        **dict.fromkeys(("message", "say", "speech", "content", "value", "ssml", "talk"), "text"),
        **dict.fromkeys(("lang", "locale"), "language"),
        **dict.fromkeys(("voice", "voiceid", "gender"), "language and style"),
        **dict.fromkeys(("volume",), "level"),
        **dict.fromkeys(("repeat", "times"), "loop"),
        **dict.fromkeys(("interruptible", "interrupt"), "bargeIn"),
    },
    "stream": {
        **dict.fromkeys(("url", "audiourl", "audio", "file", "src", "uri", "streamurls"), "streamUrl"),
        **dict.fromkeys(("volume",), "level"),
        **dict.fromkeys(("repeat", "times"), "loop"),
    },
    "connect": {
        **dict.fromkeys(("to", "destination", "endpoints", "target"), "endpoint"),
        **dict.fromkeys(("callerid", "fromnumber"), "from"),
        **dict.fromkeys(("ringingtimer", "ringtimeout"), "timeout"),
        **dict.fromkeys(("timelimit", "lengthtimer", "maxduration"), "limit"),
        **dict.fromkeys(("ringback",), "ringbackTone"),
        **dict.fromkeys(("amd",), "machineDetection"),
        **dict.fromkeys(_CALLBACKS[1:], "eventUrl"),
    },
    "conversation": {
        **dict.fromkeys(("room", "conference", "conversationname"), "name"),
        **dict.fromkeys(("waiturl", "holdmusic", "musiconhold"), "musicOnHoldUrl"),
        **dict.fromkeys(("muted",), "mute"),
        **dict.fromkeys(("startconferenceonenter",), "startOnEnter"),
        **dict.fromkeys(("endconferenceonexit",), "endOnExit"),
        **dict.fromkeys(_CALLBACKS[1:], "eventUrl"),
    },
    "input": {
        **dict.fromkeys(("numdigits",), "maxDigits inside dtmf"),
        **dict.fromkeys(("finishonkey",), "submitOnHash inside dtmf"),
        **dict.fromkeys(("hints",), "context inside speech"),
        **dict.fromkeys(("inputtype", "types"), "type"),
        **dict.fromkeys(_CALLBACKS, "eventUrl"),
    },
    "dtmf": {
        **dict.fromkeys(("numdigits", "max", "length"), "maxDigits"),
        **dict.fromkeys(("finishonkey", "terminator"), "submitOnHash"),
        **dict.fromkeys(("interdigittimeout", "digittimeout"), "timeOut"),
    },
    "speech": {
        **dict.fromkeys(("hints", "phrases", "keywords", "words", "grammar"), "context"),
        **dict.fromkeys(("lang", "locale"), "language"),
        **dict.fromkeys(("maxlength", "maxtime"), "maxDuration"),
        **dict.fromkeys(("record", "saverecording"), "saveAudio"),
    },
    "record": {
        **dict.fromkeys(("maxlength", "maxduration"), "timeOut"),
        **dict.fromkeys(("finishonkey",), "endOnKey"),
        **dict.fromkeys(("playbeep", "beep"), "beepStart"),
        **dict.fromkeys(("transcribe",), "transcription"),
        **dict.fromkeys(_CALLBACKS, "eventUrl"),
    },
    "transcription": {
        **dict.fromkeys(("lang", "locale"), "language"),
        **dict.fromkeys(("sentiment",), "sentimentAnalysis"),
        **dict.fromkeys(_CALLBACKS, "eventUrl"),
    },
    "notify": {
        **dict.fromkeys(("body", "data", "content", "message"), "payload"),
        **dict.fromkeys(_CALLBACKS, "eventUrl"),
    },
    "wait": dict.fromkeys(("duration", "seconds", "length", "time", "delay"), "timeout"),
    "transfer": dict.fromkeys(("conversation", "conversationuuid", "name", *_CALLED), "conversationId"),
    "phone endpoint": {
        **dict.fromkeys(("to", "phone", "phonenumber", "msisdn"), "number"),
        **dict.fromkeys(("senddigits", "dtmf", "digits"), "dtmfAnswer"),
    },
    "websocket endpoint": {
        **dict.fromkeys(("url", "address"), "uri"),
        **dict.fromkeys(("codec", "mimetype"), "content-type"),
        **dict.fromkeys(("auth", "token"), "authorization"),
        **dict.fromkeys(("metadata",), "headers"),
    },
    "sip endpoint": {
        **dict.fromkeys(("url", "address", "sip", "number"), "uri"),
        **dict.fromkeys(("username",), "user"),
        **dict.fromkeys(("host", "trunk"), "domain"),
        **dict.fromkeys(("usertouser",), "User-to-User inside standardHeaders"),
    },
    "onAnswer": dict.fromkeys(("uri", "answerurl", "nccourl"), "url"),
    "vbc endpoint": dict.fromkeys(("number", "ext"), "extension"),
    "app endpoint": dict.fromkeys(("username", "name"), "user"),
}
"""By shape and folded name: what an option of another platform is called here."""

_PROMPT = "An input says nothing: put it on a talk or a stream in front of the input."
_RECORD_FIRST = 'Put {"action": "record"} in front of the connect.'
_SSML = "Put it into the text: <speak><prosody rate='slow' pitch='low'>...</prosody></speak>."
_NOT_A_CALL = "transfer moves the call into a conversation, named by conversationId; to call somebody, use connect."

OPTION_HINTS: dict[str, dict[str, str]] = {
    "input": dict.fromkeys(("bargein", "text", "say", "prompt", "message", "loop", "streamurl"), _PROMPT),
    "connect": dict.fromkeys(("record", "recording"), _RECORD_FIRST),
    "talk": dict.fromkeys(("rate", "speed", "pitch", "prosody"), _SSML),
    "transfer": dict.fromkeys(_CALLED, _NOT_A_CALL),
}
"""By shape and folded name: what belongs in another place, and the cure."""


def folded(word: object) -> str:
    """The word in lower case without anything but letters and digits: `event_url` and `EventURL` fold alike."""
    return re.sub(r"[\W_]+", "", str(word)).lower()


def near(word: object, names: Collection[str]) -> str | None:
    """The name that the word was meant to be: another case or spelling of it, or one with a letter or two wrong."""
    return nearest(str(word)[:80], names)


def meant_action(word: str, names: Collection[str]) -> str | None:
    """The cure for an unknown action, of those with these names; None when nothing is known about the word."""
    target = folded(word)
    by_fold = {folded(name): name for name in names}
    if target in by_fold:
        return f'Write "{by_fold[target]}".'
    if target in ACTION_HINTS:
        return ACTION_HINTS[target]
    name = near(word, names)
    return f'Did you mean "{name}"?' if name else None


def meant_name(word: object, title: str, names: Collection[str], inside: Mapping[str, str]) -> str | None:
    """The option that an unknown one was meant to be; None when that is not known. For the arguments see below."""
    target = folded(word)
    foreign = OPTION_NAMES.get(title, {}).get(target)
    same = next((name for name in names if folded(name) == target), None)
    if same or any(folded(name) == target for name in inside):
        return same
    return foreign if foreign is not None else near(word, names)


def meant_option(word: object, title: str, names: Collection[str], inside: Mapping[str, str]) -> str | None:
    """The cure for an unknown option of the shape called `title`; None when nothing is known about the word.

    Args:
        word: the option as written.
        title: the shape's title, e.g. `talk`.
        names: the shape's options.
        inside: options of nested objects, and the option that holds each.
    """
    target = folded(word)
    same = next((name for name in names if folded(name) == target), None)
    if same:
        return f'Write "{same}".'
    nested = next((name for name in inside if folded(name) == target), None)
    if nested:
        return f'"{nested}" belongs inside "{inside[nested]}".'
    if target in OPTION_HINTS.get(title, {}):
        return OPTION_HINTS[title][target]
    if target in OPTION_NAMES.get(title, {}):
        return f"Here it is called {OPTION_NAMES[title][target]}."
    return _near_cure(word, names, inside)


def _near_cure(word: object, names: Collection[str], inside: Mapping[str, str]) -> str | None:
    if name := near(word, names):
        return f'Did you mean "{name}"?'
    name = near(word, inside)
    return f'Did you mean "{name}" inside "{inside[name]}"?' if name else None
