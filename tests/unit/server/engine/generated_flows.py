"""Random flows and callers: every kind of step, in any order, with values that some calls lack."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "d")
HEAD = """
flow: test
default: true
start: a
vars: {team: {type: text, default: sales}}
defaults:
  talk: {language: en-GB}
  retry: {noinput: ["Sorry {{ team }}?"], then: z}
"""
LAST = """
  z:
    do:
      - talk: "Goodbye {{ call.from }}."
    goto: end
"""
TEMPLATES = {"templates/list.json.j2": '[{"action": "talk", "text": "{{ call.from }}"}]'}

TEXTS = st.sampled_from(
    (
        "Hello.",
        "Hello {{ call.from }}.",
        "{{ team }}",
        "<speak>For {{ call.from_user }}</speak>",
        'Tenant {{ call.sip["X-Tenant"] }}.',
        "{{ call.custom_data.note }}",
    )
)
ITEMS = st.one_of(
    TEXTS.map(lambda text: f"      - talk: '{text}'"),
    st.sampled_from(
        (
            "      - stream: https://example.com/a.mp3",
            "      - record: {beepStart: true}",
            "      - talk: {text: 'Wait {{ team }}', loop: 2, bargeIn: false}",
            "      - connect: '447700900111'",
            "      - connect: '{{ call.from }}'",
            "      - conversation: 'room-{{ call.to }}'",
            "      - checkpoint: heard",
            "      - ncco: list.json.j2",
        )
    ),
)
TARGETS = st.sampled_from((*NAMES, "z", "end"))


@st.composite
def _exits(draw: st.DrawFn, name: str) -> str:
    later = st.sampled_from((*[other for other in NAMES if other > name], "z", "end"))
    digits, targets = "{{ input.digits }}", "[sip:a@b.example, '447700900333']"
    kinds = {
        "goto": f"    goto: {draw(later)}",
        "choices": f"    choices:\n      one: {{dtmf: 1, set: {{team: '{digits}'}}, goto: {draw(TARGETS)}}}",
        "collect": f"    collect: {{into: team, digits: 2}}\n    goto: {draw(TARGETS)}",
        "branch": f"    branch:\n      - if: team == 'sales'\n        goto: {draw(later)}\n      - else: {draw(later)}",
        "dial": f"      - connect: {targets}\n    on: {{completed: end, otherwise: {draw(later)}}}",
        "none": "",
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]


@st.composite
def _steps(draw: st.DrawFn, name: str) -> str:
    items = draw(st.lists(ITEMS, min_size=1, max_size=3))
    exit_ = draw(_exits(name))
    tail = "    tail: false\n" if "choices" in exit_ and draw(st.booleans()) else ""
    sets = "    set: {team: support}\n" if draw(st.integers(0, 4)) == 0 else ""
    error = f"    on: {{error: {draw(TARGETS)}}}\n" if " on:" not in exit_ and draw(st.integers(0, 3)) == 0 else ""
    return f"  {name}:\n{tail}{sets}{error}    do:\n" + "\n".join((*items, exit_)) + "\n"


@st.composite
def flow_texts(draw: st.DrawFn) -> str:
    """The text of a flow; it may have errors."""
    error = draw(st.sampled_from(("  on: {error: z}\n", "  on: {error: z}\n", "")))
    return HEAD + error + "steps:" + "\n" + "".join(draw(_steps(name)) for name in NAMES) + LAST


CALLS = st.fixed_dictionaries(
    {
        "to": st.sampled_from(("442079460000", "reception")),
        "from_number": st.sampled_from(("447700900123", "", "<break/>")),
        "from_user": st.sampled_from(("", "Ann & Bob", "x" * 1600, "é")),
        "sip": st.sampled_from(({}, {"X-Tenant": "7"})),
        "custom_data": st.sampled_from(({}, {"note": ""}, {"note": "hi"}, {"note": "\t"})),
    }
)
LIMITS = st.fixed_dictionaries(
    {"dial_limit": st.sampled_from((1, 2, 10)), "dial_allow": st.sampled_from(((), ("4477",)))}
)
