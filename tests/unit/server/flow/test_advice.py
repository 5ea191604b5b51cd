"""The advice for words and notations of other systems names ours."""

from __future__ import annotations

from typing import Final

from ncco_server.flow.loader import load
from tests.support.cases import each_case

HEAD: Final = "flow: main\ndefault: true\nstart: hello\n"
OUTBOUND: Final = 'outbound: {from: "442079460000", unless: [], on: {otherwise: {send: told}}, OTHER}\n'
TOLD: Final = 'hooks: {told: {post: "https://crm.example.com"}}\n'
WEEK: Final = "hours: {office: {timezone: Europe/London, week: {mon: 09:00-17:00}OTHER}}\n"
LOOKUP: Final = 'lookups: {x: {get: "https://crm.example.com", returns: {name: text}}}\n'
HELLO: Final = "  hello: {do: [{talk: Hello.}], goto: end}\n"


def issues_of(texts: dict[str, str]) -> list[str]:
    return [issue.cure for issue in load(texts, {}, extent="project").issues]


def project(text: str) -> dict[str, str]:
    return {"flows/main.yaml": text} | ({"templates/greeting.j2": "Hello."} if "greeting.j2" in text else {})


def said(value: str) -> str:
    return f"  hello:\n    do:\n      - talk: 'Hello {{{{ {value} }}}}.'\n    goto: end\n"


@each_case(
    ("head", "steps", "named"),
    [
        ("", said('x | format("%.2f")'), "`| round(2)`"),
        ("", said('"%.2f".format(x)'), "`| round(2)`"),
        ("", said('now.strftime("%A")'), "write now | spoken"),
        ("", "  hello: {do: [{template: a.j2}], goto: end}\n", "write `- talk: {template: file.j2}`"),
        ("", '  hello: {do: [{connect: "447700900123"}], onAnswer: {run: x}, goto: end}\n', "`connect`"),
        ("", '  hello: {do: [{connect: "447700900123", startOnEnter: false}], goto: end}\n', "`conversation`"),
        (
            OUTBOUND.replace("OTHER", "retry: {on: [busy], within: shop}") + WEEK.replace("OTHER", ""),
            HELLO,
            "there are: office",
        ),
        ("", said("call.number"), "its fields are: to, from"),
    ],
)
def test_the_advice_says_where_a_key_belongs(head: str, steps: str, named: str) -> None:
    cures = issues_of(project(f"{HEAD}{head}steps:\n{steps}"))

    assert any(named in cure for cure in cures), cures


@each_case(
    ("head", "steps", "lacking"),
    [
        ("", "  hello: {do: [{talk: Press 1.}], choices: {a: {dtmf: 1, goto: end}}WRITTEN}\n", "E240"),
        (LOOKUP, "  hello: {lookup: x, hold: {until: x.ok, up_to: 10m}, do: [{talk: Wait.}]WRITTEN}\n", "E204"),
    ],
)
def test_the_advice_can_be_copied(head: str, steps: str, lacking: str) -> None:
    text = f"{HEAD}{head}steps:\n{steps}"
    cure = next(
        each.cure for each in load(project(text.replace("WRITTEN", "")), {}).issues if each.code.startswith(lacking)
    )

    assert [] == issues_of(project(text.replace("WRITTEN", ", " + cure.split("`")[1])))
