"""A server setting in a variable may not be spoken, like `env` itself."""

from __future__ import annotations

from tests.support.cases import each_case
from tests.unit.server.flow.whole_projects import flow_text, reported

HEAD = """\
vars:
  k: {type: text, default: ""}
  other: {type: text, default: ""}
  list: {type: list}
  map: {type: map}
  n: {type: number}
  there: {type: bool, default: false}
  mode: {type: [day, night], default: day}
  pin: {type: text, sensitive: true}
defaults: {on: {error: end}}
"""
SAID = "k would be spoken; it is filled with a server setting"


def spoken(sets: str, said: str = "{{ k }}", do: str = "", **others: str) -> list[str]:
    """Code and message of every error in a flow where one step sets a variable and the next speaks."""
    steps = f"hello:\n  set: {sets}\n  goto: next\nnext:\n  do: [{do}{{talk: 'This is {said}.'}}]\n  goto: end"
    return errors(steps, **others)


def errors(steps: str, head: str = HEAD, **others: str) -> list[str]:
    """Code and message of every error of a flow and others."""
    texts = {"flows/test.yaml": flow_text(steps, head)}
    texts |= {f"flows/{name}.yaml": text for name, text in others.items()}
    faults = [fault.partition(" ")[2] for fault in reported(texts)]
    return [fault for fault in faults if fault.startswith("E")]


@each_case(
    "sets",
    [
        '{k: "{{ env.KEY }}"}',
        '{other: "{{ env.KEY }}", k: "{{ other }}"}',
        '{k: "{{ other | upper }}", other: "{{ env.KEY }}"}',
        '{k: "{% set x = env.KEY %}{{ x }}"}',
        "{k: \"{% if call.to == '1' %}{{ env.KEY }}{% endif %}\"}",
        '{list: ["{{ env.KEY }}"], k: "{% for one in list %}{{ one }}{% endfor %}"}',
        '{map: {a: "{{ env.KEY }}"}, k: "{{ map.a }}"}',
        '{n: "{{ env.KEY | number }}", k: "{{ n + 1 }}"}',
        "{k: \"{{ env.KEY if call.is_hidden else 'no' }}\"}",
    ],
)
def test_a_variable_that_contains_a_setting_is_not_spoken(sets: str) -> None:
    assert [f"E330 {SAID}"] == spoken(sets)


@each_case(
    "sets",
    [
        "{k: hello}",
        "{k: \"{{ 'yes' if env.KEY == '1' else 'no' }}\"}",
        "{there: \"{{ env.KEY == '1' }}\", k: \"{{ 'yes' if there else 'no' }}\"}",
        "{k: \"{{ 'yes' if env.KEY is defined and not there else 'no' }}\"}",
        '{k: "{{ env.KEY | length }}"}',
        '{mode: "{{ env.MODE }}", k: "{{ mode }}"}',
        "{k: \"{% if env.KEY == '1' %}one{% endif %}\"}",
        "{k: \"{% if env.KEY == '1' %}{# none #}{% else %}two{% endif %}\"}",
        '{other: "{{ env.KEY }}"}',
        '{k: "{{ call.sip[env.NAME] }}"}',
    ],
)
def test_a_value_that_only_depends_on_a_setting_is_spoken(sets: str) -> None:
    assert [] == spoken(sets)


@each_case("said", ["{{ 'k' }}", "{% if k == 'a' %}A{% else %}B{% endif %}", "k"])
def test_a_value_that_does_not_reveal_the_setting_is_spoken(said: str) -> None:
    assert [] == errors(f"hello:\n  set: {{k: '{{{{ env.KEY }}}}'}}\n  do: [{{talk: \"Say {said}.\"}}]\n  goto: end")


def test_a_number_from_the_settings_may_be_stored_and_dialled() -> None:
    steps = """\
hello:
  set: {k: "{{ env.AGENT }}"}
  do: [{connect: "{{ k }}"}]
  on: {completed: end, otherwise: end}
"""

    assert [] == errors(steps)


def test_a_returned_name_is_not_the_variable_of_the_same_name() -> None:
    steps = 'hello: {goto: {return: done, set: {k: "{{ env.KEY }}"}}}'
    head = f"{HEAD}outcomes: [done]\nreturns: {{k: text}}\n"
    said = "next: {do: [{talk: 'This is {{ k }}.'}], goto: hello}"

    assert [] == errors(f"{steps}\n{said}", head.replace("start: hello", "start: next"))


def test_a_flow_that_was_checked_before_is_not_checked_again() -> None:
    steps = 'hello:\n  set: {k: "{{ env.KEY }}"}\n  do: [{talk: "It is {{ k }}."}]\n  goto: end'
    texts = {"flows/test.yaml": flow_text(steps, HEAD)}

    assert [] == reported(texts, "revision")
