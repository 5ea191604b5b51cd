"""`Ncco`, which builds actions and NCCOs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from ncco_server.ncco.actions import (
    Action,
    Connect,
    Conversation,
    Input,
    Notify,
    Record,
    Stream,
    Talk,
    Transfer,
    Wait,
)
from ncco_server.ncco.checker import check
from ncco_server.ncco.model import NccoModel, validation_error

_DOCUMENT: TypeAdapter[list[Action]] = TypeAdapter(list[Action])


class Ncco:
    """The nine actions, and functions that build and read NCCOs.

    ```python
    talk = Ncco.Talk(text="Please wait while we connect you.")
    phone = {"type": "phone", "number": "447700900123"}
    connect = Ncco.Connect(endpoint=phone, from_="447700900000", timeout="20")
    Ncco.build_ncco(talk, connect)
    ```
    """

    Record = Record
    Conversation = Conversation
    Connect = Connect
    Talk = Talk
    Stream = Stream
    Input = Input
    Notify = Notify
    Wait = Wait
    Transfer = Transfer

    @staticmethod
    def build_ncco(*actions: NccoModel | Iterable[NccoModel]) -> list[dict[str, Any]]:
        """An NCCO from actions or lists of actions, as a list of dicts with NCCO names and real types.

        Raises:
            pydantic.ValidationError: the actions break a rule between actions, such as bargeIn without an input.
            TypeError: an argument is not an action, such as a dict.
        """
        flat = [action for given in actions for action in _each(given)]
        document = [action.to_ncco() for action in flat]
        _refuse_faults(document)
        return document

    @staticmethod
    def read_ncco(document: Sequence[Mapping[str, Any]]) -> list[Action]:
        """The actions of an NCCO as models, without options that are known to have no effect.

        Raises:
            pydantic.ValidationError: `check` finds an error in the document.
        """
        _refuse_faults(document)
        return _DOCUMENT.validate_python(document)


def _each(given: Any) -> Iterator[NccoModel]:
    is_list = isinstance(given, Iterable) and not isinstance(given, NccoModel | Mapping | str | bytes)
    for each in given if is_list else (given,):
        if not isinstance(each, NccoModel):
            cure = 'write Ncco.Talk(text="..."), or use Ncco.read_ncco to turn a list of dicts into actions'
            raise TypeError(f"build_ncco takes actions, not a {type(each).__name__}: {cure}")
        yield each


def _refuse_faults(document: object) -> None:
    faults = [issue for issue in check(document) if issue.is_error]
    if faults:
        raise validation_error("Ncco", document, faults)
