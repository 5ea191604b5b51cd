"""Whether the prompts of a step and what it listens for agree."""

from app.flow.checks.prompts.step import check_prompts_of

__all__ = ["check_prompts_of"]
