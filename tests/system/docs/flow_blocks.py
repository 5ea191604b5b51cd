"""Turns the YAML of a page into projects that can be loaded.

Blocks with a title are files. Those under one heading form a project; on a page that is followed, all of them do. A
block without a title is a whole file if it begins like one. Otherwise it is a part of a flow, at any depth, and is put
into a frame with everything that such parts use: target steps, variables, lookups, hooks, hours and sub-flows. Excerpts
of files are checked together with their files.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from textwrap import dedent, indent
from typing import Final

from ncco_server.flow.language.flow import FlowWords
from ncco_server.flow.language.step import STEP_WORDS
from tests.system.docs.blocks import Block, blocks_of, is_followed

STEPS: Final = (
    *("menu", "person", "reception", "sales", "support", "sorry", "account", "locked", "agent", "message", "closed"),
    *("vip", "staff", "desk", "ask", "thanks", "next", "accept", "again", "welcome", "sales_busy", "voicemail", "shop"),
    "address",
    "hello",
    "leave_a_message",
    "refund",
)
"""Target steps for the parts of flows."""

SHARED: Final = """\
shared: true
hours: {office: {timezone: Europe/London, week: {mon-fri: 09:00-17:30}}}
lookups:
  customer: {get: "https://crm.example.com/callers/{{ call.from }}", returns: {name: text, balance: number}}
  place: {get: "https://desk.example.com/place", returns: {position: int, agent_free: bool}}
  stock: {get: "https://crm.example.com/stock/{{ item }}", params: {item: text}, returns: {left: int}}
  oncall: {get: "https://desk.example.com/oncall", returns: {numbers: [phone]}}
results: {booked: an appointment was booked}
tables:
  customers: {key: {number: phone}, columns: {name: text, tier: [gold, standard], calls: int}}
  do_not_call: {key: {number: phone}}
  blocked: {key: {number: phone}}
  shifts: {key: {day: date, desk: text}, columns: {name: text}}
  dropped: {key: {number: phone}, columns: {times: int}}
  ratings: {key: {id: text}, columns: {left: text}}
hooks:
  survey_done: {post: "https://crm.example.com/surveys"}
  call_dropped: {post: "https://crm.example.com/dropped"}
  message_left: {post: "https://crm.example.com/messages", params: {team: {type: text, default: sales}}}
  not_reached: {post: "https://crm.example.com/not-reached"}
  call_over: {post: "https://crm.example.com/calls"}
  check_by_hand: {post: "https://crm.example.com/check"}
"""
OTHERS: Final = {
    "flows/callback.yaml": (
        'flow: callback\nparams: {name: text}\noutbound: {from: "442079460000", on: {otherwise: {send: not_reached}}}\n'
        "start: a\nsteps: {a: {goto: end}}\n"
    ),
    "flows/leave_message.yaml": (
        'flow: leave_message\nparams: {team: text, caller_name: {type: text, default: ""}}\n'
        "start: a\nsteps: {a: {goto: end}}\n"
    ),
    "flows/whisper.yaml": "flow: whisper\nparams: {team: text}\nstart: a\nsteps: {a: {goto: return}}\n",
    "flows/pin_check.yaml": (
        "flow: pin_check\nparams: {tries: {type: int, default: 3}}\noutcomes: [verified, locked]\n"
        'returns: {account: text}\nstart: a\nsteps: {a: {goto: {return: verified, set: {account: "1"}}}}\n'
    ),
}
TEMPLATES: Final = {
    "templates/greeting.j2": "Hello {{ call.from_user }}.",
    "templates/queue.json.j2": '[{"action": "talk", "text": "{{ topic }}"}]',
}
FRAME: Final = """\
flow: page
default: true
start: shown
"""
HEAD: Final = {
    "vars": (
        "{topic: {type: text}, tries: {type: int}, number: {type: int}, account: {type: text}, answers: {type: list},"
        " item: {type: text}, is_first: {type: bool}}"
    ),
    "defaults": "{retry: {then: person}, on: {error: sorry}}",
}
ASKING: Final = "choices: {a: {dtmf: 1, goto: menu}}\n"


def projects(page: str) -> Iterator[tuple[Block, dict[str, str]]]:
    """Each project that a page shows: its first block, and its files."""
    blocks = [block for block in blocks_of(page) if block.language in ("yaml", "jinja") and not block.source]
    titled = [block for block in blocks if block.title]
    for _, group in groupby(titled, key=lambda block: "" if is_followed(page) else block.heading):
        files = list(group)
        yield files[0], {file.title: file.code for file in files}
    for block in blocks:
        if not (block.title or block.source) and block.language == "yaml":
            yield block, as_project(dedent(block.code))


def as_project(code: str) -> dict[str, str]:
    """The files of a project that contains a block."""
    first = code.partition(":")[0].strip("# \n")
    if code.startswith("flow:"):
        return {"flows/page.yaml": code}
    if code.startswith("shared:"):
        return {"flows/shared.yaml": code, "flows/page.yaml": FRAME + _steps("  shown: {goto: end}\n")}
    is_step = first in STEP_WORDS and "ended:" not in code
    around = {**OTHERS, **TEMPLATES, "flows/shared.yaml": SHARED}
    return {**around, "flows/page.yaml": _in_step(code) if is_step else _in_flow(code, first)}


def _in_step(code: str) -> str:
    asks = any(f"{word}:" in code for word in ("choices", "collect"))
    needs_one = code.startswith(("retry:", "tail:", "min_confidence:")) and not asks
    step = code + (ASKING if needs_one else "")
    return FRAME + _head() + _steps(f"  shown:\n{indent(step, '    ')}")


def _in_flow(code: str, first: str) -> str:
    written = [line.partition(":")[0] for line in code.splitlines() if line[:1].isalpha()]
    if not set(written) & set(FlowWords.words()):
        start = FRAME.replace("shown", first)
        return start + _head() + _steps(indent(code, "  "), but=written)
    head = FRAME if "start" not in written else FRAME.replace("start: shown\n", "")
    head = head.replace("default: true\n", "") if {"default", "numbers"} & set(written) else head
    own = [*written, "vars"] if "params" in written else [*written, "defaults"] if "steps" in written else written
    return head + _head(but=own) + code + ("" if "steps" in written else _steps("  shown: {goto: end}\n"))


def _head(but: list[str] | None = None) -> str:
    return "".join(f"{word}: {value}\n" for word, value in HEAD.items() if word not in (but or ()))


def _steps(first: str, but: list[str] | None = None) -> str:
    return f"steps:\n{first}" + "".join(f"  {name}: {{goto: end}}\n" for name in STEPS if name not in (but or ()))
