from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.issues import by_place
from ncco_server.flow.loader import load, load_files, revision_of
from tests.support.examples import examples

ROOT = Path(__file__).parents[4]
FLOW = """
flow: {name}
entry: true
start: hello
steps:
  hello:
    do:
      - talk: {talk}
    goto: end
"""


def flow(name: str, talk: str = '"Hello."') -> str:
    return FLOW.format(name=name, talk=talk)


def test_the_sample_flows_have_no_issue() -> None:
    project = load_files(ROOT / "flows", ROOT / "templates", {})

    assert () == project.issues
    assert {"reception", "pin", "conference", "findme"} == set(project.flows)
    assert project.flows["reception"].default
    assert all(each.is_startable for each in project.flows.values())


def test_a_flow_with_a_warning_is_kept() -> None:
    project = load({"flows/a.yaml": flow("a").replace("    goto: end\n", "")})

    assert ["a"] == list(project.flows)
    assert not project.has_errors


PLACING = """
flow: service
start: a
hooks:
  later: {place: {flow: NAME, to: "447700900333", with: {room: "{{ call.to }}"}}}
steps:
  a: {do: [{talk: Hello}], goto: end, send: later}
"""


def test_a_revision_lacks_the_flow_that_a_hook_places_a_call_with() -> None:
    placed = (
        "flow: later\nparams: {room: text}\noutbound: {answered: a}\nsteps:\n  a: {do: [{talk: Hello}], goto: end}\n"
    )
    files = {"flows/service.yaml": PLACING.replace("NAME", "later"), "flows/later.yaml": placed}
    (hook,) = load(files, extent="project").flows["service"].hooks
    (again,) = load({"flows/service.yaml": files["flows/service.yaml"]}).flows["service"].hooks
    names = {"call": {"to": "442079460000"}}

    assert hook.definition.placing is not None
    assert again.definition.placing is not None
    assert hook.definition.placing.render(names) == again.definition.placing.render(names)


def test_a_flow_that_was_checked_before_is_not_checked_again() -> None:
    said = flow("a", '"It is {{ key }}."').replace("    do:", '    set: {key: "{{ env.KEY }}"}\n    do:')
    texts = {"flows/a.yaml": f"vars: {{key: text}}\n{said}"}

    assert ["E330"] == [issue.code for issue in load(texts, extent="project").issues]
    assert () == load(texts).issues


def test_a_revision_changes_with_every_text_and_path() -> None:
    revisions = {
        revision_of(sources)
        for sources in (
            {"flows/a.yaml": "x"},
            {"flows/a.yaml": "y"},
            {"flows/b.yaml": "x"},
            {"flows/a.yaml": "x", "templates/t.j2": ""},
            {"flows/a.yamlx": ""},
        )
    }

    assert 5 == len(revisions)
    assert {64} == {len(revision) for revision in revisions}


WORDS = """
flow start steps vars defaults numbers do set choices collect branch goto on retry tail talk connect input checkpoint
ncco dtmf speech into digits check if else then noinput completed busy otherwise error type default sensitive action
hello menu
"""
VALUES = """end hello menu 1 0 "*" true {{x}} "{{call.from}}" "" text 6..8 a==b"""
YAML_TEXTS = st.recursive(
    st.sampled_from(VALUES.split()),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=4).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"
        )
    ),
    max_leaves=12,
)


@examples(150)
@given(
    st.dictionaries(st.sampled_from(["set", "do", "choices", "collect", "branch", "goto", "on", "retry"]), YAML_TEXTS)
)
def test_no_step_makes_the_loader_raise(step: dict[str, str]) -> None:
    lines = "".join(f"    {word}: {value}\n" for word, value in step.items())

    project = load({"flows/a.yaml": f"flow: a\nentry: true\nstart: hello\nsteps:\n  hello:\n{lines or '    {}'}\n"})

    assert sorted(project.issues, key=by_place) == list(project.issues)


@examples(100)
@given(YAML_TEXTS)
def test_no_top_of_a_file_makes_the_loader_raise(value: str) -> None:
    heads = ("flow", "start", "numbers", "default", "entry", "vars", "defaults", "steps")
    texts = {f"flows/{word}.yaml": f"{word}: {value}\n" for word in heads}

    assert load(texts | {"flows/whole.yaml": value}).issues


MISTAKES = """\
flow: shop
entry: true
start: menu
vars:
  count: {type: integer}
steps:
  menu:
    do:
      - talk: "Press 1.
    choices:
      sales: {dtmf: 1, goto: sales}
    retry: {then: bye}
  sales:
    do:
      - talk {text: Hello}
      - talk: "Hello {{ nobody }}."
    goto: byebye
  bye:
    do:
      - talkk: Goodbye.
    goto: end
"""


def test_a_syntax_error_is_the_only_issue_of_its_file() -> None:
    found = load({"flows/shop.yaml": MISTAKES}, extent="project").issues

    assert [(9, "E113")] == [(issue.place.line, issue.code) for issue in found]
