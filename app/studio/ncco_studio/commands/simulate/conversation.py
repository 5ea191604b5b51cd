"""A call with a person as the caller, who listens, presses keys, speaks, stays silent or hangs up."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from ncco_server.errors import AppError
from ncco_server.store import HookRow
from ncco_server.suggest import nearest
from ncco_server.terminal import printable
from ncco_studio.commands.simulate.prompts import Prompt
from ncco_studio.commands.simulate.screen import Screen, faults_of, noted
from ncco_studio.simulator.transcript import CallMoment
from ncco_studio.verify.kept_call import CannotKeep, check_path
from ncco_studio.verify.played_call import FOR_PHONES, CannotDo, PlayedCall, outcomes_of
from ncco_studio.verify.scenarios import script
from ncco_studio.verify.scenarios.observed_call import Outside
from ncco_studio.verify.scenarios.stage import LocalStage

COMMANDS: Final = ("why", "ncco", "webhook", "webhooks", "save", "help", "quit")
"""Not steps, because they do not change the call."""

_KEYS: Final = re.compile(r"[0-9*# ]{1,40}")
HELP: Final = f"""\
Steps, as in the script of a scenario; the colon may be left out:
  1   press 42#            press keys
  speak sales              say something; or {{text: sales, confidence: 0.4, alternatives: [sails]}}
  silence                  stay silent until the server stops listening
  record 12                speak for 12 seconds while being recorded; or {{seconds: 12, key: "#"}}, which a key ends
  dial busy                what the called party does: {", ".join(FOR_PHONES)};
                           or {{outcome: completed, rings: 10s, talks: 90s, presses: [1], hangs_up: caller}}
  wait 5                   let 5 seconds pass; whatever follows interrupts playback: wait 2; 1
  hangup                   end the call; so do quit, Ctrl-C and Ctrl-D
  fault lost               make the next webhook fail: {", ".join(script.FAULTS)}
Commands:
  why                      which step, rule and line decided
  ncco                     what is played now
  webhook   webhooks       the last webhook with its reply; all webhooks
  save FILE                save the call as a scenario when it is over
Several steps on one line: 1; wait 2; 0"""

_ALWAYS: Final = ("why", "ncco", "webhook", "webhooks", "wait ", "hangup", "save ", "help", "quit")


class Command(NamedTuple):
    """A command, such as `why`, `save`, `quit` or `listen`."""

    name: str
    file: str = ""


class Mistake(AppError):
    """The input is no step or command. The message suggests what to type."""


Typed: TypeAlias = script.ScriptStep | Command


def pieces_of(line: str) -> list[str]:
    """Return [""] for an empty line, which has a meaning too."""
    return [piece.strip() for piece in line.split(";") if piece.strip()] if line.strip() else [""]


def read_piece(piece: str, moment: CallMoment) -> Typed:
    """Read "" (just Enter) as the most likely step at this moment. Raises Mistake."""
    if not piece:
        return _most_likely(moment)
    word, _, rest = piece.partition(" ")
    if word in ("?", *COMMANDS):
        return _command("help" if word == "?" else word, rest.strip())
    if _KEYS.fullmatch(piece):
        return script.PressStep(keys=piece.replace(" ", ""))
    try:
        return script.step_of_line(piece)
    except script.NotAStep as error:
        raise Mistake(str(error) if _is_step(piece) else _unknown(piece)) from error


def _most_likely(moment: CallMoment) -> Typed:
    likely = {
        "record": script.RecordStep(),
        "idle": script.HangUpStep(),
        "input": script.SilenceStep(),
        "dial": script.DialStep(),
    }
    return likely.get(moment.kind, Command("listen"))


def _command(name: str, file: str) -> Command:
    if name == "save" and not file:
        raise Mistake("write a file, such as `save tests/scenarios/a.yaml`")
    if name != "save" and file:
        raise Mistake(f"`{name}` takes no argument")
    return Command(name, file)


def _is_step(piece: str) -> bool:
    return piece.startswith(("{", "- ")) or re.split(r"[:\s]", piece, maxsplit=1)[0] in script.STEPS


def _unknown(piece: str) -> str:
    if piece.partition("=")[0].isidentifier() and "=" in piece:
        return (
            f'no lookup or function is waiting for "{piece}": only at a terminal you are asked; --live really runs them'
        )
    words = (*script.STEPS, *COMMANDS)
    word = re.split(r"[:\s]", piece, maxsplit=1)[0]
    near = nearest(word, words) or next((each for each in words if sorted(each) == sorted(word)), None)
    meant = script.ScriptStep.hints.get(word) or (
        f"did you mean `{near}`?" if near is not None else "? lists them all."
    )
    return f'there is no step or command "{piece}"; {meant} To say it, type: speak {piece}'


class Hint(NamedTuple):
    """The steps that are possible now: a description for the prompt, and the words for completion."""

    text: str
    offers: tuple[str, ...]


def hint(call: PlayedCall) -> Hint:
    moment = call.moment
    accepted = call.accepted_input("speak")
    text = "the server is no longer waiting for the caller; Enter: hang up"
    offers: tuple[str, ...] = ("speak ",)
    if accepted.text:
        then = "silence" if moment.kind == "input" else "hang up"
        more = "" if moment.kind == "input" else "; nothing more will happen on its own"
        text = f"{accepted.text}{more}; Enter: {then}"
        offers = (*accepted.keys, *(f"speak {phrase}" for phrase in accepted.phrases), "silence")
    elif moment.kind == "record":
        text = "you are recorded: record 12; Enter: speak for 5 s"
        offers = ("record ", "silence")
    elif moment.kind == "dial" and moment.waited is not None:
        outcomes = outcomes_of(moment.waited)
        text = f"{printable(moment.waited.address)} is being dialled: dial {', '.join(outcomes)}; Enter: dial completed"
        offers = tuple(f"dial {outcome}" for outcome in outcomes)
    elif moment.kind == "until":
        text = "press or speak to interrupt; Enter: keep listening"
    return Hint(f"[{text}; ?: help]", (*offers, *_ALWAYS))


_AHEAD = script.WaitStep | script.HangUpStep | script.FaultStep | script.EventStep
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

    async def _do(self, step: script.ScriptStep) -> None:
        """Raises CannotDo."""
        await self._call.do(step)
        if not isinstance(step, script.FaultStep):
            self._is_stale = not isinstance(step, script.WaitStep)
        done = self._call.finished_steps[-1].step if self._call.finished_steps else step
        if isinstance(step, script.DialStep) and isinstance(done, script.DialStep):
            self._screen.say(printable(f"           {done.party.to}: {done.party.outcome}"), "green")

    async def _hang_up(self) -> None:
        if not self._call.leg.is_over:
            await self._call.do(script.HangUpStep())

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
