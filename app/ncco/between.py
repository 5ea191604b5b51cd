"""Rules between the options of one action or endpoint. They stand any values, since the values may be wrong too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from app.ncco.issue import Issue, member
from app.ncco.kinds.objects import size_as_json
from app.ncco.kinds.plain import as_number, is_false, is_true
from app.ncco.kinds.writable import unwritable
from app.ncco.languages import VOICE_OF, spans
from app.ncco.rules import advice, option
from app.ncco.rules.manner import DISPUTED_VALUE, ODD_SIP_TARGET, UNUSUAL_SPELLING
from app.ncco.shown import listed, shown
from app.ncco.ssml import is_ssml, look_at_text

Options = Mapping[str, Any]
Issues = Iterable[Issue]
NONE: tuple[Issue, ...] = ()
LONGEST_PLAIN = 1500
"""Characters of a text without tags. Source: NCCO reference, Talk (text)."""
LARGEST_HEADERS = 512
"""Bytes of WebSocket metadata. Source: WebSocket guide."""
_URI_MARK = re.compile(r"[:/@\s]")
_NO_TOKEN = re.compile(r"[^\w.!%*+`'~-]|^$", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_HEADER = 8191
"""Characters of an Authorization header. Source: Java SDK."""
OTHER_AUDIO = (".ogg", ".oga", ".flac", ".aac", ".m4a", ".wma", ".aiff", ".amr", ".opus", ".webm", ".mp4", ".m3u8")


def channels_need_split(options: Options, path: str) -> Issues:
    """Source: NCCO reference, Record (channels)."""
    if options.get("channels") is None or options.get("split") is not None:
        return NONE
    return (option.CHANNELS_NEED_SPLIT.at(member(path, "channels"), "channels is given without split: conversation."),)


def mute_or_can_speak(options: Options, path: str) -> Issues:
    """Source: NCCO reference, Conversation (mute) and Transfer (mute)."""
    if options.get("canSpeak") is None or options.get("mute") is None:
        return NONE
    if is_true(options["mute"]):
        return (option.MUTE_OR_CAN_SPEAK.at(member(path, "mute"), "mute is true although canSpeak is given."),)
    if is_false(options["mute"]):
        return (advice.WITHOUT_EFFECT.at(member(path, "mute"), "mute is not supported beside canSpeak."),)
    return NONE


def transcription_needs_record(options: Options, path: str) -> Issues:
    """Source: NCCO reference, Conversation (transcription)."""
    if options.get("transcription") is None or is_true(options.get("record")):
        return NONE
    place = member(path, "transcription")
    return (option.TRANSCRIPTION_NEEDS_RECORD.at(place, "transcription is given, but record is not true."),)


def one_caller_number(options: Options, path: str) -> Issues:
    """`from` or `randomFromNumber`; a phone needs one. Source: NCCO reference, Connect (from, randomFromNumber)."""
    is_random = is_true(options.get("randomFromNumber"))
    if options.get("from") is None:
        if is_random or not _leads_to_phone(options):
            return NONE
        return (advice.PHONE_NEEDS_FROM.at(path, "connect calls a phone without from or randomFromNumber."),)
    if not is_random:
        return NONE
    place = member(path, "randomFromNumber")
    return (option.FROM_OR_RANDOM.at(place, "randomFromNumber is true although from is given."),)


def no_ringback_for_phones(options: Options, path: str) -> Issues:
    """Source: NCCO reference, Connect (ringbackTone)."""
    if options.get("ringbackTone") is None or not _leads_to_phone(options):
        return NONE
    place = member(path, "ringbackTone")
    return (advice.RINGBACK_ON_PHONE.at(place, "ringbackTone is given for a phone, whose carrier sends its own."),)


def _leads_to_phone(options: Options) -> bool:
    endpoints = options.get("endpoint")
    first = endpoints[0] if isinstance(endpoints, list) and endpoints else endpoints
    return isinstance(first, dict) and first.get("type") == "phone"


def sip_target(options: Options, path: str) -> Issues:
    """`uri`, or `user` with `domain`. Source: NCCO reference, SIP."""
    uri, user, domain = (options.get(name) is not None for name in ("uri", "user", "domain"))
    if uri and (user or domain):
        return (option.URI_OR_DOMAIN.at(path, "uri is given together with user or domain."),)
    if uri or (user and domain):
        return NONE
    if domain:
        return (ODD_SIP_TARGET.at(path, "domain is given without user.", 'Add "user".'),)
    if user:
        return (option.NO_SIP_TARGET.at(path, "user is given without domain.", 'Add "domain".'),)
    return (option.NO_SIP_TARGET.at(path, "The SIP endpoint has neither uri nor user and domain."),)


def sip_parts_are_names(options: Options, path: str) -> Iterable[Issue]:
    """`user` and `domain` are no URIs, a header is one line. Source: NCCO reference, SIP (user, domain, headers)."""
    for name in ("user", "domain"):
        value = options.get(name)
        if isinstance(value, str) and _URI_MARK.search(value):
            cure = f"Write the {name} alone, or the whole URI as uri."
            yield ODD_SIP_TARGET.at(
                member(path, name), f"{shown(value)} is not a name, but a URI or part of one.", cure
            )
    headers = options.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if _NO_TOKEN.search(str(name)) or (isinstance(value, str) and _CONTROL.search(value)):
            place = member(member(path, "headers"), name)
            yield advice.ODD_HEADER.at(place, "The name or the value of the header holds what no header can carry.")


def one_header_spelling(options: Options, path: str) -> Issues:
    """Our own choice: two spellings of one option at once are a slip."""
    if options.get("standardHeaders") is None or options.get("standard_headers") is None:
        return NONE
    return (UNUSUAL_SPELLING.at(path, "standardHeaders is given in two spellings.", "Leave out standard_headers."),)


def websocket_is_sound(options: Options, path: str) -> Iterable[Issue]:
    """Content type, size of the metadata, authorization. Source: WebSocket guide; Voice API specification."""
    authorization = options.get("authorization")
    if isinstance(authorization, dict) and authorization.get("type") == "custom" and not authorization.get("value"):
        place = member(path, "authorization")
        yield option.CUSTOM_NEEDS_VALUE.at(place, "The authorization is of type custom, but has no value.")
    value = authorization.get("value") if isinstance(authorization, dict) else None
    if isinstance(value, str) and (fault := _header_fault(value)):
        yield advice.ODD_HEADER.at(member(path, "authorization"), f"The value of the authorization {fault}.")
    if options.get("content-type") is None:
        yield advice.NO_CONTENT_TYPE.at(path, "The WebSocket endpoint has no content-type.")
    headers = options.get("headers")
    if isinstance(headers, dict) and (size := size_as_json(headers)) > LARGEST_HEADERS:
        place = member(path, "headers")
        yield advice.HEADERS_TOO_LARGE.at(place, f"The headers are {size} bytes; {LARGEST_HEADERS} is the most.")


def _header_fault(value: str) -> str | None:
    if len(value) > LONGEST_HEADER:
        return f"has {len(value)} characters; {LONGEST_HEADER} is the most"
    return None if value.isascii() and value.isprintable() else "holds a character that headers do not"


def is_plain_text(text: object) -> bool:
    """Whether any talk can say it, found the quick way: there is something in it, no tag, and it is short enough."""
    return isinstance(text, str) and "<" not in text and len(text) <= LONGEST_PLAIN and _is_written(text)


def _is_written(text: str) -> bool:
    return not text.isspace() and text != "" and (text.isascii() or unwritable(text) is None)


def talk_is_speakable(options: Options, path: str) -> Issues:
    """The text can be spoken in the style. Source: NCCO reference, Talk (text, style); Text-To-Speech guide."""
    text = options.get("text")
    if not isinstance(text, str):
        return _style_exists(options, path, ssml=False)
    if "<" not in text and len(text) <= LONGEST_PLAIN:
        return _style_exists(options, path, ssml=False) if "style" in options or "language" in options else NONE
    if unwritable(text) or not text.strip():
        return NONE
    return (*look_at_text(text, member(path, "text")), *_style_exists(options, path, ssml=is_ssml(text)))


def _style_exists(options: Options, path: str, *, ssml: bool) -> Issues:
    language = options.get("language")
    language = "en-US" if language is None else language
    style = as_number(options.get("style", 0))
    voice = VOICE_OF.get(language.lower()) if isinstance(language, str) else None
    if voice is None or voice.styles is None or voice.ssml_styles is None or style is None or style % 1:
        return NONE
    if style not in voice.styles and not (style == 0 and options.get("style") is None):
        cure = f"Write {listed(spans(voice.styles))}."
        return (advice.UNKNOWN_STYLE.at(member(path, "style"), f"{language} has no style {shown(style)}.", cure),)
    if ssml and style not in voice.ssml_styles:
        return (advice.STYLE_WITHOUT_SSML.at(member(path, "text"), f"Style {style} of {language} does not know SSML."),)
    return NONE


def stream_is_audio(options: Options, path: str) -> Issues:
    """Source: NCCO reference, Stream (streamUrl)."""
    urls = options.get("streamUrl")
    url = urls[0] if isinstance(urls, list) and urls else urls
    if not isinstance(url, str) or not url.partition("?")[0].lower().endswith(OTHER_AUDIO):
        return NONE
    return (advice.NOT_MP3_OR_WAV.at(member(path, "streamUrl"), "The file is neither mp3 nor wav by its name."),)


def settings_fit_the_input(options: Options, path: str) -> Iterable[Issue]:
    """Settings belong to a type that is asked for, and to synchronous mode. Source: NCCO reference, Input."""
    types = options.get("type")
    asked = types if isinstance(types, list) else [types]
    dtmf = options.get("dtmf")
    if options.get("mode") == "asynchronous":
        if isinstance(dtmf, dict) and any(setting is not None for setting in dtmf.values()):
            place = member(path, "dtmf")
            yield option.ASYNCHRONOUS_HAS_NO_SETTINGS.at(place, "dtmf has settings, but mode is asynchronous.")
        if "dtmf" not in asked and types is not None:
            yield advice.WITHOUT_EFFECT.at(member(path, "mode"), "mode applies to DTMF only, which type does not name.")
    for name in ("dtmf", "speech"):
        if options.get(name) and name not in asked and types is not None:
            cure = f'Add "{name}" to type, or leave {name} out.'
            yield advice.WITHOUT_EFFECT.at(member(path, name), f"{name} has settings, but type does not name it.", cure)


def one_target(options: Options, path: str) -> Issues:
    """Our own choice: two spellings of the target at once are a slip."""
    if options.get("conversationId") is None or options.get("conversation_id") is None:
        return NONE
    return (UNUSUAL_SPELLING.at(path, "conversationId is given in two spellings.", "Leave out conversation_id."),)


def one_ringback(options: Options, path: str) -> Issues:
    """Our own choice: the former name beside the present one is a slip."""
    answer = options.get("onAnswer")
    if not isinstance(answer, dict) or answer.get("ringbackTone") is None or answer.get("ringback") is None:
        return NONE
    place = member(path, "onAnswer")
    return (DISPUTED_VALUE.at(place, "ringback and ringbackTone are both given.", "Leave out ringback."),)
