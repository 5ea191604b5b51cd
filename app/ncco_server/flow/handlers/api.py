"""What a handler of calls is written with.

@call_flow(numbers=["442079460002"])
async def pizza(call: Call) -> None:
    choice = await call.choose("For a table, press 1. To order, press 2.", {"table": Choice(1), "order": Choice(2)})
    if choice == "order":
        number = await call.collect("Your order number, please.", digits=5)

Each method of a `Call` says what happens next; `await` gives its result. At each webhook, the handler runs again from
the start with the results that are stored, up to its next wait. So everything between two waits must do the same each
time: whatever may change (a database, another server, a random number) goes into a function for `Call.run`.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import partial
from types import CoroutineType, MappingProxyType
from typing import (
    Any,
    Final,
    Literal,
    LiteralString,
    Never,
    NoReturn,
    TypeAlias,
    TypeVar,
    TypeVarTuple,
    Unpack,
    get_type_hints,
    overload,
)

from ncco_server.errors import RenderError
from ncco_server.flow.handlers.agents import AgentEffect, result_of, words_of
from ncco_server.flow.handlers.arguments import RANGES, WrongArgument, out_of_range
from ncco_server.flow.handlers.effects import (
    END,
    HEARD,
    NEXT,
    READY,
    SECRET,
    Called,
    CallerQuestion,
    ColumnUrl,
    Completed,
    Detection,
    Dialled,
    HandlerEffect,
    HeldFunction,
    TimeText,
    WrittenText,
)
from ncco_server.flow.handlers.options import (
    AgentOptions,
    AskOptions,
    ConnectOptions,
    ConversationOptions,
    Prompt,
    RecordOptions,
    StreamOptions,
    TalkOptions,
    TransferOptions,
)
from ncco_server.flow.handlers.secret import Secret, default_secret
from ncco_server.flow.hours.calendar import Calendar, CurrentHours
from ncco_server.flow.language.agents import RESERVED
from ncco_server.flow.language.selection import MOST_ROWS, ROWS
from ncco_server.flow.language.tables import TableDefinition
from ncco_server.flow.scope import Variable
from ncco_server.flow.speech import FORMS
from ncco_server.flow.templates.filters import FILTERS, LANGUAGE
from ncco_server.ncco import Ncco
from ncco_server.ncco.value_types import TYPES, write

T = TypeVar("T")
Second = TypeVar("Second")
Third = TypeVar("Third")
Effect = TypeVar("Effect", bound="HandlerEffect[Any]")
Args = TypeVarTuple("Args")
Name = TypeVar("Name", bound="LiteralString | StrEnum")
Handler: TypeAlias = Callable[..., Awaitable[str | None]]
Direction: TypeAlias = Literal["inbound", "outbound"]
Endpoint: TypeAlias = str | Mapping[str, Any]
Words: TypeAlias = Mapping[str, Any]
"""A part of a flow file."""
NO_WORDS: Final[Words] = MappingProxyType({})

MOST_LOGGED: Final = 100
"""Lines of a turn; our choice."""


Column: TypeAlias = str | float | date | time | None
"""A value of a column of a table, or of its key; also a `datetime` or a bool. None is a value that is missing."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that the caller can press or say.

    Attributes:
        dtmf: the key or keys: a digit, "*" or "#", several digits, or a list of these.
        speech: the phrases that the caller can say.
    """

    dtmf: int | str | Sequence[int | str] = ()
    speech: str | Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, as a handler has read it. It is true if it exists.

        caller = await call.row("callers", number=call.person)
        if caller and caller["calls"] > 3:
            ...

    Attributes:
        columns: all columns by name. A date or a time is a `date`, `time` or `datetime`, a sensitive value a `Secret`.
            A column without a value has its default: by default, "" for a text, 0 for a number, None for a date.
        ok: whether there is such a row. If not, all columns have their defaults.
    """

    columns: Mapping[str, Any]
    ok: bool = True

    def __getitem__(self, column: str) -> Any:
        if column not in self.columns:
            known = ", ".join(self.columns) or "nothing but its key"
            raise WrongArgument(f"the row has no column {column}", f"it has {known}")
        return self.columns[column]

    def __bool__(self) -> bool:
        return self.ok


def _options(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


_SPELLINGS: Final = {
    name: field.alias
    for action in (Ncco.Talk, Ncco.Stream, Ncco.Record, Ncco.Conversation, Ncco.Transfer, Ncco.Connect)
    for name, field in action.model_fields.items()
    if field.alias is not None
} | {"with_": "with", "content_type": "content-type"}
"""The NCCO's names of options, by those in Python."""


def _spelled(method: str, known: type, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options by their names in the NCCO. None leaves one out. Raises TypeError for a name that is not `known`."""
    for name in options:
        if name not in known.__annotations__:
            raise TypeError(f"Call.{method}() got an unexpected keyword argument {name!r}")
    return {_SPELLINGS.get(name, name): value for name, value in options.items() if value is not None}


_WORDS: Final = frozenset({"action", "type", "mode"})
"""The options of actions and endpoints that say how the others are read."""
_OBJECT: Final = re.compile(r"(<(?!coroutine )[^<>]*) at 0x[0-9a-f]+>")
"""A coroutine is reported as a missing `await`."""
_KEYS: Final = re.compile(r"[0-9*#]+")


def _pasted(value: Any, option: str = "") -> Any:
    """Actions as they would be pasted into a flow file. The words that say what they are may be computed."""
    if isinstance(value, Mapping):
        return {str(name): _pasted(each, str(name)) for name, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [_pasted(each, option) for each in value if each is not None]
    return WrittenText(value) if option in _WORDS and isinstance(value, str) and value.isidentifier() else value


def _prompt(text: str | None) -> list[dict[str, Any]]:
    return [] if text is None else [{"talk": text}]


def _prompts(given: Prompt | Sequence[Prompt]) -> list[Prompt]:
    return [given] if isinstance(given, (str, Mapping)) else list(given)


class Call:
    """A call, as its handler sees it.

    Attributes:
        to: the number that was called, as digits; a name for a call from an app; "" if unknown.
        from_: the caller's number, as digits, or a word such as `anonymous`; "" for a call from an app.
        from_user: the user of a Client SDK application; "" for a call from a phone.
        uuid: the ID of the caller's leg.
        conversation_uuid: the ID of the conversation.
        endpoint_type: `phone`, `sip`, `websocket`, `app` or `vbc`; "" if unknown.
        direction: `inbound`, or `outbound` for a call that the server has placed.
        region_url: the base URL of Vonage's REST API for this call; "" if unknown.
        person: the caller's number, or the called number in a placed call; "" for an app user or a withheld number.
        request: the ID of the placed call; "" for an incoming one.
        is_hidden: whether the caller's number cannot be called back.
        sip: the SIP headers, by name.
        custom_data: the custom data from the Client SDK.
        env: the variables for flows (`FLOW_NAME` without the prefix).
        now: when the caller was last heard: at the webhook since which the handler goes on (aware, UTC).
    """

    to: str
    from_: str
    from_user: str
    uuid: str
    conversation_uuid: str
    endpoint_type: str
    direction: Direction
    region_url: str
    person: str
    request: str
    is_hidden: bool
    sip: Mapping[str, str]
    custom_data: Mapping[str, Any]
    env: Mapping[str, str]
    now: datetime

    def __init__(
        self,
        facts: Mapping[str, Any],
        env: Mapping[str, str],
        calendars: Mapping[str, Calendar] = MappingProxyType({}),
        language: str = LANGUAGE,
        known: Mapping[str, str] = MappingProxyType({}),
        *,
        tables: Mapping[str, TableDefinition] = MappingProxyType({}),
        returns: Mapping[str, Mapping[str, Variable]] = MappingProxyType({}),
        waits: Sequence[str] = (),
        mask: Callable[[str], str] = str,
    ) -> None:
        vars(self).update(facts)
        self.from_ = facts["from"]
        self.env = env
        self.made: list[HandlerEffect[Any]] = []
        self.logged: list[str] = []
        self._calendars = calendars
        self._language = language
        self._known = known
        self._tables = tables
        self._returns = returns
        self._waits = waits
        self._mask = mask
        self._uuid: str = facts["uuid"]
        self._drawn = 0

    def _make(self, effect: Effect) -> Effect:
        self.made.append(effect)
        return effect

    def _secret(self, token: str) -> Secret:
        return Secret(token, self._known, self._waits)

    def random(self) -> float:
        """A number from 0 up to but not including 1, for draws and tests of variants; not for secrets.

        It depends only on the ID of the call and on how many were drawn before, so it is the same whenever the handler
        runs again.
        """
        self._drawn += 1
        drawn = hashlib.blake2b(f"{self._uuid} {self._drawn}".encode(), digest_size=8).digest()
        return (int.from_bytes(drawn) >> 11) * 2.0**-53

    def log(self, message: object) -> None:
        """Write a line to the server's log, with the call's ID: once, although the handler runs again and again.

        It is written when the turn is stored, as text of at most 10,000 characters. A line with a sensitive value of
        this turn is replaced.
        """
        if len(self.logged) < MOST_LOGGED:
            self.logged.append(f"{message}")

    def talk(self, text: str, **options: Unpack[TalkOptions]) -> Coroutine[Any, Any, None]:
        """Say a text: plain words, or SSML; see `Ssml`. The handler goes on at once; what follows comes after it.

        The options are those of the action `talk`. Source: NCCO reference, Talk.
        """
        return self._make(HandlerEffect("play", [{"talk": _said(text), **_spelled("talk", TalkOptions, options)}]))

    def stream(self, url: str, **options: Unpack[StreamOptions]) -> Coroutine[Any, Any, None]:
        """Play an audio file. The options are those of the action `stream`. Source: NCCO reference, Stream."""
        return self._make(HandlerEffect("play", [{"stream": url, **_spelled("stream", StreamOptions, options)}]))

    def record(self, **options: Unpack[RecordOptions]) -> Coroutine[Any, Any, None]:
        """Record the caller. With an option that ends it, what follows is played when the recording has ended.

        The options are those of the action `record`, such as `beep_start=True, end_on_silence=5`. The recording
        is reported later, possibly after the call: to the hook under `events` of `call_flow`.
        Source: NCCO reference, Record.
        """
        return self._make(HandlerEffect("play", [{"record": _spelled("record", RecordOptions, options) or True}]))

    def wait(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait in silence, from 0.1 to 7200 seconds. Source: NCCO reference, Wait."""
        return self._make(HandlerEffect("play", [{"wait": seconds}]))

    def conversation(self, name: str, **options: Unpack[ConversationOptions]) -> Coroutine[Any, Any, None]:
        """Join a conference. The handler goes on when somebody with `endOnExit` leaves it.

        The options are those of the action `conversation`, such as `start_on_enter=False, record=True`.
        Source: NCCO reference, Conversation.
        """
        joined = {"name": name, **_spelled("conversation", ConversationOptions, options)}
        return self._make(HandlerEffect("play", [{"conversation": joined}]))

    def transfer(self, conversation_id: str, **options: Unpack[TransferOptions]) -> Coroutine[Any, Any, NoReturn]:
        """Move the caller into the conversation with this ID; the handler does not go on.

        The options are those of the action `transfer`. Source: NCCO reference, Transfer.
        """
        moved = {"transfer": {"conversationId": conversation_id, **_spelled("transfer", TransferOptions, options)}}
        return self._make(HandlerEffect("leave", [moved], {"goto": END}))

    def notify(self, payload: Mapping[str, Any], *, url: str, method: str | None = None) -> Coroutine[Any, Any, None]:
        """Send a map to your own server when the caller gets here. The server may reply with another NCCO.

        Args:
            payload: what is sent, as JSON.
            url: the `eventUrl`. To let this handler know, use `checkpoint`.
            method: the `eventMethod`; by default, Vonage's.

        Source: NCCO reference, Notify.
        """
        options = _options(payload=_pasted(payload), eventUrl=url, eventMethod=method)
        return self._make(HandlerEffect("play", [{"notify": options}]))

    def checkpoint(self, name: str, *, wait: bool = False) -> Coroutine[Any, Any, None]:
        """Note that the caller has heard everything up to here.

        Args:
            name: the name of the checkpoint in events and pictures: letters, digits, _ and -.
            wait: whether the handler goes on only when the caller gets here, so that what follows is decided then.
        """
        played = [{"checkpoint": WrittenText(name)}]
        if not wait:
            return self._make(HandlerEffect("play", played))
        return self._make(HandlerEffect("wait", played, {"on": {name: NEXT}}, result=lambda stored: None))

    def hold(
        self,
        until: Callable[[*Args], Awaitable[bool] | bool],
        *arguments: *Args,
        up_to_s: int,
        talk: str | None = None,
        stream: str | None = None,
        ncco: Sequence[Mapping[str, Any]] = (),
        limit_ms: int = 1000,
        name: str = "",
    ) -> Coroutine[Any, Any, Literal["ready", "too_long"]]:
        """Keep the caller waiting until a function says yes: for an agent, a recording, a slow job.

        The function is called first, and again each time when everything has been played. While it says no, fails or
        takes too long, the caller goes on waiting. The result is `ready`, or `too_long` after `up_to_s`.

        Args:
            until: what to call. A plain function runs in a thread.
            arguments: its arguments.
            up_to_s: how long the caller waits at most, from 1 second to 24 hours.
            talk: what to say each time.
            stream: the audio file to play each time.
            ncco: other actions to play each time, as in `ncco`.
            limit_ms: the time limit of the function, from 50 to 3500 milliseconds.
            name: as in `choose`.
        """
        played = [*_prompt(talk), *([{"stream": stream}] if stream is not None else []), *_pasted(ncco)]
        called = Called(until, arguments)
        if any(called.secrets):
            message = "`hold` calls its function in later turns too, and a Secret exists only in its turn"
            raise WrongArgument(message, "give it to a function before that, in `await call.run(function, secret)`")
        held = HeldFunction(re.sub(r"\W", "", called.name.rpartition(".")[2]), called, _limit(limit_ms))
        words = {
            "lookup": held.name,
            "hold": {"until": f"{held.name}.{READY}", "up_to": f"{up_to_s}s"},
            "on": {"ready": NEXT, "too_long": NEXT},
        }
        return self._make(HandlerEffect("wait", played, words, name, held=held, asks=True))

    def ncco(self, actions: Sequence[Mapping[str, Any]]) -> Coroutine[Any, Any, None]:
        """Play any NCCO actions, as in Vonage's reference; for those that have a method, use the method.

        They are checked like all others. An action with an `eventUrl` reports to that server instead of this one.

        Raises:
            ValueError: `actions` is not a list of actions.
        """
        if not all("action" in action for action in actions):
            raise ValueError("an NCCO is a list of actions: [{'action': 'talk', 'text': '..'}]")
        return self._make(HandlerEffect("play", _pasted(actions)))

    def hours(self, name: str) -> CurrentHours:
        """The opening hours of this name, at `now`: `open`, `reason`, `holiday`, `next_open`, `next_close`, `reopens`.

        They are declared under `hours` in `call_flow` or a shared file. The answer is the same whenever the handler
        runs again. `ncco check` and `ncco prove` also try the times at which it is another one.
        """
        calendar = self._calendars.get(name)
        if calendar is None:
            known = ", ".join(sorted(self._calendars))
            cure = f"write one of: {known}" if known else "declare them under `hours`"
            raise RenderError("E304", f'there are no opening hours "{name}"', cure=cure)
        return calendar.at(self.now)

    def spoken(self, value: datetime | date | time | float | Decimal, form: str = "", *, language: str = "") -> str:
        """A date, time, number or amount as people say it, such as `Thursday 5 March at 9 AM`.

        Args:
            value: what is spoken.
            form: `date`, `day`, `time` or `weekday` for a point in time; a currency for an amount, such as `GBP`.
            language: by default, that of `talk` in the handler's `defaults`, or else American English.

        Source: the filter `spoken` of flow files.
        """
        if isinstance(value, date | time) and form not in ("", *FORMS):
            raise WrongArgument(f'`form` is "{form}"', f"write one of: {', '.join(FORMS)}")
        return str(FILTERS["spoken"].apply(value, language or self._language, form))

    def digits(self, value: str | int, group: int | None = None, *, language: str = "") -> str:
        """A number as people say it digit by digit: in groups like a phone number, or in groups of the given size.

        Source: the filter `digits` of flow files.
        """
        return str(FILTERS["digits"].apply(value, language or self._language, group))

    def spell(self, value: str, *, language: str = "") -> str:
        """A text letter by letter. Source: the filter `spell` of flow files."""
        return str(FILTERS["spell"].apply(value, language or self._language))

    def send(self, hook: str, /, **params: Any) -> Coroutine[Any, Any, None]:
        """Send a hook, declared under `hooks` in `call_flow` or a shared file, with its params. None leaves one out.

        It is stored with the turn and sent after the reply, at least once. After an action of unknown length, such as a
        `record` with `endOnSilence`, it is sent when the caller gets there.
        """
        given = {
            name: value if isinstance(value, (list, tuple, Mapping, Secret)) else _written(value)
            for name, value in _options(**params).items()
        }
        return self._make(HandlerEffect("play", first={"send": [{hook: given} if given else hook]}))

    def result(self, name: str) -> Coroutine[Any, Any, None]:
        """Set the result of the call, declared under `results` in `call_flow` or a shared file. The last one counts."""
        return self._make(HandlerEffect("play", first={"result": name}))

    @overload
    def row(self, table: str, /, *, type: Column = ..., **key: Column) -> Coroutine[Any, Any, Row]: ...

    @overload
    def row(self, table: str, /, *, type: Callable[..., T], **key: Column) -> Coroutine[Any, Any, T | None]: ...

    def row(self, table: str, /, *, type: Callable[..., Any] | Column = Row, **key: Column) -> Coroutine[Any, Any, Any]:
        """Read a row of a table, with what this turn has saved.

        After an action of unknown length, such as a `record` with `endOnSilence`, it is read when the caller gets
        there.

        Args:
            table: the table, which a shared file declares.
            type: a dataclass or `TypedDict` whose fields are columns: the result is one of these, or None without a
                row. Any other value is that of a key `type`.
            key: the values of its key, by name. No row has an empty one, such as a withheld number.
        """
        made, key = _made_of(type, key)
        words = {"row": self._key_in(table, key)}

        def result(stored: Any) -> Any:
            return None if stored is None and made is not None else self._row_of(table, stored, made)

        return self._make(HandlerEffect("run", words=words, name=f"row of {table}", result=result))

    @overload
    def rows(
        self,
        table: str,
        /,
        *,
        where: str = ...,
        order: str = ...,
        first: int = ...,
        type: Column = ...,
        **key: Column,
    ) -> Coroutine[Any, Any, list[Row]]: ...

    @overload
    def rows(
        self,
        table: str,
        /,
        *,
        where: str = ...,
        order: str = ...,
        first: int = ...,
        type: Callable[..., T],
        **key: Column,
    ) -> Coroutine[Any, Any, list[T]]: ...

    def rows(
        self,
        table: str,
        /,
        *,
        where: str = "",
        order: str = "",
        first: int = MOST_ROWS,
        type: Callable[..., Any] | Column = Row,
        **key: Column,
    ) -> Coroutine[Any, Any, Any]:
        """Read rows of a table without their whole key, with what this turn has saved. Each has its key's values too.

        Args:
            table: as in `row`.
            where: the rows for which this condition holds, as in a lookup of a flow file: `tier == "gold"`. It must be
                written in the handler's file.
            order: the column by which they are sorted, with `-` before it for the largest first; by default, the key.
            first: how many at most, from 1 to 100.
            type: as in `row`, for each row.
            key: a part of the key, which the rows must have.
        """
        if first not in RANGES["first"]:
            raise out_of_range("first", first)
        chosen = {word: value for word, value in (("where", where), ("order", order)) if value}
        made, key = _made_of(type, key)
        words = {"rows": {**self._key_in(table, key), **chosen, "first": first}}

        def result(stored: Any) -> list[Any]:
            return [self._row_of(table, each, made) for each in (stored or {}).get(ROWS, ())]

        return self._make(HandlerEffect("run", words=words, name=f"rows of {table}", result=result))

    def save(
        self,
        table: str,
        /,
        *,
        set: Mapping[str, Column | Secret] = MappingProxyType({}),
        increase: Mapping[str, float] = MappingProxyType({}),
        remove: bool = False,
        only_new: bool = False,
        **key: Column,
    ) -> Coroutine[Any, Any, bool]:
        """Change a row of a table. It is written with the turn: exactly once, whatever is repeated or dies.

        If the handler fails before it waits again, nothing that it has saved since the last wait is written. The result
        is False if no row can have this key, or if `only_new` has found a row. After an action of unknown length, the
        row is changed when the caller gets there.

        Args:
            table: as in `row`.
            set: the new values of columns. Others stay as they are; a row that is missing is added.
            increase: what to add to columns with numbers.
            remove: whether to remove the row.
            only_new: whether to do it only if there is no such row yet. If several calls try at once, one of them does.
            key: as in `row`.
        """
        if "into" in key:
            raise WrongArgument('`save` has no "into"', "use its result: `is_new = await call.save(..)`")
        words: dict[str, Any] = self._key_in(table, key)
        self._check_times(table, set)
        words |= {word: _columns(values) for word, values in (("set", set), ("increase", increase)) if values}
        words |= {word: True for word, is_given in (("remove", remove), ("only_new", only_new)) if is_given}
        return self._make(HandlerEffect("run", words={"save": words}, name=f"save in {table}"))

    def _key_in(self, table: str, key: Mapping[str, Column]) -> dict[str, Any]:
        """The table and the key. Raises WrongArgument."""
        self._check_times(table, key)
        return {"table": WrittenText(table), **_columns(key)}

    def _check_times(self, table: str, values: Mapping[str, Any]) -> None:
        """Raises WrongArgument for a point in time in place of a date or a time of day, or a date in its place."""
        definition = self._tables.get(table)
        known = {**definition.key, **definition.columns} if definition is not None else {}
        for name, value in values.items():
            given = "datetime" if isinstance(value, datetime) else "date" if isinstance(value, date) else ""
            wanted = known[name].type.name if name in known else ""
            if given and (instead := _INSTEAD.get((wanted, given))):
                message = f"`{name}` is {TYPES[wanted].described}, and this is {TYPES[given].described}"
                raise WrongArgument(message, instead)

    def _row_of(self, table: str, stored: Any, type: Callable[..., Any] | None) -> Any:
        """None stands for no row."""
        definition = self._tables[table]
        known = {**definition.key, **definition.columns}
        values = definition.row_defaults if stored is None else stored
        secret = self._secret if stored is not None else partial(default_secret, mask=self._mask)
        columns = {name: _column(known[name], each, secret) for name, each in values.items()}
        if type is None:
            return Row(columns, stored is not None)
        fields = get_type_hints(type)
        for name in fields.keys() - columns.keys():
            raise WrongArgument(f'the table {table} has no "{name}"', f"write one of: {', '.join(columns)}")
        return type(**{name: columns[name] for name in fields})

    @overload
    def choose(
        self, text: str | None, choices: Mapping[Name, Choice], **options: Unpack[AskOptions]
    ) -> CallerQuestion[Name]: ...

    @overload
    def choose(  # type: ignore[overload-cannot-match]  # mypy takes LiteralString for str
        self, text: str | None, choices: Mapping[str, Choice], **options: Unpack[AskOptions]
    ) -> CallerQuestion[str]: ...

    def choose(
        self, text: str | None, choices: Mapping[Any, Choice], **options: Unpack[AskOptions]
    ) -> CallerQuestion[Any]:
        """Ask the caller to choose. The result is the name of a choice; None after the last failed attempt.

        Type checkers know the names if they are members of a `StrEnum`, or the keys of a mapping of literals; pyright
        also if they are written here.

        Args:
            text: the question; None if it is asked by `ncco`, or by what was played before, which is not repeated.
            choices: what the caller can press or say, by name: a text or a member of a `StrEnum`.
            options: see `AskOptions`.
        """
        effect = _asked(text, options)
        effect.words["choices"] = _choices(choices)
        effect.result = _member(choices)
        return self._make(effect)

    @overload
    def collect(
        self,
        text: str | None,
        *,
        digits: int | tuple[int, int] | None = ...,
        speech: bool = ...,
        sensitive: Literal[False] = ...,
        **options: Unpack[AskOptions],
    ) -> CallerQuestion[str]: ...

    @overload
    def collect(
        self,
        text: str | None,
        *,
        digits: int | tuple[int, int] | None = ...,
        speech: bool = ...,
        sensitive: Literal[True],
        **options: Unpack[AskOptions],
    ) -> CallerQuestion[Secret]: ...

    def collect(
        self,
        text: str | None,
        *,
        digits: int | tuple[int, int] | None = None,
        speech: bool = False,
        sensitive: bool = False,
        **options: Unpack[AskOptions],
    ) -> CallerQuestion[Any]:
        """Ask the caller to enter digits, or to say something. The result is None after the last failed attempt.

        Args:
            text: as in `choose`.
            digits: how many, from 1 to 20; or the lowest and the highest number, which the caller ends with #.
            speech: whether the caller may say anything.
            sensitive: whether the value must never be written anywhere. The result is a `Secret`, for a function.
            options: see `AskOptions`. An entry of another length counts as `nomatch`.
        """
        effect = _asked(text, options)
        least = effect.words.pop("min_confidence", None)
        wanted = _options(digits=_digits(digits), speech="any" if speech else None, min_confidence=least)
        effect.words |= {"collect": {"into": SECRET if sensitive else HEARD, **wanted}, "goto": NEXT}
        if sensitive:
            effect.result = lambda token: None if token is None else self._secret(token)
        return self._make(effect)

    @overload
    def connect(
        self,
        endpoint: Endpoint | Sequence[Endpoint],
        *,
        ends_call: Literal[True] = ...,
        detect: tuple[()] = ...,
        **options: Unpack[ConnectOptions],
    ) -> Dialled[Never]: ...

    @overload
    def connect(
        self,
        endpoint: Endpoint | Sequence[Endpoint],
        *,
        ends_call: Literal[True] = ...,
        detect: Detection | Sequence[Detection],
        **options: Unpack[ConnectOptions],
    ) -> Dialled[Detection]: ...

    @overload
    def connect(
        self,
        endpoint: Endpoint | Sequence[Endpoint],
        *,
        ends_call: Literal[False],
        detect: tuple[()] = ...,
        **options: Unpack[ConnectOptions],
    ) -> Dialled[Completed]: ...

    @overload
    def connect(
        self,
        endpoint: Endpoint | Sequence[Endpoint],
        *,
        ends_call: bool,
        detect: Detection | Sequence[Detection] = ...,
        **options: Unpack[ConnectOptions],
    ) -> Dialled[Completed | Detection]: ...

    def connect(
        self,
        endpoint: Endpoint | Sequence[Endpoint],
        *,
        ends_call: bool = True,
        detect: Detection | Sequence[Detection] = (),
        **options: Unpack[ConnectOptions],
    ) -> Dialled[Any]:
        """Put the caller through. The call ends when the other party hangs up; the handler goes on if nobody answers.

        The result is why it goes on: `busy`, `timeout`, `unanswered`, `rejected` or `failed`; `disconnected` if an
        application has closed its websocket.

        Args:
            endpoint: a phone number, or an endpoint as in the NCCO; several are rung one after the other.
            ends_call: False to go on when the other party has hung up, too: with `completed`. Vonage may end the call
                there.
            detect: the results of machine detection at which the handler goes on: `machine`, `human`, `beep`. What it
                then says takes the caller away from the called party; if it says nothing, they are connected.
            options: see `ConnectOptions`, such as `timeout=20`.

        Source: NCCO reference, Connect.
        """
        name = options.pop("name", "")
        on = {"completed": END if ends_call else NEXT, "otherwise": NEXT}
        dialled = {"connect": endpoint, **_spelled("connect", ConnectOptions, options)}
        if isinstance(detect, bool):
            raise WrongArgument(f"`detect` is {detect}", 'write `detect="machine"`, "human" or "beep"')
        if detect:
            on |= dict.fromkeys([detect] if isinstance(detect, str) else detect, NEXT)
        effect: Dialled[Any] = Dialled("wait", [dialled], {"on": on}, name)  # `Dialled[Any](..)` takes longer
        return self._make(effect)

    @overload
    def agent(
        self,
        uri: str,
        *,
        limit: int,
        outcomes: Iterable[Name],
        returns: Callable[..., T],
        **options: Unpack[AgentOptions],
    ) -> AgentEffect[Name, T]: ...

    @overload
    def agent(
        self, uri: str, *, limit: int, outcomes: Iterable[Name], returns: None = ..., **options: Unpack[AgentOptions]
    ) -> AgentEffect[Name, None]: ...

    @overload
    def agent(
        self,
        uri: str,
        *,
        limit: int,
        outcomes: tuple[()] = ...,
        returns: Callable[..., T],
        **options: Unpack[AgentOptions],
    ) -> AgentEffect[Never, T]: ...

    @overload
    def agent(
        self, uri: str, *, limit: int, outcomes: tuple[()] = ..., returns: None = ..., **options: Unpack[AgentOptions]
    ) -> AgentEffect[Never, None]: ...

    def agent(
        self,
        uri: str,
        *,
        limit: int,
        outcomes: Iterable[Any] = (),
        returns: Callable[..., Any] | None = None,
        **options: Unpack[AgentOptions],
    ) -> AgentEffect[Any, Any]:
        """Let a speech bot at a websocket talk to the caller, until it hands the caller back.

        The result is an `AgentResult`: the outcome is one of the `outcomes` or `done`; `failed` if the agent could not
        be reached, or closed its websocket without handing the caller back; or `too_long`.

        Args:
            uri: the address of the websocket.
            limit: how long the caller stays with the agent at most, from 10 to 7200 seconds.
            outcomes: what the agent may hand back, besides `done`: a `StrEnum`, or a list of texts.
            returns: a dataclass or `TypedDict` whose fields the agent may hand back as values.
            options: see `AgentOptions`, such as `with_={"customer": "42"}`.
        """
        name = options.pop("name", "")
        names = [str(outcome) for outcome in outcomes]
        words = {
            "uri": uri,
            "limit": WrittenText(f"{limit}s"),
            **_spelled("agent", AgentOptions, options),
            **({"outcomes": [*map(WrittenText, names)]} if names else {}),
            **({"returns": words_of(returns)} if returns is not None else {}),
        }
        on = dict.fromkeys((*names, *RESERVED), NEXT)
        effect: AgentEffect[Any, Any] = AgentEffect("wait", [], {"agent": words, "on": on}, name)
        effect.result = result_of(_member(outcomes), returns)
        return self._make(effect)

    def goto(self, flow: str, /, **params: Any) -> Coroutine[Any, Any, NoReturn]:
        """Hand the caller over to another flow, with its params; the handler does not go on. None leaves one out.

        The name must be written in this file, for instance in a dict from which a function's result chooses. A param
        that the flow declares as sensitive may be a `Secret`.
        """
        given = _options(**params)
        words = {"goto": {"run": WrittenText(flow), **({"with": given} if given else {})}}
        return self._make(HandlerEffect("leave", words=words, flow=flow))

    @overload
    def run_flow(
        self,
        flow: str,
        /,
        *,
        outcomes: Sequence[str],
        returns: Literal[True],
        name: str = "",
        params: Mapping[str, Any] = {},
        **more: Any,
    ) -> Coroutine[Any, Any, tuple[str, dict[str, Any]]]: ...

    @overload
    def run_flow(
        self, flow: str, /, *, outcomes: Sequence[Name], name: str = "", params: Mapping[str, Any] = {}, **more: Any
    ) -> Coroutine[Any, Any, Name]: ...

    @overload
    def run_flow(  # type: ignore[overload-cannot-match]  # as in `choose`
        self, flow: str, /, *, outcomes: Sequence[str], name: str = "", params: Mapping[str, Any] = {}, **more: Any
    ) -> Coroutine[Any, Any, str]: ...

    def run_flow(
        self,
        flow: str,
        /,
        *,
        outcomes: Sequence[Any],
        returns: bool = False,
        name: str = "",
        params: Mapping[str, Any] = {},
        **more: Any,
    ) -> Coroutine[Any, Any, Any]:
        """Run another flow, and come back. The result is one of the `outcomes` that the flow declares.

        The flow's name must be written in this file. For its params, see `goto`; those called `outcomes`, `returns` or
        `name` are given in `params`. With `returns=True`, the result is the outcome and a dict of the values that the
        flow declares under `returns`: None if it has not set one, a `Secret` if it is sensitive.
        """
        on = {str(outcome): NEXT for outcome in outcomes}
        given = _options(**params, **more)
        words = {"run": WrittenText(flow), "on": on} | ({"with": given} if given else {})
        outcome = _member(outcomes)
        declared = self._returns.get(flow, {})

        def result(stored: Any) -> Any:
            if not returns:
                return outcome(stored)
            came, values = stored
            return outcome(came), {
                name: _column(each, values[name], self._secret) if name in values else None
                for name, each in declared.items()
            }

        effect = HandlerEffect("wait", words=words, name=name, result=result, flow=flow)
        effect.returns = declared if returns else None
        return self._make(effect)

    @overload
    def run(
        self, function: Callable[[*Args], Awaitable[T]], *arguments: *Args, limit_ms: int = 1000
    ) -> Coroutine[Any, Any, T]: ...

    @overload
    def run(
        self, function: Callable[[*Args], T], *arguments: *Args, limit_ms: int = 1000
    ) -> Coroutine[Any, Any, T]: ...

    def run(
        self, function: Callable[[*Args], Any], *arguments: *Args, limit_ms: int = 1000
    ) -> Coroutine[Any, Any, Any]:
        """Call a function once, and store its result at once. A plain function runs in a thread.

        The result must be JSON: texts, numbers, lists and maps; or a value that pydantic can restore from JSON by the
        function's return type, such as a dataclass. A function whose result or failure is stored is never called again.
        If the process dies before that, it is called again when the webhook is repeated, with the same
        `idempotency_key()`.

        Args:
            function: what to call.
            arguments: its arguments.
            limit_ms: its time limit, from 50 to 3500 milliseconds; `NCCO_LOOKUP_BUDGET_MS` limits all of a turn.

        Raises:
            RunFailed: the function raised an error, was too slow, or returned something else.
        """
        given: object = function
        if isinstance(given, CoroutineType):
            given.close()
            name = given.__name__
            raise WrongArgument("`call.run` calls the function itself", f"write `call.run({name}, ..)`")
        called = Called(function, arguments)
        return self._make(
            HandlerEffect("run", function=called, limit_ms=_limit(limit_ms), name=called.name, result=called.restored)
        )

    @overload
    def run_all(self, first: Awaitable[T], second: Awaitable[Second], /) -> Coroutine[Any, Any, tuple[T, Second]]: ...

    @overload
    def run_all(
        self, first: Awaitable[T], second: Awaitable[Second], third: Awaitable[Third], /
    ) -> Coroutine[Any, Any, tuple[T, Second, Third]]: ...

    @overload
    def run_all(self, runs: Iterable[Awaitable[T]], /) -> Coroutine[Any, Any, tuple[T, ...]]: ...

    def run_all(self, *runs: Any) -> Coroutine[Any, Any, Any]:
        """Call functions at the same time: `await call.run_all(call.run(find, number), call.run(price))`.

        Each result is stored as with `run`. If a function fails, the others are not cancelled, but `RunFailed` is
        raised. All of them share `NCCO_LOOKUP_BUDGET_MS` with the other functions and lookups of the turn.

        Args:
            runs: two or three times what `run` returns, without `await`; or a list of these.
        """
        runs = tuple(runs[0]) if len(runs) == 1 and isinstance(runs[0], Iterable) else runs
        effects = [each for each in runs if isinstance(each, HandlerEffect) and each.function is not None]
        if len(effects) < len(runs):
            raise WrongArgument(
                "`run_all` takes only functions", "write `call.run_all(call.run(f, ..), call.run(g, ..))`"
            )
        for each in effects:
            each.is_awaited = True

        def results(stored: Sequence[Any] | None) -> tuple[Any, ...]:
            return tuple(each.result(value) for each, value in zip(effects, stored or (), strict=True))

        return self._make(HandlerEffect("run" if effects else "play", together=effects, result=results))


def _made_of(
    type: Callable[..., Any] | Column, key: dict[str, Column]
) -> tuple[Callable[..., Any] | None, dict[str, Column]]:
    """What a row becomes, and the key, which may have a column `type`, too."""
    if callable(type):
        return (None if type is Row else type), key
    return None, {**key, "type": type}


def _column(column: Variable, stored: Any, secret: Callable[[str], Secret]) -> Any:
    if column.sensitive:
        return secret(str(stored))
    if not column.type.is_timed:
        return ColumnUrl(stored) if column.type.name == "url" else stored
    return column.type.operand(stored) if stored != "" else None


def _columns(values: Mapping[str, Column | Secret]) -> dict[str, Any]:
    """Texts, numbers and secrets; the others as texts. Raises WrongArgument for a dict."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            raise WrongArgument(
                f"`{name}` is a dict", "write `set={..}` for columns, or `increase={..}` for what to add", name
            )
    return {
        name: value if isinstance(value, str | Secret) or type(value) in (int, float) else _text_of(value)
        for name, value in values.items()
    }


def _said(text: str) -> str:
    """Raises WrongArgument for the `repr` of an object, which is another one in each run."""
    if type(text) is str and (found := _OBJECT.search(text)):
        instead = "write one of its fields; after the name of a method, write round brackets"
        raise WrongArgument(f"the text contains {found[1]}>, which is an object of Python", instead)
    return text


def _text_of(value: Any) -> str:
    return WrittenText(write(value)) if isinstance(value, bool) else "" if value is None else _written(value)


def _written(value: Any) -> str:
    return TimeText(write(value)) if isinstance(value, date | time) else write(value)


_INSTEAD: Final = {
    ("date", "datetime"): "write `.date()` behind it",
    ("time", "datetime"): "write `.time()` behind it",
    ("datetime", "date"): "write a `datetime`, such as `call.now`",
}
"""What to write if a column is of the first type, and a value of the second."""


def _member(given: Iterable[Any]) -> Callable[[Any], Any]:
    return lambda stored: next((name for name in given if str(name) == stored), None)


def _choices(given: object) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        message = f"the choices are a {type(given).__name__}"
        raise WrongArgument(message, 'write a dict: `{"name": Choice(dtmf=1)}`')
    return {str(name): _choice(str(name), each) for name, each in given.items()}


def _choice(name: str, given: object) -> dict[str, Any]:
    if not isinstance(given, Choice):
        name, heard = (str(given), name) if _KEYS.fullmatch(name) else (name, given)
        option = "dtmf" if _KEYS.fullmatch(str(heard)) else "speech"
        written = ", ".join(f"{key}={value!r}" for key, value in given.items()) if isinstance(given, Mapping) else ""
        instead = f'write `"{name}": Choice({written or f"{option}={heard!r}"})`'
        raise WrongArgument(f"a choice is {given!r}", instead)
    words: dict[str, Any] = {}
    if given.dtmf or given.dtmf == 0:
        words["dtmf"] = given.dtmf
    if given.speech:
        words["speech"] = given.speech
    words["goto"] = NEXT
    return words


def _digits(given: object) -> Any:
    match given:
        case None | int() | str() if not isinstance(given, str) or given.isdigit():
            return given
        case (int() as least, int() as most):
            return f"{least}..{most}"
        case _:
            raise WrongArgument(f"`digits` is {given!r}", "write a number, or the fewest and the most: (6, 8)")


def _limit(limit_ms: int) -> int:
    if limit_ms not in RANGES["limit_ms"]:
        raise out_of_range("limit_ms", limit_ms)
    return limit_ms


_HEARD: Final = {
    "submit_on_hash": ("dtmf", "submitOnHash"),
    "timeout": ("dtmf", "timeOut"),
    "context": ("speech", "context"),
    "end_on_silence": ("speech", "endOnSilence"),
}
"""The options of a question that its `input` has, and where."""


def _asked(text: str | None, options: AskOptions) -> CallerQuestion[Any]:
    said: dict[str, Any] = {}
    heard: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in options.items():
        if name in _QUESTION:
            others[name] = value
        elif name in _HEARD:
            part, word = _HEARD[name]
            heard.setdefault(part, {})[word] = value
        else:
            said[name] = value
    if said and text is None:
        name = next(iter(said))
        cure = f"give `{name}` to the `talk` before it"
        raise WrongArgument(f"`{name}` is an option of a text, and this question has none", cure)
    if heard:
        given = others.get("input") or {}
        others["input"] = {**given, **{part: {**given.get(part, {}), **words} for part, words in heard.items()}}
    return _question(text, said, **others)


def _question(
    text: str | None,
    said: Mapping[str, Any],
    *,
    tries: int = 3,
    noinput: Prompt | Sequence[Prompt] = (),
    nomatch: Prompt | Sequence[Prompt] = (),
    reprompt: bool = True,
    min_confidence: float | None = None,
    tail: bool = True,
    ncco: Sequence[Mapping[str, Any]] = (),
    input: Mapping[str, Any] | None = None,
    name: str = "",
) -> CallerQuestion[Any]:
    retry: dict[str, Any] = {"tries": tries, "then": NEXT}
    if noinput:
        retry["noinput"] = _prompts(noinput)
    if nomatch:
        retry["nomatch"] = _prompts(nomatch)
    if not reprompt:
        retry["reprompt"] = False
    words: dict[str, Any] = {"retry": retry}
    if min_confidence is not None:
        words["min_confidence"] = min_confidence
    if not tail:
        words["tail"] = False
    played: list[dict[str, Any]] = []
    if text is not None:
        played.append({"talk": _said(text), **_spelled("choose", TalkOptions, said)})
    if ncco:
        played += _pasted(ncco)
    if input is not None:
        played.append({"input": input})
    return CallerQuestion("wait", played, words, name, asks=True)


_QUESTION: Final = frozenset(inspect.signature(_question).parameters) - {"text", "said"}


@dataclass(frozen=True, slots=True)
class CallFlow:
    """A handler and the words of its flow, made by `call_flow`.

    Attributes:
        words: its words except the name, as in a flow file.
        file: the file of its code, as Python knows it.
        path: the file as messages and traces name it, such as `flows/pizza.py`; "" for `file`.
    """

    function: Handler
    name: str
    words: Mapping[str, Any]
    file: str
    line: int
    path: str = ""


def _listed(given: Any) -> Any:
    """Leave a value that is not a list as it is: the error for it then names its place."""
    return given if isinstance(given, str) or not isinstance(given, Iterable) else list(given)


@overload
def call_flow(function: Handler, /) -> CallFlow: ...


@overload
def call_flow(
    *,
    name: str = "",
    numbers: Sequence[str] = (),
    default: bool = False,
    entry: bool = False,
    on_error: str = "",
    outcomes: Sequence[str] = (),
    timezone: str = "",
    defaults: Words = NO_WORDS,
    hours: Words = NO_WORDS,
    hooks: Words = NO_WORDS,
    results: Words = NO_WORDS,
    events: Words = NO_WORDS,
    outbound: Words = NO_WORDS,
) -> Callable[[Handler], CallFlow]: ...


def call_flow(
    function: Handler | None = None,
    /,
    *,
    name: str = "",
    numbers: Sequence[str] = (),
    default: bool = False,
    entry: bool = False,
    on_error: str = "",
    outcomes: Sequence[str] = (),
    timezone: str = "",
    defaults: Words = NO_WORDS,
    hours: Words = NO_WORDS,
    hooks: Words = NO_WORDS,
    results: Words = NO_WORDS,
    events: Words = NO_WORDS,
    outbound: Words = NO_WORDS,
) -> CallFlow | Callable[[Handler], CallFlow]:
    """Make a flow from an `async` function whose first argument is a `Call`. Its other arguments are the flow's params.

    The type of a param is that of its annotation: a `Phone` is a phone number, a `Secret` is sensitive.

    Args:
        function: the handler.
        name: the name of the flow; by default that of the function, with `-` for each `_`.
        numbers: the numbers whose calls start here, in quotes, with the country code.
        default: whether calls to any other number start here.
        entry: whether calls with the answer URL `/webhooks/answer/NAME` start here.
        on_error: the flow that takes the caller over if the handler raises an exception; by default, the failsafe NCCO.
        outcomes: what the handler may return to a flow that runs it.
        timezone: the time zone of dates and times, such as `Europe/London`.
        defaults: as in a flow file, such as `{"talk": {"language": "en-GB"}}`.
        hours: the opening hours, as in a flow file.
        hooks: the hooks, as in a flow file.
        results: the results, as in a flow file.
        events: the hooks of events, as in a flow file.
        outbound: how calls are placed with the flow, as in a flow file.
    """
    words: dict[str, Any] = {
        "numbers": _listed(numbers),
        "default": default,
        "entry": entry,
        "outcomes": _listed(outcomes),
        "timezone": timezone,
        "defaults": {**defaults, "on": {"error": {"run": on_error}}} if on_error else defaults,
        "hours": hours,
        "hooks": hooks,
        "results": results,
        "events": events,
        "outbound": outbound,
    }

    def decorate(function: Handler) -> CallFlow:
        code = inspect.unwrap(function).__code__
        given = name or function.__name__.replace("_", "-")
        written = {word: value for word, value in words.items() if value}
        return CallFlow(function, given, written, code.co_filename, code.co_firstlineno)

    return decorate if function is None else decorate(function)
