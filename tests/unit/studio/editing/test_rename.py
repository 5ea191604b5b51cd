"""Renaming keeps a project equivalent; a name that would change its meaning is refused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncco_server.flow.loader import load
from ncco_studio.editing.fixes import with_edits
from ncco_studio.editing.names import Name, ProjectNames
from ncco_studio.editing.rename import RENAMED, CannotRename, name_at, rename
from tests.support.examples import examples
from tests.unit.server.flow.test_changed_projects import FOLDERS, project_in


@cache  # each process that collects tests imports this module, but only one needs these
def named() -> list[tuple[dict[str, str], Name]]:
    """Every step, lookup, hook and flow of the examples, with its project."""
    return [
        (texts, name)
        for texts in map(project_in, FOLDERS)
        for file in ProjectNames(texts).files.values()
        for name in file.names
        if name.is_definition and name.kind in RENAMED
    ]


NEW: Final = st.one_of(
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.sampled_from(["end", "return", "call", "env", "error", "ok", "true", "1", "-", "a.b", "Voicemail", "é", "a b"]),
    st.deferred(lambda: st.sampled_from(sorted({name.name for _, name in named()}))),
    st.text("ab:#{}[]'\"\n\\|&*!%@` ,-\x85\u2028\ud7ff", max_size=6),
)

SHARED = {
    "flows/shared.yaml": """\
shared: true
lookups:
  customer: {get: "https://crm.example.com", returns: {name: text}, default: {name: you}}
hooks: {crm: {post: "https://crm.example.com"}}
""",
    "flows/main.yaml": """\
flow: main
default: true
start: hello
steps:
  hello: {lookup: customer, send: crm, do: [{talk: "Hi {{ customer.name | upper }}."}], branch: [{if: customer.ok, goto: more}, {goto: end}]}
  more: {do: [{talk: {template: more.j2}}], run: sub, on: {done: end}}
""",  # noqa: E501 - two steps
    "flows/sub.yaml": """\
flow: sub
outcomes: [done]
start: hello
lookups: {own: {get: "https://own.example.com", returns: {name: text}}}
steps:
  hello: {lookup: own, do: [{talk: "customer {{ own.name }}"}], goto: "more"}
  more: {branch: [{if: "own.ok and own.name != 'own'", goto: {return: done}}, {goto: {return: done}}]}
""",
    "templates/more.j2": "{# customer #}{% if customer.ok %}{{ customer.name }} is a customer{% endif %}.",
}


def issues(texts: Mapping[str, str]) -> list[tuple[str, int, str]]:
    return [(issue.place.file, issue.place.line, issue.code) for issue in load(texts, extent="project").issues]


def definition(kind: str, name: str, file: str) -> Name:
    names = ProjectNames(SHARED).files[file].names
    return next(each for each in names if each.is_definition and each[:2] == (kind, name))


@given(example=st.deferred(lambda: st.sampled_from(named())), new=NEW)
@examples(25)
def test_a_renamed_project_is_checked_as_before_and_renaming_back_restores_it(
    example: tuple[dict[str, str], Name], new: str
) -> None:
    texts, old = example
    try:
        edits = rename(texts, old, new)
    except CannotRename as refused:
        assert str(refused)
        return
    after = with_edits(texts, edits)
    assert issues(texts) == issues(after)
    assert {*load(texts).flows} ^ {*load(after).flows} == ({old.name, new} if old.kind == "flows" else set()) - (
        {old.name} & {new}
    )
    if edits:
        names = ProjectNames(after)
        moved = names.definitions(old.kind, old.place.file)[new]
        assert len(edits) == len(names.occurrences(moved))
        assert old.name not in names.definitions(old.kind, old.place.file)
        assert old.name not in {name.name for name in names.files[old.place.file].names if name.kind == old.kind}
        assert texts == with_edits(after, rename(after, moved, old.name))


@pytest.mark.parametrize(
    ("kind", "name", "file", "changed"),
    [
        ("steps", "more", "flows/sub.yaml", {"flows/sub.yaml": 2}),
        ("lookups", "customer", "flows/shared.yaml", {"flows/shared.yaml": 1, "flows/main.yaml": 3, "templates/more.j2": 2}),  # noqa: E501 - one case, one line
        ("lookups", "own", "flows/sub.yaml", {"flows/sub.yaml": 5}),
        ("hooks", "crm", "flows/shared.yaml", {"flows/shared.yaml": 1, "flows/main.yaml": 1}),
        ("flows", "sub", "flows/sub.yaml", {"flows/sub.yaml": 1, "flows/main.yaml": 1}),
    ],
)  # fmt: skip
def test_a_rename_changes_every_use_of_a_name_and_no_text_that_only_mentions_it(
    kind: str, name: str, file: str, changed: dict[str, int]
) -> None:
    edits = rename(SHARED, definition(kind, name, file), "renamed")
    assert changed == {path: sum(edit.file == path for edit in edits) for path in {edit.file for edit in edits}}


@pytest.mark.parametrize(
    ("kind", "name", "new", "reason"),
    [
        ("steps", "more", "hello", 'there is already a step "hello" at flows/main.yaml:5:3'),
        ("steps", "more", "end", 'flows/main.yaml:6:3 would have an issue: a step cannot be named "end"'),
        ("steps", "more", "a: b", '"a: b" cannot be a name'),
        ("lookups", "customer", "call", 'flows/shared.yaml:3:3 would have an issue: a lookup cannot be named "call"'),
        ("hooks", "crm", "1", "flows/shared.yaml:4:9 would have an issue: "),
        ("flows", "main", "sub", 'there is already a flow "sub" at flows/sub.yaml:1:7'),
        ("flows", "main", "Main", 'flows/main.yaml:1:7 would have an issue: a flow cannot be named "Main"'),
    ],
)
def test_a_name_that_clashes_or_is_invalid_is_refused_with_the_reason(
    kind: str, name: str, new: str, reason: str
) -> None:
    file = "flows/main.yaml" if kind in ("steps", "flows") else "flows/shared.yaml"
    with pytest.raises(CannotRename) as refused:
        rename(SHARED, definition(kind, name, file), new)
    assert str(refused.value).startswith(reason)


def test_a_file_that_cannot_be_read_may_hide_a_name() -> None:
    texts = {**SHARED, "flows/broken.yaml": "flow: [\n"}
    with pytest.raises(CannotRename, match=r"flows/broken.yaml:.* fix that first"):
        rename(texts, definition("hooks", "crm", "flows/shared.yaml"), "renamed")


def test_an_invalid_name_can_be_corrected() -> None:
    texts = {**SHARED, "flows/sub.yaml": SHARED["flows/sub.yaml"].replace("flow: sub", "flow: SUB")}
    texts["flows/main.yaml"] = SHARED["flows/main.yaml"].replace("run: sub", "run: SUB")
    old = ProjectNames(texts).definitions("flows", "flows/main.yaml")["SUB"]
    assert SHARED == with_edits(texts, rename(texts, old, "sub"))


def test_the_name_at_the_cursor_is_found_in_templates_too() -> None:
    names = ProjectNames(SHARED)
    at, defined = name_at(names, "templates/more.j2", 1, 24)
    assert ("customer", 21, "flows/shared.yaml") == (at.name, at.place.column, defined.place.file)
    with pytest.raises(CannotRename, match="no name here that the project defines"):
        name_at(names, "templates/more.j2", 1, 2)
    with pytest.raises(CannotRename, match="only steps, lookups, hooks and flows can"):
        name_at(names, "flows/sub.yaml", 2, 13)


def test_a_template_of_two_flows_keeps_a_name_that_each_declares() -> None:
    lookup = 'lookups: {order: {get: "https://crm.example.com", returns: {name: text}}}'
    steps = "steps: {a: {lookup: order, do: [{talk: {template: order.j2}}], goto: end}}"
    flows = {
        f"flows/{name}.yaml": f"flow: {name}\nentry: true\nstart: a\n{lookup}\n{steps}\n" for name in ("one", "two")
    }
    texts = {**flows, "templates/order.j2": "{{ order.name }}"}
    old = ProjectNames(texts).definitions("lookups", "flows/one.yaml")["order"]
    with pytest.raises(CannotRename, match=r"templates/order.j2:1:4 would have an issue"):
        rename(texts, old, "purchase")


@pytest.mark.parametrize(
    ("kind", "name", "file", "count"),
    [
        ("steps", "s3", "flows/f5.yaml", 2),
        ("lookups", "customer", "flows/shared.yaml", 1801),
        ("lookups", "own", "flows/f7.yaml", 21),
        ("flows", "f9", "flows/f9.yaml", 1),
    ],
)
def test_a_name_is_changed_in_a_project_of_a_hundred_flows(kind: str, name: str, file: str, count: int) -> None:
    head = 'start: s0\nlookups: {own: {get: "https://own.example.com", returns: {name: text}}}\nsteps:\n'
    steps = "".join(
        f"  s{number}:\n    lookup: {'customer' if number % 2 else 'own'}\n"
        f'    do: [{{talk: "Hi {{{{ {"customer" if number % 2 else "own"}.name }}}}."}}]\n    goto: s{number + 1}\n'
        for number in range(19)
    )
    others = {
        f"flows/f{number}.yaml": f"flow: f{number}\nentry: true\n{head}{steps}  s19: {{goto: end}}\n"
        for number in range(100)
    }
    texts = {"flows/shared.yaml": SHARED["flows/shared.yaml"], **others}
    old = next(
        each for each in ProjectNames(texts).files[file].names if each.is_definition and each[:2] == (kind, name)
    )
    begun = time.process_time()
    edits = rename(texts, old, "renamed")
    assert time.process_time() - begun < 10
    assert count == len(edits)
