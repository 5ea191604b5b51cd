"""The settings of the server, for commands that do something as it would."""

from __future__ import annotations

from app.cli.work import CannotRun
from app.errors import SettingsError
from app.settings import Settings, load_settings


def server_settings() -> Settings:
    """The settings of the environment and of `.env`. Raises CannotRun, which tells all that is wrong with them."""
    try:
        return load_settings()
    except SettingsError as error:
        raise refused(error) from error


def refused(error: SettingsError) -> CannotRun:
    """What is wrong with the settings: the first fault with its cure, then each other one on a line of its own."""
    return CannotRun(str(error), "\n".join([error.cure, *getattr(error, "__notes__", ())]))
