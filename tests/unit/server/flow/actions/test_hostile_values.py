"""A value from a caller fills a field but never adds an action, a field or a tag."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.errors import RenderError
from tests.unit.server.flow.actions.reading_parts import CALL, NAMES, parts_of, play

DO = """
    - talk: "Hello {{ caller }}."
    - talk: "<speak>Hello <break time='1s'/>{{ caller }}</speak>"
    - talk: {template: greeting.j2}
    - notify: {caller: "{{ caller }}", list: ["{{ caller }}"]}
    - conversation: "room-{{ caller }}"
      canHear: ["{{ caller }}"]
    - ncco: list.json.j2
"""
TEMPLATES = {
    "greeting.j2": "{% if caller %}Hello {{ caller }}.{% endif %}",
    "list.json.j2": '[{"action": "notify", "payload": {"caller": "{{ caller }}"}}, {"action": "wait"}]',
}
ADDRESSED = ("- stream: 'https://example.com/{{ caller }}.mp3'", "- connect: 'sip:{{ caller }}@pbx.example.com'")
HEADED = "- connect: {user: a, domain: pbx, headers: {caller: '{{ caller }}'}}"
HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "<break time='9s'/>",
            "</speak><speak>",
            '", "loop": 0, "x": "',
            '"}, {"action": "connect"}, {"',
            "{{ call.from }}",
            "{% raw %}",
            "../../admin?x=1#y",
            "@evil.example.com",
            "a\r\nX-Evil: 1",
            "&lt;break/&gt;",
            "\\",
            "\u2028",
        ]
    ),
)
PLAIN = parts_of(DO, templates=TEMPLATES)
TARGETS = [parts_of(item) for item in ADDRESSED]
HEADERS = parts_of(HEADED)
PATHS_THAT_ARE_REFUSED = re.compile(r"[\x00-\x1f\x7f]|(^|[/\\])\.")
"""E393: a server may decode them before it looks where they lead."""


def outline(value: Any) -> Any:
    """The keys and types of an action, without its texts."""
    if isinstance(value, dict):
        return {key: outline(inner) for key, inner in value.items()}
    return [outline(inner) for inner in value] if isinstance(value, list) else type(value).__name__


def with_caller(text: str) -> dict[str, Any]:
    return {**NAMES, "caller": text, "call": {**CALL, "from_user": text}}


EXPECTED = outline(play(PLAIN))


@given(text=HOSTILE)
def test_hostile_text_changes_no_structure(text: str) -> None:
    actions = play(PLAIN, names=with_caller(text))

    assert EXPECTED == outline(actions)
    assert [0, 3, 0] == [len(re.findall("<", action["text"])) for action in actions[:3]]
    assert text == actions[3]["payload"]["caller"]
    assert len(text) == len(actions[5]["payload"]["caller"])


@pytest.mark.parametrize("parts", TARGETS)
@given(text=HOSTILE.filter(lambda text: not PATHS_THAT_ARE_REFUSED.search(text)))
def test_hostile_text_stays_within_its_part_of_an_address(parts: Any, text: str) -> None:
    (action,) = play(parts, names=with_caller(text))
    address = action["streamUrl"][0] if "streamUrl" in action else action["endpoint"][0]["uri"]

    assert re.fullmatch(r"https://example\.com/[^/?#\s]*\.mp3|sip:[^@/?#;\s]*@pbx\.example\.com", address)


@given(text=HOSTILE)
def test_hostile_text_adds_no_header(text: str) -> None:
    try:
        (action,) = play(HEADERS, names=with_caller(text))
    except RenderError:
        return

    assert {"caller": text} == action["endpoint"][0]["headers"]
    assert not re.search(r"[\r\n]", text)
