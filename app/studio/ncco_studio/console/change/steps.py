"""Changes of a step on the picture: another name, a step after it, a line that leads elsewhere, or without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final, Literal, NamedTuple
from urllib.parse import quote

import yaml
from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.language.retry import FAILURES
from ncco_server.flow.model import Flow, Step
from ncco_server.flow.nodes import Place
from ncco_server.flow.runtime import Way
from ncco_server.issue import pointer
from ncco_server.wording import counted
from ncco_studio.console.access import CanChange
from ncco_studio.console.change.draft import change_of
from ncco_studio.console.change.form import name_as_written
from ncco_studio.console.pages import refused, render, view_of
from ncco_studio.console.state import console_of
from ncco_studio.editing.fixes import with_edits
from ncco_studio.editing.names import ProjectNames
from ncco_studio.editing.rename import CannotRename, edits_of
from ncco_studio.editing.yaml_text import NoSuchValue, Path, YamlText, quoted, written
from ncco_studio.editor.language import shown_way
from ncco_studio.editor.project import ReadProject
from ncco_studio.pictures.graph import label_of

router = APIRouter()

MOST_CHARACTERS: Final = 2_000


class StepForm(BaseModel):
    """What to do with a step.

    Attributes:
        name: the new name, or that of the new step, or of the step to which a line leads.
        says: what callers hear in the new step.
        line: the line that changes, as `StepLine.name`.
        edit: whether to show the form again.
    """

    flow: str = Field("", max_length=200)
    step: str = Field("", max_length=200)
    what: Literal["", "rename", "add", "lead", "delete"] = ""
    name: str = Field("", max_length=200)
    says: str = Field("", max_length=MOST_CHARACTERS)
    line: str = Field("", max_length=MOST_CHARACTERS)
    edit: bool = False


class StepLine(NamedTuple):
    """A line from a step to another: its place in the file, where nothing may be yet, its words, and where it leads."""

    path: Path
    label: str
    target: str

    @property
    def name(self) -> str:
        return pointer(*self.path)


def _lines(request: Request, flow: Flow, step: Step) -> list[StepLine]:
    """With the words of the picture, one for each place in the file; leave out lines to other flows."""
    if flow.handler is not None:
        return []
    read = console_of(request).project.current()
    here = ("steps", step.name)
    file = flow.place.file
    scalars = _scalars(here, YamlText(read.texts[file]).node(here))
    places = {(file, node.start_mark.line + 1, node.start_mark.column + 1): path for path, node in scalars}
    ways: dict[Place, list[Way]] = {}
    for way in (*step.exit.ways, *([Way("error", step.error, step.error.place, ())] if step.error else [])):
        if way.target.runs is None and not way.target.returns:
            ways.setdefault(way.target.place, []).append(way)
    found = []
    for place, alike in ways.items():
        path = places.get(place[:3]) or _new_path(here, [way.name for way in alike])
        if path:
            label = label_of(alike, shown_way(for_owners=view_of(request) == "owner")) or ("afterwards",)
            found.append(StepLine(path, label[0], alike[0].target.shown))
    return found


def _new_path(step: Path, names: list[str]) -> Path:
    """Where to write a line that the step has not written itself; () if nowhere."""
    if names == ["goto"]:
        return (*step, "goto")
    kind = () if len(names) == len(FAILURES) else tuple(names)
    return (*step, "retry", "then", *kind) if {*names} <= {*FAILURES} else ()


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
def step_form(request: Request, _: CanChange, typed: Annotated[StepForm, Query()]) -> Response:
    return _page(request, typed)


def _page(request: Request, typed: StepForm, problem: str = "", issues: tuple[FlowIssue, ...] = ()) -> Response:
    folder = console_of(request).project
    flow = folder.current().project.flows.get(typed.flow)
    step = flow.steps.get(typed.step) if flow else None
    if flow is None or step is None:
        problem = f"There is no step {typed.step} any more."
        return refused(request, 404, problem, "The picture of its flow shows all steps.")
    lines = _lines(request, flow, step)
    nowhere = {step.name, "end" if step.name == flow.start else ""}
    return render(
        request,
        "change_step.html",
        422 if problem else 200,
        flow=flow.name,
        step=step.name,
        typed=typed,
        problem=problem,
        issues=issues,
        blocked=folder.blocked(flow.place.file),
        lines=lines,
        onwards=[line for line in lines if line.target not in nowhere],
        steps=[*flow.steps, "end"],
    )


@router.post("/change-step")
def change_step(request: Request, _: CanChange, typed: Annotated[StepForm, Form()]) -> Response:
    return _page(request, typed) if typed.edit else review_step(request, typed)


def made_by(request: Request, typed: StepForm) -> MadeChange | Response:
    read = console_of(request).project.current()
    flow = read.project.flows.get(typed.flow)
    step = flow.steps.get(typed.step) if flow else None
    if flow is None or step is None or not typed.what:
        return _page(request, typed)
    try:
        return _made(read, flow, step.name, typed, _lines(request, flow, step))
    except (CannotRename, ValueError) as error:
        return _page(request, typed, str(error))
    except (LookupError, NoSuchValue):
        return _page(request, typed, "this step can only be changed in the editor")


def review_step(request: Request, typed: StepForm, notice: str = "") -> Response:
    made = made_by(request, typed)
    if isinstance(made, Response):
        return made
    folder = console_of(request).project
    draft = change_of(folder, made.file, folder.current().texts[made.file], made.text)
    if draft.has_errors:
        return _page(request, typed, "this change causes an error", draft.issues)
    return render(
        request,
        "change_review.html",
        draft=draft,
        differences=[] if typed.what == "rename" else draft.words,
        title=typed.step,
        done=made.done,
        typed=typed.model_dump(exclude={"edit"}) | {"at": made.at},
        again="/change-step",
        back=picture_of(typed.flow, typed.step),
        notice=notice,
    )


def picture_of(flow: str, step: str, query: str = "") -> str:
    return f"/flows/{quote(flow)}{query}#{quote(flow)}/{quote(step)}"


class MadeChange(NamedTuple):
    """A file and its new text, what is done, and the step to look at."""

    file: str
    text: str
    done: str
    at: str


def _made(read: ReadProject, flow: Flow, step: str, typed: StepForm, lines: Sequence[StepLine]) -> MadeChange:
    """What led to a deleted step leads on along the chosen line. Raises CannotRename, ValueError, LookupError."""
    file = flow.place.file
    names = ProjectNames(read.texts)
    uses = names.occurrences(names.definitions("steps", file)[step])
    if typed.what == "rename":
        new = _new_name(flow, typed.name)
        text = with_edits(read.texts, edits_of(uses, read.texts, new))[file]
        return MadeChange(file, text, f"Step {step} is now named {new}, in {counted(len(uses), 'place')}", new)
    line = next((each for each in lines if each.name == typed.line), None)
    if line is None:
        raise CannotRename("this line is no longer in the file: choose another one")
    if typed.what == "delete":
        edits = edits_of([each for each in uses if not each.is_definition], read.texts, line.target)
        changed = YamlText(with_edits(read.texts, edits)[file])
        changed.remove(("steps", step))
        return MadeChange(file, changed.text, f"What led to {step} leads to {line.target}", line.target)
    changed = YamlText(read.texts[file])
    if typed.what == "lead":
        new = typed.name
        _put(changed, line.path, new)
        return MadeChange(file, changed.text, f"{step}, {line.label}: {line.target} → {new}", step)
    new = _new_name(flow, typed.name)
    says = typed.says.strip()
    if not says:
        raise CannotRename("a step needs a name, and what callers hear: write both")
    _put(changed, line.path, new)
    changed.add(("steps",), new, f"{{do: [{{talk: {quoted(says)}}}], goto: {written(line.target)}}}")
    return MadeChange(file, changed.text, f"{step}, {line.label}: {line.target} → {new} → {line.target}", new)


def _new_name(flow: Flow, name: str) -> str:
    """Raises CannotRename, ValueError."""
    new = name_as_written(name)
    if new in flow.steps:
        raise CannotRename(f'there is already a step "{new}": choose another name')
    return new


def _put(text: YamlText, path: Path, value: str) -> None:
    """Raises NoSuchValue."""
    if text.get(path) is None:
        text.add(path[:-1], path[-1], written(value))
    else:
        text.set(path, value)
