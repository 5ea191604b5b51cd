"""Changes of one step from the picture: reviewed before they are saved, and refused with a reason."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx

from tests.support.cases import each_case
from tests.unit.studio.console.test_change import save, text_of, write

FLOW = """\
flow: shop
numbers: ["442079460000"]
start: hello   # of each call
steps:
  hello:
    do:
      - talk: "Hello."
    goto: news
  news:
    do:
      - talk: "We have cake."   # until Friday
    goto: menu
  menu:
    do:
      - talk: "Press 1."
    choices:
      cake: {dtmf: 1, goto: news}
    retry: {then: end}
"""


async def change(owner: httpx.AsyncClient, step: str, values: dict[str, str]) -> httpx.Response:
    return await owner.post("/change-step", data={"flow": "shop", "step": step, **values})


@each_case(
    ("step", "values", "replaced"),
    [
        ("news", {"what": "rename", "name": "offers"},
         [("goto: news", "goto: offers"), ("  news:", "  offers:"), ("1, goto: news", "1, goto: offers")]),
        ("hello", {"what": "rename", "name": "welcome"},
         [("start: hello", "start: welcome"), ("  hello:", "  welcome:")]),
        ("hello", {"what": "add", "name": "ad", "says": 'Try "our" cake.'},
         [("goto: news\n  news", "goto: ad\n  news"),
          ("then: end}\n", 'then: end}\n  ad: {do: [{talk: "Try \\"our\\" cake."}], goto: news}\n')]),
        ("news", {"what": "delete"},
         [("goto: news", "goto: menu"), ("1, goto: news", "1, goto: menu"),
          ('  news:\n    do:\n      - talk: "We have cake."   # until Friday\n    goto: menu\n', "")]),
        ("hello", {"what": "delete"},
         [("start: hello", "start: news"), ('  hello:\n    do:\n      - talk: "Hello."\n    goto: news\n', "")]),
    ],
)  # fmt: skip
async def test_a_step_changes_with_all_that_leads_to_it(
    owner: httpx.AsyncClient, flow: Path, step: str, values: dict[str, str], replaced: list[tuple[str, str]]
) -> None:
    write(flow, FLOW)

    reviewed = await change(owner, step, values)
    assert (200, FLOW) == (reviewed.status_code, text_of(flow))
    saved = await save(owner, reviewed)

    assert 303 == saved.status_code
    expected = FLOW
    for before, after in replaced:
        expected = expected.replace(before, after)
    assert expected == text_of(flow)
    assert ">Undo<" in (await owner.get(saved.headers["location"])).text


@each_case(
    ("step", "values", "says"),
    [
        ("menu", {"what": "delete"}, "this step leads to several places"),
        ("menu", {"what": "add", "name": "x", "says": "x"}, "this step leads to several places"),
        ("news", {"what": "add", "name": "menu", "says": "x"}, 'there is already a step "menu"'),
        ("news", {"what": "add", "name": "more"}, "a step needs a name, and what callers hear"),
        ("news", {"what": "add", "name": "a b", "says": "x"}, "nothing that you wrote is lost"),
        ("news", {"what": "rename", "name": "menu"}, 'there is already a step "menu"'),
        ("news", {"what": "rename", "name": ""}, "cannot be a name"),
        ("gone", {"what": "rename", "name": "x"}, "There is no step gone any more"),
        ("gone", {"what": "delete"}, "There is no step gone any more"),
    ],
)
async def test_a_change_that_is_not_possible_is_refused_with_a_reason(
    owner: httpx.AsyncClient, flow: Path, step: str, values: dict[str, str], says: str
) -> None:
    reply = await change(owner, step, values)

    assert (404 if step == "gone" else 422) == reply.status_code
    assert f'value="{values.get("name", "")}"' in reply.text or step == "gone"
    assert says.lower() in html.unescape(re.sub("</?code>", "", reply.text)).replace('\\"', '"').lower()
    assert FLOW == text_of(flow)
