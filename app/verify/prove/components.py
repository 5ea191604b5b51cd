"""Strongly connected components: groups of states each of which leads to every other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def components(follows: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The groups; each comes behind the groups that it leads to. Tarjan's way, without recursion."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    found: list[list[int]] = []
    for start in follows:
        if start in order:
            continue
        waiting = [(start, iter(follows[start]))]
        order[start] = low[start] = len(order)
        stack.append(start)
        on_stack.add(start)
        while waiting:
            node, rest = waiting[-1]
            following = next(rest, None)
            if following is None:
                waiting.pop()
                if waiting:
                    low[waiting[-1][0]] = min(low[waiting[-1][0]], low[node])
                if low[node] == order[node]:
                    found.append(_cut(stack, on_stack, node))
            elif following not in order:
                order[following] = low[following] = len(order)
                stack.append(following)
                on_stack.add(following)
                waiting.append((following, iter(follows[following])))
            elif following in on_stack:
                low[node] = min(low[node], order[following])
    return found


def _cut(stack: list[int], on_stack: set[int], node: int) -> list[int]:
    """The top of the stack, down to `node`."""
    group: list[int] = []
    while not group or group[-1] != node:
        group.append(stack.pop())
        on_stack.discard(group[-1])
    return group
