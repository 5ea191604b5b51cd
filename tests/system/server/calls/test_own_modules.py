"""Calls in progress use the project's own modules as they were when the calls began, also after a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.server import Server, running
from tests.support.webhooks import callback, facts, keys, send

HANDLER: Final = """
from __future__ import annotations

import shop.prices as prices
from ncco_server import Call, call_flow
from shop import NAME, orders
from texts import *


@call_flow(default=True, on_error="sorry")
async def hall(call: Call) -> None:
    import closing

    number = await call.collect(f"{WELCOME} at {NAME}.", digits=1)
    order = await call.run(orders.find, number or "")
    again = await call.collect(f"{order.state}, {prices.of(order)} pounds.", digits=1)
    await call.talk(f"{closing.text(again)}")
"""
SORRY: Final = "flow: sorry\nstart: say\nsteps:\n  say: {do: [talk: Something went wrong.], goto: end}\n"
FILES: Final = {
    "flows/hall.py": HANDLER,
    "flows/sorry.yaml": SORRY,
    "texts.py": 'WELCOME = "Old welcome"\n',
    "closing.py": "from texts import WELCOME\n\n\ndef text(key: str) -> str:\n    return f'Bye {key}. {WELCOME}.'\n",
    "shop/__init__.py": 'NAME = "the old shop"\n',
    "shop/orders.py": """
from __future__ import annotations

from dataclasses import dataclass

from .prices import Price


@dataclass
class Order:
    state: str
    price: Price


def find(number: str) -> Order:
    return Order(f"Old order {number}", Price(12))
""",
    "shop/prices.py": """
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .orders import Order


@dataclass
class Price:
    pounds: int


def of(order: Order) -> int:
    return order.price.pounds
""",
}
ENV: Final = {"NCCO_PYTHON_FLOWS": "hall.py"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    return tmp_path


def answered(server: Server, leg: str) -> Any:
    return send(server.url, "/webhooks/answer", **facts(leg, to="442079460001"))


def pressed(server: Server, ncco: Any, digits: str) -> Any:
    return send(server.url, callback(ncco), **keys(digits), uuid="leg")


def said(ncco: Any) -> Any:
    """What is said first: after a question comes what callers hear if no webhook gets through."""
    return next(action["text"] for action in ncco if action["action"] == "talk")


def rewrite(project: Path, name: str, change: Callable[[str], str]) -> None:
    file = project / name
    file.write_text(change(file.read_text()))


def rename_everything(project: Path) -> None:
    (project / "texts.py").rename(project / "words.py")
    (project / "shop").rename(project / "store")
    (project / "closing.py").unlink()
    rewrite(project, "flows/hall.py", lambda text: text.replace("shop", "store").replace("texts", "words"))
    rewrite(project, "flows/hall.py", lambda text: text.replace("import closing\n", "pass\n"))
    rewrite(project, "flows/hall.py", lambda text: text.replace("closing.text(again)", "again"))
    rewrite(project, "words.py", lambda text: text.replace("Old", "Newer"))


def rename_functions(project: Path) -> None:
    rewrite(project, "shop/orders.py", lambda text: text.replace("def find(", "def find_order("))
    rewrite(project, "shop/prices.py", lambda text: text.replace("pounds", "pence").replace("def of(", "def price_of("))
    rewrite(project, "flows/hall.py", lambda text: text.replace("orders.find", "orders.find_order"))
    rewrite(project, "flows/hall.py", lambda text: text.replace("prices.of", "prices.price_of"))
    rewrite(project, "texts.py", lambda text: text.replace("Old", "Newer"))


@pytest.mark.parametrize("change", [rename_everything, rename_functions])
def test_calls_in_progress_use_the_modules_that_they_began_with(project: Path, change: Callable[[Path], None]) -> None:
    with running(project, FILES, ENV) as server:
        first = answered(server, "leg-1")
        second = pressed(server, answered(server, "leg-2"), "7")
    assert "Old welcome at the old shop." == said(first)
    change(project)

    with running(project, {}, ENV) as server:
        assert "Old order 7, 12 pounds." == said(pressed(server, first, "7"))
        assert "Bye 3. Old welcome." == said(pressed(server, second, "3"))
        server.wait_for('"flows loaded"')  # a slow machine begins with the stored flows
        assert "Newer welcome" in said(answered(server, "leg-3"))
        assert not [each for each in server.log() if each["level"] in ("error", "critical")]


def test_a_module_that_cannot_run_twice_is_used_as_it_is_now(project: Path) -> None:
    once = "import sys\n\nassert 'once' not in sys.argv\nsys.argv.append('once')\nWELCOME = 'Old welcome'\n"
    with running(project, {**FILES, "texts.py": once}, ENV) as server:
        first = answered(server, "leg-1")
    rewrite(project, "texts.py", lambda text: f"{text}MORE = 1\n")

    with running(project, {}, ENV) as server:
        assert "Old order 7, 12 pounds." == said(pressed(server, first, "7"))
