"""What whoever plays a caller can do wrong."""

from __future__ import annotations

from app.errors import AppError


class CallIsOver(AppError):
    """The caller did something after the call had ended."""


class StandsStill(AppError):
    """Things happen over and over while no time passes, such as a notify whose reply is the same notify."""


class NothingToDecide(AppError):
    """A dial was decided on that nobody asks about."""
