"""A call with a person as the caller, who listens, presses keys, speaks, stays silent or hangs up."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ncco_server.flow.report import printable
from ncco_server.store import HookRow
from ncco_studio.commands.simulate.commands import HELP, Command, Mistake, hint, pieces_of, read_piece
from ncco_studio.commands.simulate.prompts import Prompt
from ncco_studio.commands.simulate.screen import Screen, faults_of, noted
from ncco_studio.verify.kept_call import CannotKeep, check_path
from ncco_studio.verify.played_call import CannotDo, PlayedCall
from ncco_studio.verify.scenarios import script as steps
from ncco_studio.verify.scenarios.server import Outside
from ncco_studio.verify.scenarios.stage import LocalStage

_AHEAD = steps.WaitStep | steps.HangUpStep | steps.FaultStep | steps.EventStep
"""Steps done at once, even if the server does not wait for the caller."""


class TerminalCall:
    """One call from beginning to end.

    Args:
        call: the call.
        stage: that of a server in this process; None for one at a URL.

    Attributes:
        save: the file to which the call is saved; "" for none.
    """

    def __init__(self, call: PlayedCall, prompt: Prompt, screen: Screen, stage: LocalStage | None) -> None:
        self._call = call
        self._prompt = prompt
        self._screen = screen
        self._stage = stage
        self._is_stale = self._is_first = True
        self._seen_hooks = 0
        self.save = ""

    async def hold(self) -> None:
        """Play until one side hangs up. Ctrl-C is the caller's hang-up."""
        is_left = False
        leg = self._call.leg
        try:
            while not leg.is_over and not is_left:
                line = await self._next_line()
                is_left = line is None
                await (self._hang_up() if line is None else self._do_all(line))
        except asyncio.CancelledError:
            is_left = True
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            await self._hang_up()
        await self.show_news()
        if not is_left and not (self._prompt.is_person and leg.ended_by == "user"):
            await self._look_back()

    async def _look_back(self) -> None:
        self._prompt.offers = ("why", "ncco", "webhook", "webhooks", "save ", "quit")
        if self._prompt.is_person:
            self._screen.say("[the call is over: why, ncco, webhooks, save FILE; Enter: leave]", "dim")
        while (line := await self._prompt.read()) is not None:
            if (not line.strip() and self._prompt.is_person) or not await self._do_all(line):
                return

    async def show_news(self) -> None:
        """Print what has happened since. With `--live`, also send the hooks."""
        self._call.observe()
        result = self._call.result
        leg = self._call.leg
        placed = self._call.placed
        news = [*self._screen.news_of(result), *faults_of(placed, is_local=bool(self._stage))]
        news += [noted(leg.at, 2, ("log", *each), each[1], "yellow") for each in enumerate(result.log)]
        if self._call.stopped:
            news.append(noted(leg.at, 2, "stopped", self._call.stopped, "yellow"))
        zero_s = placed.vonage.clock.at(leg.zero_ms).timestamp()
        outside = self._stage.outside if self._stage is not None else None
        hooks = result.hooks[self._seen_hooks :]
        self._seen_hooks = len(result.hooks)
        for hook in hooks:
            at = (hook.created_at + 1) / 1000 - zero_s  # because the store drops fractions of a millisecond
            news.append(noted(at, 2, hook.id, await _hook_result(hook, outside), "yellow"))
        self._screen.show(news, result.transcript)

    async def _next_line(self) -> str | None:
        """Play until the server waits for the caller, then read a line; "" if the call has ended."""
        line: str | None = ""
        is_ahead = self._is_first and not self._prompt.is_person
        self._is_first = False
        if is_ahead:  # `wait` on the first line counts from the answer
            line = await self._prompt.read()
            if line is not None and line.startswith("wait"):
                return line
        await self._listen()
        if self._call.leg.is_over:
            return line or ""
        text, self._prompt.offers = hint(self._call)
        self._screen.say(text, "dim")
        return line if is_ahead else await self._prompt.read()

    async def _listen(self) -> None:
        """The person's thinking time does not count."""
        if self._is_stale and not self._call.leg.is_over:
            await self._call.play()
            self._is_stale = False
        await self.show_news()

    async def _do_all(self, line: str) -> bool:
        """Stop at an impossible step; return False if the person leaves after the call."""
        for number, piece in enumerate(pieces_of(line)):
            try:
                typed = read_piece(piece, self._call.moment)
                if self._is_stale and number and not isinstance(typed, Command | _AHEAD):
                    await self._listen()
                if typed == Command("quit"):
                    if self._call.leg.is_over:
                        return False
                    await self._hang_up()
                elif isinstance(typed, Command):
                    await self._run_command(typed)
                elif self._call.leg.is_over:
                    self._screen.say(printable(f"the call is over, so this was skipped: {piece}"), "yellow")
                else:
                    await self._do(typed)
            except (Mistake, CannotDo, CannotKeep) as problem:
                self._screen.say_problem(problem)
                return True
        return True

    async def _do(self, step: steps.ScriptStep) -> None:
        """Raises CannotDo."""
        await self._call.do(step)
        if not isinstance(step, steps.FaultStep):
            self._is_stale = not isinstance(step, steps.WaitStep)
        done = self._call.finished_steps[-1].step if self._call.finished_steps else step
        if isinstance(step, steps.DialStep) and isinstance(done, steps.DialStep):
            self._screen.say(printable(f"           {done.party.to}: {done.party.outcome}"), "green")

    async def _hang_up(self) -> None:
        if not self._call.leg.is_over:
            await self._call.do(steps.HangUpStep())

    async def _run_command(self, command: Command) -> None:
        """Raises CannotKeep."""
        match command:
            case Command("listen"):
                self._is_stale = True
            case Command("help"):
                self._screen.say(HELP)
            case Command("save", file):
                check_path(Path(file))
                self.save = file
                self._screen.say(f"the call will be written to {file} when it is over", "dim")
            case _:
                self._screen.show_asked(command.name, self._call.result)


async def _hook_result(hook: HookRow, outside: Outside | None) -> str:
    if hook.problem:
        return f"hook {hook.name} cannot be sent: {hook.problem}"
    problem = "" if outside is None else await outside.post(hook)
    how = "(not sent)" if outside is None else f"was not sent: {problem}" if problem else "was sent"
    return f"hook {hook.name} to {hook.url} {how}: {hook.body.decode(errors='replace')}"
