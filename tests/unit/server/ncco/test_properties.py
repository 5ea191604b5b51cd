"""Claims about every document, however it was made."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ncco_server.ncco import RULES, Ncco, NccoModel, check, json_schema
from ncco_server.ncco.webhooks import InputWebhook, recognise, webhook_type
from tests.support.examples import examples

DOCUMENTS = [json.loads(text) for rule in RULES.values() for text in (rule.bad, rule.good)]
MODEST = examples(100)
VALIDATOR = Draft202012Validator(json_schema())

WORDS = """
action type talk connect phone sip number uri text from timeout loop dtmf eventUrl true false 45 -1 0 1.5 # * p +
en-GB en_GB 447700900123 https://example.com wss://example.com sip:a@example.com <speak>a</speak> <speak> & <break/>
"""
TEXTS = st.sampled_from(WORDS.split()) | st.text(max_size=8) | st.text(st.characters(codec=None), max_size=3)
SCALARS = st.none() | st.booleans() | st.integers() | st.integers(-2, 8000) | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of the value with each of its keys."""
    keys: list[Any] = (
        list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    )
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A sample with a few values replaced, doubled or left out, and a few keys added."""
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        found = places(document)
        container, key = draw(st.sampled_from(found)) if found else (None, None)
        change = draw(st.sampled_from(["replace", "wrap", "drop", "add", "nothing"]))
        mutate(draw, container, key, change)
    return document


def mutate(draw: st.DrawFn, container: Any, key: Any, change: str) -> None:
    """Change one place of a container."""
    if change == "replace" and container is not None:
        container[key] = draw(VALUES)
    elif change == "wrap" and container is not None:
        container[key] = [container[key]]
    elif change == "drop" and container is not None:
        del container[key]
    elif change == "add" and isinstance(container, dict):
        container[draw(TEXTS)] = draw(VALUES)


def errors(document: object) -> list[str]:
    return [issue.code for issue in check(document) if issue.is_error]


@MODEST
@given(VALUES | st.lists(st.dictionaries(st.just("action") | TEXTS, VALUES)))
def test_check_never_raises_on_arbitrary_json(document: object) -> None:
    assert all(issue.code in RULES for issue in check(document))


@MODEST
@given(mutated())
def test_check_never_raises_on_changed_nccos_and_its_messages_can_be_printed(document: Any) -> None:
    issues = check(document)

    assert json.dumps([(issue.path, issue.message, issue.fix) for issue in issues], ensure_ascii=False).encode()
    assert all(issue.severity == RULES[issue.code].severity for issue in issues)


@MODEST
@given(mutated())
def test_a_document_without_errors_matches_the_schema(document: Any) -> None:
    assert errors(document) or VALIDATOR.is_valid(document)


@MODEST
@given(mutated())
def test_a_valid_document_stays_valid_when_it_is_read_and_written(document: Any) -> None:
    assert errors(document) or errors(Ncco.build_ncco(Ncco.read_ncco(document))) == []


@MODEST
@given(mutated())
def test_a_document_without_errors_can_be_written_as_json(document: Any) -> None:
    assert errors(document) or json.loads(json.dumps(document, ensure_ascii=False).encode()) == document


ACTIONS: st.SearchStrategy[NccoModel] = st.one_of(
    st.builds(
        Ncco.Talk,
        text=st.text(st.characters(codec="utf-8", exclude_characters="<"), max_size=1500),
        level=st.floats(-1, 1),
        loop=st.integers(1, 2**63),
        language=st.sampled_from(["en-GB", "fr-FR", "xx"]) | st.none(),
    ),
    st.builds(
        Ncco.Record,
        end_on_silence=st.integers(3, 10) | st.none(),
        end_on_key=st.sampled_from("0123456789*#"),
        format=st.sampled_from(["mp3", "wav", "ogg"]),
        transcription=st.just({}) | st.none(),
    ),
    st.builds(
        Ncco.Input,
        type=st.sampled_from(["dtmf", "speech", ["dtmf", "speech"]]),
        dtmf=st.fixed_dictionaries({}, optional={"max_digits": st.integers(1, 20), "timeOut": st.floats(0, 10)}),
        event_url=st.sampled_from(["https://example.com", ["https://example.com/a?b=c"]]),
    ),
    st.builds(
        Ncco.Connect,
        endpoint=st.builds(dict, type=st.just("phone"), number=st.from_regex(r"\A\+?[1-9][1-9]{6,14}\Z")),
        random_from_number=st.booleans(),
        timeout=st.integers(1, 120) | st.integers(1, 120).map(str),
    ),
    st.builds(Ncco.Wait, timeout=st.floats(allow_nan=False, allow_infinity=False) | st.integers()),
    st.builds(
        Ncco.Notify,
        payload=st.dictionaries(st.text(), st.integers(-(2**63), 2**63)),
        eventUrl=st.just("https://example.com"),
    ),
    st.builds(Ncco.Conversation, name=st.text(min_size=1).map("room {}".format), can_hear=st.lists(st.just("leg"))),
)


@MODEST
@given(st.lists(ACTIONS, max_size=5))
def test_every_result_of_the_builder_passes_check(actions: list[NccoModel]) -> None:
    document = Ncco.build_ncco(actions)

    assert [] == errors(document)
    assert Ncco.read_ncco(document) == actions


FIELDS = "uuid from to status dtmf speech payload reason type original_request timestamp"


@MODEST
@given(st.dictionaries(st.sampled_from(FIELDS.split()) | TEXTS, VALUES))
@example({"\ud800": None, "dtmf": 3})
def test_recognise_never_raises(fields: dict[str, object]) -> None:
    webhook = recognise(fields)

    assert webhook_type(webhook)
    assert repr(webhook) and isinstance(webhook.extras, dict)


def test_a_number_that_python_cannot_convert_is_a_problem_of_its_own_field() -> None:
    huge = 10**5000

    assert ("to",) == recognise({"to": huge, "dtmf": {"digits": huge}, "from": 7}).problems
    webhook = recognise({"dtmf": '{"digits": "3", "n": ' + "9" * 5000 + "}"})
    assert isinstance(webhook, InputWebhook) and "3" == webhook.digits
