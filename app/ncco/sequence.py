"""Rules between the actions of one NCCO. They stand any values, since the actions may be wrong too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.ncco.issue import Issue
from app.ncco.kinds.plain import as_number, is_true
from app.ncco.rules.advice import MIXED_PROMPTS, NEVER_REACHED, RECORDS_NOTHING
from app.ncco.rules.order import AFTER_ENDLESS_LOOP, AFTER_TRANSFER, BARGE_IN_NEEDS_INPUT
from app.ncco.spelling import ACTIONS

PROMPTS = ("talk", "stream")
UNKNOWN = "?"
"""Stands for an entry that is no known action; what is behind it cannot be judged."""

_WAIT = "Give it endOnSilence, endOnKey or timeOut: then the message is waited for."

Actions = Sequence[object]


def look_at_order(actions: Actions) -> Iterator[Issue]:
    """What is wrong with the order of the actions."""
    names = [_name(action) for action in actions]
    yield from _look_at_barge_in(actions, names)
    yield from _look_behind_transfer(names)
    yield from _look_behind_endless_loop(actions, names)
    yield from _look_at_last_record(actions, names)


def _name(action: object) -> str:
    name = action.get("action") if isinstance(action, dict) else None
    return name if isinstance(name, str) and name in ACTIONS else UNKNOWN


def _option(action: object, name: str) -> object:
    return action.get(name) if isinstance(action, dict) else None


def _look_at_barge_in(actions: Actions, names: Sequence[str]) -> Iterator[Issue]:
    """An interruptible prompt stays so until an input, which must follow the prompts at once.

    talk asks for an input as the next action that is no talk, stream for one as the next that is no stream; a
    mixture of both in front of the input is only warned of.

    Source: NCCO reference, Talk (bargeIn) and Stream (bargeIn).
    """
    index = 0
    while index < len(names):
        if names[index] in PROMPTS and is_true(_option(actions[index], "bargeIn")):
            meets, mixed = _after_prompts(names, index)
            follower = names[meets] if meets < len(names) else None
            place = f"/{index}/bargeIn"
            if follower not in ("input", UNKNOWN):
                behind = f"{follower} follows" if follower else "nothing follows"
                yield BARGE_IN_NEEDS_INPUT.at(place, f"bargeIn waits for an input, but {behind}.")
            elif mixed and follower == "input":
                yield MIXED_PROMPTS.at(place, "talk and stream are mixed between bargeIn and its input.")
            index = meets
        index += 1


def _after_prompts(names: Sequence[str], index: int) -> tuple[int, bool]:
    """The first place behind the run of prompts, and whether the run mixes talk and stream."""
    end = index
    while end < len(names) and names[end] in PROMPTS:
        end += 1
    return end, len(set(names[index:end])) > 1


def _look_behind_transfer(names: Sequence[str]) -> Iterator[Issue]:
    """Transfer is terminal. Source: NCCO reference, Transfer."""
    if "transfer" in names[:-1]:
        behind = names.index("transfer") + 1
        yield AFTER_TRANSFER.at(f"/{behind}", "transfer ends this NCCO, so this action never runs.")


def _look_behind_endless_loop(actions: Actions, names: Sequence[str]) -> Iterator[Issue]:
    """Loop 0 never ends, unless the caller may interrupt it. Source: NCCO reference, Talk (loop) and Stream (loop)."""
    barges = False
    for index, name in enumerate(names[:-1]):
        if name == "input":
            barges = False
        if name not in PROMPTS:
            continue
        barges = barges or is_true(_option(actions[index], "bargeIn"))
        if as_number(_option(actions[index], "loop")) == 0 and not barges:
            yield _behind_endless_loop(names, index)
            return


def _behind_endless_loop(names: Sequence[str], index: int) -> Issue:
    heard = next((place for place in range(index + 1, len(names)) if names[place] in PROMPTS), None)
    if heard is None:
        return NEVER_REACHED.at(f"/{index + 1}", f"Action {index} loops for ever, so this action is never reached.")
    return AFTER_ENDLESS_LOOP.at(f"/{heard}", f"Action {index} loops for ever, so nobody hears this one.")


def _look_at_last_record(actions: Actions, names: Sequence[str]) -> Iterator[Issue]:
    """A record without an end condition lasts as long as the call, and nothing waits for it.

    With a beep it asks for a message, which nobody can leave while only prompts follow.

    Source: NCCO reference, Record.
    """
    place = len(names) - 1
    while place >= 0 and names[place] in PROMPTS:
        place -= 1
    if place < 0 or names[place] != "record" or _ends(actions[place]):
        return
    if place == len(names) - 1:
        yield RECORDS_NOTHING.at(f"/{place}", "The call ends as soon as this recording has begun.")
    elif is_true(_option(actions[place], "beepStart")) and not _is_endless(actions[place + 1 :]):
        yield RECORDS_NOTHING.at(
            f"/{place}", "What follows does not wait for this recording, and ends the call.", _WAIT
        )


def _ends(record: object) -> bool:
    return any(_option(record, end) is not None for end in ("endOnSilence", "endOnKey", "timeOut"))


def _is_endless(prompts: Actions) -> bool:
    return any(as_number(_option(prompt, "loop")) == 0 for prompt in prompts)
