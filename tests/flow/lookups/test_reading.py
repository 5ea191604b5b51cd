from __future__ import annotations

import pytest

from app.errors import RenderError
from app.flow.language.lookups import LookupRequest
from tests.flow.lookups.look_ups import GOOD, NAMES, asked_of, definition_of, faults_of, marked

RETURNS = "returns: {name: text}\n"


def request_of(definition: str) -> LookupRequest:
    return asked_of(definition)[0].request(NAMES)


def test_a_get_asks_the_host_of_env_for_the_caller() -> None:
    request = request_of(
        """
        get: "{{ env.CRM_URL }}/callers/{{ call.from }}"
        headers: {Authorization: "Bearer {{ env.TOKEN }}"}
        timeout: 700ms
        cache: 30s
        returns: {name: text}
        """
    )

    assert ("GET", "https://crm.example.com/callers/447700900123") == (request.method, request.url)
    assert {"Authorization": "Bearer s3cret"} == request.headers
    assert (700, 30_000) == (request.timeout_ms, request.cache_ms)
    assert (None, "", {}) == (request.json, request.function, request.arguments)


def test_what_is_not_written_is_one_second_and_no_cache() -> None:
    request = request_of(GOOD)

    assert (1000, 0) == (request.timeout_ms, request.cache_ms)


def test_a_value_is_one_segment_of_the_path() -> None:
    assert (
        "https://crm.example.com/i/A%2F1"
        == request_of('get: "https://crm.example.com/i/{{ item }}"\nreturns: {name: text}').url
    )


def test_a_segment_that_leads_up_is_refused() -> None:
    asked = asked_of('get: "https://crm.example.com/i/{{ item }}/x"\nreturns: {name: text}')[0]

    with pytest.raises(RenderError, match=r"goes up"):
        asked.request({**NAMES, "item": ".."})


def test_a_body_keeps_the_types_of_its_values() -> None:
    request = request_of(
        """
        post: "{{ env.CRM_URL }}/orders"
        json:
          from: "{{ call.from }}"
          tries: "{{ tries }}"
          next: "{{ tries + 1 }}"
          answers: "{{ answers }}"
          said: "{{ tries }} times"
          fixed: [1, true, "1", text, 0.5]
          pin: "{{ pin }}"
        returns: {name: text}
        """
    )

    assert {
        "from": "447700900123",
        "tries": 2,
        "next": 3,
        "answers": ["yes", 5],
        "said": "2 times",
        "fixed": [1, True, "1", "text", 0.5],
        "pin": "4711",
    } == request.json


def test_a_body_may_be_a_list_or_a_single_value() -> None:
    assert ["447700900123"] == request_of(
        'post: "https://crm.example.com"\njson: ["{{ call.from }}"]\nreturns: {name: text}'
    ).json


def test_a_function_is_given_json_values() -> None:
    request = request_of(
        """
        python: "crm.lookups:customer"
        with: {number: "{{ call.from }}", tries: "{{ tries }}", active: true}
        returns: {name: text}
        """
    )

    assert ("PYTHON", "crm.lookups:customer", "") == (request.method, request.function, request.url)
    assert {"number": "447700900123", "tries": 2, "active": True} == request.arguments


def test_params_are_seen_in_the_definition_alone() -> None:
    definition = """
        params: {item: int, size: {type: text, default: large}}
        get: "https://crm.example.com/{{ item + 1 }}/{{ size }}"
        returns: {name: text}
        """

    asked = asked_of(definition, "[{customer: {item: '{{ tries }}'}}]")[0]

    assert "https://crm.example.com/3/large" == asked.request(NAMES).url
    assert frozenset() == asked.definition.used_names
    assert {"tries"} == asked.used_names


def test_used_names_are_those_of_every_value() -> None:
    definition = definition_of(
        """
        post: "{{ env.CRM_URL }}/c"
        headers: {X-Item: "{{ item }}"}
        json: {from: "{{ call.from }}"}
        returns: {name: text}
        """
    )

    assert {"env", "item", "call"} == definition.used_names
    assert frozenset() == definition.used_files


def test_an_unset_setting_cannot_be_rendered() -> None:
    asked = asked_of('get: "{{ env.OTHER_URL }}/c"\nreturns: {name: text}')[0]

    with pytest.raises(RenderError):
        asked.request(NAMES)


@pytest.mark.parametrize(
    ("definition", "fault"),
    [
        (
            "returns: {name: text}",
            'E530 the look-up "customer" does not say whom it asks → add `get: "{{ env.CRM_URL }}/callers/'
            '{{ call.from }}"`, `post: url` or `python: "module:function"`',
        ),
        (
            GOOD + 'post: "https://crm.example.com"',
            'E530 the look-up "customer" has `get` and `post` → keep one of them',
        ),
        (
            'get: "https://crm.example.com"',
            'E531 the look-up "customer" does not say what it returns → write `returns: {name: text, tier: '
            "[gold, standard]}`, each field of the answer with its type",
        ),
        (
            'get: "https://crm.example.com"\nreturns: {}',
            'E531 `returns` of the look-up "customer" is empty → write `returns: {name: text, tier: [gold, standard]}`'
            ", each field of the answer with its type",
        ),
        (
            'url: "https://crm.example.com"\n' + RETURNS,
            'E202 the look-up "customer" has no "url" → write `get: url` or `post: url`',
        ),
        (GOOD + "method: POST", 'E202 the look-up "customer" has no "method" → write `get: url` or `post: url`'),
        (GOOD + "ttl: 30s", 'E202 the look-up "customer" has no "ttl" → write `cache`'),
        (GOOD + "fallback: {name: x}", 'E202 the look-up "customer" has no "fallback" → write `default`'),
        (GOOD + "timout: 1s", 'E202 the look-up "customer" has no "timout" → did you mean "timeout"?'),
        (
            GOOD + "retries: 3",
            'E202 the look-up "customer" has no "retries" → delete it: a look-up is asked once, since a caller is '
            "listening",
        ),
        (
            'post: "https://crm.example.com"\nbody: {a: 1}\n' + RETURNS,
            'E202 the look-up "customer" has no "body" → write `json`',
        ),
        (
            GOOD + "json: {a: 1}",
            "E540 `json` has no effect beside `get` → write `post` to send a body; a GET says everything in its URL",
        ),
        (
            'python: "crm:customer"\nheaders: {X-A: b}\n' + RETURNS,
            "E540 `headers` has no effect beside `python` → delete it: a function is called, nothing is sent",
        ),
        ("get: [a]\nreturns: {name: text}", 'E201 `get` of the look-up "customer" is a list → write a text here'),
        (
            GOOD + "with: a",
            'E201 `with` of the look-up "customer" is a text → write `with: {number: "{{ call.from }}"}`',
        ),
        (
            GOOD + "headers: a",
            'E201 `headers` of the look-up "customer" is a text → write `headers: {Authorization: "Bearer '
            '{{ env.TOKEN }}"}`',
        ),
    ],
)
def test_a_faulty_definition_says_how_it_is_written(definition: str, fault: str) -> None:
    assert fault in faults_of(definition)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("{{ call.region_url }}/c", "E332"),
        ("{{ page }}/c", "E332"),
        ("{{ item }}/c", "E332"),
        ("https://{{ item }}.example.com/c", "E332"),
        ("{{ env.CRM_URL }}{{ item }}/c", "E332"),
        ("/callers/{{ item }}", "E332"),
        ("https://crm.example.com/{{ pin }}", "E331"),
        ("ftp://crm.example.com/c", "E313"),
        ("wss://crm.example.com/c", "E313"),
        ("crm.example.com/c", "E313"),
        ("https://me:secret@crm.example.com/c", "E313"),
        ("https://crm.example.com/c#x", "E313"),
        ("https://crm.example.com:99999/c", "E313"),
        ("http://2130706433/c", "E313"),
        ("http://0177.0.0.1/c", "E313"),
        ("http://0x7f000001/c", "E313"),
        ("http://127\u30020\u30020\u30021/c", "E313"),
        ("http://crm.example.com\uff0eevil.example/c", "E313"),
        ("http://[::1]evil.example/c", "E313"),
        ("http://127.1/c", "E313"),
        ("http://[::1/c", "E313"),
        ("http://%6c/c", "E313"),
        ("http://:80/c", "E313"),
    ],
)
def test_a_url_that_may_lead_elsewhere_is_an_error(url: str, code: str) -> None:
    assert [code] == [fault[:4] for fault in faults_of(f'get: "{url}"\nreturns: {{name: text}}')]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/c",
        "http://[::1]:9000/c",
        "http://10.0.0.7/c?number={{ call.from }}",
        "http://localhost/c",
        "{{ env.CRM_URL }}/c",
        "https://{{ env.CRM_HOST }}/c",
        "https://crm.{{ env.CRM_HOST }}:{{ env.CRM_PORT }}/c",
        "https://crm.example.com:{{ env.CRM_PORT }}/c",
        "https://[{{ env.CRM_HOST }}]/c",
        "https://crm.example.com/{% if tries == 0 %}first{% else %}again{% endif %}",
    ],
)
def test_a_host_that_is_written_or_from_env_is_fine(url: str) -> None:
    assert [] == faults_of(f'get: "{url}"\nreturns: {{name: text}}')


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ftp://crm.example.com/{{ call.from }}", "E313 ftp://crm.example.com/"),
        ("htp://{{ env.CRM_HOST }}/c", "E313 htp://"),
        ("https:///callers/{{ call.from }}", "E313 https:///callers/"),
        ("https://crm example.com/{{ call.from }}", "E313 https://crm example.com/"),
        ("https://crm.example.com:port/{{ call.from }}", "E313 https://crm.example.com:port/"),
        ("https://crm.example.com/c#{{ call.from }}", "E313 https://crm.example.com/c#"),
        ("crm.example.com/callers/{{ call.from }}", "E332 crm.example.com/callers/"),
    ],
)
def test_a_beginning_that_no_call_makes_right_is_marked(url: str, fault: str) -> None:
    assert [fault] == marked(f'get: "{url}"\nreturns: {{name: text}}')


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ('{"X A": b}', 'E535 a header cannot be named "X A" → use letters, digits and -'),
        ("{Host: b}", 'E535 the header "Host" cannot be set → delete it: it follows from the URL and the body'),
        (
            "{idempotency-key: b}",
            'E535 the header "idempotency-key" cannot be set → delete it: every look-up and hook sends one by itself',
        ),
        ("{X-A: b, x-a: c}", 'E535 "X-A" and "x-a" are the same header → delete one of the two'),
        (
            "{Authorization: Bearer abc}",
            "W530 the header Authorization holds a secret in the flow file → keep it in the environment of the server: "
            '"Bearer {{ env.TOKEN }}"',
        ),
    ],
)
def test_a_header_that_cannot_be_sent_is_an_error(headers: str, fault: str) -> None:
    assert [fault] == faults_of(f"{GOOD}headers: {headers}")


def test_a_sensitive_value_goes_into_no_header() -> None:
    assert ["E331 pin"] == marked(f'{GOOD}headers: {{X-Pin: "{{{{ pin }}}}"}}')


@pytest.mark.parametrize(
    ("function", "cure"),
    [
        ("crm.lookups.customer", 'write "crm.lookups:customer"'),
        ("crm/lookups.py:customer", 'write "crm.lookups:customer"'),
        ("crm:customer()", 'write "crm:customer"'),
        ("customer", 'write its module and its name: "package.module:function"'),
        ("{{ item }}", "it cannot be computed"),
    ],
)
def test_a_function_is_named_with_its_module(function: str, cure: str) -> None:
    assert [f'E536 "{function}" names no function → {cure}'] == faults_of(f'python: "{function}"\n{RETURNS}')


def test_arguments_have_names() -> None:
    faults = faults_of('python: "crm:customer"\nwith: {a-b: 1, "{{ item }}": 2}\n' + RETURNS)

    assert 'E536 no function takes "a-b" → write the name of an argument of the function' in faults
    assert 'E411 the key "{{ item }}" has braces → write the key as plain text; only values may have braces' in faults


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("timeout: 700", "write 700ms"),
        ("timeout: 2 seconds", "write 2s"),
        ("timeout: 2S", "write 2s"),
        ("timeout: 10s", "write a duration from 50ms to 3500ms"),
        ("timeout: 1ms", "write a duration from 50ms to 3500ms"),
        ("timeout: soon", "write a duration from 50ms to 3500ms"),
        ("timeout: 3 parsecs", "write a duration from 50ms to 3500ms"),
        ('timeout: "{{ tries }}s"', "write a duration from 50ms to 3500ms"),
        ("cache: 30", "write 30s"),
        ("cache: 5 min", "write 5m"),
        ("cache: 2d", "write a duration from 1s to 24h"),
        ("cache: 0s", "write a duration from 1s to 24h"),
    ],
)
def test_a_duration_has_a_unit_and_bounds(written: str, cure: str) -> None:
    word, value = written.split(": ", 1)

    assert [f'E534 `{word}` of the look-up "customer" cannot be "{value.strip(chr(34))}" → {cure}'] == faults_of(
        GOOD + written
    )


@pytest.mark.parametrize(("written", "ms"), [("0.5s", 500), ("2s", 2000), ("50ms", 50)])
def test_a_duration_is_kept_in_milliseconds(written: str, ms: int) -> None:
    assert ms == definition_of(f"{GOOD}timeout: {written}").timeout_ms


def test_a_duration_is_a_text() -> None:
    assert ['E201 `timeout` of the look-up "customer" is a list → write a text here'] == faults_of(
        GOOD + "timeout: [1s]"
    )


def test_what_was_asked_with_something_sensitive_is_not_kept() -> None:
    definition = """
        post: "https://crm.example.com"
        json: {pin: "{{ pin }}"}
        cache: 30s
        returns: {name: text}
        """

    assert ["E541 cache"] == marked(definition)


def test_a_sensitive_param_stays_out_of_the_url() -> None:
    definition = """
        params: {code: {type: text, sensitive: true}}
        get: "https://crm.example.com/{{ code }}"
        returns: {name: text}
        """

    assert ["E331 code"] == marked(definition)


def test_what_may_be_meant_by_an_unknown_word_is_not_missed() -> None:
    assert ["E202 xyz"] == marked("xyz: 1\n")


def test_params_that_are_values_are_told_where_a_query_goes() -> None:
    definition = GOOD + 'params: {phone: "{{ call.from }}", item: text}'

    assert [
        "E203 `params` says which values a step gives, with their types, and `phone` is a value → write it behind the "
        'URL: "..?phone={{ call.from }}"'
    ] == faults_of(definition)
