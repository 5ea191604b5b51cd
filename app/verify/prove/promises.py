"""What a flow promises under `limits`, but for its steps, held against a walk."""

from __future__ import annotations

from collections.abc import Iterator

from app.flow.language.menu import Choices
from app.flow.model import Limit
from app.verify.prove.flows import family
from app.verify.prove.graph import Graph
from app.verify.prove.violation import NOWHERE, Violation, at, where_to
from app.verify.prove.walked import Walk


def promised(walk: Walk, graph: Graph) -> Iterator[Violation]:
    """The other limits of the flow."""
    limits = walk.root.limits
    if "menu_options" in limits:
        yield from _menus(walk, limits["menu_options"])
    if "prompt_seconds" in limits:
        yield from _prompts(walk, limits["prompt_seconds"])
    if "seconds_to_person" in limits and not walk.stopped:
        yield from _person(walk, graph, limits["seconds_to_person"])


def _menus(walk: Walk, limit: Limit) -> Iterator[Violation]:
    seen = set()
    flows = family(walk.root)
    for number, edge in enumerate(walk.edges):
        for name, step in edge.entered:
            exit_ = flows[name].steps[step].exit
            if isinstance(exit_, Choices) and len(exit_.choices) > limit.most and (name, step) not in seen:
                seen.add((name, step))
                count = len(exit_.choices)
                message = f'the menu "{step}" has {count} choices, and {limit.most} are the most'
                cure = "split the menu in two"
                yield Violation("menu_options", name, step, exit_.place, message, cure, number)


def _prompts(walk: Walk, limit: Limit) -> Iterator[Violation]:
    seen = set()
    for number, edge in enumerate(walk.edges):
        if edge.sort == "fault" or edge.is_failsafe or edge.is_party:
            continue
        flow, step = where_to(walk, edge)
        if edge.heard.prompt > limit.most and (flow, step) not in seen:
            seen.add((flow, step))
            seconds = edge.heard.prompt
            message = f'the caller listens for {seconds:.0f} seconds up to step "{step}", and {limit.most} are the most'
            yield at(
                walk,
                number,
                (flow, step),
                kind="prompt_seconds",
                message=message,
                cure="say less before the caller can answer",
            )


def _person(walk: Walk, graph: Graph, limit: Limit) -> Iterator[Violation]:
    seconds, number = graph.person()
    if number == NOWHERE:
        message, cure = "no way leads to a person", "connect the caller somewhere, or delete the limit"
        yield Violation("seconds_to_person", walk.root.name, "", limit.place, message, cure)
    elif seconds > limit.most:
        flow, step = where_to(walk, walk.edges[number])
        message = f"the quickest way to a person takes {seconds:.0f} seconds, and {limit.most} are the most"
        yield Violation("seconds_to_person", flow, step, limit.place, message, "offer it sooner, or say less", number)
