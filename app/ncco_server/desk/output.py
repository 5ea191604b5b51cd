"""What commands share: exit codes and output."""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ncco_server.errors import AppError, SettingsError, StoreError
from ncco_server.raised import log_raised
from ncco_server.terminal import printable

if TYPE_CHECKING:
    from sys import UnraisableHookArgs  # exists only for type checkers

FINE: Final = 0
ISSUES: Final = 1
CANNOT_RUN: Final = 2
INTERRUPTED: Final = 130
"""The exit code after Ctrl-C, as in shells. 1 would mean that there are issues."""
BROKEN_PIPE: Final = 141
"""The exit code if nobody reads the output (`| head`), as in shells."""

FIRST_TOLD_S: Final = 0.3
TOLD_EVERY_S: Final = 1.0
LONGEST_NAME: Final = 200
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class CannotRun(click.ClickException):
    """The command cannot run. Exits with 2, and prints the problem and its fix."""

    exit_code = CANNOT_RUN

    def __init__(self, message: str, cure: str) -> None:
        self.problem = message
        self.cure = cure
        text = f"{message}\n  fix: {cure}"  # the message may quote a setting or a file name
        super().__init__("\n".join(map(printable, text.split("\n"))))


class NotFound(CannotRun):
    """What the command names does not exist, or not only once. Exits with 1."""

    exit_code = ISSUES


def exit_code_of(command: Callable[[], int | None]) -> int:
    """The command's exit code, even if it is interrupted or nobody reads its output.

    Raises CannotRun, also if a setting, the database or a file cannot be used.
    """
    try:
        code = command() or FINE
    except KeyboardInterrupt:
        click.echo("\nAborted!", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    except StoreError as error:
        cure = error.cure or "try again in a moment"
        raise CannotRun(f"the store cannot be used: {error}", cure) from error
    except AppError as error:
        if not error.cure:
            raise
        others = error.others if isinstance(error, SettingsError) else ()
        rest = (f"{other}\n  fix: {other.cure}" for other in others)
        raise CannotRun(str(error), "\n".join([error.cure, *rest])) from error
    except OSError as error:
        if error.filename is not None:  # standard output has no file name
            cure = "change its permissions, or name another" if isinstance(error, PermissionError) else "name another"
            cure = "free some space there, or name another" if error.errno in _DISK_FULL else cure
            raise CannotRun(f"{str(error.filename)[:LONGEST_NAME]}: {error.strerror}", cure) from error
        if error.errno not in _DISK_FULL:
            raise
        _flush_streams()
        cure = "free some space where standard output goes, or redirect it elsewhere"
        raise CannotRun(f"the output cannot be written: {error.strerror}", cure) from error
    _flush_streams()
    return code


def prepare_streams() -> None:
    """Connect a closed standard stream (`>&-`), which is None in Python, to /dev/null. Print UTF-8 in any locale."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - open for as long as the process
            setattr(sys, name, stream)
        if mode == "w" and isinstance(stream, TextIOWrapper):
            with suppress(OSError):  # of a device, such as one that is full
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # a file's name may hold any bytes


def _flush_streams() -> None:
    """Drop unwritable output: otherwise Python would exit with 120 instead of the command's code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def read_text(file: str | Path) -> str:
    """Read standard input for "-"; drop a byte order mark. Raises CannotRun."""
    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotRun(f"{file}: byte {error.start + 1} is not UTF-8", "save the file as UTF-8") from error


def read_bytes(file: str | Path) -> bytes:
    """Read standard input for "-". Raises CannotRun."""
    try:
        with click.open_file(file, "rb") as opened:
            data: bytes = opened.read()
        return data
    except OSError as error:
        raise CannotRun(f"{file}: {error.strerror}", "name a file that can be read") from error


def report_ignored(ignored: UnraisableHookArgs | threading.ExceptHookArgs) -> None:
    """Report an exception in `__del__` or in a thread, which the code of a handler may raise."""
    if not isinstance(ignored.exc_value, SystemExit | None):  # a thread may end by `sys.exit()`
        log_raised("an exception was ignored", ignored.exc_value)


_RESULTS: Final = "ncco_server.results"


def keep_for_results() -> None:
    """Keep standard output for `print_result`. Everything else goes to standard error, also from a handler's programs.

    It is never undone: objects of a handler may print when the interpreter exits.
    """
    kept = click.get_current_context().meta
    if _RESULTS not in kept:
        kept[_RESULTS] = sys.stdout
        if sys.stdout is sys.__stdout__:
            kept[_RESULTS] = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
            os.dup2(2, 1)
        sys.stdout = sys.stderr


def print_result(text: str) -> None:
    click.echo(text, nl=False, file=click.get_current_context().meta.get(_RESULTS))


def print_json(document: Any, *, is_line: bool = False) -> None:
    """One line if the document is one of several."""
    print_result(json_text(document, is_line=is_line))


def json_text(document: Any, *, is_line: bool = False) -> str:
    return f"{json.dumps(document, indent=None if is_line else 2, ensure_ascii=False, default=str)}\n"


def columns(rows: Iterable[tuple[str, ...]], indent: str = "") -> Iterator[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()


class Progress:
    """Prints a long command's progress, from its first second on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock() + FIRST_TOLD_S

    def tell(self, text: str) -> None:
        """Print a line on stderr, unless another one was just printed."""
        if self._clock() >= self._next:
            self._next = self._clock() + TOLD_EVERY_S
            click.echo(text, err=True)
