"""Checks over whole flows: what is unused, unset, never true or too long."""

from __future__ import annotations

from app.flow.checks.usage.check import check_usage

__all__ = ["check_usage"]
