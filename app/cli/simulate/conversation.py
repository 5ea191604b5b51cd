"""A call in which a person plays the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from app.cli.output import CannotRun
from app.cli.simulate import commands
from app.cli.simulate.commands import NOWHERE
from app.cli.simulate.prompts import Prompt
from app.cli.simulate.saving import check_path
from app.cli.simulate.screen import Screen
from app.cli.simulate.server import Line
from app.flow.report import printable
from app.simulator import BETWEEN_KEYS_S, Moment, PhoneCall
from app.verify.scenarios import model
from app.verify.scenarios.dialled import behaviour_of
from app.verify.scenarios.heard import SPOKEN, plain
from app.verify.scenarios.model import End, HangUp, Hear, ScriptStep, Wait

SLICE_S: Final = 0.1
"""How much of a call is played between two looks at the clock."""

LONGEST_S: Final = 3600.0
"""How much of a call is played at once when the caller is not awaited."""


class Pace:
    """Plays a call on to where the caller is waited for. What the caller thinks meanwhile takes no time.

    Args:
        is_real: whether a second of the call takes a second.
        sleep: lets time pass.
    """

    def __init__(self, *, is_real: bool, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.is_real = is_real
        self._sleep = sleep
        self._is_interrupted = self._is_hurried = False

    def interrupt(self) -> None:
        """Stop where the call is now: the caller does something."""
        self._is_interrupted = True

    def hurry(self) -> None:
        """Play what comes next at once."""
        self._is_hurried = True

    async def listen(self, call: PhoneCall, show: Callable[[], Awaitable[None]]) -> Moment:
        """Play on until the caller is awaited or interrupts, or to the end; `show` prints what was heard."""
        is_paced = self.is_real and not self._is_hurried
        self._is_interrupted = self._is_hurried = False
        if not is_paced:
            return await call.listen(at_most=LONGEST_S)
        moment = Moment(call.at, "until")
        while moment.kind == "until" and not self._is_interrupted:
            await self._sleep(SLICE_S)
            moment = await call.listen(until=call.at + SLICE_S)
            await show()
        return moment


WAITING: Final = frozenset({"input", "record", "dial", "idle", "end"})
"""Moments at which everything so far was heard to its end."""


class Recorder:
    """The script of one call.

    Attributes:
        script: so far; what was heard in the midst of it is added when it has come to its end.
    """

    def __init__(self, call: PhoneCall) -> None:
        self._call = call
        self._taken = 0
        self.script: list[ScriptStep] = []

    def add(self, step: ScriptStep, moment: Moment) -> None:
        """The caller does something at `moment`."""
        self.hear_out(moment)
        self.script.append(step)

    def wait(self, seconds: float) -> None:
        """Time has passed; a scenario passes over what is heard in it."""
        self.script.append(Wait(NOWHERE, seconds))
        self._taken = len(self._call.transcript)

    def hang_up(self, moment: Moment) -> None:
        """The caller hangs up: at this second where nothing that is heard says when."""
        before = len(self.script)
        self.hear_out(moment)
        is_told = len(self.script) > before and moment.kind in ("input", "dial")
        self.script.append(HangUp(NOWHERE, None if is_told else max(self._call.at, 0.0)))

    def end(self) -> None:
        """The call is over."""
        self.hear()
        if self._call.ended_by == "platform":
            self.script.append(End(NOWHERE))

    def hear_out(self, moment: Moment) -> None:
        """Write down what was heard up to a moment, when it has come to its end."""
        if moment.kind in WAITING:
            self.hear()

    def hear(self) -> None:
        """Write down what was heard since."""
        transcript = self._call.transcript
        for heard in transcript[self._taken :]:
            if heard.kind in SPOKEN and (text := plain(heard.text)):
                self.script.append(Hear(NOWHERE, text, NOWHERE))
        self._taken = len(transcript)


AHEAD: Final = ("wait", "?", "help", "ncco", "why", "webhook", "save", "quit", "exit", "hangup", "hang up")
"""What need not wait for the caller's turn."""


class Conversation:
    """One call, from the first word to the last.

    Attributes:
        recorder: what was played.
        save: where it is to be kept; "" for nowhere.
    """

    def __init__(self, line: Line, prompt: Prompt, screen: Screen, pace: Pace, save: str) -> None:
        self._line = line
        self._call = line.call
        self._prompt = prompt
        self._screen = screen
        self._pace = pace
        self._is_stale = True
        self._is_first = True
        self._moment = Moment(0, "until")
        self.recorder = Recorder(line.call)
        self.save = save

    async def hold(self) -> None:
        """Talk until one side hangs up; Ctrl-C, whenever it comes, is the caller hanging up."""
        try:
            await self._talk()
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            if not self._call.is_over:
                await self._leave(commands.Leave())
        self.recorder.end()
        await self._line.vonage.run()
        await self._screen.show_news(self._line)

    async def _talk(self) -> None:
        while not self._call.is_over:
            line = await self._next_line()
            if line is None:
                await self._leave(commands.Leave())
            else:
                await self._do_all(line)

    async def _next_line(self) -> str | None:
        """Play on to where the caller is waited for, and read what the person wants; "" when the call has ended."""
        if self._pace.is_real and self._prompt.runs_beside:
            return await self._line_beside()
        if self._is_first and not self._prompt.is_person:
            return await self._first_line()
        await self._listen()
        if self._call.is_over:
            return ""
        self._hint()
        return await self._prompt.read()

    async def _first_line(self) -> str | None:
        """The first line of a script: one that begins with `wait` counts from the answer."""
        self._is_first = False
        line = await self._prompt.read()
        if line is None or not line.lower().startswith("wait "):
            await self._listen()
            if self._call.is_over:
                return line or ""
            self._hint()
        return line

    async def _line_beside(self) -> str | None:
        """The same while the call plays at the speed of speech; typing may interrupt it."""
        self._prompt.offers = commands.WORDS
        reading = asyncio.create_task(self._prompt.read())
        playing = asyncio.create_task(self._listen())
        try:
            await asyncio.wait({reading, playing}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                self._pace.interrupt()
            await playing
            if self._call.is_over:
                return ""
            if not reading.done():
                self._hint()
            return await reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _listen(self) -> None:
        """Play on, unless the caller is awaited already."""
        if self._is_stale and not self._call.is_over:
            self._moment = await self._pace.listen(self._call, lambda: self._screen.show_news(self._line))
            self._is_stale = self._moment.kind == "until"
        await self._screen.show_news(self._line)

    def _hint(self) -> None:
        text, self._prompt.offers = commands.hint(self._moment, self._line.insight, self._call.open)
        self._screen.say(text, "dim")

    async def _do_all(self, line: str) -> None:
        """Do what is on a line, up to the first command that cannot be done."""
        for number, piece in enumerate(commands.pieces_of(line)):
            if self._is_stale and number and not piece.lower().startswith(AHEAD):
                await self._listen()
            if self._call.is_over:
                left = "; ".join(commands.pieces_of(line)[number:])
                if left:
                    self._screen.say(printable(f"the call is over, so this was not done: {left}"), "yellow")
                return
            typed = commands.read_piece(piece, self._moment)
            problem = commands.problem(typed, self._moment)
            if problem:
                self._screen.say(problem, "red")
                return
            await self._do(typed)

    async def _do(self, typed: commands.Typed) -> None:
        does: Mapping[type, Callable[[Any], Awaitable[None]]] = {
            model.Press: self._press,
            model.Speak: self._speak,
            model.Silence: self._silence,
            model.Record: self._record,
            model.Dial: self._decide,
            model.Wait: self._wait,
            model.HangUp: self._leave,
            commands.Leave: self._leave,
            commands.GoOn: self._go_on,
            commands.Show: self._show,
            commands.Save: self._keep,
        }
        await does[type(typed)](typed)

    def _add(self, step: model.ScriptStep) -> None:
        self.recorder.add(step, self._moment)
        self._is_stale = True
        self._moment = Moment(self._call.at, "until")

    def _now(self) -> float | None:
        """When something is done, where nothing waits for it."""
        return self._call.at if self._moment.kind in ("until", "dial") else None

    async def _press(self, step: model.Press) -> None:
        at = self._now()
        self._add(model.Press(step.place, step.digits, at))
        pressed = await self._press_keys(step.digits)
        if pressed != step.digits:
            self.recorder.script[-1] = model.Press(step.place, pressed, at)
            self._screen.say(f"nobody listened any more after {pressed}; the other keys were not pressed", "yellow")

    async def _press_keys(self, digits: str) -> str:
        """Press keys until the input has enough of them; which were pressed.

        Those behind would fall into whatever comes next.
        """
        answered = self._inputs
        for number, digit in enumerate(digits, 1):
            await self._call.press(digit)
            if self._call.is_over or self._inputs > answered:
                return digits[:number]
            if number < len(digits):
                await self._call.listen(until=round(self._call.at + BETWEEN_KEYS_S, 3))
        return digits

    @property
    def _inputs(self) -> int:
        """How many inputs have reported what was pressed or said."""
        return sum(delivery.kind == "input" and delivery.message.is_played for delivery in self._call.log)

    async def _speak(self, step: model.Speak) -> None:
        self._add(model.Speak(step.place, step.results, at=self._now()))
        await self._call.speak(*((said.text, said.confidence) for said in step.results))

    async def _silence(self, step: model.Silence) -> None:
        self._add(step)
        await self._call.silence()

    async def _record(self, step: model.Record) -> None:
        self._add(step)
        await self._call.speak(seconds=step.seconds)
        if step.key:
            await self._call.press(step.key)
        else:
            await self._call.silence()

    async def _decide(self, step: model.Dial) -> None:
        self._add(step)
        self._screen.say(commands.decided(step), "green")
        await self._call.decide(behaviour_of(step))

    async def _wait(self, step: model.Wait) -> None:
        """Let time pass, at most to where another party is dialled: that waits for the person's word."""
        begun, until, moment = self._call.at, round(self._call.at + step.seconds, 3), self._moment
        dialled = moment.waited if moment.kind == "dial" else None
        self.recorder.hear_out(moment)
        while moment.kind != "end" and self._call.at < until:
            moment = await self._call.listen(until=min(round(self._call.at + SLICE_S, 3), until))
            if moment.kind == "dial" and moment.waited is not dialled:
                break
        self.recorder.wait(round(self._call.at - begun, 3))
        self._moment, self._is_stale = moment, False

    async def _leave(self, _: object) -> None:
        self.recorder.hang_up(self._moment)
        await self._call.hang_up()

    async def _go_on(self, _: object) -> None:
        self._pace.hurry()
        self._is_stale = True

    async def _show(self, show: commands.Show) -> None:
        shows = {
            "ncco": self._screen.show_ncco,
            "webhook": self._screen.show_webhook,
            "webhooks": self._screen.show_webhooks,
            "why": self._screen.show_why,
            "help": self._screen.show_help,
        }
        shows[show.what](self._line)

    async def _keep(self, save: commands.Save) -> None:
        try:
            check_path(Path(save.path))
        except CannotRun as error:
            self._screen.say(printable(error.message), "red")
            return
        self.save = save.path
        self._screen.say(f"the call will be written to {save.path} when it is over", "dim")
