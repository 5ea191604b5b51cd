"""Changes of a step on the picture: another name, a step after it, a line that leads elsewhere, or without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, NamedTuple

import yaml
from fastapi import APIRouter, Form, Request, Response

from ncco_studio.console.access import CanChange
from ncco_studio.console.change.draft import change_of
from ncco_studio.console.change.fields import pointer
from ncco_studio.console.pages import refused, render
from ncco_studio.console.state import console_of
from ncco_studio.editing.fixes import with_edits
from ncco_studio.editing.names import ProjectNames
from ncco_studio.editing.rename import CannotRename, edits_of, rename
from ncco_studio.editing.yaml_text import NoSuchValue, Path, YamlText, quoted, written
from ncco_studio.editor.project import ReadProject

router = APIRouter()

MOST_CHARACTERS: Final = 2_000


_NOT_SAID: Final = frozenset({"goto", "choices", "on", "branch", "then"})
"""Keys between a step and where it leads that say nothing to people."""


class StepLine(NamedTuple):
    """A line from a step to another: its place in the file, what it stands for, and where it leads."""

    path: Path
    label: str
    target: str

    @property
    def name(self) -> str:
        return pointer(self.path)


def lines_of(read: ReadProject, file: str, step: str) -> list[StepLine]:
    """Leave out lines to other flows and what several steps share."""
    used = (each for each in ProjectNames(read.texts).files[file].names if each.kind == "steps" and not each.node)
    places = {(each.place.line, each.place.column) for each in used}
    text = YamlText(read.texts[file])
    found = []
    for path, node in _scalars(("steps", step), text.node(("steps", step))):
        column = node.start_mark.column + 1 + (node.style in ("'", '"'))
        if (node.start_mark.line + 1, column) in places:
            found.append(StepLine(path, _label(text, path), node.value))
    return found


def _scalars(path: Path, node: yaml.Node) -> Iterator[tuple[Path, yaml.ScalarNode]]:
    if isinstance(node, yaml.ScalarNode):
        yield path, node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars((*path, str(key.value)), value)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _scalars((*path, str(number)), value)


@router.get("/change-step")
def step_form(request: Request, _: CanChange, *, flow: str = "", step: str = "") -> Response:
    return _page(request, flow, step, {})


def _page(request: Request, flow: str, step: str, typed: Mapping[str, str], problem: str = "") -> Response:
    folder = console_of(request).project
    known = folder.current().project.flows.get(flow)
    if known is None or step not in known.steps:
        return refused(request, 404, f"There is no step {step} any more.", "The picture of its flow shows all steps.")
    blocked = folder.blocked(known.place.file)
    typed = {"what": "", "name": "", "says": "", "line": ""} | dict(typed)
    lines = lines_of(folder.current(), known.place.file, step) if not known.handler else []
    values = {"flow": flow, "step": step, "typed": typed, "problem": problem, "blocked": blocked, "lines": lines}
    values["steps"] = [*known.steps, "end"]
    return render(request, "change_step.html", 422 if problem else 200, **values)


@router.post("/change-step")
def change_step(
    request: Request,
    _: CanChange,
    *,
    flow: Annotated[str, Form(max_length=200)],
    step: Annotated[str, Form(max_length=200)],
    what: Annotated[Literal["rename", "add", "lead", "delete"], Form()],
    name: Annotated[str, Form(max_length=200)] = "",
    says: Annotated[str, Form(max_length=MOST_CHARACTERS)] = "",
    line: Annotated[str, Form(max_length=MOST_CHARACTERS)] = "",
) -> Response:
    """Show the changed file for confirmation."""
    folder = console_of(request).project
    read = folder.current()
    typed = {"what": what, "name": name, "says": says, "line": line}
    known = read.project.flows.get(flow)
    if known is None or step not in known.steps:
        return _page(request, flow, step, typed)
    file = known.place.file
    try:
        match what:
            case "rename":
                text = _renamed(read, file, step, name.strip())
            case "add":
                text = _with_step_after(read.texts[file], step, name.strip(), says.strip())
            case "lead":
                text = _leading(read, file, step, line, name)
            case "delete":
                text = _without(read, file, step)
    except CannotRename as error:
        return _page(request, flow, step, typed, str(error))
    except (LookupError, NoSuchValue):
        return _page(request, flow, step, typed, "this step can only be changed in the editor")
    draft = change_of(folder, file, read.texts[file], text)
    for issue in (each for each in draft.issues if each.is_error):
        return _page(request, flow, step, typed, f"{issue.place}: {issue.message}; {issue.cure}")
    return render(request, "change_review.html", draft=draft, title=step, typed={}, is_version=False)


def _renamed(read: ReadProject, file: str, step: str, new: str) -> str:
    """Raises CannotRename, LookupError."""
    edits = rename(read.texts, ProjectNames(read.texts).definitions("steps", file)[step], new)
    others = {edit.file for edit in edits} - {file}
    if others:
        raise CannotRename(f"{', '.join(others)} names this step, too: rename it in an editor, in all files")
    return with_edits(read.texts, edits)[file]


def _with_step_after(text: str, step: str, new: str, says: str) -> str:
    """Raises CannotRename, NoSuchValue."""
    changed = YamlText(text)
    path: Path = ("steps", step, "goto")
    after = _next_of(changed, path)
    if new in [key.value for key, _ in changed.node(("steps",)).value]:
        raise CannotRename(f'there is already a step "{new}": choose another name')
    if not new or not says:
        raise CannotRename("a step needs a name, and what callers hear: write both")
    changed.set(path, new)
    changed.add(("steps",), new, f"{{do: [{{talk: {quoted(says)}}}], goto: {written(after)}}}")
    return changed.text


def _leading(read: ReadProject, file: str, step: str, line: str, target: str) -> str:
    """Raises CannotRename, NoSuchValue."""
    path = next((each.path for each in lines_of(read, file, step) if each.name == line), None)
    if path is None:
        raise CannotRename("this line is no longer in the file: choose another one")
    changed = YamlText(read.texts[file])
    changed.set(path, target)
    return changed.text


def _label(text: YamlText, path: Path) -> str:
    """The condition of a branch, or else the keys that lead there."""
    *holder, last = path
    if last == "goto" and "branch" in holder:
        return f"if {text.node((*holder, 'if')).value}"
    words = [word for word in path[2:] if word not in _NOT_SAID and not word.isdecimal()]
    return ", ".join(words).replace("_", " ").replace("else", "otherwise") or "afterwards"


def _without(read: ReadProject, file: str, step: str) -> str:
    """What led to the step leads on to the step after it. Raises CannotRename, LookupError, NoSuchValue."""
    names = ProjectNames(read.texts)
    definition = names.definitions("steps", file)[step]
    after = _next_of(YamlText(read.texts[file]), ("steps", step, "goto"))
    uses = [each for each in names.occurrences(definition) if not each.is_definition]
    changed = YamlText(with_edits(read.texts, edits_of(uses, read.texts, after))[file])
    changed.remove(("steps", step))
    return changed.text


def _next_of(text: YamlText, path: Path) -> str:
    """Raises CannotRename, NoSuchValue."""
    text.node(path[:-1])
    try:
        after = text.node(path).value
    except NoSuchValue:
        after = None
    if not isinstance(after, str):
        raise CannotRename("this step leads to several places or to another flow: change it in the editor")
    return after
