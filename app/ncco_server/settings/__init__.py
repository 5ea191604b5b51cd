"""Settings from the environment, checked once at startup."""

from __future__ import annotations

from ncco_server.settings.fields import Settings
from ncco_server.settings.load import load_settings, python_environment
from ncco_server.settings.safety import require_safe

__all__ = ["Settings", "load_settings", "python_environment", "require_safe"]
