"""The project on disk, reloaded when a file changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from ncco_server.errors import AppError
from ncco_server.flow.files import (
    Stamps,
    display_path,
    is_deployed,
    locked,
    read_project,
    replace_text,
    search_beside,
    stamps,
)
from ncco_server.flow.handlers.given import deployed_texts
from ncco_server.flow.issues import FlowIssue
from ncco_server.flow.loader import Extent, load
from ncco_server.flow.model import Project
from ncco_server.flow.nodes import Node
from ncco_server.flow.source import read_yaml
from ncco_server.settings.logins import NAME
from ncco_server.wording import counted

HISTORY: Final = ".history"
"""Earlier versions of saved files, next to the flows; the loader skips names with a leading dot."""
_VERSION: Final = "%Y%m%dT%H%M%S%f"
"""The time when this version was replaced, in UTC."""
_VERSION_NAME: Final = re.compile(rf"(.+)\.(\d{{8}}T\d{{12}})(?:,({NAME.pattern}))?")
"""Groups: the name of the file, the time of the change, and the login of the person (optional)."""
LONGEST_PATH: Final = 190
"""Characters in the display path of a saved file; its versions have longer names."""
TEMPLATE_SUFFIXES: Final = (".j2", ".jinja", ".jinja2", ".json", ".md", ".ssml", ".txt", ".xml")
"""For `templates/`. None is executable."""
KEPT_VERSIONS: Final = 20


class CannotSave(AppError):
    """A file could not be saved."""


class Version(NamedTuple):
    """An earlier version of a file. `by` is who replaced it, "" if unknown."""

    text: str
    by: str


@dataclass(frozen=True, slots=True)
class ReadProject:
    """A loaded project, and its texts."""

    project: Project
    texts: Mapping[str, str]
    _nodes: dict[str, Node | None] = field(default_factory=dict, compare=False, repr=False)

    def node(self, file: str) -> Node | None:
        """Parse a file only once; None if that fails."""
        if file not in self._nodes:
            self._nodes[file] = read_yaml(file, self.texts[file])[0]
        return self._nodes[file]

    @property
    def revisions(self) -> tuple[str, ...]:
        return tuple(flow.revision for flow in self.project.flows.values())

    def unreleased(self, file: str) -> str:
        """Why real calls do not use the file on disk, or "". One error holds back the whole project."""
        errors = [issue.place.file for issue in self.project.issues if issue.is_error]
        if not errors:
            return ""
        where = "" if file in errors else " in other files"
        count = f"{counted(len(errors), 'error')}{where}"
        return f"Saved, but calls continue with the last good flow: {count}."


class ProjectFolder:
    """The folders of flows and templates.

    Args:
        env: the variables that flows may read, without `FLOW_`.
        modules: the Python modules whose functions lookups may call.
        handlers: the files of flows/ with handlers whose code may be run, and deployed ones.
        default: the template that answers calls to all other numbers.
    """

    def __init__(
        self,
        flows: Path | str,
        templates: Path | str,
        env: Mapping[str, str],
        modules: Sequence[str],
        handlers: Sequence[str] = (),
        *,
        default: str = "",
    ) -> None:
        self.flows = Path(flows)
        self.templates = Path(templates)
        self.env = env
        self.modules = modules
        self.handlers = handlers
        self.default = default
        self._stamps: Stamps | None = None
        self._read: ReadProject | None = None
        self._newest: tuple[object, ReadProject] | None = None
        self._lock = threading.Lock()

    def current(self) -> ReadProject:
        """Load the project again only after a change. Blocks."""
        with self._lock:
            found = stamps([self.flows, self.templates, *map(Path, filter(is_deployed, self.handlers))])
            if self._read is None or found != self._stamps:
                self._read = self.with_texts({})
                self._stamps = found
            return self._read

    @property
    def latest(self) -> ReadProject:
        """The project as `current` last returned it. Blocks only before the first time."""
        return self._read or self.current()

    def with_texts(self, unsaved: Mapping[str, str | None]) -> ReadProject:
        """Unsaved texts (by display path) replace or complete those on disk; None removes one. Blocks.

        The same texts are loaded once.
        """
        texts, issues = read_project(self.flows, self.templates)
        texts |= deployed_texts(self.handlers)
        texts = {file: text for file, text in {**texts, **unsaved}.items() if text is not None}
        unread = [issue for issue in issues if issue.place.file not in unsaved]
        asked = texts, unread, self._on_disk(texts), datetime.now(UTC).date()
        newest = self._newest  # another thread may replace it
        if newest is not None and newest[0] == asked:
            return newest[1]
        read = ReadProject(self.load(texts, "project", unread), texts)
        self._newest = asked, read
        return read

    def load(self, texts: Mapping[str, str], extent: Extent, unread: Iterable[FlowIssue] = ()) -> Project:
        return load(
            texts,
            self.env,
            unread=unread,
            modules=self.modules,
            extent=extent,
            today=datetime.now(UTC).date(),
            handlers=self._on_disk(texts),
            default=self.default,
        )

    def _on_disk(self, texts: Mapping[str, str]) -> list[str]:
        """The files with handlers whose texts are those on disk, which may import the modules beside the flows.

        Code that somebody has only typed is never run.
        """
        found = []
        for name in self.handlers:
            with suppress(OSError, ValueError):
                if _read(self.flows / name) == texts.get(display_path(name)):
                    found.append(name)
        if found:
            search_beside(self.flows)
        return found

    def as_values(self) -> dict[str, Any]:
        """For functions in a subprocess; without the values of `env`."""
        return {
            "flows": str(self.flows),
            "templates": str(self.templates),
            "env": dict.fromkeys(self.env, ""),
            "modules": list(self.modules),
            "handlers": list(self.handlers),
            "default": self.default,
        }

    def save(self, file: str, text: str | None, digest: str, by: str = "") -> str:
        """Replace a file of the project atomically, and keep its earlier version; return its key in `versions`.

        `file` is a display path; `text` is None to delete it; `digest` is `digest_of` the text that was edited.
        Raises CannotSave if the file has changed since then, is not a file of the project, or cannot be written.
        """
        path = self._path(file)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.resolve().parent):
                before = _read(path) if path.is_file() else None
                if digest != digest_of(before or ""):
                    message = f"{file} has changed on disk since it was opened"
                    raise CannotSave(message, "open it again and repeat the change")
                version = self._keep(path, before or "", by)
                if text is None:
                    path.unlink()
                else:
                    replace_text(path, text)
                return version
        except OSError as error:
            message = f"{file} cannot be written: {(error.strerror or str(error)).lower()}"
            raise CannotSave(
                message, "give the server's user write permission for the folder, or change the file elsewhere"
            ) from error

    def blocked(self, file: str) -> str:
        """Why a file cannot be saved, for display, or ""."""
        try:
            folder = self._path(file).parent
        except CannotSave as error:
            return str(error)
        if folder.is_dir() and os.statvfs(folder).f_flag & os.ST_RDONLY:
            where = f"The folder {folder} is read-only on this server, as in an image or a ConfigMap"
            return f"{where}, so nothing can be saved here. Change the files at their source."
        if os.access(folder, os.W_OK):
            return ""
        return (
            f"The folder {folder} is not writable by the server's user, so nothing can be saved here. Give that user "
            f"write permission, or change the files elsewhere."
        )

    def versions(self, file: str) -> dict[str, Version]:
        """When (ISO 8601, UTC) → version, newest first."""
        try:
            kept = reversed(self._versions(self._path(file)))
        except CannotSave:  # e.g. a link's target in another folder
            return {}
        return {at.isoformat(): Version(_read(path), by) for at, by, path in kept}

    def _path(self, file: str) -> Path:
        """Raise CannotSave for anything outside the project."""
        folder, _, rest = file.partition("/")
        root = {"flows": self.flows, "templates": self.templates}.get(folder)
        parts = PurePosixPath(rest).parts
        if root is None or not parts or any(part.startswith((".", "/")) or "\\" in part for part in parts):
            raise CannotSave(f"{file} is not a file in the project", "name a file in flows/ or templates/")
        if folder == "flows" and not rest.lower().endswith((".yaml", ".yml")):
            raise CannotSave(f"{file} is not a flow file", "write a name that ends in .yaml")
        if folder == "templates" and not rest.lower().endswith(TEMPLATE_SUFFIXES):
            raise CannotSave(f"{file} is not a template", "write a name that ends in .j2")
        if len(file) > LONGEST_PATH or not file.isprintable():
            raise CannotSave(
                f"{file[:LONGEST_PATH]!r} is not a valid file name", "write a short name without line breaks"
            )
        path = root.joinpath(*parts)
        if not path.resolve().is_relative_to(root.resolve()):
            raise CannotSave(f"{file} leads out of the project", "put the file itself there")
        return path

    def _versions(self, path: Path) -> list[tuple[datetime, str, Path]]:
        found = []
        for kept in (path.parent / HISTORY).glob("*"):
            if (parts := _VERSION_NAME.fullmatch(kept.name)) and parts[1] == path.name:
                with suppress(ValueError):  # not the name of an earlier version
                    found.append((datetime.strptime(parts[2], _VERSION).replace(tzinfo=UTC), parts[3] or "", kept))
        return sorted(found)

    def _keep(self, path: Path, text: str, by: str) -> str:
        folder = path.parent / HISTORY
        folder.mkdir(exist_ok=True)
        now = datetime.now(UTC)
        kept = self._versions(path)
        if kept:  # the clock may have been set back
            now = max(now, kept[-1][0] + timedelta(microseconds=1))
        who = f",{by}" if by else ""
        replace_text(folder / f"{path.name}.{now:{_VERSION}}{who}", text, like=path)
        for _, _, old in self._versions(path)[:-KEPT_VERSIONS]:
            old.unlink(missing_ok=True)
        return now.isoformat()


def project_in(values: Mapping[str, Any]) -> ProjectFolder:
    """The same object for the same values, so that files are read once."""
    return _project_in(json.dumps(values, sort_keys=True))


@cache
def _project_in(values: str) -> ProjectFolder:
    known = json.loads(values)
    return ProjectFolder(
        **{name: known[name] for name in ("flows", "templates", "env", "modules", "handlers", "default")}
    )


def digest_of(text: str) -> str:
    """Return "" for an empty file, and for one that does not exist."""
    if not text:
        return ""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _read(path: Path) -> str:
    """As the loader does: keep line breaks, drop a byte order mark."""
    return path.read_bytes().decode("utf-8-sig", errors="replace")
