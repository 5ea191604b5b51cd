"""How a command hands over to the module that does its work, and with which code it ends."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any, Final, NoReturn

import click

FINE: Final = 0
ISSUES: Final = 1
CANNOT_RUN: Final = 2


class CannotRun(click.ClickException):
    """The command cannot do its work at all; ends with 2 and prints what is wrong and how to cure it."""

    exit_code = CANNOT_RUN

    def __init__(self, message: str, cure: str) -> None:
        super().__init__(f"{message}\n  cure: {cure}")


def hand_over(job: str, **words: Any) -> NoReturn:
    """Import `app.cli.jobs.<job>`, call its `run` with the command's words, and end with the code that it gives."""
    gc.disable()  # what is imported stays: to search it for garbage takes a tenth of the time
    module = importlib.import_module(f"app.cli.jobs.{job}")
    gc.freeze()
    gc.enable()
    code = module.run(**words)
    _let_go_of_output()
    sys.exit(code)


def _let_go_of_output() -> None:
    """Drop what a reader that has gone away did not take; Python would end with 120 instead of our code."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
