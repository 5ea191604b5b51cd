"""How a command hands over to the module that does its work, and with which code it ends."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import click

FINE: Final = 0
ISSUES: Final = 1
CANNOT_RUN: Final = 2
INTERRUPTED: Final = 130
"""After Ctrl-C, as shells have it; 1 would tell of faults."""
UNREAD: Final = 141
"""When nobody reads the output any more (`| head`), as shells have it."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Why nothing more can be written. Errors of a file carry its name, those of an open stream do not."""


class CannotRun(click.ClickException):
    """The command cannot do its work at all; ends with 2 and prints what is wrong and how to cure it."""

    exit_code = CANNOT_RUN

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(f"{message}\n  cure: {cure}")


def hand_over(job: str, **words: Any) -> NoReturn:
    """Import `app.cli.jobs.<job>`, call its `run` with the command's words, and end with the code that it gives."""
    _open_streams()
    try:
        code = _work(job, words)
    except KeyboardInterrupt:
        click.echo("\nAborted!", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        code = UNREAD
    except PermissionError as error:
        cure = "give yourself the right to it, or name another"
        raise CannotRun(f"{error.filename}: {error.strerror}", cure) from error
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        _let_go_of_output()
        cure = "make room where standard output goes, or send it elsewhere"
        raise CannotRun(f"the output cannot be written: {error.strerror}", cure) from error
    _let_go_of_output()
    sys.exit(code)


def _open_streams() -> None:
    """Let a standard stream that is closed (`>&-`) lead nowhere; Python has None in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - open for as long as the process
            setattr(sys, name, nowhere)


def _work(job: str, words: dict[str, Any]) -> int:
    gc.disable()  # what is imported stays: to search it for garbage takes a tenth of the time
    module = importlib.import_module(f"app.cli.jobs.{job}")
    gc.freeze()
    gc.enable()
    code: int = module.run(**words)
    return code


def _let_go_of_output() -> None:
    """Drop what could not be written; Python would end with 120 instead of our code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
