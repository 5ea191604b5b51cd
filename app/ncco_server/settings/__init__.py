"""Settings from the environment, checked once at startup."""

from __future__ import annotations

from ncco_server.settings.fields import Settings
from ncco_server.settings.load import load_settings
from ncco_server.settings.safety import require_safe

__all__ = ["Settings", "load_settings", "require_safe"]
