"""Hooks: whom a flow tells what has happened, after the caller has heard the reply."""

from __future__ import annotations

from app.flow.hooks.definition import HookDefinition
from app.flow.hooks.event import EVENT, NO_EVENT, event_record
from app.flow.hooks.hook import Hook
from app.flow.hooks.reading import read_hooks
from app.flow.hooks.sent import SentHook, read_sent

__all__ = ["EVENT", "NO_EVENT", "Hook", "HookDefinition", "SentHook", "event_record", "read_hooks", "read_sent"]
