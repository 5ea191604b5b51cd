"""Calls in progress after a restart with other modules of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.server import Server, running
from tests.support.webhooks import callback, facts, keys, send

HANDLER: Final = """
from __future__ import annotations

from ncco_server import Call, call_flow
from orders import find


@call_flow(default=True, on_error="sorry")
async def hall(call: Call) -> None:
    number = await call.collect("Your number.", digits=1)
    state = await call.run(find, number or "")
    again = await call.collect(f"Order {state}.", digits=1)
    await call.talk(f"Bye {again}.")
"""
SORRY: Final = "flow: sorry\nstart: say\nsteps:\n  say: {do: [talk: Something went wrong.], goto: end}\n"
ORDERS: Final = 'def find(number: str) -> str:\n    return f"{number} is late"\n'
FILES: Final = {"flows/hall.py": HANDLER, "flows/sorry.yaml": SORRY, "orders.py": ORDERS}
ENV: Final = {"NCCO_PYTHON_FLOWS": "hall.py"}


def answered(server: Server, leg: str) -> Any:
    return send(server.url, "/webhooks/answer", **facts(leg, to="442079460001"))


def pressed(server: Server, ncco: Any, digits: str) -> Any:
    return send(server.url, callback(ncco), **keys(digits), uuid="leg")


def said(ncco: Any) -> Any:
    """What is said first: after a question comes what callers hear if no webhook gets through."""
    return next(action["text"] for action in ncco if action["action"] == "talk")


def test_a_call_goes_on_with_the_deployed_handler_when_an_imported_function_was_renamed(tmp_path: Path) -> None:
    with running(tmp_path, FILES, ENV) as server:
        first = answered(server, "leg-1")
        second = pressed(server, answered(server, "leg-2"), "7")
    assert "Order 7 is late." == said(second)
    (tmp_path / "orders.py").write_text(ORDERS.replace("find", "find_order"))
    (tmp_path / "flows/hall.py").write_text(HANDLER.replace("find", "find_order"))

    with running(tmp_path, {}, ENV) as server:
        server.wait_for('"flows loaded"')  # a slow machine begins with the stored flows
        assert "Order 7 is late." == said(pressed(server, first, "7"))
        assert "Something went wrong." == said(pressed(server, second, "3"))


def test_a_call_whose_handler_says_something_else_now_takes_its_error_exit(tmp_path: Path) -> None:
    with running(tmp_path, FILES, ENV) as server:
        first = answered(server, "leg-1")
    (tmp_path / "orders.py").write_text(ORDERS.replace("find", "find_order"))
    changed = HANDLER.replace("find", "find_order").replace("Your number.", "Your order number.")
    (tmp_path / "flows/hall.py").write_text(changed)

    with running(tmp_path, {}, ENV) as server:
        server.wait_for('"flows loaded"')
        assert "Something went wrong." == said(pressed(server, first, "7"))
