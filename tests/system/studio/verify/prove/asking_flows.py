"""Random flows that ask several times in one turn, and read the answers at once, later or never."""

from __future__ import annotations

from hypothesis import strategies as st

HEAD = """flow: test
default: true
start: s0
lookups:
  who: {get: "https://example.com/who", returns: {tier: [gold, silver], name: text, n: int}, default: {tier: gold}}
  item: {get: "https://example.com/item", returns: {word: text, got: [text], big: bool}, default: {word: none}}
  row: {table: seen, number: "{{ call.person }}"}
hooks: {told: {post: "https://example.com/told", json: {word: "{{ item.word }}", n: "{{ row.n }}", got: "{{ item.got[0] }}"}}}
vars: {n: {type: int}, word: {type: text, default: ""}}
defaults: {talk: {language: en-GB}, on: {error: sorry}, retry: {noinput: ["Sorry?"], then: sorry}}
steps:
  sorry: {do: [{talk: "Please call again."}], goto: end}
"""
SHARED = """shared: true
timezone: Europe/London
tables: {seen: {key: {number: phone}, columns: {n: int, word: text}}}
"""
SUB = """flow: sub
params: {most: int}
outcomes: [good, bad]
returns: {n: int}
start: ask
lookups: {stock: {get: "https://example.com/stock", returns: {left: int}}}
defaults: {talk: {language: en-GB}}
steps:
  ask: {lookup: stock, branch: [{if: stock.left > most, goto: {return: good, set: {n: "{{ most }}"}}}, {else: {return: bad, set: {n: 0}}}]}
"""
LOOKUPS = ("who", "item", "row", "[who, row]")
SETS = ('n: "{{ who.n }}"', 'n: "{{ n + row.n }}"', 'word: "{{ item.word }}"', 'word: "{{ who.name }}{{ word }}"')
SAVES = (
    '{table: seen, number: "{{ call.person }}", set: {n: "{{ who.n }}"}}',
    '{table: seen, number: "{{ call.person }}", increase: {n: 1}}',
    '{table: seen, number: "{{ call.person }}", set: {word: "{{ item.word }}"}}',
)
TEXTS = (
    "Hello {{ who.name }}.",
    "{{ item.word }}",
    "{% if row.ok %}Again.{% endif %}",
    "It is {{ n }}.",
    "{{ word }}",
    "First {{ item.got[0] }}.",
    "Welcome.",
)
TESTS = (
    'who.tier == "gold"',
    "who.n > 3",
    "item.big",
    'item.word == "red"',
    "item.got | length > 1",
    "row.ok",
    "row.n > 1",
    "n == 2",
    'word == "blue"',
)


@st.composite
def asking_flows(draw: st.DrawFn) -> str:
    """A flow of up to four steps in a row and a menu; any step may lead to the menu or, from there, be the next."""
    count = draw(st.integers(2, 4))
    steps = [draw(_step(number, count)) for number in range(count)]
    back = draw(st.sampled_from(("end", "end", f"s{count - 1}", "s0")))
    told = draw(st.sampled_from(("", "\n    events: {hangup: told}")))
    menu = f"  menu:{told}\n    do: [{{talk: Press 1.}}]\n    choices: {{again: {{dtmf: 1, goto: {back}}}, no: {{dtmf: 2, goto: end}}}}\n"
    return HEAD + "".join(steps) + menu


@st.composite
def _step(draw: st.DrawFn, number: int, count: int) -> str:
    after = st.sampled_from([*(f"s{each}" for each in range(number + 1, count)), "menu", "end"])
    lines = [f"  s{number}:"]
    for key, values, one_of in (("lookup", LOOKUPS, 1), ("set", SETS, 3), ("save", SAVES, 6), ("do", TEXTS, 2)):
        if draw(st.integers(1, one_of)) == 1:
            value = draw(st.sampled_from(values))
            forms = {"set": "{{{}}}", "save": "[{}]", "do": "[{{talk: '{}'}}]"}
            lines.append(f"    {key}: " + forms.get(key, "{}").format(value))
    kind = draw(st.sampled_from(("goto", "branch", "branch", "run")))
    if kind == "goto":
        lines.append(f"    goto: {draw(after)}")
    elif kind == "branch":
        lines.append(f"    branch: [{{if: '{draw(st.sampled_from(TESTS))}', goto: {draw(after)}}}, {{else: {draw(after)}}}]")
    else:
        lines.append('    run: sub\n    with: {most: "{{ who.n }}"}')
        lines.append(f"    on: {{good: {draw(after)}, bad: {draw(after)}}}")
    return "\n".join(lines) + "\n"
