"""What the command line hands to the console, which imports neither `web` nor `verify`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Services:
    """The services of the console."""
