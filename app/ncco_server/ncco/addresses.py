"""The kinds of values for keys, Identity headers and SIP URIs."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from ncco_server.issue import RULES, Fix, Issue, fault, listed, shown, wrong_type
from ncco_server.ncco.value_types import Escape, JsonSchema, PlainText
from ncco_server.ncco.value_types.addresses import as_digits, digits_as_number


@dataclass(frozen=True)
class Keys(PlainText):
    """One key that ends a recording, or several to send. A JSON number causes a warning.

    Attributes:
        code: the rule for invalid text.
        pattern: a regular expression for the whole text, without anchors.
        may_be_blank: whether empty text causes only a warning.
    """

    code: str
    pattern: str
    may_be_blank: bool = False
    escape: Escape = field(default="number", compare=False, kw_only=True)

    def check(self, value: object) -> list[Issue]:
        text = as_digits(value)
        if not isinstance(text, str):
            return [wrong_type(value, "text", RULES[self.code].fix)]
        if text == "" and self.may_be_blank:
            return [fault("N914", "There is nothing to send.", "Write the keys, or leave the option out.")]
        if re.fullmatch(self.pattern, text):
            return digits_as_number(value, text)
        title = RULES[self.code].title
        meant = re.sub(r"[^0-9*#p]", "", text.lower().replace("w", "p").replace(",", "pppp"))
        cure = f'Write "{meant}".' if re.fullmatch(self.pattern, meant) else None
        return [fault(self.code, f"{shown(text)}: {title[0].lower()}{title[1:]}", cure)]

    def normalised(self, value: object) -> object:
        return as_digits(value)

    def json_schema(self) -> JsonSchema:
        empty = "|" if self.may_be_blank else ""
        return {"type": ["string", "integer"], "pattern": f"^(?:{self.pattern}{empty})$", "minimum": 0}


END_KEY = Keys("N116", "[0-9*#]")
TONES = Keys("N115", "[0-9*#p]+", may_be_blank=True)

_JWT = r"[\w-]+\.[\w-]+\.[\w-]+"
_PARAMETERS = {"info": r"<\S+>", "alg": r'"?[A-Za-z0-9]+"?', "ppt": '"?shaken"?'}


@dataclass(frozen=True)
class Shaken(PlainText):
    """The content of a STIR/SHAKEN Identity header: a JWT, followed by info, alg and ppt.

    Source: NCCO reference, Connect (shaken).
    """

    escape: Escape = field(default="header", compare=False, kw_only=True)

    def check(self, value: object) -> list[Issue]:
        if not isinstance(value, str):
            return [wrong_type(value, "text", RULES["N123"].fix)]
        token, *rest = (part.strip() for part in value.split(";"))
        given = {name.strip().lower(): entry.strip() for name, _, entry in (part.partition("=") for part in rest)}
        missing = [] if re.fullmatch(_JWT, token) else ["a JWT of header, payload and signature"]
        missing += [name for name, form in _PARAMETERS.items() if not re.fullmatch(form, given.get(name, ""))]
        return [fault("N123", f"The Identity header lacks {listed(missing, 'and')}.")] if missing else []

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": rf"^\s*{_JWT}\s*;"}


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_SIP = re.compile(r"(sips?):(?:([^@\s]+)@)?([\w.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[;?]\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class SipUri(PlainText):
    """A SIP URI, sip:user@host. A missing user or the scheme sips causes a warning."""

    escape: Escape = field(default="url", compare=False, kw_only=True)

    def check(self, value: object) -> list[Issue]:
        if not isinstance(value, str):
            return [wrong_type(value, "a SIP URI", RULES["N114"].fix)]
        found = _SIP.fullmatch(value)
        if not found:
            bare = re.fullmatch(r"[^\s@:]+@[\w.-]+", value)
            cure = Fix(f'Write "sip:{value}".', "word", f"sip:{value}") if bare and len(value) < 200 else None
            return [fault("N114", f"{shown(value)} is not of the form sip:user@host.", cure)]
        scheme, slashes, rest = value.partition("//")
        if slashes and scheme.endswith(":"):
            fix = Fix(f'Write "{scheme}{rest}".', "word", f"{scheme}{rest}")
            return [fault("N962", f"{shown(value)} has slashes after its scheme.", fix)]
        if found[2] is None or found[1].lower() != "sip":
            return [fault("N962", f"{shown(value)} is not of the form sip:user@host.")]
        return []

    def json_schema(self) -> JsonSchema:
        return {"type": "string", "pattern": "^[sS][iI][pP][sS]?:\\S+$"}
