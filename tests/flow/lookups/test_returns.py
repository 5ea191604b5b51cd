from __future__ import annotations

import pytest

from app.flow.scope import Record
from app.flow.types import TYPES
from tests.flow.lookups.look_ups import definition_of, faults_of, marked

URL = 'get: "https://crm.example.com/c"\n'


def test_what_is_left_out_of_a_default_is_empty() -> None:
    definition = definition_of(
        URL + "returns: {a: text, b: int, c: number, d: bool, e: phone, f: url, g: list, h: map, i: [{x: int}], "
        "j: {x: int}}\n"
    )

    assert {
        "a": "",
        "b": 0,
        "c": 0,
        "d": False,
        "e": "",
        "f": "",
        "g": [],
        "h": {},
        "i": [],
        "j": {"x": 0},
        "ok": False,
    } == definition.unasked


def test_a_default_is_cast_to_what_is_returned() -> None:
    definition = definition_of(
        URL + "returns: {n: int, b: bool, p: phone, l: list, m: map, r: {x: int, y: int}, t: [gold, standard]}\n"
        'default: {n: "3", b: true, p: "+44 7700 900123", l: [1, "1", true], m: {a: 0.5}, r: {x: 4}, t: gold}\n'
    )

    assert {
        "n": 3,
        "b": True,
        "p": "447700900123",
        "l": [1, "1", True],
        "m": {"a": 0.5},
        "r": {"x": 4, "y": 0},
        "t": "gold",
        "ok": False,
    } == definition.unasked


def test_the_shape_has_every_field_and_ok() -> None:
    definition = definition_of(URL + "returns: {name: text, agents: [phone], place: {x: int}}\n")

    shape = definition.shape

    assert ["name", "agents", "place", "ok"] == list(shape.fields)
    assert TYPES["bool"] == shape.fields["ok"]
    assert not isinstance(shape.fields["agents"], Record)
    assert TYPES["phone"] == shape.fields["agents"].item
    assert not isinstance(shape.fields["place"], Record)
    assert {"x": TYPES["int"]} == shape.fields["place"].fields
    assert shape.rest is None


def test_an_answer_with_an_unreadable_field_may_have_any() -> None:
    step = 'hello:\n  lookup: customer\n  do: [{talk: "{{ customer.nme }}"}]\n  goto: end\n'

    assert ["E203 strng"] == marked(URL + "returns: {nme: strng}\n", step)


def test_a_field_that_is_not_returned_is_an_error() -> None:
    step = 'hello:\n  lookup: customer\n  do: [{talk: "{{ customer.nme }}"}]\n  goto: end\n'

    assert ['E304 customer has no "nme" → did you mean "name"?'] == faults_of(URL + "returns: {name: text}\n", step)


@pytest.mark.parametrize(
    ("returns", "fault"),
    [
        (
            "{ok: bool}",
            "E532 `ok` is a field of every look-up already: it says whether the answer is real → give the field "
            "of the answer another name",
        ),
        ('{"{{ item }}": text}', 'E532 a field cannot be named "{{ item }}" → write its name in the answer'),
        ("{a: numbr}", 'E203 there is no type "numbr" → did you mean "number"?'),
        ("{a: string}", 'E203 there is no type "string" → write `text`'),
        (
            "{a: {type: text}}",
            'E532 the field "a" is described like a variable → write the type alone: `text`; what holds without an '
            "answer goes under `default` of the look-up",
        ),
        (
            "{a: {type: [x, y], default: x}}",
            'E532 the field "a" is described like a variable → write the type alone: `[first, second]`; what holds '
            "without an answer goes under `default` of the look-up",
        ),
        (
            "{a: {type: text, sensitive: perhaps}}",
            'E203 `sensitive` of the field "a" cannot be "perhaps" → true or false is needed',
        ),
        (
            "{a: {b: {type: text, sensitive: true, default: x}}}",
            'E532 the field "b" is described like a variable → write no more than `{type: text, sensitive: true}`; '
            "what holds without an answer goes under `default` of the look-up",
        ),
        (
            "{a: [{b: {type: text, sensitive: perhaps}}]}",
            'E203 `sensitive` of the field "b" cannot be "perhaps" → true or false is needed',
        ),
        (
            "{a: [{b: {type: text, sensitve: true}}]}",
            'E532 the field "b" is described by an unknown "sensitve" → did you mean "sensitive"?',
        ),
        (
            "{a: {b: {tpye: text, sensitive: true}}}",
            'E532 the field "b" is described by an unknown "tpye" → did you mean "type"?',
        ),
        (
            "{a: {b: text, sensitive: true}}",
            'E532 `sensitive` is among the fields of the field "a" → say it of each field that is: `b: {type: '
            "text, sensitive: true}`; or of all of it: `{type: {b: ..}, sensitive: true}`",
        ),
        (
            "{a: {sensitive: text, typ: true}}",
            'E203 there is no type "true" → known are: text, int, number, bool, phone, url, list, map',
        ),
        (
            "{a: [{b: {sensitive: true}}]}",
            'E532 the field "b" does not say its type → write `{type: text, sensitive: true}`',
        ),
        (
            "{a: text, sensitive: true}",
            'E532 `sensitive` is among the fields of `returns` of the look-up "customer" → say it of each field '
            "that is: `a: {type: text, sensitive: true}`",
        ),
        (
            "{a: text}\nsensitive: [a]",
            'E202 the look-up "customer" has no "sensitive" → say it of the field: `returns: {pin: {type: text, '
            "sensitive: true}}`",
        ),
        ("{a: {enum: [x, y]}}", 'E532 the field "a" is described by `enum` → write the list alone: [x, y]'),
        ("{a: {}}", 'E532 the field "a" is a map without fields → write `map`, or name its fields'),
        ("{a: []}", 'E203 the field "a" allows no word → list the allowed words'),
        (
            "{a: {a: {a: {a: {a: {a: {a: text}}}}}}}",
            'E532 the field "a" is more than 5 levels deep → write `map`, and leave open what is in it',
        ),
        (
            "text",
            'E201 `returns` of the look-up "customer" is a text → write `returns: {name: text, tier: [gold, '
            "standard]}`, each field of the answer with its type",
        ),
    ],
)
def test_a_field_that_cannot_be_returned_is_an_error(returns: str, fault: str) -> None:
    assert [fault] == faults_of(f"{URL}returns: {returns}\n")


@pytest.mark.parametrize(
    ("default", "fault"),
    [
        (
            "{name: x}",
            'E533 nothing says what "tier" of the look-up "customer" is without an answer → add `tier: standard` to '
            "`default`, or another of gold, standard",
        ),
        (
            "{tier: golden}",
            'E533 `tier` in the default of the look-up "customer" cannot be "golden" → write one of gold, standard',
        ),
        ("{tier: gold, nme: x}", 'E533 the look-up "customer" returns no "nme" → did you mean "name"?'),
        (
            "{tier: gold, ok: true}",
            'E533 the look-up "customer" returns no "ok" → delete it: without an answer `ok` is always false',
        ),
        (
            "{tier: gold, n: many}",
            'E533 `n` in the default of the look-up "customer" cannot be "many" → write a whole number',
        ),
        (
            '{tier: gold, name: "{{ item }}"}',
            'E533 `name` in the default of the look-up "customer" is computed → write the value itself, without braces',
        ),
        (
            '{tier: gold, items: ["{{ item }}"]}',
            'E533 `items` in the default of the look-up "customer" is computed → write the value itself, without '
            "braces",
        ),
        (
            "{tier: gold, name: [a]}",
            'E533 `name` in the default of the look-up "customer" is not text → write text',
        ),
        (
            "{tier: gold, place: {x: a}}",
            'E533 `x` in `place` in the default of the look-up "customer" cannot be "a" → write a whole number',
        ),
        (
            "{tier: gold, place: here}",
            'E533 `place` in the default of the look-up "customer" cannot be "here" → write a map',
        ),
        ("[gold]", 'E201 `default` of the look-up "customer" is a list → write `default: {tier: .., name: .., n: .., '),
    ],
)
def test_a_default_that_does_not_fit_is_an_error(default: str, fault: str) -> None:
    returns = "returns: {tier: [gold, standard], name: text, n: int, items: list, place: {x: int}}"

    (found,) = faults_of(f"{URL}{returns}\ndefault: {default}\n")

    assert found.startswith(fault)


def test_words_without_any_default_are_an_error_at_the_look_up() -> None:
    assert ["E533 customer"] == marked(URL + "returns: {tier: [gold, standard]}\n")


def test_a_list_that_is_too_long_is_no_default() -> None:
    entries = ", ".join(["1"] * 201)

    (found,) = faults_of(f"{URL}returns: {{a: list}}\ndefault: {{a: [{entries}]}}\n")

    assert found.endswith("has more than 200 entries → write it as the answer has it")


def test_of_a_returns_that_cannot_be_read_the_default_is_not_checked() -> None:
    assert ["E203"] == [
        fault[:4] for fault in faults_of(URL + "returns: {name: strng}\ndefault: {name: x, other: y}\n")
    ]


SECRET = """
get: "https://crm.example.com/c"
returns: {name: text, card: {type: text, sensitive: true}, pin: {type: int, sensitive: false}}
"""
TELLING = """
hello:
  lookup: customer
  %s
  goto: end
"""


def test_a_field_may_be_sensitive() -> None:
    found = definition_of(SECRET)

    assert frozenset({("card",)}) == found.returns.secrets
    assert {"name": "Ann", "card": "1", "pin": 5, "ok": True} == found.read({"name": "Ann", "card": "1", "pin": 5})[0]


@pytest.mark.parametrize(
    ("returns", "secrets"),
    [
        ("{a: {b: {type: text, sensitive: true}, c: text}}", {("a", "b")}),
        ("{a: [{b: {type: text, sensitive: true}}]}", {("a", None, "b")}),
        ("{a: [{b: [{c: {type: [x, y], sensitive: true}}]}]}", {("a", None, "b", None, "c")}),
        ("{a: [{type: text, sensitive: true}]}", {("a",)}),
        ("{a: [[{type: text, sensitive: true}]]}", {("a",)}),
        ("{a: {type: {b: {type: text, sensitive: true}}, sensitive: true}}", {("a",)}),
        ("{a: {type: [{b: int}], sensitive: true}, b: {type: map, sensitive: true}}", {("a",), ("b",)}),
        ("{a: {b: {type: text, sensitive: false}}}", set()),
        ("{a: {type: text, sensitive: bool}}", set()),
        ("{a: {b: {type: text, sensitive: bool}}}", set()),
        ('{"a.b": {"c d": {type: text, sensitive: true}}}', {("a.b", "c d")}),
    ],
)
def test_a_field_may_be_sensitive_at_any_depth(returns: str, secrets: set[tuple[str | None, ...]]) -> None:
    assert secrets == definition_of(f"{URL}returns: {returns}\n").returns.secrets


def test_a_sensitive_field_is_read_by_its_type() -> None:
    found = definition_of(URL + "returns: {a: [{b: {type: int, sensitive: true}}], c: {type: text, sensitive: bool}}\n")

    assert {"a": [{"b": 5}], "c": {"type": "x", "sensitive": True}, "ok": True} == found.read(
        {"a": [{"b": "5"}], "c": {"type": "x", "sensitive": "true"}}
    )[0]


NESTED = """
get: "https://crm.example.com/c"
returns:
  name: text
  home: {city: text, code: {type: text, sensitive: true}}
  cards: [{name: text, number: {type: text, sensitive: true}}]
  others: [{name: text, number: text}]
  codes: [{type: text, sensitive: true}]
  "a.b": {"c d": {type: text, sensitive: true}, e: text}
"""


@pytest.mark.parametrize(
    "text",
    [
        "{{ customer.home.city }}",
        "{{ customer['home']['city'] }}",
        "{{ customer.cards[0].name }}",
        "{{ customer.cards[tries].name }}",
        "{{ customer.cards[0:2] | length }} {{ customer.cards | length }}",
        "{% if customer.cards %}{{ customer.cards[0].name }}{% endif %}",
        "{% for c in customer.cards %}{{ c.name }}{% endfor %}",
        "{% set c = customer %}{{ c.home.city }}{% for d in c.cards %}{{ d.name }}{% endfor %}",
        "{% set c = customer.cards %}{% for d in c %}{{ loop.index }} {{ d.name }}{% endfor %}",
        "{% if tries == 1 %}{% set c = customer.others[0] %}{% else %}{% set c = customer.cards[0] %}{% endif %}"
        "{{ c.name }}",
        "{% for c in customer.cards %}{% endfor %}{% for c in customer.others %}{{ c.number }}{% endfor %}",
        "{{ customer['a.b'].e }}",
    ],
)
def test_what_stands_beside_a_sensitive_field_may_be_said_and_kept(text: str) -> None:
    said = f'do: [{{talk: "{text}"}}]'
    kept = f'set: {{item: "{text}"}}'

    assert [] == faults_of(NESTED, TELLING % said)
    assert [] == faults_of(NESTED, TELLING % kept)


@pytest.mark.parametrize(
    "text",
    [
        "{{ customer.home.code }}",
        "{{ customer['home']['code'] }}",
        "{{ customer.home[item] }}",
        "{{ customer.cards[0].number }}",
        "{{ customer.cards[tries].number }}",
        "{{ customer.cards[tries][item] }}",
        "{{ customer.cards[0:2][0].number[0:4] }}",
        "{{ (customer.cards | first).number }}",
        "{{ customer.cards[0].number | default('none') }}",
        "{{ customer.cards[0].number | length }}",
        "{{ customer.codes[0] }}",
        "{{ customer.codes | length }}",
        "{{ customer.codes | join(', ') }}",
        "{{ 'a' if tries == 1 else customer.home.code }}",
        "{{ item + customer.home.code }}",
        "{% for c in customer.cards %}{{ c.number }}{% endfor %}",
        "{% for c in customer.codes %}{{ c }}{% endfor %}",
        "{% set c = customer %}{{ c.home.code }}",
        "{% set c = customer %}{% set d = c.cards %}{% for e in d %}{% set f = e %}{{ f.number }}{% endfor %}",
        "{% set c = customer.cards[0].number %}{{ c }}",
        "{% if tries == 1 %}{% set c = customer.others[0] %}{% else %}{% set c = customer.cards[0] %}{% endif %}"
        "{{ c.number }}",
        "{% if tries == 1 %}{% set c = customer.cards[0] %}{% else %}{% set c = customer.others[0] %}{% endif %}"
        "{{ c.number }}",
        "{% set c = item %}{% if tries == 1 %}{% set c = customer.home.code %}{% endif %}{{ c }}",
        "{% set c = item %}{% if tries == 1 %}{% set c = pin %}{% endif %}{{ c }}",
        "{{ customer['a.b']['c d'] }}",
        "{{ customer[item]['c d'] }}",
    ],
)
def test_what_is_sensitive_further_in_is_neither_said_nor_kept_nor_told(text: str) -> None:
    said, sent = f'do: [{{talk: "{text}"}}]', f'do: [{{notify: {{a: "{text}"}}, eventUrl: "https://example.com"}}]'
    kept = f'set: {{item: "{text}"}}'

    assert ["E331"] == [fault[:4] for fault in faults_of(NESTED, TELLING % said)]
    assert ["E331"] == [fault[:4] for fault in faults_of(NESTED, TELLING % sent)]
    assert "E226" in [fault[:4] for fault in faults_of(NESTED, TELLING % kept)]


def test_a_map_or_a_list_with_something_sensitive_in_it_is_no_open_one() -> None:
    head = ["set: {answers: '{{ customer.cards }}'}", "set: {answers: '{{ customer.others }}'}"]

    assert ['E226 "answers" would keep the sensitive "customer.cards[].number" in the open'] == [
        fault.partition(" →")[0] for fault in faults_of(NESTED, TELLING % head[0])
    ]
    assert [] == faults_of(NESTED, TELLING % head[1])


def test_an_answer_with_something_sensitive_further_in_is_not_kept_in_memory() -> None:
    [fault] = faults_of(NESTED.replace("code: {type: text, sensitive: true}", "code: text") + "cache: 30s\n")

    assert fault.startswith('E541 "')
    assert 'of the look-up "customer" is sensitive, and its answer would be kept in memory' in fault


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (
            "do: [{talk: '{{ customer.card }}'}]",
            "E331 customer.card would be spoken; it is a sensitive field of a look-up",
        ),
        ("do: [{talk: \"{{ customer['card'] }}\"}]", "E331 customer['card'] would be spoken; it is a sensitive field"),
        (
            "do: [{talk: '{% set c = customer %}{{ c.card }}'}]",
            "E331 c.card would be spoken; it is a sensitive field of a look-up",
        ),
        (
            "do: [{notify: {card: '{{ customer.card }}'}, eventUrl: 'https://example.com'}]",
            "E331 customer.card would be",
        ),
        ("set: {item: '{{ customer.card }}'}", 'E226 "item" would keep the sensitive "customer.card" in the open'),
        ("set: {item: '{{ customer[item] }}'}", 'E226 "item" would keep the sensitive "customer.card" in the open'),
    ],
)
def test_a_sensitive_field_is_not_told(step: str, fault: str) -> None:
    (found,) = faults_of(SECRET, TELLING % step)

    assert found.startswith(fault)


@pytest.mark.parametrize(
    "step",
    [
        "do: [{talk: '{{ customer.name }} {{ customer.pin }}'}]",
        "do: [{talk: \"{% if customer.card == '1' %}One.{% else %}Other.{% endif %}\"}]",
        "set: {pin: '{{ customer.card }}'}",
        "set: {item: '{{ customer.name }}'}",
        "set: {pin: \"{{ customer.card | default('none') }}\"}",
    ],
)
def test_what_is_not_told_of_a_sensitive_field_is_fine(step: str) -> None:
    assert [] == faults_of(SECRET, TELLING % step)


def test_a_sensitive_answer_is_not_kept_in_memory() -> None:
    assert ['E541 "card" of the look-up "customer" is sensitive, and its answer would be kept in memory'] == [
        fault.partition(" →")[0] for fault in faults_of(f"{SECRET}cache: 30s\n")
    ]
