"""Reads flows/ and templates/ from disk, and replaces files; nothing else in `ncco_server.flow` opens them."""

from __future__ import annotations

import codecs
import fcntl
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ncco_server.flow.issues import RULES, FlowIssue
from ncco_server.flow.nodes import Place
from ncco_server.flow.source import flow_name_in
from ncco_server.flow.source.source_file import SourceFile

MAX_FILE_BYTES = 1_048_576
"""Of a file, and of a project: a hundred times what a flow needs."""
MAX_FILES = 500
"""Flow files and templates together; our choice."""

_MARKS = {"utf-32": codecs.BOM_UTF32_LE, "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}
"""UTF-32 comes first, because its mark starts with the UTF-16 mark."""

SUFFIXES = (".yaml", ".yml")
HANDLER_SUFFIX = ".py"
BUDGET_MS = 2000
"""The time that all functions and lookups of a turn have, unless NCCO_LOOKUP_BUDGET_MS is set."""
HANDLERS_CURE = "Write paths below the flows folder, separated by commas, such as pizza.py,shop/orders.py."
SCENARIO_FOLDERS = ("tests/scenarios", "scenarios")
"""Relative to the folder that contains `flows/`."""
LINE = re.compile(r"\{#-?\s*line\b\s*(?::(?P<numbers>[^#\n]*?))?\s*-?#\}")
"""The first line of such a template."""
_MISNAMED = (".yaml.txt", ".yml.txt")
_SEPARATED = re.compile(r"/\.|\.py[;:\s]")
"""A file or folder with a leading dot, or several files without commas."""
_HANDLER = re.compile(
    r"^@(?:\w+\.)*call_flow\b(?:(?!\n(?:async )?def )[\s\S])*?"
    r"(?:\bname=[\"'](?P<given>[\w-]+)[\"'](?:(?!\n(?:async )?def )[\s\S])*)?\n(?:async )?def (?P<name>\w+)",
    re.MULTILINE,
)

Stamp = tuple[int, int, int]
"""Inode, modification time in nanoseconds, size in bytes; the last two are 0 for a folder."""

Stamps = Mapping[str, Stamp]


def read_project(flows: Path, templates: Path) -> tuple[dict[str, str], list[FlowIssue]]:
    """Display path → text of each flow file and template, and issues of unreadable files.

    Display paths start with `flows/` or `templates/`, whatever the folders' names. Names with a leading dot are
    skipped. Reading stops at the first file over a project limit, which `load` reports. U+FFFD replaces bytes that are
    not UTF-8.
    """
    reader = _FolderReader()
    reader.read_folder(flows, "flows", _is_flow)
    reader.read_folder(templates, "templates", lambda name: not name.endswith("~"))
    return reader.texts, reader.issues


def is_line(text: str) -> bool:
    """Whether a template answers calls by itself."""
    return LINE.match(text) is not None


def is_flow_file(path: str) -> bool:
    return path.startswith("flows/") and path.lower().endswith(SUFFIXES)


def named_flows(texts: Mapping[str, str]) -> dict[str, str]:
    """Flow name → display path of the first file with that name, even one with errors."""
    found: dict[str, str] = {}
    for file, text in reversed([each for each in texts.items() if each[0].startswith("flows/")]):
        found |= dict.fromkeys(names_in(file, text), file)
    return found


def names_in(file: str, text: str) -> list[str]:
    """The names of its flows, also if it could not be read."""
    if not file.endswith(HANDLER_SUFFIX):
        return list(filter(None, [flow_name_in(text)]))
    return [found["given"] or found["name"].replace("_", "-") for found in _HANDLER.finditer(text)]


def _is_flow(name: str) -> bool:
    return name.lower().endswith((*SUFFIXES, *_MISNAMED)) or name.endswith(HANDLER_SUFFIX)


class _FolderReader:
    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.issues: list[FlowIssue] = []
        self._characters = 0

    def report(self, code: str, display: str, message: str, cure: str | None = None) -> None:
        self.issues.append(RULES[code].at(Place(display, 1, 1), message, cure))

    def read_folder(self, folder: Path, display: str, is_wanted: Callable[[str], bool]) -> None:
        if not folder.is_dir():
            if folder.exists():
                self.report("E122", display, f"{folder} is a file, not a folder")
            return
        root = folder.resolve()
        for path, shown in self._walk(root, root, display):
            if self._characters > MAX_FILE_BYTES or len(self.texts) > MAX_FILES:
                return
            if is_wanted(path.name):
                self._read_file(root, path, shown)

    def _walk(self, root: Path, folder: Path, display: str) -> Iterator[tuple[Path, str]]:
        """A linked folder could form a cycle and is not entered."""
        try:
            paths = [(path, path.is_dir(), path.is_symlink()) for path in sorted(folder.iterdir())]
        except OSError as error:
            self.report("E122", display, f"this folder cannot be read: {_reason(error)}")
            return
        for path, is_folder, is_link in paths:
            shown = f"{display}/{_printable(path.name)}"
            if path.name.startswith("."):
                continue
            if not is_folder:
                yield path, shown
            elif not is_link:
                yield from self._walk(root, path, shown)
            elif not _is_below(root, path):
                self.report("E122", shown, "this link leads out of its folder", "put the folder itself here")

    def _read_file(self, root: Path, path: Path, display: str) -> None:
        if display.startswith("flows/") and display.lower().endswith(_MISNAMED):
            name = path.name.removesuffix(".txt")
            self.report("W126", display, "this file is not read: its name ends with .txt", f'rename it to "{name}"')
        elif not _is_below(root, path):
            self.report("E122", display, "this link leads out of its folder", "put the file itself here")
        else:
            self._read_text(path, display)

    def _read_text(self, path: Path, display: str) -> None:
        try:
            data = _read(path)
        except (OSError, ValueError) as error:
            self.report("E122", display, f"this file cannot be read: {_reason(error)}")
            return
        if len(data) > MAX_FILE_BYTES:
            self.issues.append(too_large(display))
            return
        self._characters += len(data)
        if encoding := _other_encoding(data):
            self.texts[display] = data.decode(encoding, errors="replace").removeprefix("\ufeff")
            self.report("E121", display, f"this file is {encoding.upper()}")
        else:
            self._take_text(display, data)

    def _take_text(self, display: str, data: bytes) -> None:
        text = data.decode("utf-8-sig", errors="replace")
        self.texts[display] = text
        try:
            data.decode()
        except UnicodeDecodeError as error:
            self._report_bytes(display, data, text, error.start)

    def _report_bytes(self, display: str, data: bytes, text: str, start: int) -> None:
        source = SourceFile(display, text)
        place = source.place(len(data[:start].decode("utf-8-sig")))
        message = f"the byte 0x{data[start]:02X} is not UTF-8: the file was saved in another encoding"
        self.issues.append(RULES["E121"].at(place, message))


def _read(path: Path) -> bytes:
    """At most one byte more than `MAX_FILE_BYTES`.

    Raises OSError, or ValueError if it is not a regular file: reading a pipe could block forever.
    """
    if not path.exists():
        raise ValueError("it is a broken link")
    if not path.is_file():
        raise ValueError("it is not a regular file")
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _other_encoding(data: bytes) -> str:
    """UTF-16 or UTF-32, by a byte order mark or mostly Latin letters; otherwise ""."""
    for encoding, mark in _MARKS.items():
        if data.startswith(mark):
            return encoding
    half = len(data) // 4
    if data[1::2].count(0) > half:
        return "utf-16-le"
    return "utf-16-be" if data[::2].count(0) > half else ""


def too_large(display: str) -> FlowIssue:
    message = f"the file has more than {MAX_FILE_BYTES >> 20} MiB, so it is not read"
    return RULES["E119"].at(Place(display, 1, 1), message, "shorten it: a project may not have more")


def too_much(texts: Mapping[str, str]) -> FlowIssue | None:
    """The issue of the first file, by path, that makes a project too large."""
    total = 0
    for number, (display, text) in enumerate(sorted(texts.items()), 1):
        total += len(text)
        if number > MAX_FILES:
            return of_project(display, f"{MAX_FILES} files")
        if total > MAX_FILE_BYTES:
            return of_project(display, f"{MAX_FILE_BYTES:,} characters")
    return None


def of_project(display: str, limit: str) -> FlowIssue:
    message = f"with this file, the project has more than {limit}, so it is not read"
    return RULES["E119"].at(Place(display, 1, 1), message, "shorten the project, or split it into several servers")


def _is_below(root: Path, path: Path) -> bool:
    """True also for a link to itself: reading it fails later."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # pragma: no cover - since 3.13 Python resolves a loop without an error
        return True


def _reason(error: Exception) -> str:
    return error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)


def _printable(name: str) -> str:
    """Replace lone surrogates, which stand for bytes that are not UTF-8."""
    return name.encode(errors="replace").decode()


def comma_separated(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def read_handlers(text: str | Iterable[str]) -> tuple[str, ...]:
    """Parse `NCCO_PYTHON_FLOWS`. Raises ValueError."""
    names = [part.strip() for part in text.split(",")] if isinstance(text, str) else text
    found = tuple(dict.fromkeys(filter(None, names)))
    for name in found:
        if not name.endswith(HANDLER_SUFFIX) or name.startswith(("/", ".")) or "\\" in name or _SEPARATED.search(name):
            raise ValueError(f'"{name}" is not the path of a Python file below the flows folder')
    return found


def is_deployed(handler: str) -> bool:
    """Whether this file with handlers is the program's own; see `ncco_server.flow.handlers.given`."""
    return type(handler) is not str or handler.startswith("/")


def display_path(handler: str) -> str:
    """That of a deployed file outside the flows folder begins with the file's package."""
    if not is_deployed(handler):
        return f"flows/{handler}"
    file = Path(handler)
    return file.relative_to(_packages(file)[-1]).as_posix() if handler.startswith("/") else str(handler)


def search_beside(flows: Path) -> None:
    """Let code import modules beside the flows folder, and their packages. They come last, so they hide none."""
    sys.path += [folder for folder in map(str, _packages(flows.resolve())) if folder not in sys.path]


def _packages(path: Path) -> list[Path]:
    """The folder of the path, and those around it, up to the one that its package is in."""
    found = [path.parent]
    while (found[-1] / "__init__.py").exists():
        found.append(found[-1].parent)
    return found


def is_project(folder: Path) -> bool:
    """Whether it has a folder of flow files, or a template that answers calls by itself."""
    templates = (folder / "templates").glob("*.j2")
    return (folder / "flows").is_dir() or any(is_line(_beginning(path)) for path in templates)


def _beginning(path: Path) -> str:
    """Return "" for a file that cannot be read."""
    try:
        return _read(path)[:1000].decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return ""


def project_of(path: Path) -> Path | None:
    whole = path.resolve()
    for folder in (whole, *whole.parents):
        if is_project(folder):
            return folder
    return None


def stamps(folders: Iterable[Path], files: Iterable[Path] = ()) -> Stamps:
    """Include everything in the folders at any depth; missing paths are left out.

    Equal results mean that nothing was saved, added, removed or replaced. A link has its target's stamp. Never raises.
    """
    paths = (path for folder in folders for path in (str(folder), *_below(folder)))
    return {path: stamp for path in (*map(str, files), *paths) if (stamp := _stamp(path))}


def _below(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        yield from (os.path.join(place, name) for name in (*folders, *files))  # noqa: PTH118 - it is done every second


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - it is done every second
    except OSError:
        return None
    is_folder = stat.S_ISDIR(found.st_mode)
    return found.st_ino, 0 if is_folder else found.st_mtime_ns, 0 if is_folder else found.st_size


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder, without a lock file; wait while another process of this host holds the lock. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_text(path: Path, text: str, *, like: Path | None = None) -> None:
    """Readers never see part of the file. Its mode is kept, or copied from `like`.

    Raises OSError.
    """
    target = path.resolve()  # not the link itself
    like = like or target
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(like.stat().st_mode & 0o7777 if like.exists() else 0o644)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
