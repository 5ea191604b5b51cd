"""Changes of one step from the picture: reviewed before they are saved, and refused with a reason."""

from __future__ import annotations

import html
import re
from pathlib import Path

import httpx

from tests.support.cases import each_case
from tests.unit.studio.console.test_change import form_of, save, text_of, write

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


THEN = "/steps/menu/retry/then"
SHARED_RETRY = FLOW.replace("start: hello", "defaults: {retry: {then: end}}\nstart: hello").replace(
    "    retry: {then: end}\n", ""
)


async def change(owner: httpx.AsyncClient, step: str, values: dict[str, str]) -> httpx.Response:
    form = {"flow": "shop", "step": step, "line": f"/steps/{step}/goto"}
    return await owner.post("/change-step", data=form | values)


def undo_of(page: httpx.Response) -> dict[str, str]:
    """What the button Undo of a page with a saved file sends."""
    form = re.search(r'<form method="post" action="/change/flows/shop.yaml">(.*?)</form>', page.text, re.DOTALL)
    assert form is not None
    return {name: value for name, value in re.findall(r'name="(.*?)" value="(.*?)"', form[1]) if name != "csrf_token"}


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
        ("news", {"what": "rename", "name": " Größe & Café "},
         [("goto: news", "goto: grosse_cafe"), ("  news:", "  grosse_cafe:"),
          ("1, goto: news", "1, goto: grosse_cafe")]),
        ("menu", {"what": "add", "name": "Price list", "says": "Cake.", "line": "/steps/menu/choices/cake/goto"},
         [("1, goto: news", "1, goto: price_list"),
          ("then: end}\n", 'then: end}\n  price_list: {do: [{talk: "Cake."}], goto: news}\n')]),
        ("menu", {"what": "add", "name": "bye", "says": "Bye.", "line": THEN},
         [("then: end}\n", 'then: bye}\n  bye: {do: [{talk: "Bye."}], goto: end}\n')]),
        ("menu", {"what": "delete", "line": THEN},
         [("news:\n    do:\n      - talk: \"We have cake.\"   # until Friday\n    goto: menu",
           "news:\n    do:\n      - talk: \"We have cake.\"   # until Friday\n    goto: end"),
          (FLOW[FLOW.index("  menu:"):], "")]),
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
    assert saved.headers["location"].startswith("/flows/shop?saved=")
    assert ">Undo<" in (await owner.get(saved.headers["location"])).text


async def test_undo_leads_back_to_the_picture(owner: httpx.AsyncClient, flow: Path) -> None:
    write(flow, FLOW)
    saved = await save(owner, await change(owner, "news", {"what": "rename", "name": "offers"}))
    picture = await owner.get(saved.headers["location"])

    reviewed = await owner.post("/change/flows/shop.yaml", data=undo_of(picture))
    assert 'href="/flows/shop#shop/offers">Cancel<' in reviewed.text
    undone = await save(owner, reviewed)

    assert "/flows/shop?saved=offers#shop/offers" == undone.headers["location"]
    assert FLOW == text_of(flow)


@each_case(
    ("step", "values", "says"),
    [
        ("menu", {"what": "delete"}, "this line is no longer in the file: choose another one"),
        ("menu", {"what": "add", "name": "x", "says": "x"}, "this line is no longer in the file: choose another one"),
        ("news", {"what": "add", "name": "menu", "says": "x"}, 'there is already a step "menu"'),
        ("news", {"what": "add", "name": "more"}, "a step needs a name, and what callers hear"),
        ("news", {"what": "add", "name": "Menü", "says": "x"}, 'there is already a step "menu": choose another name'),
        ("news", {"what": "add", "name": "End", "says": "x"}, "give the step another name: as a target, end means"),
        ("news", {"what": "add", "name": "x", "says": "{{ nobody }}"}, "causes an error. Nothing is saved yet"),
        (
            "news",
            {"what": "add", "name": "24 hours", "says": "x"},
            "write a name that begins with a letter from A to Z",
        ),
        ("news", {"what": "rename", "name": "menu"}, 'there is already a step "menu"'),
        ("news", {"what": "rename", "name": ""}, "write a name that begins with a letter"),
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
    assert ".;" not in reply.text
    assert not re.search(r"shop\.yaml:\d", reply.text)
    assert FLOW == text_of(flow)


async def test_a_line_that_all_steps_share_goes_another_way_for_one(owner: httpx.AsyncClient, flow: Path) -> None:
    write(flow, SHARED_RETRY)

    await save(owner, await change(owner, "menu", {"what": "add", "line": THEN, "name": "bye", "says": "Bye."}))

    own = '    retry: {then: bye}\n  bye: {do: [{talk: "Bye."}], goto: end}\n'
    assert SHARED_RETRY + own == text_of(flow)


@each_case(
    ("step", "values", "says"),
    [
        ("news", {"what": "rename", "name": "offers"}, ["Step news is now named offers, in 3 places"]),
        ("menu", {"what": "lead", "line": "/steps/menu/choices/cake/goto", "name": "end"}, ["menu, cake: news → end"]),
        ("menu", {"what": "add", "line": THEN, "name": "bye", "says": "Bye!"},
         ["menu, silence, another answer: end → bye → end", "Bye: new: Bye!"]),
        ("hello", {"what": "add", "name": "ad", "says": "Cake!"},
         ["hello, afterwards: news → ad → news", "Ad: new: Cake!"]),
        ("news", {"what": "delete"}, ["What led to news leads to menu", "News: removed: We have cake."]),
    ],
)  # fmt: skip
async def test_a_review_says_what_changes_on_the_picture(
    owner: httpx.AsyncClient, flow: Path, step: str, values: dict[str, str], says: list[str]
) -> None:
    owner.cookies.set("ncco-view-8001", "owner")
    reviewed = await change(owner, step, values)

    listed = re.findall("<li>(.*?)</li>", re.sub(r"\s+", " ", reviewed.text))
    assert says == [html.unescape(re.sub("<.*?>", "", each)).strip() for each in listed]


@each_case(
    "values", [{"what": "add", "name": "Price list", "says": "Tea & cake."}, {"what": "rename", "name": "Price list"}]
)
async def test_a_review_leads_back_to_what_was_written(
    owner: httpx.AsyncClient, flow: Path, values: dict[str, str]
) -> None:
    reviewed = await change(owner, "news", values)
    assert 'formaction="/change-step" name="edit" value="1">Keep editing<' in reviewed.text
    assert 'href="/flows/shop#shop/news">Cancel<' in reviewed.text

    again = await owner.post("/change-step", data=form_of(reviewed) | {"edit": "1"})

    assert 200 == again.status_code
    assert 1 == again.text.count('value="Price list"')
    assert html.escape(values.get("says", "")) in again.text


async def test_a_review_that_is_out_of_date_is_made_again(owner: httpx.AsyncClient, flow: Path) -> None:
    reviewed = await change(owner, "hello", {"what": "add", "name": "ad", "says": "Cake!"})
    write(flow, FLOW.replace("Hello.", "Good morning."))

    again = await save(owner, reviewed)

    assert (200, True) == (again.status_code, "They stay." in again.text)
    await save(owner, again)
    assert {"Good morning.", "Cake!"} <= set(re.findall('talk: "(.*?)"', text_of(flow)))


@each_case(("step", "is_offered"), [("news", True), ("menu", True), ("last", False), ("other", False)])
async def test_what_cannot_be_deleted_says_so(
    owner: httpx.AsyncClient, flow: Path, step: str, *, is_offered: bool
) -> None:
    text = FLOW + "  last: {do: [{talk: Bye.}], goto: end}\n  other: {goto: return}\n"
    write(flow, text.replace("start: hello", f"start: {step}"))

    page = (await owner.get(f"/change-step?flow=shop&step={step}")).text

    assert is_offered == ('value="delete"' in page)
    assert is_offered != ("It cannot be deleted here: callers would have nowhere to go." in page)


async def test_a_line_begins_with_where_it_leads(owner: httpx.AsyncClient, flow: Path) -> None:
    opened = await owner.get("/change-step?flow=shop&step=menu")
    refused = await change(owner, "menu", {"what": "add", "name": "menu", "says": "x", "line": THEN})

    assert '<option value="news" selected>' in opened.text
    assert '<option value="end" selected>' in refused.text
