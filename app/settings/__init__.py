"""Settings from the environment, checked once at startup."""

from __future__ import annotations

from app.settings.fields import Settings
from app.settings.load import load_settings, python_environment
from app.settings.safety import require_safe

__all__ = ["Settings", "load_settings", "python_environment", "require_safe"]
