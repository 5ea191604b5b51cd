"""Languages that Vonage speaks and recognises. The lists age: what they do not hold is a warning, never an error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """The styles of one language.

    Attributes:
        styles: numbers of all its styles, standard and premium; None when they are not known.
        ssml_styles: those that know SSML; None when they are not known.
    """

    styles: frozenset[int] | None = None
    ssml_styles: frozenset[int] | None = None


def _voice(standard: str, premium: str, ssml: str) -> Voice:
    return Voice(_numbers(standard) | _numbers(premium), _numbers(ssml))


def _numbers(ranges: str) -> frozenset[int]:
    ends = [part.partition("-") for part in ranges.split(",") if part]
    return frozenset(number for low, _, high in ends for number in range(int(low), int(high or low) + 1))


def spans(numbers: frozenset[int]) -> list[str]:
    """The numbers in order, neighbours together: `["0 to 7", "9"]`."""
    starts = sorted(number for number in numbers if number - 1 not in numbers)
    ends = sorted(number for number in numbers if number + 1 not in numbers)
    return [f"{low}" if low == high else f"{low} to {high}" for low, high in zip(starts, ends, strict=True)]


VOICES: dict[str, Voice] = {
    "af-ZA": _voice("0", "", "0"),
    "ar": _voice("0-7", "1,3-4,7", "0-1,3-4,7"),
    "eu-ES": _voice("0", "", ""),
    "bn-IN": _voice("0-1", "0-1", "0-1"),
    "bg-BG": _voice("0", "", "0"),
    "ca-ES": _voice("0-2", "", "2"),
    "yue-CN": _voice("0", "", ""),
    "yue-HK": _voice("0-3", "", "0-3"),
    "cmn-CN": _voice("0-5", "1-2,4-5", "0-2,4-5"),
    "cmn-TW": _voice("0-3", "1-3", "1-3"),
    "cs-CZ": _voice("0-2", "0", "0"),
    "da-DK": _voice("0-5", "1,3-5", "0-5"),
    "nl-BE": _voice("0,2", "0,2", "0,2"),
    "nl-NL": _voice("0-6", "1-3,5-6", "0-6"),
    "en-AU": _voice("0-5", "1-2,4-5", "0-5"),
    "en-IN": _voice("0-6", "2-5", "0-5"),
    "en-ZA": _voice("0", "", ""),
    "en-GB": _voice("0-7,9", "2-3,5-7", "0-7"),
    "en-US": _voice("0-23", "5-6,10-14,20-22", "0-14,20-22"),
    "en-GB-WLS": _voice("0", "", "0"),
    "fil-PH": _voice("0-3", "0-3", "0-3"),
    "fi-FI": _voice("0-1", "0", "0"),
    "fr-CA": _voice("0-4", "1-4", "0-4"),
    "fr-FR": _voice("0-9", "2-4,6-7", "0-7"),
    "de-DE": _voice("0-10", "2,4-8", "0-8"),
    "el-GR": _voice("0-2", "0", "0"),
    "gu-IN": _voice("", "0-1", "0-1"),
    "he-IL": _voice("0", "", ""),
    "hi-IN": _voice("0-5", "1,3-5", "0-1,3-5"),
    "hu-HU": _voice("0-1", "0", "0"),
    "is-IS": _voice("0-2", "", "0-2"),
    "id-ID": _voice("0-4", "0,2-4", "0,2-4"),
    "it-IT": _voice("0-6", "2-3,5-6", "0-6"),
    "ja-JP": _voice("0-5", "1-2,4-5", "0-5"),
    "kn-IN": _voice("0-1", "", "0-1"),
    "ko-KR": _voice("0-5", "1-2,4-5", "0-2,4-5"),
    "lv-LV": _voice("0", "", "0"),
    "ms-MY": _voice("0-3", "0-3", "0-3"),
    "ml-IN": _voice("0-1", "0-1", "0-1"),
    "nb-NO": _voice("0-7", "1-5", "0-5"),
    "pl-PL": _voice("0-8", "2-4,7-8", "0-8"),
    "pt-BR": _voice("0-5", "1", "0-1,3,5"),
    "pt-PT": _voice("0-7", "1-2,6-7", "0-2,5-7"),
    "pa-IN": _voice("0-3", "0-3", "0-3"),
    "ro-RO": _voice("0-2", "2", "0,2"),
    "ru-RU": _voice("0-6", "1-3,5-6", "0-6"),
    "sr-RS": _voice("0", "", "0"),
    "sk-SK": _voice("0-1", "0", "0"),
    "es-MX": _voice("0", "", "0"),
    "es-ES": _voice("0-8", "5-6,8", "0-2,4-6,8"),
    "es-US": _voice("0-5", "3-5", "0-5"),
    "sv-SE": _voice("0-3", "1", "0-1"),
    "ta-IN": _voice("0-1", "0-1", "0-1"),
    "te-IN": _voice("0-1", "", "0-1"),
    "th-TH": _voice("0-1", "", "1"),
    "tr-TR": _voice("0-7", "1-3,5-6", "0-3,5-6"),
    "uk-UA": _voice("0", "0", "0"),
    "vi-VN": _voice("0-3", "0-3", "0-3"),
    "cy-GB": _voice("0", "", "0"),
    **dict.fromkeys(("de-AT", "en-GB-SCT", "en-IE", "en-NZ", "es-CO", "gl-ES", "lt-LT", "mr-IN", "no-NO"), Voice()),
}
"""Spoken languages: standard, premium and SSML styles. Source: Text-To-Speech guide, 2022; the last row: Java SDK."""

LANGUAGE_NAMES = {
    "arabic": "ar",
    "chinese": "cmn",
    "mandarin": "cmn",
    "cantonese": "yue",
    "catalan": "ca",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hindi": "hi",
    "hungarian": "hu",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "norwegian": "nb",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "turkish": "tr",
    "ukrainian": "uk",
    "welsh": "cy",
}
"""English names of languages, in small letters, and their codes. Source: ISO 639."""

_RECOGNISED = """
af-ZA sq-AL am-ET ar-DZ ar-BH ar-EG ar-IQ ar-IL ar-JO ar-KW ar-LB ar-MA ar-OM ar-QA ar-SA ar-PS ar-TN ar-AE hy-AM
az-AZ eu-ES bn-BD bn-IN bg-BG my-MM ca-ES yue-hant-HK cmn-hans-cn cmn-hant-TW hr-HR cs-CZ da-DK nl-BE nl-NL en-AU
en-CA en-GH en-IN en-IE en-KE en-NZ en-NG en-PH en-SG en-ZA en-TZ en-GB en-US et-EE fil-PH fi-FI fr-CA fr-FR gl-ES
ka-GE de-DE el-GR gu-IN he-IL hi-IN hu-HU is-IS id-ID it-IT ja-JP jv-ID kn-IN km-KH ko-KR lo-LA lv-LV lt-LT mk-MK
ms-MY ml-IN mr-IN mn-MN ne-NP nb-NO fa-IR pl-PL pt-BR pt-PT pa-guru-IN ro-RO ru-RU sr-RS si-LK sk-SK sl-SI es-AR
es-BO es-CL es-CO es-CR es-DO es-EC es-SV es-GT es-HN es-MX es-NI es-PA es-PY es-PE es-PR es-ES es-US es-UY es-VE
su-ID sw-KE sw-TZ sv-SE ta-IN ta-MY ta-SG ta-LK te-IN th-TH tr-TR uk-UA ur-IN ur-PK uz-UZ vi-VN zu-ZA zh zh-TW
"""

RECOGNISED: tuple[str, ...] = tuple(_RECOGNISED.split())
"""Recognised and transcribed languages. Source: speech recognition guide, 2022."""

VOICE_OF: dict[str, Voice] = {code.lower(): voice for code, voice in VOICES.items()}
"""By code in lower case, since case is not significant."""

IS_RECOGNISED: frozenset[str] = frozenset(code.lower() for code in RECOGNISED)
"""The codes in lower case."""
