"""What is said about hooks that are written wrongly."""

from __future__ import annotations

import pytest

from tests.flow.loading_flows import faults_of, flow_of, marked

STEP = "hello: {send: told, do: [{talk: hello}], goto: end}"
GOOD = 'hooks: {told: {post: "https://x.example"}}\n'


def faults(hook: str, head: str = "") -> list[str]:
    return faults_of(STEP, f"hooks:\n  told: {hook}\n{head}")


@pytest.mark.parametrize(
    ("expected", "hook"),
    [
        ('E201 the hook "told" is not a map → write `told: {post: "https://x.example"}`', '"https://x.example"'),
        ('E201 the hook "told" is not a map → write `told: {post: "https://.."}`', "[a]"),
        ('E204 the hook "told" has no `post` → write `post: "https://.."`', "{json: {a: b}}"),
        (
            'E201 `post` of the hook "told" is a map → write `post: "https://.."`, with `json` and `headers` beside it',
            '{post: {url: "https://x.example"}}',
        ),
        ('E201 `post` of the hook "told" is a list → write a text here', '{post: ["https://x.example"]}'),
        ('E202 the hook "told" has no "url" → write `post`', '{url: "https://x.example"}'),
        ('E202 the hook "told" has no "body" → write `json`', '{post: "https://x.example", body: {a: b}}'),
        (
            'E202 the hook "told" has no "timeout" → delete it: nobody waits for a hook, and every try has the same'
            " time",
            '{post: "https://x.example", timeout: 5s}',
        ),
        ('E202 the hook "told" has no "jsn" → did you mean "json"?', '{post: "https://x.example", jsn: {a: b}}'),
        (
            'E313 `post` of the hook "told" cannot be "crm.example.com" → a URL is needed, such as'
            " https://example.com/hold.mp3",
            "{post: crm.example.com}",
        ),
        (
            'E313 `post` of the hook "told" cannot be "wss://x.example" → a URL that begins with https:// or http:// is'
            " needed",
            '{post: "wss://x.example"}',
        ),
        ('E411 the key "{{ call.from }}" has braces', '{post: "https://x.example", json: {"{{ call.from }}": 1}}'),
        (
            'E206 "step" is a name that every hook has already → choose another name',
            '{post: "https://x.example", params: {step: text}}',
        ),
    ],
)
def test_what_is_wrong_with_a_hook_is_told_with_its_cure(expected: str, hook: str) -> None:
    [found] = [fault for fault in faults(hook) if not fault.startswith("E271")]

    assert found.startswith(expected)


@pytest.mark.parametrize(
    "url",
    [
        "https://{{ call.from }}/x",
        "{{ call.region_url }}/x",
        "{{ target }}/x",
        "{{ call.custom_data.url }}",
        "https://x.{{ target }}",
    ],
)
def test_no_caller_decides_whom_a_hook_tells(url: str) -> None:
    head = "vars: {target: {type: url}}\n"

    assert ["E332"] == [fault.partition(" ")[0] for fault in faults(f'{{post: "{url}"}}', head)]


@pytest.mark.parametrize(
    "hook",
    [
        '{post: "https://x.example/{{ pin }}"}',
        '{post: "https://x.example", json: {pin: "{{ pin }}"}}',
        '{post: "https://x.example", json: [{deep: "the {{ pin }}"}]}',
        '{post: "https://x.example", headers: {X-Pin: "{{ pin }}"}}',
    ],
)
def test_secrets_of_callers_are_told_to_nobody(hook: str) -> None:
    head = "vars: {pin: {type: text, sensitive: true}}\n"

    assert ["E331"] == [fault.partition(" ")[0] for fault in faults(hook, head)]


def test_secret_param_is_told_to_nobody() -> None:
    hook = '{post: "https://x.example", params: {pin: {type: text, sensitive: true, default: ""}}, json: "{{ pin }}"}'

    assert ["E331 pin would be sent and kept until then; it is a sensitive param"] == [
        fault.partition(" →")[0] for fault in faults(hook)
    ]


def test_sensitive_value_is_given_to_no_open_param() -> None:
    head = (
        'vars: {pin: {type: text, sensitive: true}}\nhooks: {told: {post: "https://x.example", params: {code: text}}}\n'
    )
    step = 'hello: {send: {told: {code: "{{ pin }}"}}, do: [{talk: hello}], goto: end}'

    assert ["E226"] == [fault.partition(" ")[0] for fault in faults_of(step, head)]


@pytest.mark.parametrize("header", ["Webhook-ID", "webhook-signature", "WEBHOOK-TIMESTAMP", "Content-Type"])
def test_headers_of_every_hook_are_not_the_authors(header: str) -> None:
    hook = f'{{post: "https://x.example", headers: {{{header}: x, X-Other: y}}}}'

    assert [f'E581 every hook has a header "{header.lower()}" by itself → delete it'] == faults(hook)


@pytest.mark.parametrize(
    "hook", ['{post: "https://x.example", headers: [a]}', '{post: "https://x.example", params: a}']
)
def test_lists_in_place_of_maps_are_told(hook: str) -> None:
    assert ["E201"] == [fault.partition(" ")[0] for fault in faults(hook)]


def test_hook_has_a_plain_name() -> None:
    head = 'hooks: {told: {post: "https://x.example"}, "a b": {post: "https://x.example"}}\n'

    assert ['E205 a hook cannot be named "a b" → use letters, digits, _, - and .'] == faults_of(STEP, head)


def test_hooks_are_a_map() -> None:
    assert "E201 `hooks` is a list" in faults_of("hello: {goto: end}", "hooks: [a]\n")[0]


def test_names_of_a_hook_are_not_the_flows_variables() -> None:
    head = "vars: {step: {type: int}, event: {type: text}, flow: {type: text}}\n"
    hook = (
        '{post: "https://x.example/{{ step }}", json: [a, "{{ event.status }} {{ step }}"], headers: {X: "{{ now }}"}}'
    )

    assert [
        'E582 in a hook "step" is not the variable of that name → give the variable "step" another name',
        'E582 in a hook "event" is not the variable of that name → give the variable "event" another name',
        'E582 in a hook "step" is not the variable of that name → give the variable "step" another name',
    ] == faults(hook, head)


def test_settings_as_a_whole_are_told_to_nobody() -> None:
    assert [
        "E583 `env` as a whole would be sent: every setting, with its secrets → name one of them: {{ env.NAME }}"
    ] == (faults('{post: "https://x.example", json: [{all: "{{ env }}"}]}'))


# Sending


@pytest.mark.parametrize(
    ("expected", "send"),
    [
        ('E580 there is no hook "tld" → did you mean "told"?', "tld"),
        ('E580 there is no hook "qqq" → known are: other, told', "qqq"),
        ('E580 there is no hook "told, other" → write a list: [told, other]', '"told, other"'),
        ("E201 a hook of `send` is a list → write the name of a hook, or `- name: {param: value}` in a list", "[[a]]"),
        (
            'E580 `send` cannot declare a hook, and "post" belongs to one → declare it under `hooks` of the flow, and'
            " write its name",
            '{post: "https://x.example"}',
        ),
        ('E201 the hook "other" is given no map of its params → write `{team: ..}` here', "{other: sales}"),
        ('E271 the hook "other" needs "team" → write `- other: {team: ..}`', "other"),
        ('E270 the hook "told" takes no "team" → delete it, or declare it there under `params`', "{told: {team: a}}"),
    ],
)
def test_what_is_wrong_with_a_send_is_told_with_its_cure(expected: str, send: str) -> None:
    head = 'hooks: {told: {post: "https://x.example"}, other: {post: "https://x.example", params: {team: text}}}\n'

    assert [expected] == faults_of(f"hello: {{send: {send}, do: [{{talk: hello}}], goto: end}}", head)


def test_send_without_any_hook_says_how_to_declare_one() -> None:
    expected = 'E580 there is no hook "told" → declare it: `hooks: {told: {post: "https://.."}}`'

    assert [expected] == faults_of(STEP)


def test_fault_of_a_send_stands_at_the_name() -> None:
    assert ["E580 tld"] == marked("hello: {send: [told, tld], do: [{talk: hello}], goto: end}", GOOD)


def test_several_hooks_go_out_in_their_order() -> None:
    head = 'hooks: {a: {post: "https://x.example"}, b: {post: "https://x.example", params: {team: text}}}\n'
    flow = flow_of("hello: {send: [b: {team: sales}, a, b: {team: x}], do: [{talk: hello}], goto: end}", head)

    assert ["b", "a", "b"] == [sending.name for sending in flow.steps["hello"].sends]


def test_hooks_name_what_they_use() -> None:
    head = """
        vars: {ticket: {type: text}, team: {type: text}}
        hooks: {told: {post: "https://x.example/{{ ticket }}", params: {code: text}, json: "{{ code }} {{ step }}"}}
        """
    flow = flow_of('hello: {send: {told: {code: "{{ team }}"}}, do: [{talk: hello}], goto: end}', head)
    [sending] = flow.steps["hello"].sends

    assert {"ticket", "team"} == sending.used_names  # type: ignore[attr-defined]  # of SentHook
    assert frozenset() == sending.used_files  # type: ignore[attr-defined]  # of SentHook
