"""A call in which a person plays the caller: what is heard is shown, what is typed is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from app.cli.jobs.simulating import hints, words
from app.cli.jobs.simulating.line import Line
from app.cli.jobs.simulating.pace import SLICE_S, Pace
from app.cli.jobs.simulating.prompts import Prompt
from app.cli.jobs.simulating.recorder import Recorder
from app.cli.jobs.simulating.saving import check_path
from app.cli.jobs.simulating.screen import Screen
from app.cli.work import CannotRun
from app.flow.report import printable
from app.simulator import BETWEEN_KEYS_S, Moment
from app.verify.scenarios import model
from app.verify.scenarios.dialled import behaviour_of

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
                await self._leave(words.Leave())
        self.recorder.end()
        await self._line.vonage.run()
        await self._screen.show_news(self._line)

    async def _talk(self) -> None:
        while not self._call.is_over:
            line = await self._next_line()
            if line is None:
                await self._leave(words.Leave())
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
        """The same while the call goes on at the speed of speech: whoever types may interrupt it."""
        self._prompt.offers = words.WORDS
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
        """Play on, unless the call stands where the caller is waited for already."""
        if self._is_stale and not self._call.is_over:
            self._moment = await self._pace.listen(self._call, lambda: self._screen.show_news(self._line))
            self._is_stale = self._moment.kind == "until"
        await self._screen.show_news(self._line)

    def _hint(self) -> None:
        text, self._prompt.offers = hints.hint(self._moment, self._line.insight, self._call.open)
        self._screen.say(text, "dim")

    async def _do_all(self, line: str) -> None:
        """Do what stands on a line; what cannot be done ends it."""
        for number, piece in enumerate(words.pieces_of(line)):
            if self._is_stale and number and not piece.lower().startswith(AHEAD):
                await self._listen()
            if self._call.is_over:
                left = "; ".join(words.pieces_of(line)[number:])
                if left:
                    self._screen.say(printable(f"the call is over, so this was not done: {left}"), "yellow")
                return
            typed = words.read_piece(piece, self._moment)
            problem = hints.problem(typed, self._moment)
            if problem:
                self._screen.say(problem, "red")
                return
            await self._do(typed)

    async def _do(self, typed: words.Typed) -> None:
        does: Mapping[type, Callable[[Any], Awaitable[None]]] = {
            model.Press: self._press,
            model.Speak: self._speak,
            model.Silence: self._silence,
            model.Record: self._record,
            model.Dial: self._decide,
            model.Wait: self._wait,
            model.HangUp: self._leave,
            words.Leave: self._leave,
            words.GoOn: self._go_on,
            words.Show: self._show,
            words.Save: self._keep,
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
        """How many inputs have told what was pressed or said."""
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
        self._screen.say(hints.decided(step), "green")
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

    async def _show(self, show: words.Show) -> None:
        shows = {
            "ncco": self._screen.show_ncco,
            "webhook": self._screen.show_webhook,
            "webhooks": self._screen.show_webhooks,
            "why": self._screen.show_why,
            "help": self._screen.show_help,
        }
        shows[show.what](self._line)

    async def _keep(self, save: words.Save) -> None:
        try:
            check_path(Path(save.path))
        except CannotRun as error:
            self._screen.say(printable(error.message), "red")
            return
        self.save = save.path
        self._screen.say(f"the call will be written to {save.path} when it is over", "dim")
