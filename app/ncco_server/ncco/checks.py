"""Rules about the options of one object together, and about the order of the actions of one NCCO.

A rule accepts any values, even wrong ones. The paths of its issues are relative to the object.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from ncco_server.issue import Issue, fault, listed, pointer, shown
from ncco_server.ncco.languages import VOICES_BY_CODE, spans
from ncco_server.ncco.ssml import check_text, is_ssml
from ncco_server.ncco.value_types.kind import is_encodable, size_as_json
from ncco_server.ncco.value_types.phones import Phone
from ncco_server.ncco.value_types.scalars import as_number, is_false, is_true

RECORD_ENDS: Final = ("endOnKey", "endOnSilence", "timeOut")
"""Options that end a recording, so that the call waits for its end. Source: NCCO reference, Record."""

Options = Mapping[str, Any]

_OPEN_ENDED: Final = frozenset({"conversation", "connect", "wait"})


def is_open_ended(action: Options) -> bool:
    """Whether the caller, another party or a timeout can end an action at any time, so that its length is unknown.

    Source: NCCO reference, NCCO actions (synchronous) and Record (its conditions).
    """
    return action.get("action") in _OPEN_ENDED or _has_end(action)


def _has_end(action: Options) -> bool:
    """Only a `record` has one of these options."""
    return any(action.get(end) is not None for end in RECORD_ENDS)


MAX_HEADERS_BYTES = 512
"""Of WebSocket metadata. Source: WebSocket guide."""
MAX_AUTHORIZATION_CHARACTERS = 8191
"""Source: Java SDK."""
LONG_RECORD_S = 60
"""Our choice: a longer recording before a question is meant to run beside it."""
_OTHER_AUDIO = re.compile(r"\.(ogg|oga|flac|aac|m4a|wma|aiff|amr|opus|webm|mp4|m3u8)$", re.IGNORECASE)
_URI_MARK = re.compile(r"[:/@\s]")
_NOT_A_TOKEN = re.compile(r"[^\w.!%*+`'~-]|^$", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def channels_need_split(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Record (channels)."""
    if options.get("channels") is not None and options.get("split") is None:
        yield fault("N203", "channels is given without split: conversation.", path="/channels")


def mute_or_can_speak(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Conversation (mute) and Transfer (mute)."""
    if options.get("canSpeak") is None or options.get("mute") is None:
        return
    if is_true(options["mute"]):
        yield fault("N201", "mute is true although canSpeak is given.", path="/mute")
    elif is_false(options["mute"]):
        yield fault("N909", "mute is not supported together with canSpeak.", path="/mute")


def transcription_needs_record(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Conversation (transcription)."""
    if options.get("transcription") is not None and not is_true(options.get("record")):
        yield fault("N204", "transcription is given, but record is not true.", path="/transcription")


def provider_has_options(options: Options) -> Iterator[Issue]:
    """Source: official SDK for Ruby, which refuses a provider without them."""
    if options.get("provider") is not None and options.get("providerOptions") is None:
        yield fault("N922", "provider is given without providerOptions.", path="/provider")


def one_caller_number(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Connect (from, randomFromNumber)."""
    is_random = is_true(options.get("randomFromNumber"))
    if options.get("from") is None:
        if not is_random and _calls_a_phone(options):
            yield fault("N902", "connect calls a phone without from or randomFromNumber.")
    elif is_random:
        yield fault("N202", "randomFromNumber is true although from is given.", path="/randomFromNumber")


def caller_id(options: Options) -> Iterator[Issue]:
    """Only a phone refuses what is not a number. Source: NCCO reference, Connect (from)."""
    for issue in Phone().check(options["from"]) if options.get("from") is not None else ():
        if issue.code == "N113":
            code = "N113" if _calls_a_phone(options) else "N956"
            yield fault(code, issue.message, issue.fix, "/from")


def no_ringback_for_phones(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Connect (ringbackTone)."""
    if options.get("ringbackTone") is not None and _calls_a_phone(options):
        yield fault("N903", "ringbackTone is given for a phone, whose carrier sends its own.", path="/ringbackTone")


def _calls_a_phone(options: Options) -> bool:
    endpoints = options.get("endpoint")
    first = endpoints[0] if isinstance(endpoints, list) and endpoints else endpoints
    return isinstance(first, dict) and first.get("type") == "phone"


def sip_target(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, SIP."""
    uri, user, domain = (options.get(name) is not None for name in ("uri", "user", "domain"))
    if uri and (user or domain):
        yield fault("N205", "uri is given together with user or domain.")
    elif domain and not user:
        yield fault("N962", "domain is given without user.", 'Add "user".')
    elif user and not domain:
        yield fault("N206", "user is given without domain.", 'Add "domain": "pbx.example.com", the name of your trunk.')
    elif not uri and not user:
        yield fault("N206", "The SIP endpoint has neither uri nor user and domain.")


def sip_parts_are_names(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, SIP (user, domain, headers)."""
    for name in ("user", "domain"):
        value = options.get(name)
        if isinstance(value, str) and _URI_MARK.search(value):
            cure = f"Write the {name} alone, or the whole URI as uri."
            yield fault("N962", f"{shown(value)} is not a name, but a URI or part of one.", cure, f"/{name}")
    headers = options.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if _NOT_A_TOKEN.search(str(name)) or (isinstance(value, str) and _CONTROL.search(value)):
            message = "The header's name or value has characters that a header cannot have."
            yield fault("N920", message, path=f"/headers{pointer(name)}")


def websocket_handshake(options: Options) -> Iterator[Issue]:
    """Source: WebSocket guide; Voice API specification."""
    authorization = options.get("authorization")
    if isinstance(authorization, dict):
        value = authorization.get("value")
        if authorization.get("type") == "custom" and not value:
            yield fault("N208", "The authorization is of type custom, but has no value.", path="/authorization")
        if authorization.get("type") in (None, "vonage") and value is not None:
            cure = 'Add "type": "custom", or leave value out.'
            yield fault("N909", "value is ignored unless type is custom.", cure, "/authorization/value")
        if isinstance(value, str) and len(value) > MAX_AUTHORIZATION_CHARACTERS:
            limit = MAX_AUTHORIZATION_CHARACTERS
            message = f"The value of the authorization has {len(value)} characters; {limit} is the limit."
            yield fault("N920", message, path="/authorization")
        elif isinstance(value, str) and not (value.isascii() and value.isprintable()):
            message = "The value of the authorization has a character that a header cannot have."
            yield fault("N920", message, path="/authorization")
    if options.get("content-type") is None:
        yield fault("N919", "The WebSocket endpoint has no content-type.")
    headers = options.get("headers")
    if isinstance(headers, dict) and (size := size_as_json(headers)) > MAX_HEADERS_BYTES:
        yield fault("N918", f"The headers are {size} bytes; {MAX_HEADERS_BYTES} is the limit.", path="/headers")


def talk_can_be_spoken(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Talk (text, style); Text-To-Speech guide."""
    given = options.get("text")
    text = given if isinstance(given, str) and is_encodable(given) else ""
    yield from (issue.inside("text") for issue in check_text(text))
    yield from _style_exists(options, ssml=is_ssml(text))


def _style_exists(options: Options, *, ssml: bool) -> Iterator[Issue]:
    language = options.get("language")
    language = "en-US" if language is None else language
    style = as_number(options.get("style", 0))
    voice = VOICES_BY_CODE.get(language.lower()) if isinstance(language, str) else None
    if voice is None or not voice.styles or style is None or style % 1:
        return
    if style not in voice.styles:
        cure = f"Write {listed(spans(voice.styles))}."
        yield fault("N907", f"{language} has no style {shown(style)}.", cure, "/style")
    elif ssml and style not in voice.ssml_styles:
        styles = spans(voice.ssml_styles)
        cure = f"Write style {listed(styles)}, or plain text." if styles else "Write plain text."
        yield fault("N908", f"Style {style} of {language} does not support SSML.", cure, "/text")


def stream_is_audio(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Stream (streamUrl)."""
    urls = options.get("streamUrl")
    url = urls[0] if isinstance(urls, list) and urls else urls
    if isinstance(url, str) and _OTHER_AUDIO.search(url.partition("?")[0]):
        yield fault("N917", "Judging by its name, the file is neither mp3 nor wav.", path="/streamUrl")


def settings_fit_the_input(options: Options) -> Iterator[Issue]:
    """Source: NCCO reference, Input."""
    types = options.get("type")
    asked = types if isinstance(types, list) else [types]
    dtmf = options.get("dtmf")
    if options.get("mode") == "asynchronous":
        if isinstance(dtmf, dict) and any(setting is not None for setting in dtmf.values()):
            yield fault("N207", "dtmf has settings, but mode is asynchronous.", path="/dtmf")
        if "dtmf" not in asked and types is not None:
            yield fault("N909", "mode applies only to DTMF, which type does not include.", path="/mode")
    for name in ("dtmf", "speech"):
        if options.get(name) and name not in asked and types is not None:
            cure = f'Add "{name}" to type, or leave {name} out.'
            yield fault("N909", f"{name} has settings, but type does not include it.", cure, f"/{name}")


def one_ringback(options: Options) -> Iterator[Issue]:
    """Our choice: `ringback` is the former name of `ringbackTone`."""
    answer = options.get("onAnswer")
    if isinstance(answer, dict) and answer.get("ringbackTone") is not None and answer.get("ringback") is not None:
        yield fault("N956", "ringback and ringbackTone are both given.", "Leave out ringback.", "/onAnswer")


PROMPTS = ("talk", "stream")
UNKNOWN = "?"
"""An unknown action, after which the order cannot be checked."""


def check_order(actions: Sequence[object], known: Collection[str]) -> Iterator[Issue]:
    names = [_name(action, known) for action in actions]
    yield from _barge_in_needs_input(actions, names)
    if "transfer" in names[:-1]:
        path = pointer(names.index("transfer") + 1)
        yield fault("N302", "transfer ends this NCCO, so this action never runs.", path=path)
    yield from _nothing_after_endless_loop(actions, names)
    yield from _last_record_has_time(actions, names)
    yield from _no_long_record_before_input(actions, names)


def _name(action: object, known: Collection[str]) -> str:
    name = action.get("action") if isinstance(action, dict) else None
    return name if isinstance(name, str) and name in known else UNKNOWN


def _barge_in_needs_input(actions: Sequence[Any], names: Sequence[str]) -> Iterator[Issue]:
    """An input must directly follow the prompts that it can interrupt.

    They may be one or more talks, or one or more streams. A mixture causes only a warning. Source: NCCO reference, Talk
    (bargeIn) and Stream (bargeIn).
    """
    index = 0
    while index < len(names):
        if names[index] in PROMPTS and is_true(actions[index].get("bargeIn")):
            end = next((at for at in range(index, len(names)) if names[at] not in PROMPTS), len(names))
            follower = [*names, "nothing"][end]
            path = f"/{index}/bargeIn"
            if follower not in ("input", UNKNOWN):
                yield fault("N301", f"bargeIn waits for an input, but {follower} follows.", path=path)
            elif follower == "input" and len(set(names[index:end])) > 1:
                yield fault("N911", "talk and stream are mixed between bargeIn and its input.", path=path)
            index = end
        index += 1


def _nothing_after_endless_loop(actions: Sequence[Any], names: Sequence[str]) -> Iterator[Issue]:
    """Loop 0 ends only if the caller interrupts it. Source: NCCO reference, Talk (loop) and Stream (loop)."""
    is_interruptible = False
    for index, name in enumerate(names[:-1]):
        if name == "input":
            is_interruptible = False
        if name not in PROMPTS:
            continue
        is_interruptible = is_interruptible or is_true(actions[index].get("bargeIn"))
        if as_number(actions[index].get("loop")) == 0 and not is_interruptible:
            prompt = next((at for at in range(index + 1, len(names)) if names[at] in PROMPTS), None)
            if prompt is None:
                message = f"The {name} loops forever, so what follows is never reached."
                yield fault("N912", message, path=f"/{index + 1}")
            else:
                message = f"The {name} loops forever, so what follows is never heard."
                yield fault("N303", message, path=f"/{prompt}")
            return


def _last_record_has_time(actions: Sequence[Any], names: Sequence[str]) -> Iterator[Issue]:
    """A record without an end condition lasts as long as the call, which does not wait for it.

    With a beep it is meant to take a message, but the call ends before anybody can leave one. Source: NCCO
    reference, Record.
    """
    last = max((at for at, name in enumerate(names) if name not in PROMPTS), default=None)
    if last is None or names[last] != "record":
        return
    record = actions[last]
    prompts = actions[last + 1 :]
    if _has_end(record):
        return
    if not prompts:
        yield fault("N913", "The call ends as soon as this recording has begun.", path=f"/{last}")
        return
    is_endless = any(as_number(prompt.get("loop")) == 0 for prompt in prompts)
    if is_true(record.get("beepStart")) and not is_endless:
        cure = 'Add "timeOut": 60, endOnSilence or endOnKey, so that the call waits for the message.'
        yield fault("N913", "What follows does not wait for this recording, and ends the call.", cure, f"/{last}")


def _no_long_record_before_input(actions: Sequence[Any], names: Sequence[str]) -> Iterator[Issue]:
    """A record with an end condition is synchronous, so the input waits for its end. Source: NCCO reference, Record."""
    for index, name in enumerate(names):
        if name != "record" or "input" not in names[index:]:
            continue
        record = actions[index]
        seconds = as_number(record.get("timeOut"))
        is_short = seconds is None or seconds <= LONG_RECORD_S
        if not is_short and record.get("endOnKey") is None and record.get("endOnSilence") is None:
            message = f"Keys do nothing for {shown(seconds)} seconds: the input begins when this recording ends."
            yield fault("N924", message, path=f"/{index}/timeOut")
