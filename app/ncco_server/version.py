"""The version of the installed package, read once."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("ncco-server")
