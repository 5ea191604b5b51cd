"""Random flows that depend on what a caller did before: counters, words, digits and sub-flows."""

from __future__ import annotations

from hypothesis import strategies as st

HEAD = """flow: test
default: true
start: a
vars:
  n: {type: int}
  m: {type: int, default: 2}
  word: {type: [red, green, blue], default: red}
  code: {type: text, default: ""}
  other: {type: text, default: ""}
  names: {type: list, default: [one, two, three]}
  prices: {type: map, default: {red: 5, green: 9, A1: 7}}
defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry?"], nomatch: ["Sorry?"], then: z}
  on: {error: z}
steps:
"""
LAST = """  z:
    do:
      - talk: "Goodbye {{ code }}."
    goto: end
"""
SUB = """flow: sub
params: {most: int}
outcomes: [good, bad]
returns: {n: int}
start: ask
vars: {tries: {type: int}}
defaults: {talk: {language: en-GB}}
steps:
  ask:
    do: [{talk: "Press 1."}]
    choices: {one: {dtmf: 1, goto: count}, two: {dtmf: 2, goto: {return: good, set: {n: "{{ tries }}"}}}}
    retry: {tries: 1, then: {return: bad}}
  count:
    set: {tries: "{{ tries + 1 }}"}
    branch:
      - if: tries >= most
        goto: {return: bad, set: {n: "{{ most }}"}}
      - else: ask
"""
SETS = st.sampled_from(
    (
        'n: "{{ n + 1 }}"',
        'n: "{{ m }}"',
        'm: "{{ m - 1 }}"',
        "n: 0",
        "word: green",
        "word: blue",
        'code: "{{ input.digits }}"',
        'm: "{{ n + m }}"',
        'code: "{{ other }}"',
        'other: "{{ code }}"',
        'other: "{{ code }}{{ n }}"',
        'm: "{{ (code | length) + 1 }}"',
        "other: A1",
        'n: "{{ code | int }}"',
        'n: "{{ (code | int(7)) + 1 }}"',
        'code: "{{ names[n] }}"',
        'm: "{{ prices[other] | default(0) }}"',
        'm: "{{ prices[word] }}"',
        'code: "{{ call.from | digits }}"',
        'other: "{{ code | first | default("") }}"',
        'other: "{{ call.from }}"',
        'word: "{{ other }}"',
    )
)
MORE = (
    'other == "A1"',
    'other == "121"',
    "(code | length) == 1",
    'code | starts_with("2")',
    'other | ends_with("2")',
    'code[1:2] == "1"',
    "code == other",
    "n + 1 > m",
    'input.digits == "2"',
    'names[n] == "two"',
    "names[m] is defined",
    "prices[other] is defined",
    "prices[word] > 6",
    "(code | int(0)) > 11",
    "(code | int) > 11",
    "call.is_hidden",
    'call.from | starts_with("44")',
    "(other | length) > 3",
)
SAID = (
    "Hello.",
    "You are {{ n }}.",
    "It is {{ word }}.",
    "It is {{ names[n] }}.",
    "It is {{ names[m] | upper }}.",
    "It costs {{ prices[word] }}.",
    "It costs {{ prices[other] | default(0) }}.",
    "{{ code }}",
    "{{ other | trim }}",
    "It is {{ code | int }}.",
    "It is {{ 10 - n }}, or {{ code[0:1] }}.",
    "It is {{ other | first }}.",
    "You call from {{ call.from }}.",
    "You call from {{ call.from | digits }}.",
    "It is {% if other %}{{ other | spell }}{% else %}nothing{% endif %}.",
)
DIALLED = ("44{{ code }}", "4477009001{{ code }}", "{{ call.from }}", "{{ other }}", "447700900111")
TESTS = st.sampled_from(
    (
        "n < 2",
        "n == 3",
        "m <= 0",
        'word == "blue"',
        'word in ["red", "green"]',
        'code == "12"',
        "n > m",
        'code != ""',
        *MORE,
    )
)


ASKING, TESTING = ("a", "b", "c"), ("d", "e", "f", "g")
ANYWHERE = st.sampled_from((*ASKING, *TESTING, "z"))


@st.composite
def _asking(draw: st.DrawFn, name: str) -> str:
    say = f'    do:\n      - talk: "{draw(st.sampled_from(SAID))}"\n'
    kinds = (
        f"{say}    choices:\n"
        f"      one: {{dtmf: 1, set: {{{draw(SETS)}}}, goto: {draw(ANYWHERE)}}}\n"
        f"      two: {{dtmf: 2, set: {{{draw(SETS)}}}, goto: {draw(ANYWHERE)}}}\n",
        f"{say}    collect: {{into: code, digits: 2}}\n    goto: {draw(ANYWHERE)}\n",
    )
    return f"  {name}:\n{draw(st.sampled_from((kinds[0], *kinds)))}"


@st.composite
def _testing(draw: st.DrawFn, name: str) -> str:
    on = st.sampled_from((*ASKING, *[other for other in TESTING if other > name], "z"))
    sets = f"    set: {{{draw(SETS)}}}\n" if draw(st.booleans()) else ""
    branch = f"    branch:\n      - if: {draw(TESTS)}\n        goto: {draw(on)}\n      - else: {draw(on)}\n"
    later = st.sampled_from((*[other for other in TESTING if other > name], "z"))
    run = f"    run: sub\n    with: {{most: {draw(st.integers(1, 3))}}}\n"
    run += f"    on: {{good: {draw(later)}, bad: {draw(later)}}}\n"
    dial = f'    do:\n      - connect: "{draw(st.sampled_from(DIALLED))}"\n'
    dial += f"    on: {{completed: {draw(later)}, otherwise: {draw(later)}}}\n"
    return f"  {name}:\n{sets}{draw(st.sampled_from((branch, branch, branch, run, dial)))}"


@st.composite
def remembering_flows(draw: st.DrawFn) -> dict[str, str]:
    """The files of a project, which may have errors."""
    steps = [draw(_asking(name)) for name in ASKING] + [draw(_testing(name)) for name in TESTING]
    return {"flows/test.yaml": HEAD + "".join(steps) + LAST, "flows/sub.yaml": SUB}
