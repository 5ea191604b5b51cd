"""Imports the clients of other systems that flows need, while they load, so that no caller waits for it."""

from __future__ import annotations

from importlib import import_module

from ncco_server.flow.model import Flow, Project, Step


def import_needs(project: Project) -> None:
    for module in sorted({module for flow in project.flows.values() for module in _modules_of(flow)}):
        import_module(f"{__package__}.{module}")


def _modules_of(flow: Flow) -> set[str]:
    hooks = [*flow.hook_definitions]
    needed = {
        "lookups": flow.handler is not None or any(_asks_another_server(step) for step in flow.steps.values()),
        "hook_posts": any(hook.mail is None and hook.placing is None for hook in hooks),
        "mail": any(hook.mail is not None for hook in hooks),
        "placing.hooks": any(hook.placing is not None for hook in hooks),
        "placing.webhooks": flow.outbound is not None,
    }
    return {module for module, is_needed in needed.items() if is_needed}


def _asks_another_server(step: Step) -> bool:
    return any(asked.definition.table is None for asked in step.asks)
