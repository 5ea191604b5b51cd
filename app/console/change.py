"""A form for prompts, opening hours and phone numbers: changes single values of flow files without YAML."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

import yaml
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from app.console.access import CanChange, CanLook
from app.console.audit import audit
from app.console.pages import render
from app.console.project import CannotSave, ProjectFolder, digest_of
from app.flow.issues import Issue
from app.flow.nodes import Map, Node, Seq, Text
from app.flow.source import read_yaml
from app.flow.source.edit import NoSuchValue, Path, YamlText, quoted, written

router = APIRouter()

FieldKind: TypeAlias = Literal["prompt", "hours", "number", "template"]
"""The value of a `template` is the name of a file, which the form shows and does not change."""
MOST_CHARACTERS: Final = 20_000
"""Characters of one value of the form."""
MOST_FIELDS: Final = 20_000
"""Inputs of one form."""
_NUMBER: Final = re.compile(r"\+?[\d ()/.-]{3,}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:\.\.\d{4}-\d{2}-\d{2})?")
_DAYS: Final[Mapping[str, str]] = {
    day[:3].lower(): day for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
}
_DAY: Final = re.compile(rf"(?:{'|'.join(_DAYS)})(?:[-,](?:{'|'.join(_DAYS)}))*")
_DAY_NAME: Final = re.compile("|".join(f"{day}s?" for day in _DAYS.values()), re.IGNORECASE)
_DAY_SIGNS: Final = ((re.compile(r"\s*(?:-|\u2013|\bto\b)\s*"), "-"), (re.compile(r"\s*(?:,|&|\band\b)\s*"), ","))
"""The words between days, and what flows write instead."""
_KEYS: Final[Mapping[str, re.Pattern[str]]] = {"week": _DAY, "override": _DATE}
"""What a new line of a calendar may be called."""


class FormField(NamedTuple):
    """One value that can be changed.

    Attributes:
        path: of the value in its file.
        group: the heading that it stands under, such as "menu" or "Opening hours: office".
        label: what it is, within its group.
        value: the text now.
        line: its line in the file.
        may_go: whether its line may be removed.
    """

    kind: FieldKind
    path: Path
    group: str
    label: str
    value: str
    line: int
    may_go: bool = False

    @property
    def name(self) -> str:
        """The name of its input: the path as a JSON Pointer."""
        return pointer(self.path)


class NewLine(NamedTuple):
    """A place where a line can be added: a number, a day of the week, or a date with other hours."""

    path: Path
    group: str
    label: str

    @property
    def name(self) -> str:
        """The beginning of the names of its inputs."""
        return pointer(self.path)


def pointer(path: Path) -> str:
    """A path as a JSON Pointer (RFC 6901)."""
    return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in path)


def path_of(name: str) -> Path:
    """The path that a JSON Pointer means."""
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in name.split("/")[1:])


def fields_in(root: Node | None) -> Iterator[FormField]:
    """The values of a file that its owner may change: numbers, opening hours and prompts, in this order."""
    if isinstance(root, Map):
        numbers = root.get("numbers")
        if isinstance(numbers, Seq):
            yield from _texts(numbers, ("numbers",), "number", "Numbers of this line", "Calls to", may_go=True)
        for calendar, hours in _entries(root.get("hours")):
            group = f"Opening hours: {calendar}"
            for part in ("week", "override"):
                for day, value in _entries(hours.get(part) if isinstance(hours, Map) else None):
                    path = ("hours", calendar, part, day)
                    yield from _texts(value, path, "hours", group, days_in_words(day), may_go=True)
        for name, step in _entries(root.get("steps")):
            yield from _of_step(step, ("steps", name), name)
        yield from _of_step(root.get("defaults"), ("defaults",), "Everywhere")


def days_in_words(key: str) -> str:
    """`mon-fri` as "Monday to Friday", `sat,sun` as "Saturday, Sunday"; what is no days as it is."""
    if not _DAY.fullmatch(key):
        return key
    return re.sub("[a-z]+", lambda day: _DAYS[day[0]], key).replace("-", " to ").replace(",", ", ")


def _as_days(words: str) -> str:
    """The days of a line as flows write them: "Monday to Friday" as `mon-fri`."""
    key = _DAY_NAME.sub(lambda name: name[0][:3], words).strip().lower()
    for sign, written_sign in _DAY_SIGNS:
        key = sign.sub(written_sign, key)
    return key


def _entries(node: Node | None) -> list[tuple[str, Node]]:
    return [(entry.key.value, entry.value) for entry in node.entries] if isinstance(node, Map) else []


def _of_step(step: Node | None, path: Path, group: str) -> Iterator[FormField]:
    """The prompts and dialled numbers of a step, or of the defaults of all steps."""
    if not isinstance(step, Map):
        return
    parts = step.get("do")
    for number, part in enumerate(parts.items if isinstance(parts, Seq) else ()):
        for word, kind, label in (("talk", "prompt", "says"), ("connect", "number", "connects to")):
            if isinstance(part, Map) and (value := part.get(word)) is not None:
                yield from _of_action(value, (*path, "do", str(number), word), kind, group, label)
    for reason, label in (("noinput", "after silence"), ("nomatch", "after a wrong answer")):
        retry = step.get("retry")
        prompts = retry.get(reason) if isinstance(retry, Map) else None
        if prompts is not None:
            yield from _texts(prompts, (*path, "retry", reason), "prompt", group, label)


def _of_action(value: Node, path: Path, kind: str, group: str, label: str) -> Iterator[FormField]:
    """The text of a talk, or the numbers of a connect, in each of the ways in which it can be written."""
    if kind == "prompt":
        inner = value.get("text") if isinstance(value, Map) else None
        yield from _texts(inner or value, (*path, "text") if inner else path, "prompt", group, label)
        return
    targets = list(enumerate(value.items)) if isinstance(value, Seq) else [(-1, value)]
    for index, target in targets:
        place = path if index < 0 else (*path, str(index))
        number = target.get("number") if isinstance(target, Map) else target
        where = (*place, "number") if isinstance(target, Map) else place
        if isinstance(number, Text) and _NUMBER.fullmatch(number.value):
            yield FormField("number", where, group, label, number.value, number.place.line)


def _texts(
    value: Node, path: Path, kind: FieldKind, group: str, label: str, *, may_go: bool = False
) -> Iterator[FormField]:
    """The text, or those of a list, or one for each locale; audio files are left to the editor."""
    match value:
        case Text():
            yield FormField(kind, path, group, label, value.value, value.place.line, may_go)
        case Seq(items=items):
            for number, item in enumerate(items):
                name = label if len(items) == 1 or kind == "number" else f"{label}, {number + 1}"
                yield from _texts(item, (*path, str(number)), kind, group, name, may_go=may_go)
        case Map(entries=entries):
            for entry in entries:
                if entry.key.value == "template" and isinstance(entry.value, Text):
                    file = entry.value
                    yield FormField("template", (*path, "template"), group, label, file.value, file.place.line)
                elif entry.key.value not in ("stream", "style", "name", "premium", "language"):
                    what = label if entry.key.value in ("hours", "text") else f"{label} ({entry.key.value})"
                    yield from _texts(entry.value, (*path, entry.key.value), kind, group, what)


def new_lines_in(root: Node | None) -> Iterator[NewLine]:
    """Where lines can be added."""
    if isinstance(root, Map):
        if isinstance(root.get("numbers"), Seq):
            yield NewLine(("numbers",), "Numbers of this line", "Another number")
        for calendar, hours in _entries(root.get("hours")):
            group = f"Opening hours: {calendar}"
            yield NewLine(("hours", calendar, "override"), group, "Other hours on a date")
            if isinstance(hours, Map) and isinstance(hours.get("week"), Map):
                yield NewLine(("hours", calendar, "week"), group, "Another day")


class CannotChange(Exception):
    """The form asks for something that cannot be done; says what and how to cure it.

    Attributes:
        faults: the name of an input → what is wrong with it; empty when it is about the whole file.
    """

    def __init__(self, problem: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(problem)
        self.faults = dict(faults or {})


def changed(text: str, fields: Iterable[FormField], form: Mapping[str, str]) -> str:
    """The text of a file with what a form says. Raises CannotChange.

    `form` has the new value of each field under its name, `remove:NAME` for lines that go, and `key:NAME` and
    `value:NAME` of lines that are added.
    """
    known = {field.name: field for field in fields if field.kind != "template"}
    yaml_text = YamlText(text)
    faults: dict[str, str] = {}
    try:
        for name, field in known.items():
            value = _tidied(form.get(name, field.value))
            if value != _tidied(field.value):
                try:
                    yaml_text.set(field.path, _checked(value, field))
                except CannotChange as error:
                    faults[name] = str(error)
        for name in [name.removeprefix("value:") for name in form if name.startswith("value:")]:
            path = path_of(name)
            if path != ("numbers",) and (len(path) != 3 or path[0] != "hours" or path[-1] not in _KEYS):
                raise CannotChange("the form adds numbers, days and dates only")
            try:
                _add(yaml_text, path, form.get(f"key:{name}", "").strip(), form[f"value:{name}"].strip())
            except CannotChange as error:
                faults |= error.faults or {f"value:{name}": str(error)}
        if faults:
            raise CannotChange("Correct what is marked below; nothing is lost.", faults)
        gone = [field for name, field in known.items() if f"remove:{name}" in form and field.may_go]
        for field in reversed(gone):
            yaml_text.remove(field.path)
    except (NoSuchValue, yaml.YAMLError) as error:
        raise CannotChange("this file is written in a way that the form cannot change; use the editor") from error
    return yaml_text.text


def _tidied(value: str) -> str:
    return value.replace("\r\n", "\n").strip()


def _checked(value: str, field: FormField) -> str:
    if not value:
        raise CannotChange("write something, or remove its line in the editor")
    if len(value) > MOST_CHARACTERS:
        raise CannotChange(f"write at most {MOST_CHARACTERS} characters")
    return _digits(value) if field.kind == "number" else value


def _digits(value: str) -> str:
    """A phone number as flows write it. Raises CannotChange."""
    digits = re.sub(r"\D", "", value)
    if not _NUMBER.fullmatch(value) or digits.startswith("0"):
        raise CannotChange(f"{value}: write the number with its country code, such as +44 20 7946 0000")
    return digits


def _add(text: YamlText, path: Path, key: str, value: str) -> None:
    """Add a line; nothing when its inputs are empty. Raises CannotChange, NoSuchValue."""
    if not (key or value):
        return
    if path == ("numbers",):
        text.add(path, "", quoted(_digits(value)))
        return
    wanted, key = key, _as_days(key) if path[-1] == "week" else key
    if not _KEYS[path[-1]].fullmatch(key):
        what = "a day, such as Sunday or Monday to Friday" if path[-1] == "week" else "a date, such as 2026-12-24"
        problem = f"{wanted or 'nothing'} is not {what}"
        raise CannotChange(problem, {f"key:{pointer(path)}": problem})
    if not value:
        raise CannotChange(f"{wanted}: write the hours, such as 09:00-12:00, or closed")
    try:
        text.add(path, key, written(value))
    except NoSuchValue:  # the calendar has no such part yet
        text.add(path[:-1], path[-1], f"{{{written(key)}: {written(value)}}}")


@dataclass(frozen=True)
class Draft:
    """A changed file before it is saved.

    Attributes:
        lines: the difference, line by line, each with `+`, `-`, `@` or a space in front.
        issues: what is new in the whole project; nothing is saved while one of them is an error.
    """

    file: str
    text: str
    digest: str
    lines: tuple[str, ...]
    issues: tuple[Issue, ...]

    @property
    def has_errors(self) -> bool:
        """Whether it must not be saved."""
        return any(issue.is_error for issue in self.issues)


def draft_of(folder: ProjectFolder, file: str, before: str, after: str) -> Draft:
    """A draft, with the project checked as it would be."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    known = {(issue.code, issue.message) for issue in folder.current().issues}
    issues = folder.with_texts({file: after}).issues
    new = tuple(issue for issue in issues if (issue.code, issue.message) not in known)
    return Draft(file, after, digest_of(before), tuple(lines), new)


def _folder(request: Request) -> ProjectFolder:
    folder: ProjectFolder = request.app.state.project
    return folder


@router.get("/change")
def change_list(request: Request, _: CanLook) -> Response:
    """The files of the project with something that the form can change."""
    texts = _folder(request).current().texts
    files = {file: list(fields_in(read_yaml(file, text)[0])) for file, text in texts.items() if file.endswith("ml")}
    return render(request, "change_list.html", files={file: found for file, found in files.items() if found})


@router.get("/change/{file:path}")
def change_form(request: Request, file: str, _: CanLook) -> Response:
    """The form of one file."""
    return _form(request, file)


def _form(
    request: Request,
    file: str,
    *,
    problem: str = "",
    form: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    """The form, again with what was typed when there is a problem; `faults`: see CannotChange."""
    folder = _folder(request)
    text = folder.current().texts.get(file)
    if text is None:
        return render(request, "change_missing.html", 404, file=file)
    root, _ = read_yaml(file, text)
    fields = list(fields_in(root))
    return render(
        request,
        "change.html",
        422 if problem else 200,
        file=file,
        groups=list(dict.fromkeys(field.group for field in fields)),
        fields=fields,
        new_lines=list(new_lines_in(root)),
        digest=digest_of(text),
        typed=form or {},
        problem=problem,
        faults=faults or {},
        templates={name for name in folder.current().texts if name.startswith("templates/")},
        blocked=folder.blocked(file),
        versions=list(folder.versions(file)),
    )


@router.post("/change/{file:path}")
async def change_review(request: Request, file: str, _: CanChange) -> Response:
    """What would be saved: the difference and the issues, to confirm."""
    return await run_in_threadpool(_review, request, file, await _posted(request))


def _review(request: Request, file: str, form: Mapping[str, str]) -> Response:
    folder = _folder(request)
    before = folder.current().texts.get(file)
    if before is None:
        return render(request, "change_missing.html", 404, file=file)
    if "edit" in form:
        return _form(request, file, form=form)
    fields = list(fields_in(read_yaml(file, before)[0]))
    try:
        if form.get("version"):
            after = folder.versions(file).get(form["version"], before)
        else:
            if form.get("digest") != digest_of(before):
                raise CannotChange("the file has changed on disk since the form was opened; check your changes again")
            after = changed(before, fields, form)
    except CannotChange as error:
        return _form(request, file, problem=str(error), form=form, faults=error.faults)
    except CannotSave as error:
        return _form(request, file, problem=str(error), form=form)
    if after == before:
        return _form(request, file, problem="nothing was changed", form=form)
    values = {field.name: _tidied(field.value) for field in fields}
    typed = {name: value for name, value in _typed(form).items() if _tidied(value) != values.get(name)}
    return render(request, "change_review.html", draft=draft_of(folder, file, before, after), typed=typed)


def _typed(form: Mapping[str, str]) -> dict[str, str]:
    """The values and lines of a form, without what only steers it."""
    steers = ("remove:", "key:", "value:", "/")
    return {name: value for name, value in form.items() if name.startswith(steers) and (value or name[0] == "/")}


@router.post("/change-save")
async def change_save(request: Request, _: CanChange) -> Response:
    """Save a draft that was confirmed; it is checked once more."""
    return await run_in_threadpool(_save, request, await _posted(request))


def _save(request: Request, form: Mapping[str, str]) -> Response:
    folder = _folder(request)
    file, text = form.get("file", ""), form.get("text", "").replace("\r\n", "\n")
    before = folder.current().texts.get(file)
    if before is None:
        return render(request, "change_missing.html", 404, file=file)
    if "\r\n" in before:
        text = text.replace("\n", "\r\n")
    draft = draft_of(folder, file, before, text)
    if draft.has_errors:
        return render(request, "change_review.html", 422, draft=draft, typed=_typed(form))
    try:
        folder.save(file, text, form.get("digest", ""))
    except CannotSave as error:
        audit(request, "file not saved", is_refused=True, file=file, problem=str(error))
        return _form(request, file, problem=f"{error}; {error.cure}", form=form)
    audit(request, "file saved", file=file)
    return RedirectResponse(f"/change/{quote(file)}?saved=1", 303)


async def _posted(request: Request) -> dict[str, str]:
    """The texts of a form."""
    form = await request.form(max_fields=MOST_FIELDS)
    return {name: value for name, value in form.items() if isinstance(value, str)}
