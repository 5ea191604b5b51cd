"""Flows as drawings: the texts of nodes and arrows, and the targets of arrows."""

from __future__ import annotations

from ncco_server.flow.loader import load
from ncco_studio.pictures.graph import Drawing, draw

MAIN = """\
flow: main
numbers: ["442079460000"]
default: true
entry: true
start: menu
defaults: {on: {error: sorry}}
steps:
  menu:
    do: [{talk: "For sales, press 1 or say sales. For support, press 2, or stay on the line."}]
    choices:
      sales: {dtmf: 1, speech: [sales, buy, order, purchase], goto: sales}
      support: {dtmf: [2, 22], goto: split}
    retry: {tries: 2, then: {noinput: {run: child, with: {team: "sales"}}, nomatch: split}}
  split:
    branch:
      - if: call.from == "447700900123"
        goto: ask
      - if: call.from == "447700900124"
        goto: ask
      - else: sorry
  ask: {collect: {into: pin, digits: 4}, retry: {tries: 1, then: end}, goto: check}
  check: {run: child, with: {team: "{{ pin }}"}, on: {done: end, otherwise: sorry, error: end}}
  sales:
    do:
      - record: {split: conversation}
      - talk: {text: "{{ call.from }}"}
      - wait: 1
      - connect: ["447700900111", {type: app, user: anna}]
    on: {completed: end, busy: sorry, timeout: sorry, otherwise: terms}
  terms: {do: [{talk: "Terms."}, {checkpoint: heard}], on: {heard: end}}
  sorry:
    do: [{talk: "Sorry."}, {connect: "{{ call.to }}", from: "447700900000"}, {ncco: last.json.j2}]
    goto: end
"""
CHILD = """\
flow: child
params: {team: text}
outcomes: [done, given_up]
start: hold
lookups: {place: {get: "https://example.com/place", returns: {free: bool}, default: {free: false}}}
steps:
  hold:
    lookup: place
    do: [{talk: "You are waiting for {{ team }}."}, {notify: {team: "{{ team }}"}}]
    hold: {until: place.free, up_to: 10m}
    on: {ready: {return: done}, too_long: {return: given_up}}
"""
TEXTS = {
    "flows/main.yaml": MAIN,
    "flows/child.yaml": CHILD,
    "templates/last.json.j2": '[{"action": "talk", "text": "x"}]',
}


def drawn(flow: str = "main", *, errors: bool = False) -> Drawing:
    project = load(TEXTS, {})
    assert [] == [issue for issue in project.issues if issue.is_error]
    return draw([project.flows[flow]], errors=errors)


def arrows(drawing: Drawing) -> list[str]:
    """Each arrow as a line; nodes are named by their first lines."""
    names = {node.key: node.lines[0] for frame in drawing.subgraphs for node in frame.nodes}
    return [f"{names[each.start]} {each.stroke} {names[each.end]}: {' | '.join(each.lines)}" for each in drawing.arrows]


def test_a_flow_and_those_that_it_runs_have_a_frame_each() -> None:
    assert ["main", "child"] == [frame.title for frame in drawn().subgraphs]


def test_a_flow_that_is_run_by_another_is_drawn_once() -> None:
    flows = load(TEXTS, {}).flows

    assert ["child", "main"] == [frame.title for frame in draw([flows["child"], flows["main"]]).subgraphs]


def test_nodes_show_their_type_and_what_callers_hear() -> None:
    main, child = drawn().subgraphs

    assert [
        ("start", ("call to 442079460000", "call to any other number", "/webhooks/answer/main")),
        ("ask", ("menu", "“For sales, press 1 or say sales. For support…”")),
        ("decide", ("split",)),
        ("ask", ("ask",)),
        ("run", ("check",)),
        ("step", ("sales", "record", "“…”", "wait", "and 1 more")),
        ("step", ("terms", "“Terms.”", "checkpoint heard")),
        ("step", ("sorry", "“Sorry.”", "connect a computed number", "ncco")),
        ("end", ("end",)),
    ] == [(node.kind, node.lines) for node in main.nodes]
    assert [
        ("start", ("run child",)),
        ("hold", ("hold", "look up place", "“You are waiting for …”", "notify")),
        ("end", ("return done",)),
        ("end", ("return given_up",)),
    ] == [(node.kind, node.lines) for node in child.nodes]


def test_steps_have_their_place_and_the_full_text_that_they_play() -> None:
    main, _ = drawn().subgraphs
    menu = next(node for node in main.nodes if node.step == "menu")

    assert ("“For sales, press 1 or say sales. For support, press 2, or stay on the line.”",) == menu.texts
    assert "flows/main.yaml:8:3" == str(menu.place)
    assert [None] == [node.place for node in main.nodes if node.kind == "end"]


def test_arrows_are_labelled_with_their_outcomes() -> None:
    assert [
        "call to 442079460000 plain menu: ",
        "menu plain sales: sales | 1, “sales”, “buy”, “order”, …",
        "menu plain split: support | 2, 22",
        "menu dotted run child: noinput | after 2 tries",
        "menu plain split: nomatch | after 2 tries",
        'split plain ask: if call.from == "447700900123"',
        'split plain ask: if call.from == "447700900124"',
        "split plain sorry: else",
        "ask plain check: pin given",
        "ask plain end: noinput, nomatch | after one try",
        "check dotted run child: run child",
        "check plain end: done",
        "check plain sorry: otherwise",
        "sales plain end: completed",
        "sales plain sorry: busy, timeout",
        "sales plain terms: otherwise",
        "terms plain end: heard",
        "sorry plain end: ",
        "run child plain hold: ",
        "hold plain return done: ready | place.free",
        "hold plain return given_up: too_long",
    ] == arrows(drawn())


def test_error_exits_are_drawn_on_request() -> None:
    plain, more = arrows(drawn()), arrows(drawn(errors=True))

    assert ["check error end: error", "any error error sorry: "] == [line for line in more if line not in plain]


WHISPER = """\
flow: ring
default: true
start: ring
steps:
  ring:
    do: [{connect: ["447700900111", "447700900222"], onAnswer: {run: whisper}}]
    on: {completed: end, otherwise: end}
"""
HEARD = """\
flow: whisper
start: say
steps:
  say: {do: [{talk: "A call for you."}], goto: end}
"""


def test_the_flow_that_a_called_party_hears_is_drawn_once() -> None:
    project = load({"flows/ring.yaml": WHISPER, "flows/whisper.yaml": HEARD}, {})

    lines = arrows(draw([project.flows["ring"]]))

    assert ["ring dotted run whisper: onAnswer"] == [line for line in lines if "onAnswer" in line]
