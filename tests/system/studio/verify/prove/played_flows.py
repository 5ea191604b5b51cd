"""Small random flows for the simulator to play: menus, digits, dials, lookups, sub-flows, and errors."""

from __future__ import annotations

from hypothesis import strategies as st

HEAD = """flow: test
default: true
start: first
lookups: {it: {get: "https://example.com/it", returns: {tier: [gold, standard]}, default: {tier: standard}}}
vars:
  n: {type: int}
  code: {type: text, default: ""}
defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry?"], nomatch: ["No."], tries: 2, then: z}
  on: {error: z}
steps:
"""
LAST = """  z:
    do:
      - talk: "Goodbye."
    goto: end
"""
SUB = """flow: sub
outcomes: [good, bad]
returns: {n: int}
start: ask
defaults: {talk: {language: en-GB}}
steps:
  ask:
    do: [{talk: "Press 1 or 2."}]
    choices: {one: {dtmf: 1, goto: {return: good, set: {n: 1}}}, two: {dtmf: 2, goto: {return: bad}}}
    retry: {tries: 1, then: {return: bad}}
"""
NAMES = ("a", "b", "c", "d")
SETS = st.sampled_from(
    ('n: "{{ n + 1 }}"', "n: 0", 'code: "{{ input.digits }}"', 'code: "{{ code }}1"', 'code: "{{ n }}"')
)
TESTS = st.sampled_from(
    ("n == 1", "n > 1", 'code == "12"', 'it.tier == "gold"', "it.ok", 'code | starts_with("1")', 'code == ""')
)
SAID = st.sampled_from(
    (
        '      - talk: "Hello."',
        '      - talk: "Hello."',
        '      - talk: "You are {{ n }}."',
        "      - stream: https://example.com/a.mp3",
        '      - talk: "Note {{ call.custom_data.note }}."',
    )
)


@st.composite
def _step(draw: st.DrawFn, name: str) -> str:
    anywhere = st.sampled_from((*NAMES, "z", "end"))
    later = st.sampled_from((*[other for other in NAMES if other > name], "z", "end"))
    sets = f"    set: {{{draw(SETS)}}}\n" if draw(st.integers(0, 3)) == 0 else ""
    say = f"    do:\n{draw(SAID)}\n"
    kinds = {
        "menu": f"{say}    choices:\n      one: {{dtmf: 1, set: {{{draw(SETS)}}}, goto: {draw(anywhere)}}}\n"
        f"      two: {{dtmf: 2, goto: {draw(anywhere)}}}\n",
        "digits": f"{say}    collect: {{into: code, digits: 2}}\n    goto: {draw(anywhere)}\n",
        "branch": f"    branch:\n      - if: {draw(TESTS)}\n        goto: {draw(later)}\n      - else: {draw(later)}\n",
        "dial": f"{say}      - connect: '447700900111'\n"
        f"    on: {{completed: {draw(later)}, otherwise: {draw(later)}}}\n",
        "sub": f"    run: sub\n    on: {{good: {draw(later)}, bad: {draw(later)}}}\n",
    }
    usual = ("menu", "digits", "menu") if name == "a" else (*kinds, "menu", "branch")
    return f"  {name}:\n{sets}{kinds[draw(st.sampled_from(usual))]}"


@st.composite
def played_flows(draw: st.DrawFn) -> dict[str, str]:
    """The files of a project, which may have errors."""
    first = '  first:\n    lookup: it\n    do:\n      - talk: "Welcome."\n    goto: a\n'
    steps = [draw(_step(name)) for name in NAMES]
    return {"flows/test.yaml": HEAD + first + "".join(steps) + LAST, "flows/sub.yaml": SUB}
