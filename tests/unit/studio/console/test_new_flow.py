"""A new flow from the browser: what it begins with, its refusals, and going back."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from ncco_server.desk.starters import LIKE
from ncco_studio.console.app import create_console
from tests.support.cases import each_case
from tests.unit.studio.console.conftest import logged_in, settings_for, with_worker_here
from tests.unit.studio.console.test_change import form_of, save

SHOP = "flow: shop\nnumbers: ['442079460001']\nstart: a\nsteps: {a: {do: [{talk: Hello.}], goto: end}}\n"
HOURS = "shared: true\nhours: {desk: {timezone: Europe/London, week: {mon-fri: 09:00-17:00}}}\n"
PAGE = "/change/flows/hair_salon.yaml"
FORM = {"name": "Hair salon", "number": "020 7946 0002", "like": "salon"}


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows/shop.yaml").write_text(SHOP, encoding="utf-8")
    return tmp_path / "flows"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
async def owner(flows: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = with_worker_here(create_console(settings_for(flows.parent), dev=True))
    async with await logged_in(app) as known:
        yield known


@each_case("like", LIKE)
async def test_each_beginning_is_a_flow_without_issues(owner: httpx.AsyncClient, flows: Path, like: str) -> None:
    number = f"+44 20 7946 01{LIKE.index(like):02}"
    reviewed = await owner.post("/flows-new", data={"name": f"Line {like}", "number": number, "like": like})
    assert (200, False) == (reviewed.status_code, "Please check" in reviewed.text)
    assert not (flows / f"line_{like}.yaml").exists()

    saved = await save(owner, reviewed)

    assert (303, f"/change/flows/line_{like}.yaml?saved=welcome") == (
        saved.status_code,
        re.sub("saved=.*", "saved=welcome", saved.headers["location"]),
    )
    text = (flows / f"line_{like}.yaml").read_text(encoding="utf-8")
    assert f'flow: line_{like}\nnumbers: ["{re.sub("[^0-9]", "", number)}"]' in text
    assert "does not load" not in (await owner.get("/flows")).text


@each_case(
    ("changes", "says"),
    [
        ({"name": "Shop"}, "there is a flow shop already: choose another name"),
        ({"name": ""}, "write a name that begins with a letter"),
        ({"name": "24 hours"}, "write a name that begins with a letter"),
        ({"name": "hours"}, "“hours” has its own meaning in flows: write another name, such as hours_line"),
        ({"name": "Приём"}, "write a name that begins with a letter from A to Z"),
        ({"text": "flow: Café\ndefault: true\n"}, "whose name has only a to z, 0 to 9, _ and -"),
        ({"number": "020"}, "020: a phone number is needed"),
        ({"number": "020 7946 0001"}, "write its own number: calls to 442079460001 go to the line shop"),
        ({"text": "[1, 2]"}, "the text has no name for a flow"),
        ({"text": "flow: shop\nstart: a\n"}, "there is a flow shop already"),
        ({"text": "flow: new\ndefault: true\nstart: nowhere\nsteps: {a: {goto: end}}\n"}, "nowhere"),
    ],
)
async def test_what_cannot_be_saved_is_said_and_nothing_is_lost(
    owner: httpx.AsyncClient, flows: Path, changes: dict[str, str], says: str
) -> None:
    typed = FORM | changes
    reply = await owner.post("/flows-new", data=typed)

    page = html.unescape(reply.text)
    assert 422 == reply.status_code
    assert says.lower() in re.sub("</?code>", "", page).lower()
    assert "nothing that you wrote is lost" in page
    kept = [typed["text"]] if "text" in typed else [typed["name"], typed["number"]]
    assert all(each in page for each in kept)
    assert ["shop.yaml"] == names_in(flows)


async def test_a_flow_without_a_number_gets_all_other_calls_once(owner: httpx.AsyncClient, flows: Path) -> None:
    await save(owner, await owner.post("/flows-new", data=FORM | {"number": ""}))
    assert "default: true\n" in (flows / "hair_salon.yaml").read_text(encoding="utf-8")

    refused = await owner.post("/flows-new", data=FORM | {"name": "Other", "number": ""})
    assert "calls to all other numbers go to the line hair_salon" in refused.text


@each_case(("name", "file"), [("Café", "cafe"), ("Müller & Söhne", "muller_sohne"), ("  Straße 7", "strasse_7")])
async def test_a_name_is_written_as_people_write_it(
    owner: httpx.AsyncClient, flows: Path, name: str, file: str
) -> None:
    number = f"020 7946 00{len(file)}"
    await save(owner, await owner.post("/flows-new", data=FORM | {"name": name, "number": number}))

    assert (flows / f"{file}.yaml").exists()


@each_case("typed", [FORM, {"text": SHOP.replace("shop", "garage").replace("0001", "0009") + "# <b>\n"}])
async def test_a_review_leads_back_to_what_was_written(owner: httpx.AsyncClient, typed: dict[str, str]) -> None:
    reviewed = await owner.post("/flows-new", data=typed)
    assert 'formaction="/flows-new" name="edit" value="1">Keep editing<' in reviewed.text
    assert "data-leaves" not in reviewed.text

    again = await owner.post("/flows-new", data=form_of(reviewed) | {"edit": "1"})

    assert 200 == again.status_code
    page = html.unescape(again.text)
    kept = {"text": typed["text"]} if "text" in typed else typed | {"number": "020 7946 0002"}
    assert all(each in page for each in kept.values())
    assert ("text" in typed) == ("<textarea" in page)
    assert "text" in typed or re.search('value="salon" checked', page)


async def test_a_new_flow_says_which_sample_phones_ring(owner: httpx.AsyncClient) -> None:
    saved = await save(owner, await owner.post("/flows-new", data=FORM))
    page = (await owner.get(saved.headers["location"])).text
    section = page.partition("<h2>Who is called</h2>")
    digest = re.search(r'name="digest" value="([^"]+)"', page)
    assert digest

    assert section[0].rstrip().endswith('<details class="panel section" id="called" open>\n    <summary>')
    assert "Sample phones ring: 07700 900111, 07700 900112" in section[0]
    phones = {f"/steps/ring/do/0/connect/{number}": f"020 7183 875{number}" for number in range(2)}
    real = await owner.post(PAGE, data=phones | {"digest": digest[1]})
    await save(owner, real)
    assert "Sample phones" not in (await owner.get(PAGE)).text


async def test_opening_hours_that_flows_share_have_another_name_than_a_flows_own(
    owner: httpx.AsyncClient, flows: Path
) -> None:
    (flows / "shared.yaml").write_text(HOURS, encoding="utf-8")
    await save(owner, await owner.post("/flows-new", data=FORM))

    page = (await owner.get(PAGE)).text

    assert "<h2>Opening hours</h2>" in page
    assert '<a href="/change/flows/shared.yaml">Opening hours, for all lines</a>' in page


async def test_pasted_text_becomes_a_file(owner: httpx.AsyncClient, flows: Path) -> None:
    text = SHOP.replace("shop", "garage").replace("0001", "0009") + "# with a comment\n"

    await save(owner, await owner.post("/flows-new", data={"text": text.replace("\n", "\r\n")}))

    assert text == (flows / "garage.yaml").read_text(encoding="utf-8")


async def test_undo_removes_a_new_flow(owner: httpx.AsyncClient, flows: Path) -> None:
    saved = await save(owner, await owner.post("/flows-new", data=FORM))
    page = (await owner.get(saved.headers["location"])).text
    version = re.search(r'name="version" value="([^"]+)">Undo<', page)
    digest = re.search(r'name="digest" value="(\w+)"', page)
    assert version is not None
    assert digest is not None

    reviewed = await owner.post("/change/flows/hair_salon.yaml", data={"version": version[1], "digest": digest[1]})
    assert (flows / "hair_salon.yaml").exists()
    gone = await save(owner, reviewed)

    assert (303, "/change") == (gone.status_code, gone.headers["location"])
    assert not (flows / "hair_salon.yaml").exists()


async def test_a_flow_that_came_into_being_meanwhile_is_kept(owner: httpx.AsyncClient, flows: Path) -> None:
    reviewed = await owner.post("/flows-new", data=FORM)
    (flows / "hair_salon.yaml").write_text(SHOP.replace("shop", "hair_salon"), encoding="utf-8")

    saved = await owner.post("/change-save", data=form_of(reviewed))

    assert 422 == saved.status_code
    assert SHOP.replace("shop", "hair_salon") == (flows / "hair_salon.yaml").read_text(encoding="utf-8")
