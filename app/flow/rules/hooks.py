"""Rules of the flow language: hooks, which tell other servers what has happened."""

from __future__ import annotations

from app.flow.rules.rule import Rule

HOOK_RULES: tuple[Rule, ...] = (
    Rule("E580", "error", "this is no hook", "write the name of a hook that is declared under `hooks`"),
    Rule("E581", "error", "a header that every hook has by itself", "delete it"),
    Rule("E582", "error", "a name means the hook's own value, not the flow's variable", "rename the variable"),
    Rule("E583", "error", "a hook would send all settings of the server", "name one of them: {{ env.NAME }}"),
)
