"""What `ncco lsp` offers an editor, through a real client on standard input and output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.support.cases import each_case
from tests.support.processes import children
from tests.system.studio.lsp.editor import Editor, editing, write

MAIN, SUB, SHARED = "flows/main.yaml", "flows/sub.yaml", "flows/shared.yaml"
TEMPLATE, SCENARIOS = "templates/more.j2", "tests/scenarios/main.yaml"
PROJECT = {
    SHARED: """\
shared: true
lookups:
  customer: {get: "{{ env.CRM_URL }}/callers", returns: {name: text}, default: {name: you}}
hooks: {crm: {post: "{{ env.CRM_URL }}/notes"}}
""",
    MAIN: """\
flow: main
default: true
start: hello
steps:
  hello:
    lookup: customer
    send: crm
    do: [{talk: "Hi 👋 {{ customer.name | upper }}, from {{ call.from }}."}]
    goto: more
  more: {do: [{talk: {template: more.j2}}], run: sub, on: {done: end}}
""",
    SUB: "flow: sub\noutcomes: [done]\nstart: ask\nsteps:\n  ask: {do: [{talk: Bye.}], goto: {return: done}}\n",
    TEMPLATE: "{% if customer.ok %}{{ customer.name }}{% else %}Nobody{% endif %} 👋 is welcome.\n",
    SCENARIOS: """\
a call:
  flow: main
  given: {customer: {name: Ann}}
  script: [{hear: Ann}, end]
  expect: {hooks: [crm]}
""",
    ".env": "FLOW_CRM_URL=https://crm.example.com/of/the-settings\n",
}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """An editor shared by most tests, since its server takes seconds to start."""
    async with editing(write(tmp_path_factory.mktemp("lsp") / "phone", PROJECT)) as editor:
        yield editor


@pytest_asyncio.fixture(loop_scope="module")
async def editor(started: Editor) -> AsyncIterator[Editor]:
    """The shared editor without open files. After the test, all files are restored."""
    yield started
    for file in list(started.texts):
        started.close(file)
    for file, text in PROJECT.items():
        started.save_elsewhere(file, text)
    await started.until_checked()


async def test_issues_of_unsaved_texts_appear_in_every_affected_file_and_disappear_when_fixed(editor: Editor) -> None:
    editor.edit(SUB, PROJECT[SUB].replace("flow: sub", "flow: other"))
    await editor.until(lambda: [["E272"]] == editor.codes(MAIN))
    (issue,) = editor.issues(MAIN)
    assert ("ncco", types.DiagnosticSeverity.Error) == (issue.source, issue.severity)
    assert editor.at(MAIN, "sub, on") == issue.range.start
    assert issue.code_description is not None
    page = urlsplit(issue.code_description.href)
    line = line_of(Path(unquote(page.path)), int(page.fragment.removeprefix("L")))
    assert line.startswith('<a id="E272"></a>**E272**')

    editor.edit(SUB, PROJECT[SUB])
    await editor.until(lambda: [[]] == editor.codes(MAIN))
    editor.edit(TEMPLATE, "👋👋 {{ customer.nme }}")
    await editor.until(lambda: [["E304"]] == editor.codes(TEMPLATE))
    assert editor.at(TEMPLATE, "nme").character == editor.issues(TEMPLATE)[0].range.start.character
    editor.edit(SCENARIOS, PROJECT[SCENARIOS].replace("customer:", "custmer:"))
    editor.close(TEMPLATE)
    await editor.until(lambda: [[], ["S107"]] == editor.codes(TEMPLATE, SCENARIOS))
    editor.close(SCENARIOS)
    await editor.until(lambda: [[], [], [], []] == editor.codes(MAIN, SUB, TEMPLATE, SCENARIOS))


def line_of(page: Path, number: int) -> str:
    return page.read_text(encoding="utf-8").split("\n")[number - 1]


async def test_files_that_change_on_disk_are_checked_again(editor: Editor) -> None:
    editor.edit(MAIN, PROJECT[MAIN])
    await editor.until(lambda: len(editor.watched) == 1)
    editor.save_elsewhere(SHARED, PROJECT[SHARED].replace("customer:", "client:"))
    await editor.until(lambda: [["E537"], []] == editor.codes(MAIN, TEMPLATE))
    editor.save_elsewhere(SHARED, PROJECT[SHARED])
    await editor.until(lambda: [[], []] == editor.codes(TEMPLATE, MAIN))
    editor.save_elsewhere(".env", "")
    await editor.until(lambda: bool(editor.issues(SHARED)))


async def test_an_override_that_is_over_is_shown(editor: Editor) -> None:
    hours = "hours: {office: {timezone: Europe/London, week: {mon: 09:00-17:00}, override: {2024-12-24: closed}}}"
    branch = "branch: [{if: hours.office.open, goto: more}, {else: more}]"
    editor.edit(MAIN, PROJECT[MAIN].replace("steps:", f"{hours}\nsteps:").replace("goto: more", branch, 1))
    await editor.until(lambda: [["W524"]] == editor.codes(MAIN))


async def test_a_quick_fix_is_an_edit_of_the_version_that_was_checked(editor: Editor) -> None:
    editor.edit(MAIN, PROJECT[MAIN].replace("goto: more", "goto: moer").replace("Hi", "Hi 👋👋"))
    await editor.until(lambda: bool(editor.issues(MAIN)))
    where = types.Range(editor.at(MAIN, "moer"), editor.at(MAIN, "moer"))
    asked = types.CodeActionParams(editor.document(MAIN), where, types.CodeActionContext([]))
    (action,) = await editor.client.text_document_code_action_async(asked) or ()
    assert isinstance(action, types.CodeAction)
    assert ("Change to more", "quickfix") == (action.title, action.kind)
    editor.apply(action.edit)
    assert PROJECT[MAIN].replace("Hi", "Hi 👋👋") == editor.text(MAIN)
    await editor.until(lambda: [[]] == editor.codes(MAIN))


async def test_completion_replaces_the_word_at_the_cursor(editor: Editor) -> None:
    editor.edit(MAIN, PROJECT[MAIN].replace("customer.name | upper", "customer.na"))
    at = editor.at(MAIN, "na }}", more=2)
    found = await editor.client.text_document_completion_async(types.CompletionParams(editor.document(MAIN), at))
    assert isinstance(found, types.CompletionList)
    options = {item.label: item for item in found.items}
    assert {"ok", "name"} == options.keys()
    assert types.TextEdit(types.Range(editor.at(MAIN, "na }}"), at), "name") == options["name"].text_edit
    editor.edit(MAIN, PROJECT[MAIN].replace("goto: more", "goto: "))
    at = editor.at(MAIN, "goto: ", more=6)
    found = await editor.client.text_document_completion_async(types.CompletionParams(editor.document(MAIN), at))
    assert isinstance(found, types.CompletionList)
    assert {"hello", "more", "end", "return"} <= {item.label for item in found.items}


@each_case(
    ("written", "typed", "offered"),
    [
        ("flow: main", "flow: |", ["main", "sub"]),
        ("given: {customer: {name: Ann}}", "given:\n    cust|", ["customer"]),
        ("hooks: [crm]", "hooks: [c|]", ["crm"]),
        ("hear: Ann", "hear: A|", []),
    ],
)
async def test_completion_in_a_scenario_offers_names_of_the_project(
    editor: Editor, written: str, typed: str, offered: list[str]
) -> None:
    editor.edit(SCENARIOS, PROJECT[SCENARIOS].replace(written, typed))
    at = editor.at(SCENARIOS, "|")
    editor.edit(SCENARIOS, PROJECT[SCENARIOS].replace(written, typed.replace("|", "")))
    found = await editor.client.text_document_completion_async(types.CompletionParams(editor.document(SCENARIOS), at))

    assert offered == (sorted(item.label for item in found.items) if isinstance(found, types.CompletionList) else [])


async def test_hover_describes_keys_and_shows_the_ncco_of_a_step(editor: Editor) -> None:
    async def hover(text: str, more: int = 0) -> str:
        asked = types.HoverParams(editor.document(MAIN), editor.at(MAIN, text, more=more))
        found = await editor.client.text_document_hover_async(asked)
        assert found is not None
        assert isinstance(found.contents, types.MarkupContent)
        return found.contents.value

    editor.edit(MAIN, PROJECT[MAIN].replace("Hi", "Good day"))
    assert "Lookups to make when the step is entered: their names, or `- name: {param: value}`." in await hover(
        "lookup:"
    )
    assert (await hover("customer\n")).startswith("lookup customer: returns")
    shown = await hover("hello:")
    assert shown.startswith("step hello: talk ")
    assert '"text": "Good day 👋 YOU, from 447700900123."' in shown  # the lookup's default, since no server is asked
    assert "the-settings" not in shown
    assert "filter upper" in await hover("upper")


async def test_names_link_to_their_definition_and_every_use(editor: Editor) -> None:
    at = editor.at(TEMPLATE, "customer.name", more=3)
    found = await editor.client.text_document_definition_async(types.DefinitionParams(editor.document(TEMPLATE), at))
    assert isinstance(found, types.Location)
    assert (editor.uri(SHARED), editor.at(SHARED, "customer:")) == (found.uri, found.range.start)
    asked = types.ReferenceParams(types.ReferenceContext(include_declaration=True), editor.document(TEMPLATE), at)
    places = await editor.client.text_document_references_async(asked) or ()
    counts = {file: sum(place.uri == editor.uri(file) for place in places) for file in PROJECT}
    assert {MAIN: 2, SHARED: 1, SUB: 0, TEMPLATE: 2, SCENARIOS: 1, ".env": 0} == counts


async def test_a_name_is_changed_in_all_files_or_refused_with_the_reason(editor: Editor) -> None:
    editor.edit(MAIN, PROJECT[MAIN].replace("Hi", "Good day"))
    document, client = editor.document(MAIN), editor.client
    for word, new in (
        ("customer\n", "client"),
        ("crm", "note"),
        ("hello:", "begin"),
        ("sub,", "other"),
        ("main", "top"),
    ):
        at = editor.at(MAIN, word, more=1)
        prepared = await client.text_document_prepare_rename_async(types.PrepareRenameParams(document, at))
        assert isinstance(prepared, types.Range)
        assert editor.at(MAIN, word) == prepared.start
        editor.apply(await client.text_document_rename_async(types.RenameParams(document, at, new)))
    await editor.until_checked()
    assert [[], [], [], [], []] == editor.codes(MAIN, SUB, SHARED, TEMPLATE, SCENARIOS)
    assert "flow: top\n  given: {client: {name: Ann}}" in editor.text(SCENARIOS)
    assert "hooks: [note]" in editor.text(SCENARIOS)
    assert "customer" not in "".join(editor.text(file) for file in editor.files() if not file.startswith("."))

    at = editor.at(MAIN, "begin:")
    for new, reason in (("more", 'already a step "more" at flows/main.yaml:10:3'), ("end", 'cannot be named "end"')):
        with pytest.raises(JsonRpcException, match=reason):
            await client.text_document_rename_async(types.RenameParams(document, at, new))
    with pytest.raises(JsonRpcException, match="no name here that the project defines"):
        await client.text_document_prepare_rename_async(
            types.PrepareRenameParams(document, editor.at(MAIN, "Good day"))
        )
    assert "Traceback" not in editor.log.read_text(encoding="utf-8")


async def test_symbols_of_a_file_and_of_the_workspace(editor: Editor) -> None:
    editor.edit(MAIN, PROJECT[MAIN].replace("more", "later"))
    asked = types.DocumentSymbolParams(editor.document(MAIN))
    (flow,) = await editor.client.text_document_document_symbol_async(asked) or ()
    assert isinstance(flow, types.DocumentSymbol)
    assert ("main", ["hello", "later"]) == (flow.name, [step.name for step in flow.children or ()])
    for step in flow.children or ():
        assert flow.range.start.line <= step.range.start.line <= step.range.end.line <= flow.range.end.line
    found = await editor.client.workspace_symbol_async(types.WorkspaceSymbolParams("CUST")) or ()
    assert [("customer", editor.uri(SHARED))] == [(each.name, each.location.uri) for each in found]


async def test_each_folder_has_its_own_project_or_a_message(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", PROJECT), write(tmp_path / "two", PROJECT)
    write(two, {SUB: "flow: [\n"})
    empty = write(tmp_path / "empty", {"README.md": "Nothing."})
    async with editing(one, two, empty, like="neovim") as editor:
        await editor.until(lambda: (two / SUB).as_uri() in editor.client.diagnostics)
        assert [[]] == editor.codes(SUB)
        await editor.until(lambda: bool(editor.client.messages))
        (message,) = editor.client.messages
        assert f"{empty} does not contain a flow project" in message.message
        assert "`ncco init`" in message.message

        event = types.WorkspaceFoldersChangeEvent([], [types.WorkspaceFolder(two.as_uri(), "two")])
        editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        await editor.until(lambda: not editor.client.diagnostics[(two / SUB).as_uri()])
        found = await editor.client.workspace_symbol_async(types.WorkspaceSymbolParams("hello")) or ()
        assert [editor.uri(MAIN)] == [each.location.uri for each in found]


async def test_no_text_ends_the_server_or_runs_a_function(tmp_path: Path) -> None:
    trap = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).write_text('ran')\n\ndef find(**_): ...\n"
    root = write(tmp_path / "phone", {**PROJECT, "trap.py": trap})
    async with editing(root, environment={"PYTHONPATH": str(root), "NCCO_PYTHON_LOOKUPS": "trap"}) as editor:
        python = '  customer: {python: "trap:find", returns: {name: text}}\n'
        editor.edit(SHARED, f"shared: true\nlookups:\n{python}hooks: {{crm: {{post: 'https://crm.example.com'}}}}\n")
        await editor.until_checked()
        hovered = types.HoverParams(editor.document(MAIN), editor.at(MAIN, "hello:"))
        shown = await editor.client.text_document_hover_async(hovered)
        assert shown is not None
        assert "447700900123" in str(shown.contents)
        assert not (tmp_path / "ran").exists()

        editor.edit(SUB, "# " + "x" * 2_000_000)
        editor.edit(TEMPLATE, "{{ x }}" * 300_000)
        await editor.until(lambda: [["E119"], ["E119"]] == editor.codes(SUB, TEMPLATE))
        editor.close(SUB)
        editor.close(TEMPLATE)
        await editor.until(lambda: [[], []] == editor.codes(SUB, TEMPLATE))

        for process in checkers():
            os.kill(process, signal.SIGKILL)
        for text in ("\x00", "{{" * 5000, "[" * 5000, "a: &a [*a]", "\ud800", "flow: \u2028\n\x85"):
            editor.edit(MAIN, text)
            await editor.until(lambda: bool(editor.issues(MAIN)))
            editor.edit(MAIN, PROJECT[MAIN])
            await editor.until(lambda: [[]] == editor.codes(MAIN))


def checkers() -> list[int]:
    """The process ids of the checkers: subprocesses of the language servers that this process has started."""
    own = [child for server in children(os.getpid()) for child in children(server)]
    return [child for child in own if b"ncco_studio.editor.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


async def test_without_the_extra_the_command_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['pygls'] = None; from ncco_server.desk.commands import main; main(['lsp'])"
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, said = await done.communicate()
    assert 2 == done.returncode
    assert b'run `pip install "./app/studio[lsp]"`' in said
