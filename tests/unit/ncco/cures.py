"""Applies the cure of an issue to a document, as a reader would who copies it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

from app.ncco import Issue

_NUMBER = r"-?\d+(?:\.\d+)?"


class Place:
    """The place in a document that an issue points to."""

    def __init__(self, document: Any, path: str) -> None:
        """Find it."""
        self.root = [document]
        self.holder: Any = self.root
        self.key: Any = 0
        self.parents: list[tuple[Any, Any]] = []
        for name in (key.replace("~1", "/").replace("~0", "~") for key in path.split("/")[1:]):
            self.parents.append((self.holder, self.key))
            self.holder = self.value
            self.key = int(name) if isinstance(self.holder, list) else name

    @property
    def value(self) -> Any:
        """What is there."""
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        """Write another value."""
        self.holder[self.key] = value

    def drop(self, name: str = "") -> None:
        """Leave the value out, or the option with this name."""
        owner = self.value if isinstance(self.value, dict) and name in self.value else self.holder
        del owner[name if name in owner else self.key]

    def add(self, name: str, value: str) -> None:
        """Add an option."""
        (self.holder if isinstance(self.key, str) else self.value)[name] = json.loads(value)

    def drop_action(self) -> None:
        """Leave out the action that the value belongs to."""
        document, index = [*self.parents, (self.holder, self.key)][1]
        del document[index]

    def rename(self, name: str) -> None:
        """Give the option another name."""
        self.holder[name] = self.holder.pop(self.key)

    def move(self, name: str, inside: str) -> None:
        """Move the option into a nested object."""
        self.holder.setdefault(inside, {})[name] = self.holder.pop(self.key)


_OF_KEYS: dict[str, Callable[..., None]] = {
    r'"(\w+)" belongs inside "(\w+)"': Place.move,
    r'(?:Did you mean|Write|Here it is called) "?([\w-]+)"?[.?]': Place.rename,
}
_OF_VALUES: dict[str, Callable[..., None]] = {
    r'Add "(value)": ("Bearer token")': lambda place, name, value: place.value.update({name: json.loads(value)}),
    r"Write style (\d+)": lambda place, style: place.holder.update(style=int(style)),
    r"Leave (\d+) in it": lambda place, count: place.put(place.value[: int(count)]),
    r"Write each entry once": lambda place: place.put(list(dict.fromkeys(place.value))),
    r".*, write (\[\{.*\}\])\.": lambda place, value: place.put(json.loads(value)),
    r".* as an object, e\.g\. (\{.*\})\.": lambda place, value: place.put(json.loads(value)),
    r'Add "([\w-]+)": (\{.*\}|\[.*\]|"[^"]*"|true|\d+)': Place.add,
    rf"Write (?:a|a whole) number(?: of \w+)?,? (?:from )?({_NUMBER})": lambda place, low: place.put(json.loads(low)),
    rf'(?:Write|Did you mean) (\[.*\]|"[^"]*"|{_NUMBER}|true|false)(?:[.?]| without| or|,)': (
        lambda place, value: place.put(json.loads(value))
    ),
    r"Write ([a-z]{2,3}-[\w-]+)": lambda place, code: place.put(code),
    r"Write ([\d]+) to \d+": lambda place, low: place.put(int(low)),
    r"Wrap the action in an array": lambda place: place.put([place.value]),
    r"Leave out the square brackets": lambda place: place.put(place.value[0]),
    r"Put it in quotes": lambda place: place.put(str(place.value)),
    r"Leave out (mute|randomFromNumber|uri|dtmf|ringback|bargeIn)\b": Place.drop,
    r"There is no such action: leave it out|.* or leave out the action": Place.drop_action,
    r".* or leave out what follows": Place.drop,
    r"Leave (?:it|the option) out|Leave out one of them|.*,? or leave (?:it|the option) out": Place.drop,
    r".* or leave (?:out )?(bargeIn|dtmf|speech)": Place.drop,
    r'Add "from" .*, or "(\w+)": (true)': Place.add,
    r"Write & as (&amp;)": lambda place, entity: place.put(place.value.replace("&", entity)),
    r"Enclose the whole text": lambda place: place.put(f"<speak>{place.value}</speak>"),
    r".*, e\.g\. (\S+?)\.?$": lambda place, value: place.put(value),
}


def apply_cure(document: Any, issue: Issue) -> Any:
    """The document with the cure applied; None when the cure leaves a choice to the reader."""
    place = Place(copy.deepcopy(document), issue.path)
    for pattern, change in (_OF_KEYS if issue.code in ("N105", "N960") else _OF_VALUES).items():
        if found := re.match(pattern, issue.cure):
            change(place, *found.groups())
            return place.root[0]
    return None
