"""Hostile values stay values in every place."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as Xml

from hypothesis import example, given
from hypothesis import strategies as st

from ncco_server.errors import RenderError
from ncco_server.flow.templates.values import Value
from ncco_server.ncco.value_types import TYPES, Escape
from tests.support.cases import each_case
from tests.support.examples import examples
from tests.unit.server.flow.tables import table
from tests.unit.server.flow.templates.cases import NAMES, custom, make, names, refusal, rendered, value

NASTY = st.sampled_from(
    [
        "<break time='9s'/>",
        "</speak>",
        "<speak>",
        '"}, {"action": "connect',
        "\\",
        '\\"',
        "../..",
        "?x=1#y",
        "@evil.example.com/",
        "\r\nX-Evil: 1",
        "\x00",
        "\u2028",
        "\ud800",
        "&lt;x&gt;",
        "]]>",
        "{{ call.to }}",
        "{% if vip %}",
        "' onload='x",
        "+44 20",
        "\uffff",
    ]
)
HOSTILE = st.lists(NASTY | st.text(max_size=8), max_size=4).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=4,
)
ANYTHING = "{{ call.custom_data.x }}"
TAG = re.compile(r"<[^>]*>")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def shape_of(document: Any) -> Any:
    """A JSON document without its texts."""
    if isinstance(document, dict):
        return {key: shape_of(item) for key, item in document.items()}
    if isinstance(document, list):
        return [shape_of(item) for item in document]
    return "" if isinstance(document, str) else document


SPOKEN = [
    value(source)
    for source in (
        *("Hi {{ ticket }}!", "{{ ticket }}", "{% if vip %}{{ ticket }}{% endif %}"),
        *("a < {{ ticket }}", "a <b> ]]>"),
    )
]


@given(HOSTILE)
def test_plain_speech_never_gets_a_tag(hostile: str) -> None:
    for found in SPOKEN:
        said = found.render(names(ticket=hostile))

        assert "<" not in said
        assert "]]>" not in said
        assert not CONTROL.search(said)


SSML = "<speak><s a=\"{{ ticket }}\" b='{{ ticket }}'>{{ ticket }}</s><!-- it's --></speak>"


@given(HOSTILE)
def test_ssml_keeps_its_tags_and_stays_well_formed(hostile: str) -> None:
    for source in (SSML, SSML.replace("<!--", "{% if vip %}{% endif %}<!--")):
        said = rendered(source, "talk", names(ticket=hostile))
        (sentence,) = Xml.fromstring(said)  # noqa: S314 - our own text

        assert [] == list(sentence)
        assert ["a", "b"] == sorted(sentence.keys())
        assert len(TAG.findall(source)) == len(TAG.findall(said))
        assert not CONTROL.search(said)


@given(HOSTILE)
def test_a_value_in_a_url_stays_one_segment(hostile: str) -> None:
    found = value("https://example.com/a/{{ ticket }}/b?c={{ ticket }}&d=1", "url", TYPES["url"])
    try:
        url = urlsplit(found.render(names(ticket=hostile)))
    except RenderError as error:
        assert {".", ".."}.intersection(re.split(r"[/\\]", hostile)) or re.search(r"[\x00-\x1f\x7f]", hostile)
        assert "E393" == error.code
    else:
        assert ("https", "example.com", "") == (url.scheme, url.netloc, url.fragment)
        assert ["b"] == url.path.split("/")[3:]
        assert url.query.endswith("&d=1")
        assert unquote(url.path.split("/")[2]) == re.sub("[\ud800-\udfff]", "\ufffd", hostile)


@each_case("dots", table(__file__, "test_a_value_never_makes_a_path_go_up"))
def test_a_value_never_makes_a_path_go_up(dots: str) -> None:
    found = value("https://example.com/a/{{ ticket }}", "url", TYPES["url"])

    assert refusal(found, names(ticket=dots)).startswith("E393")


@given(HOSTILE)
def test_a_setting_in_a_url_is_a_base_or_refused(hostile: str) -> None:
    found = value("{{ env.CRM_URL }}/x", "url", TYPES["url"])
    try:
        url = found.render(names(env={"CRM_URL": hostile}))
    except RenderError as error:
        assert error.code in ("E392", "E393")
    else:
        assert re.fullmatch(r"(?:https?|wss?)://\S+/x", url, re.IGNORECASE)


@given(HOSTILE)
def test_a_header_is_one_line_or_refused(hostile: str) -> None:
    found = value("caller {{ ticket }}", "header")
    try:
        header = found.render(names(ticket=hostile))
    except RenderError as error:
        assert "E393" == error.code
        assert CONTROL.search(hostile) or re.search("[\u2028\u2029\ufffe\uffff]", hostile)
    else:
        assert f"caller {hostile}" == header


NCCO = """[
  {"action": "talk", "text": "Hi {{ ticket }} and {{ ticket }}"},
  {"action": "talk", "text": "<speak>Hi <s>{{ ticket }}</s></speak>"},
  {% for i in items %}{"action": "notify", "payload": {"a": "{{ ticket }}", "n": {{ tries }}}},{% endfor %}
  {"action": "wait", "timeout": {{ tries }}}
]"""
PLAIN = json.loads(rendered(NCCO, "json"))


@given(HOSTILE)
def test_an_action_list_keeps_its_actions_fields_and_tags(hostile: str) -> None:
    document = json.loads(rendered(NCCO, "json", names(ticket=hostile)))

    assert shape_of(PLAIN) == shape_of(document)
    assert "<" not in document[0]["text"]
    assert ">" not in document[0]["text"]
    assert ["<speak>", "<s>", "</s>", "</speak>"] == TAG.findall(document[1]["text"])
    assert json.dumps(document, ensure_ascii=False).encode()


@given(JSON)
@example('1, "action": "connect"')
@example("0], {")
def test_a_value_outside_quotes_is_a_number_or_a_boolean_or_is_refused(hostile: Any) -> None:
    found = value('[{"a": {{ call.custom_data.x }}, "b": 1}]', "json")
    try:
        (action,) = json.loads(found.render(custom(hostile)))
    except RenderError as error:
        assert error.code in ("E391", "E393", "E395")
    else:
        assert ["a", "b"] == list(action)
        assert action["a"] == hostile


PLACES: list[tuple[Escape, str]] = [
    ("talk", ANYTHING),
    ("ssml", f"<speak>{ANYTHING}</speak>"),
    ("url", f"https://example.com/{ANYTHING}"),
    ("number", ANYTHING),
    ("header", ANYTHING),
    ("json", f'"{ANYTHING}"'),
    ("text", ANYTHING),
]


@given(JSON)
@examples(100)
def test_any_json_in_any_place_is_a_text_or_a_render_error(hostile: Any) -> None:
    for escape, source in PLACES:
        try:
            result = rendered(source, escape, custom(hostile))
        except RenderError as error:
            assert error.code in ("E391", "E393", "E395")
        else:
            assert result == result.encode().decode()


FAILING: list[tuple[Escape, str, str]] = [
    ("number", "{{ ticket }}x{{ ticket | int }}", "text"),
    ("text", "{{ ticket }}", "int"),
    ("text", "{{ ticket }}z", "bool"),
    ("text", "z{{ ticket + 1 }}", "text"),
    ("number", "0{{ ticket }}", "phone"),
]


@given(st.text(min_size=8, alphabet="ghijkxyz"))
@examples(30)
def test_an_error_never_repeats_the_value(secret: str) -> None:
    for escape, source, type_name in FAILING:
        found = make(source, escape, TYPES[type_name])[0]
        known = names(ticket=f"{secret}\n")
        message = refusal(found, known) if found is not None else ""

        assert secret not in message


def outcome(found: Value, known: dict[str, Any]) -> str:
    """What a value gives, or the code of its error."""
    try:
        return f"text {found.render(known)}"
    except RenderError as error:
        return f"error {error.code}"


WORDS = r"""{{ }} {% %} {# #} if elif else endif for endfor in set include raw endraw ticket call.from items tries vip
| upper = == "a" ' " ( ) [ ] - + { } <speak> </speak> < > \ loop.index x . , default 1 not and {{- -}} {%- -%} {%+ +%}
"greeting.j2" {{ticket}} {%endif%} {%endfor%}"""
SIGNS = st.sampled_from([*WORDS.split(), "\n", " ", "{% if vip %}", "{% for x in items %}"])


@given(st.lists(SIGNS, max_size=14).map(" ".join) | st.lists(SIGNS, max_size=14).map("".join) | st.text(max_size=30))
@examples(200)
def test_any_text_is_a_value_or_has_issues_and_never_raises(source: str) -> None:
    escapes: tuple[Escape, ...] = ("talk", "url", "json")
    for escape in escapes:
        found, issues = make(source, escape, templates={"greeting.j2": "Hello {{ ticket }}"})

        assert (found is None) is any(issue.is_error for issue in issues)
        assert all(issue.cure and issue.message for issue in issues)
        assert found is None or outcome(found, NAMES)


@each_case(("source", "expected"), table(__file__, "test_a_value_in_a_url_of_an_action_list_is_percent_encoded"))
def test_a_value_in_a_url_of_an_action_list_is_percent_encoded(source: str, expected: str) -> None:
    (found,) = json.loads(rendered(source, "json", names(ticket='/..?" x'))).values()

    assert found in (expected, [expected])
