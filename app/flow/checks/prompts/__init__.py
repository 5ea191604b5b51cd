"""Whether what a step says and what it listens for agree; pure functions over plain data.

A caller who is told to press 3 where there is no 3 is lost, and no other check sees it. Six languages are understood:
English, German, French, Spanish, Italian and Portuguese. In doubt nothing is said: a false alarm costs more than a
fault that stays.
"""

from __future__ import annotations

from app.flow.checks.prompts.check import check_prompts
from app.flow.checks.prompts.step import check_prompts_of
from app.flow.checks.prompts.texts import DataEntry, MenuEntry, SpokenText

__all__ = ["DataEntry", "MenuEntry", "SpokenText", "check_prompts", "check_prompts_of"]
