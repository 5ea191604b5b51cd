"""Random projects: flows that run each other, hold callers, use lookups, keep secrets and fail midway."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SECRET = "9876543210"
BROKEN = "{{ call.custom_data.note }}"
"""Some calls have it."""

SHARED = """
shared: true
lookups:
  place:
    get: "https://queue.example.com/{{ call.uuid }}"
    returns: {free: bool, position: int, name: text}
    default: {free: false, position: 0, name: nobody}
  stock:
    params: {item: text}
    post: "https://stock.example.com/items"
    json: {item: "{{ item }}"}
    returns: {left: int}
    default: {left: 0}
hooks:
  told: {post: "https://hooks.example.com/told"}
  noted: {params: {what: text}, post: "https://hooks.example.com/noted"}
locales: {en: {language: en-GB}, fr: {language: fr-FR}}
defaults: {talk: {style: 2}}
"""
HEADS = {
    "main": """
flow: main
default: true
start: a
vars:
  team: {type: text, default: sales}
  count: {type: int}
  pin: {type: text, sensitive: true}
events: {hangup: told}
defaults:
  retry: {noinput: [{en: "Sorry?", fr: "Pardon?"}], then: z}
ERROR
""",
    "sub": """
flow: sub
params: {team: text, pin: {type: text, default: "", sensitive: true}, count: {type: int, default: 1}}
outcomes: [done, failed]
returns: {team: text, count: int, pin: {type: text, sensitive: true}}
start: a
defaults:
  retry: {then: {return: failed}}
ERROR
""",
    "other": """
flow: other
params: {team: text}
start: a
vars: {pin: {type: text, sensitive: true}, count: {type: int}}
events: {hangup: {noted: {what: "{{ team }}"}}}
defaults:
  retry: {then: end}
ERROR
""",
}
NAMES = ("a", "b", "c", "d")
LASTS = {
    "main": "  z:\n    do: [{talk: 'Goodbye {{ team }}.'}]\n    goto: end\n",
    "sub": "  z:\n    do: [{talk: {en: 'Back.', fr: 'Retour.'}}]\n"
    "    goto: {return: done, set: {team: '{{ team }}!', count: '{{ count + 1 }}', pin: '{{ pin }}'}}\n",
    "other": "  z:\n    do: [{talk: 'Bye.'}, {connect: '447700900999'}]\n    goto: end\n",
}
SAID = st.sampled_from(
    (
        "talk: 'Hello {{ team }}.'",
        "talk: {en: 'Hello {{ call.from }}.', fr: 'Bonjour.'}",
        "talk: 'You are {{ place.position }} {{ place.name }}.'",
        "talk: '{{ stock.left }} of {{ count }} in {{ locale }}.'",
        "talk: '{{ input.digits }}{{ input.text }}.'",
        f"talk: '{BROKEN}'",
        "stream: https://example.com/a.mp3",
    )
)
ITEMS = st.one_of(
    SAID,
    st.sampled_from(
        ("record: {beepStart: true}", "connect: '{{ call.from }}'", "connect: '447700900111'", "checkpoint: heard")
    ),
)
VALUES = st.sampled_from(("sales", "{{ team }}x", BROKEN, "{{ input.digits }}", "{{ place.name }}"))
COUNTS = st.sampled_from(("0", "{{ count + 1 }}", "{{ stock.left }}", BROKEN))
GIVEN = st.builds(
    lambda team, pin: f"{{team: '{team}'{pin}}}", VALUES, st.sampled_from(("", ", pin: '{{ pin }}'", ", count: 3"))
)


@st.composite
def _targets(draw: st.DrawFn, flow: str, steps: tuple[str, ...]) -> str:
    """Where a flow goes next: to one of `steps`, or out of the flow."""
    step = draw(st.sampled_from((*steps, "z")))
    sets = draw(st.sampled_from((f"team: '{draw(VALUES)}'", f"count: '{draw(COUNTS)}'", "locale: fr")))
    returned = f"{{return: {draw(st.sampled_from(('done', 'failed')))}, set: {{team: '{draw(VALUES)}'}}}}"
    handed = f"{{run: other, with: {{team: '{draw(VALUES)}'}}}}"
    forms = {
        "step": step,
        "set": f"{{goto: {step}, set: {{{sets}}}}}",
        "end": "end",
        "return": returned if flow == "sub" else "end",
        "hand over": handed if flow != "other" else step,
    }
    return forms[draw(st.sampled_from(("step", "step", "set", "end", "return", "hand over")))]


@st.composite
def _exits(draw: st.DrawFn, flow: str, name: str) -> str:
    later = _targets(flow, tuple(other for other in NAMES if other > name))
    any_step = _targets(flow, NAMES)
    run = (
        f"    run: sub\n    with: {draw(GIVEN)}\n"
        f"    on: {{done: {draw(later)}, otherwise: {draw(later)}, error: {draw(later)}}}"
    )
    kinds = {
        "goto": f"    goto: {draw(later)}",
        "choices": f"    choices:\n      one: {{dtmf: 1, speech: {{en: yes, fr: oui}}, goto: {draw(any_step)}}}",
        "collect": f"    collect: {{into: team, digits: 1..6}}\n    goto: {draw(any_step)}",
        "secret": f"    collect: {{into: pin, digits: 10, sensitive: true}}\n    goto: {draw(any_step)}",
        "branch": f"    branch:\n      - if: count > 1 and pin != '{SECRET[::-1]}'\n        goto: {draw(later)}\n"
        f"      - else: {draw(later)}",
        "hold": "      - talk: 'Please hold.'\n"
        "    hold: {until: place.free, up_to: 25s}\n"
        f"    on: {{ready: {draw(later)}, too_long: {draw(any_step)}}}",
        "dial": "      - connect: '447700900222'\n"
        f"    on: {{completed: {draw(later)}, otherwise: {draw(later)}, error: {draw(later)}}}",
        "run": run,
    }
    weighed = [*sorted(kinds), *(["run"] * 3 if flow == "main" else [])]
    return kinds[draw(st.sampled_from([kind for kind in weighed if kind != "run" or flow == "main"]))]


@st.composite
def _steps(draw: st.DrawFn, flow: str, name: str) -> str:
    exit_ = draw(_exits(flow, name))
    is_plain = "up_to" not in exit_ and "    on:" not in exit_
    kinds = ITEMS if is_plain or "run: sub" in exit_ else SAID
    items = [f"      - {item}" for item in draw(st.lists(kinds, min_size=1, max_size=2))]
    asked = draw(
        st.sampled_from(("", "", "    lookup: place\n", "    lookup: [place, {stock: {item: '{{ team }}'}}]\n"))
    )
    words = {
        "    send: [told, {noted: {what: '{{ team }}'}}]\n": 5,
        "    events: {record: told, busy: told}\n": 6,
        f"    set: {{team: '{draw(VALUES)}', count: '{draw(COUNTS)}'}}\n": 6,
    }
    said = asked + "".join(word for word, odds in words.items() if draw(st.integers(1, odds)) == 1)
    error = f"    on: {{error: {draw(_targets(flow, NAMES))}}}\n"
    said += error if " on:" not in exit_ and draw(st.integers(0, 3)) == 0 else ""
    return f"  {name}:\n{said}    do:\n" + "\n".join((*items, exit_)) + "\n"


@st.composite
def project_texts(draw: st.DrawFn) -> dict[str, str]:
    """The files of a project; it may have errors."""
    texts = {"flows/shared.yaml": SHARED}
    for flow, head in HEADS.items():
        error = draw(st.sampled_from(("", "", f"  on: {{error: {draw(_targets(flow, NAMES))}}}")))
        steps = "".join(draw(_steps(flow, name)) for name in NAMES)
        texts[f"flows/{flow}.yaml"] = head.replace("ERROR\n", f"{error}\n") + "steps:\n" + steps + LASTS[flow]
    return texts


ANSWERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "place": st.sampled_from(
            (None, "nonsense", {"free": True, "position": 1, "name": "Ann"}, {"free": False, "position": 2, "name": ""})
        ),
        "stock": st.sampled_from((None, {"left": 3}, {"left": "many"})),
    }
)
WEBHOOKS: st.SearchStrategy[tuple[str, dict[str, Any] | None]] = st.sampled_from(
    (
        ("input", {"dtmf": {"digits": "1"}}),
        ("input", {"dtmf": {"digits": "1"}}),
        ("input", {"dtmf": {"digits": SECRET}}),
        ("input", {"dtmf": {"digits": SECRET}}),
        ("input", {"dtmf": {"digits": ""}}),
        ("input", {"speech": {"results": [{"text": "oui", "confidence": "0.9"}]}}),
        ("input", None),
        ("event", {"status": "busy"}),
        ("event", {"status": "ringing"}),
        ("event", {"recording_url": "https://api.nexmo.com/v1/files/1"}),
        ("notify", {"payload": {}}),
        ("notify", {"payload": {}}),
        ("notify", None),
        ("refused", None),
    )
)
