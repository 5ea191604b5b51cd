"""The form that changes prompts, opening hours and phone numbers in flow files, without YAML."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from ncco_server.desk.machine_checks import example_numbers
from ncco_server.ncco.durations import plain
from ncco_server.service.phone_numbers import line_of, readable
from ncco_studio.console.access import MOST_FIELDS, CanChange, CanLook
from ncco_studio.console.change.draft import (
    FileChange,
    change_of,
    fields_of,
    form_fields,
    save,
    title_of,
    titled,
)
from ncco_studio.console.change.fields import SECTIONS, FormField, NewLine, new_lines_in
from ncco_studio.console.change.form import NOT_SAVED, SAVED_MEANWHILE, CannotChange, changed, merged, tidied
from ncco_studio.console.change.heard import examples_of, heard_on, week_heard
from ncco_studio.console.change.notation import (
    date_in_words,
    day_in_words,
    first_day,
    joined_times,
    time_fields,
)
from ncco_studio.console.change.placeholders import filled
from ncco_studio.console.editor import check_size
from ncco_studio.console.history import Change, record
from ncco_studio.console.pages import refused, render
from ncco_studio.console.state import console_of
from ncco_studio.console.stored_rows import PlayedWorld, remember_world
from ncco_studio.editor.project import CannotSave, ProjectFolder, ReadProject, digest_of

router = APIRouter()

MOST_HEARD: Final = 40
"""Dates of a calendar for which the form says what callers hear."""
SHOWN_HOLIDAYS: Final = timedelta(days=366)
"""How far ahead the form lists a calendar's holidays."""


class FormGroup(NamedTuple):
    """The fields of one step or calendar within a section, and the lines that can be added."""

    name: str
    fields: list[FormField]
    new_lines: list[NewLine]

    @property
    def week(self) -> list[FormField]:
        return [field for field in self.fields if field.day is not None]

    @property
    def others(self) -> list[FormField]:
        """Exceptions and holidays are sorted by their dates; public ones come last."""
        others = (field for field in self.fields if field.day is None)
        return sorted(others, key=lambda field: (field.kind in ("country", "region"), field.date))


class FormSection(NamedTuple):
    """A section of the form: what callers hear, opening hours, ..."""

    title: str
    groups: list[FormGroup]

    @property
    def size(self) -> int:
        return sum(len(group.fields) for group in self.groups)

    def has(self, inputs: Collection[str]) -> bool:
        fields = (name for group in self.groups for each in group.fields for name in (each.name, f"remove:{each.name}"))
        lines = (name for group in self.groups for line in group.new_lines for name in line.inputs)
        return any(name in inputs for name in chain(fields, lines))


def sections_of(fields: Iterable[FormField], new_lines: Iterable[NewLine]) -> list[FormSection]:
    found: dict[str, dict[str, FormGroup]] = {title: {} for title in SECTIONS}
    for field in fields:
        found[field.section].setdefault(field.group, FormGroup(field.group, [], [])).fields.append(field)
    for line in new_lines:
        found[line.section].setdefault(line.group, FormGroup(line.group, [], [])).new_lines.append(line)
    return [FormSection(title, list(groups.values())) for title, groups in found.items() if groups]


def _missing(request: Request) -> Response:
    return refused(request, 404, "There is nothing to change here any more.", "The page Change lists what there is.")


def _folder(request: Request) -> ProjectFolder:
    return console_of(request).project


@router.get("/change")
def change_list(request: Request, _: CanLook) -> Response:
    read = _folder(request).current()
    files = {file: fields_of(read, file) for file in read.texts if file.endswith("ml")}
    titles = {file: title_of(read, file, found) for file, found in files.items()}
    faulty = {issue.place.file for issue in read.project.issues if issue.is_error}
    listed = sorted(files, key=lambda file: not any(field.path[0] in ("numbers", "hours") for field in files[file]))
    files = {file: files[file] for file in listed if files[file] or file in faulty}
    return render(request, "change_list.html", files=files, titles=titles, faulty=faulty)


def _shared(read: ReadProject) -> dict[str, str]:
    owned = {flow.place.file for flow in read.project.flows.values()}
    files = dict.fromkeys(calendar.place.file for calendar in read.project.calendars.values())
    return {file: title_of(read, file, fields_of(read, file)) for file in files if file not in owned}


@router.get("/change/{file:path}", dependencies=[Depends(remember_world)])
def change_form(request: Request, file: str, _: CanLook) -> Response:
    return _form(request, file)


def _form(
    request: Request,
    file: str,
    *,
    problem: str = "",
    form: Mapping[str, str] | None = None,
    faults: Mapping[str, str] | None = None,
    draft: FileChange | None = None,
    both: Collection[str] = (),
    by: str = "",
) -> Response:
    """Show the form, with the values that were entered if there is a problem.

    The issues of the `draft` are above the form, and `faults` (see `CannotChange`) next to their fields. `both` has the
    fields that somebody else has changed, too; `by` says in words who that is.
    """
    folder = _folder(request)
    read = folder.current()
    text = read.texts.get(file)
    if text is None:
        return _missing(request)
    root = read.node(file)
    fields = fields_of(read, file)
    flow = next((flow for flow in read.project.flows.values() if flow.place.file == file), None)
    samples = example_numbers(flow) if flow is not None and not console_of(request).settings.demo else ()
    return render(
        request,
        "change.html",
        422 if problem else 200,
        title=title_of(read, file, fields),
        samples=[readable(number, line_of(read.project.flows.values())) for number in samples],
        shared=_shared(read) if flow is not None else {},
        numbers=[field.value for field in fields if field.path[0] == "numbers"],
        sections=sections_of(fields, new_lines_in(root)),
        both=both,
        by=by,
        marked={*(faults or {}), *both, *_changes(form or {}, fields)},
        typed=form or {},
        problem=problem,
        faults=faults or {},
        issues=draft.issues if draft else (),
        calendars=_calendars(folder, read, file, fields, request.state.played),
        examples=examples_of(read, file, fields, folder.env, request.state.played),
        time_fields=time_fields,
        flow=flow,
        **saving(folder, file),
    )


def saving(folder: ProjectFolder, file: str) -> dict[str, Any]:
    read = folder.current()
    return {
        "file": file,
        "digest": digest_of(read.texts[file]),
        "blocked": folder.blocked(file),
        "unreleased": read.unreleased(file),
        "versions": [*folder.versions(file)],
    }


def _calendars(
    folder: ProjectFolder, read: ReadProject, file: str, fields: Iterable[FormField], played: PlayedWorld
) -> dict[str, dict[str, Any]]:
    today = datetime.now(UTC).date()
    dates = {field.date for field in fields if field.date}
    found = {}
    for calendar in (each for each in read.project.calendars.values() if each.place.file == file):
        coming = [
            (day, name)
            for day, name in sorted(calendar.holidays.items())
            if today <= day < today + SHOWN_HOLIDAYS and day not in calendar.override
        ]
        begins = {each: day for each in sorted(dates)[:MOST_HEARD] if (day := first_day(each)) is not None}
        heard = heard_on(read, calendar, {*begins.values(), *(day for day, _ in coming)}, folder.env, played)
        found[f"Opening hours: {calendar.name}"] = {
            "week": week_heard(read, calendar, folder.env, played),
            "holidays": [(date_in_words(day.isoformat()), name, heard.get(day)) for day, name in coming],
            "heard": {each: heard[day] for each, day in begins.items() if day in heard},
        }
    return found


@router.post("/change/{file:path}", dependencies=[Depends(remember_world)])
async def change_review(request: Request, file: str, _: CanChange) -> Response:
    """Show the changes for confirmation, or the form if it has errors or the owner chose `edit`."""
    return await run_in_threadpool(_review, request, file, await _posted(request))


def _review(request: Request, file: str, form: Mapping[str, str]) -> Response:
    if form.get("version"):
        return _review_version(request, file, form)
    folder = _folder(request)
    read = folder.current()
    before = read.texts.get(file)
    if before is None:
        return _missing(request)
    line = line_of(read.project.flows.values())
    fields = fields_of(read, file)
    notice = ""
    try:
        if form.get("digest") != digest_of(before):
            versions = folder.versions(file).values()
            opened = next((each for each in versions if digest_of(each.text) == form.get("digest")), None)
            by = (opened and opened.by) or "Somebody else"
            names = {field.name for field in fields}
            both: Collection[str] = names & _changes(form, fields).keys()  # if what was opened is unknown
            are_alike = False
            if opened is not None:
                seen = form_fields(file, opened.text, line)
                form, both = merged(form, seen, fields)
                are_alike = names == {field.name for field in seen}
            if both or not are_alike:
                problem = (
                    f"{by} has saved other words meanwhile. They stand below yours. Nothing that you wrote is lost."
                )
                problem = problem if are_alike else SAVED_MEANWHILE
                return _form(request, file, problem=problem, form=form, both=both, by=by)
            notice = f"{by} has saved other changes meanwhile. They stay."
        after = changed(before, fields, form, line)
    except CannotChange as error:
        draft = change_of(folder, file, before, error.text) if error.text else None
        return _form(request, file, problem=str(error), form=form, faults=error.faults, draft=draft)
    return _reviewed(request, file, form, (before, after), notice)


def _review_version(request: Request, file: str, form: Mapping[str, str]) -> Response:
    """Show what an undo changes, unless somebody has saved the file since."""
    folder = _folder(request)
    kept = folder.versions(file).get(form["version"])
    if kept is None:
        return refused(
            request, 409, "This version of the file is no longer kept.", "Write on its page what it shall say."
        )
    before = folder.current().texts.get(file, "")  # a deleted file can come back
    if form.get("digest") != digest_of(before):
        return _form(request, file, problem="nothing is undone, since the file has changed")
    return _reviewed(request, file, form, (before, kept.text))


def _reviewed(
    request: Request, file: str, form: Mapping[str, str], texts: tuple[str, str], notice: str = ""
) -> Response:
    """`texts` are the file's before and after."""
    before, after = texts
    folder = _folder(request)
    if after == before:
        return _form(request, file, problem="Nothing was changed", form=form)
    draft = change_of(folder, file, before, after)
    if draft.has_errors:
        return _form(request, file, problem=NOT_SAVED, form=form, draft=draft)
    if "edit" in form:
        return _form(request, file, form=form, draft=draft)
    read = folder.current()
    fields = fields_of(read, file)
    title = title_of(read, file, fields)
    typed = _changes(form, fields)
    again = f"/change/{quote(file)}" if typed else ""
    heard = heard_after(folder, draft, request.state.played)
    values = {"draft": draft, "title": title, "typed": typed, "again": again, "heard": heard}
    return render(request, "change_review.html", notice=notice, **values)


def heard_after(folder: ProjectFolder, draft: FileChange, played: PlayedWorld) -> list[tuple[str, str]]:
    """What callers hear once the draft is saved: what the words depend on, and the words."""
    read = folder.with_texts({draft.file: draft.text})
    known = {(each.group, each.label, each.value) for each in draft.fields}
    new = [each for each in draft.after if (each.group, each.label, each.value) not in known]
    examples = examples_of(read, draft.file, new, folder.env, played)
    said = (each for each in new if each.kind == "prompt" and each.sources is not None)
    found = [(titled(each), plain(filled(each.value, examples.get(each.name, {})))) for each in said]
    for calendar in (each for each in read.project.calendars.values() if each.place.file == draft.file):
        own = [each for each in new if each.path[:2] == ("hours", calendar.name)]
        days = {day for each in own if each.date and (day := first_day(each.date))}
        if any(each.kind in ("country", "region") for each in own):
            days |= {*islice((day for day in sorted(calendar.holidays) if day >= datetime.now(UTC).date()), 1)}
        heard = [(day_in_words(day), each) for day, each in heard_on(read, calendar, days, folder.env, played).items()]
        if any(each.day is not None for each in own):
            heard += week_heard(read, calendar, folder.env, played)
        found += [(f"{day} at {each.moment:%H:%M}", words) for day, each in heard for words in each.words]
    return found


def _changes(form: Mapping[str, str], fields: Iterable[FormField]) -> dict[str, str]:
    """Keep only the values and lines that differ from the file."""
    known = {field.name: field for field in fields}
    steers = ("remove:", "key:", "value:", "name:", "/")
    typed = {name: value for name, value in form.items() if name.startswith(steers) and (value or name[0] == "/")}
    return {
        name: value
        for name, value in typed.items()
        if (field := known.get(name)) is None or tidied(value, field.kind) != tidied(field.value)
    }


@router.post("/change-save", dependencies=[Depends(remember_world)])
async def change_save(request: Request, session: CanChange) -> Response:
    """Check the confirmed draft again, and save it."""
    form = await _posted(request)
    await check_size(request, session, form.get("file", ""), form.get("text", ""))
    saved = await run_in_threadpool(_save, request, form)
    if isinstance(saved, Response):
        return saved
    draft, change = saved
    # the page of a saved file offers to undo it
    address = f"{change.address}?{urlencode({'saved': draft.step})}"
    reply = RedirectResponse(address, 303) if draft.text else None
    return await record(request, change, reply, file=draft.file)


def _save(request: Request, form: Mapping[str, str]) -> Response | tuple[FileChange, Change]:
    folder = _folder(request)
    file = form.get("file", "")
    text = form.get("text", "").replace("\r\n", "\n")
    before = folder.current().texts.get(file)
    is_new = before is None and bool(text) and not form.get("digest") and not folder.blocked(file)
    if before is None and not is_new:
        return _missing(request)
    before = before or ""
    if "\r\n" in before:
        text = text.replace("\n", "\r\n")
    draft = change_of(folder, file, before, text)
    if draft.has_errors and not is_new:
        return _form(request, file, problem=NOT_SAVED, form=form, draft=draft)
    if form.get("digest") not in ("", digest_of(before)) and _changes(form, draft.fields):
        return _review(request, file, form)
    try:
        return draft, save(request, draft, text or None, form.get("digest", ""))
    except CannotSave as error:
        problem = f"{error}; {error.cure}"
        if is_new:
            values = {"title": file, "typed": {}, "again": "/flows-new", "back": "/flows-new", "problem": problem}
            return render(request, "change_review.html", 422, draft=draft, **values)
        return _form(request, file, problem=problem, form=form)


async def _posted(request: Request) -> dict[str, str]:
    """Join the times of a day into one text, and the two dates of a range."""
    form = await request.form(max_fields=MOST_FIELDS)
    texts: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            texts.setdefault(name, []).append(value)
    joined = {name: joined_times(values) for name, values in texts.items() if not name.startswith("until:")}
    for name, (until, *_) in texts.items():
        key = f"key:{name.removeprefix('until:')}"
        if name.startswith("until:") and until and until != joined.get(key):
            joined[key] = f"{joined.get(key, '')} to {until}"
    return joined
