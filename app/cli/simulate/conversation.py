"""A call in which a person plays the caller: hear, press, speak, stay silent, hang up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from app.cli.output import CannotRun
from app.cli.simulate.commands import (
    HELP,
    LONGEST_S,
    Command,
    Mistake,
    asked_in,
    hint,
    pieces_of,
    read_piece,
)
from app.cli.simulate.prompts import Prompt
from app.cli.simulate.saving import Recorder, check_path
from app.cli.simulate.screen import Screen, faults_of, noted
from app.flow.report import printable
from app.simulator.legs import BETWEEN_KEYS_S, CallMoment
from app.store import HookRow
from app.verify.scenarios import script as steps
from app.verify.scenarios.model import Scenario
from app.verify.scenarios.result import Result
from app.verify.scenarios.runner import LocalStage
from app.verify.scenarios.server import Outside, PlacedCall

SLICE_S: Final = 0.1
"""How much of a call is played at once while the person waits."""
_AHEAD: Final = ("wait", "?", "help", "ncco", "why", "webhook", "save", "quit", "exit", "hangup", "hang up")
"""Commands that are run at once, not only when the server listens."""


class TerminalCall:
    """One call, from the first word to the last.

    Args:
        line: the call.
        stage: where the server is in this process; None: it is at a URL.

    Attributes:
        result: what was seen of the call.
        recorder: what was played.
        save: the file that the call is written to when it is over; "" for none.
    """

    def __init__(self, line: PlacedCall, prompt: Prompt, screen: Screen, stage: LocalStage | None) -> None:
        self._line = line
        self._call = line.leg
        self._prompt = prompt
        self._screen = screen
        self._stage = stage
        self._is_stale = self._is_first = True
        self._moment = CallMoment(0, "until")
        self._seen_hooks = 0
        self.result = Result(Scenario())
        self.recorder = Recorder(self._call)
        self.save = ""

    async def hold(self) -> None:
        """Talk until one side hangs up; Ctrl-C at any time is the caller hanging up."""
        is_left = False
        try:
            while not self._call.is_over and not is_left:
                line = await self._next_line()
                is_left = line is None
                await (self._hang_up() if line is None else self._do_all(line))
        except asyncio.CancelledError:
            is_left = True
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            if not self._call.is_over:
                await self._hang_up()
        self.recorder.end()
        await self._line.vonage.run()
        await self.show_news()
        if not is_left and not (self._prompt.is_person and self._call.ended_by == "user"):
            await self._look_back()

    async def _look_back(self) -> None:
        """The call is over; the person may still ask what decided in it, or save it."""
        self._prompt.offers = ("why", "ncco", "webhook", "webhooks", "save ", "quit")
        if self._prompt.is_person:
            self._screen.say("[the call is over: why, ncco, webhooks, save FILE; Enter: leave]", "dim")
        while (line := await self._prompt.read()) is not None:
            if (not line.strip() and self._prompt.is_person) or not await self._do_all(line):
                return

    async def show_news(self) -> None:
        """Print everything that has happened since the last time; send the hooks with `--live`."""
        await self._line.observe(self.result)
        news = [*self._screen.news_of(self.result), *faults_of(self._line, is_local=bool(self._stage))]
        news += [noted(self._call.at, 2, ("log", *each), each[1], "yellow") for each in enumerate(self.result.log)]
        zero_s = self._line.vonage.clock.at(self._call.zero_ms).timestamp()
        outside = self._stage.outside if self._stage is not None else None
        hooks, self._seen_hooks = self.result.hooks[self._seen_hooks :], len(self.result.hooks)
        for hook in hooks:
            at = (hook.created_at + 1) / 1000 - zero_s  # the store cuts off the fraction of a millisecond
            news.append(noted(at, 2, hook.id, await _hook_result(hook, outside), "yellow"))
        self._screen.show(news)

    async def _next_line(self) -> str | None:
        """Play on to where the caller is waited for, and read what the person wants; "" when the call has ended."""
        line: str | None = ""
        is_ahead = self._is_first and not self._prompt.is_person
        self._is_first = False
        if is_ahead:  # a first line that begins with `wait` counts from the answer
            line = await self._prompt.read()
            if line is not None and line.lower().startswith("wait "):
                return line
        await self._listen()
        if self._call.is_over:
            return line or ""
        self._hint()
        return line if is_ahead else await self._prompt.read()

    async def _listen(self) -> None:
        """Play on, unless the caller is waited for already. What the person thinks meanwhile takes no time."""
        if self._is_stale and not self._call.is_over:
            self._moment = await self._call.listen(at_most=LONGEST_S)
            self._is_stale = False
        await self.show_news()

    def _hint(self) -> None:
        flows = {flow.name: flow for flow in self._stage.flows} if self._stage is not None else {}
        asked = asked_in(self.result.records[0].session, flows) if self.result.records else None
        text, self._prompt.offers = hint(self._moment, self._call.open, asked)
        self._screen.say(text, "dim")

    async def _do_all(self, line: str) -> bool:
        """Do what is on a line, up to the first command that cannot be done; False to leave a call that is over."""
        for number, piece in enumerate(pieces_of(line)):
            if self._is_stale and number and not piece.lower().startswith(_AHEAD):
                await self._listen()
            try:
                typed = read_piece(piece, self._moment)
            except Mistake as mistake:
                self._screen.say(printable(str(mistake)), "red")
                return True
            if typed == Command("leave"):
                if self._call.is_over:
                    return False
                await self._hang_up()
            elif isinstance(typed, Command):
                await self._line.observe(self.result)
                self._run_command(typed)
            elif self._call.is_over:
                self._screen.say(printable(f"the call is over, so this was not done: {piece}"), "yellow")
            else:
                await self._do(typed)
        return True

    async def _do(self, step: steps.ScriptStep) -> None:
        """Do what the caller or a dialled party does now."""
        if isinstance(step, steps.HangUpStep):
            await self._hang_up()
            return
        if isinstance(step, steps.WaitStep):
            await self._wait(step)
            return
        call, now = self._call, round(self._call.at, 3) if self._moment.kind in ("until", "dial") else None
        if now is not None and isinstance(step, steps.PressStep | steps.SpeakStep):
            step = step.model_copy(update={"at_s": now})  # nothing waits for it, so its time says when
        self.recorder.add(step, self._moment)
        self._is_stale, self._moment = True, CallMoment(call.at, "until")
        match step:
            case steps.PressStep():
                await self._press(step)
            case steps.SpeakStep():
                await call.speak(*step.speech.results)
            case steps.SilenceStep():
                await call.silence()
            case steps.RecordStep():
                await call.speak(seconds=step.message.seconds)
                await (call.press(step.message.key) if step.message.key else call.silence())
            case steps.DialStep():
                outcome = "answers" if step.party.outcome == "completed" else step.party.outcome
                self._screen.say(printable(f"           {step.party.to}: {outcome}"), "green")
                await call.decide(step.party.behaviour)

    async def _press(self, step: steps.PressStep) -> None:
        """Press keys until the input has ended; further keys would answer the next input."""
        answered = self._inputs
        for number, key in enumerate(step.keys, 1):
            await self._call.press(key)
            if number == len(step.keys):
                return
            if self._call.is_over or self._inputs > answered:
                pressed = step.keys[:number]
                self.recorder.script[-1] = step.model_copy(update={"keys": pressed})
                self._screen.say(f"the input had ended after {pressed}; the other keys were not pressed", "yellow")
                return
            await self._call.listen(until=round(self._call.at + BETWEEN_KEYS_S, 3))

    @property
    def _inputs(self) -> int:
        """How many inputs have reported what was pressed or said."""
        return sum(delivery.kind == "input" and delivery.is_played for delivery in self._call.log)

    async def _wait(self, step: steps.WaitStep) -> None:
        """Let time pass, at most to where another party is dialled: the person decides the outcome."""
        begun, until, moment = self._call.at, round(self._call.at + step.seconds, 3), self._moment
        dialled = moment.waited if moment.kind == "dial" else None
        if moment.kind != "until":  # a `wait` begins only after what a `hear` before it names
            self.recorder.hear_out(moment)
        while moment.kind != "end" and self._call.at < until:
            moment = await self._call.listen(until=min(round(self._call.at + SLICE_S, 3), until))
            if moment.kind == "dial" and moment.waited is not dialled:
                break
        self.recorder.wait(round(self._call.at - begun, 3))
        self._moment, self._is_stale = moment, False

    async def _hang_up(self) -> None:
        self.recorder.hang_up(self._moment)
        await self._call.hang_up()

    def _run_command(self, command: Command) -> None:
        """Run a command that does not affect the call."""
        match command:
            case Command("listen"):
                self._is_stale = True
            case Command("help"):
                self._screen.say(HELP)
            case Command("save", file):
                try:
                    check_path(Path(file))
                except CannotRun as error:
                    self._screen.say(error.message, "red")
                    return
                self.save = file
                self._screen.say(f"the call will be written to {file} when it is over", "dim")
            case _:
                self._screen.show_asked(command.name, self.result)


async def _hook_result(hook: HookRow, outside: Outside | None) -> str:
    """What became of a hook."""
    if hook.problem:
        return f"hook {hook.name} cannot be sent: {hook.problem}"
    problem = "" if outside is None else await outside.post(hook)
    how = "(not sent)" if outside is None else f"was not sent: {problem}" if problem else "was sent"
    return f"hook {hook.name} to {hook.url} {how}: {hook.body.decode(errors='replace')}"
